//! Glyphs: signed distance fields of letters in the format of MapLibre's glyph files, from font files given as bytes.

use std::{collections::BTreeMap, str::FromStr, sync::OnceLock};

use bytes::Bytes;
use glyphore_core::{FontFace, generate_range};

/// Letters that region names of Europe need: Basic Latin, Latin-1, Latin Extended-A and -B, general punctuation.
const COVERED: [u32; 3] = [0x0000, 0x0100, 0x2000];

/// A range of 256 code points: the last part of a glyph URL, `0-255`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlyphRange(u16);

/// Why there are no glyphs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlyphError {
    /// A text that is no range of 256 code points.
    #[error("'{0}' is not a glyph range: write 0-255, 256-511, … 65280-65535")]
    Range(String),
    /// None of the fonts of a font stack is here.
    #[error("there is no font '{0}'")]
    UnknownFont(String),
    /// A font file that cannot be used.
    #[error("font file cannot be read: {0}")]
    Font(String),
}

impl GlyphRange {
    /// First code point.
    pub fn start(self) -> u32 {
        u32::from(self.0)
    }
}

impl FromStr for GlyphRange {
    type Err = GlyphError;

    fn from_str(text: &str) -> Result<Self, GlyphError> {
        let start = text.split_once('-').and_then(|(start, _)| start.parse::<u16>().ok());
        // Comparing with the one right spelling refuses signs, leading zeros and ends that do not fit.
        start
            .filter(|start| start.is_multiple_of(256) && text == format!("{start}-{}", start | 0xff))
            .map(Self)
            .ok_or_else(|| GlyphError::Range(text.chars().take(40).collect()))
    }
}

/// The fonts of the server with the ranges made so far.
pub struct Glyphs {
    fonts: BTreeMap<String, Font>,
}

struct Font {
    face: FontFace,
    made: [OnceLock<Bytes>; COVERED.len()],
}

impl Glyphs {
    /// Fonts from the bytes of TTF or OTF files. Each is asked for by its family and style, `Noto Sans Regular`.
    ///
    /// # Errors
    /// If a file is no font.
    pub fn new<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, GlyphError> {
        let fonts = files.into_iter().map(|bytes| {
            let face = FontFace::parse(bytes).map_err(|error| GlyphError::Font(error.to_string()))?;
            let name = face.fontstack_name().to_owned();
            Ok((name, Font { face, made: [const { OnceLock::new() }; COVERED.len()] }))
        });
        Ok(Self { fonts: fonts.collect::<Result<_, _>>()? })
    }

    /// Names of the fonts, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fonts.keys().map(String::as_str)
    }

    /// The glyph file of a range: for the first known font of `fontstack` (names between commas). A range beyond the
    /// covered ones is valid and empty. Each covered range is made once.
    ///
    /// # Errors
    /// If no font of the stack is known.
    pub fn range(&self, fontstack: &str, range: GlyphRange) -> Result<Bytes, GlyphError> {
        let known = fontstack.split(',').find_map(|name| self.fonts.get_key_value(name.trim()));
        let (name, font) =
            known.ok_or_else(|| GlyphError::UnknownFont(fontstack.chars().take(80).collect()))?;
        let Some(at) = COVERED.iter().position(|start| *start == range.start()) else {
            return Ok(empty_range(name, range));
        };
        if let Some(made) = font.made[at].get() {
            return Ok(made.clone());
        }
        let made = generate_range(&font.face, range.start()).map_err(|e| GlyphError::Font(e.to_string()))?;
        Ok(font.made[at].get_or_init(|| Bytes::from(made)).clone())
    }
}

/// A glyph file without glyphs: message `glyphs` with one `fontstack` (field 1) of `name` (1) and `range` (2).
fn empty_range(name: &str, range: GlyphRange) -> Bytes {
    let range = format!("{}-{}", range.start(), range.start() | 0xff);
    let mut stack = Vec::new();
    field(&mut stack, 1, name.as_bytes());
    field(&mut stack, 2, range.as_bytes());
    let mut glyphs = Vec::new();
    field(&mut glyphs, 1, &stack);
    glyphs.into()
}

/// A field of bytes in protocol buffers' encoding.
fn field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut rest = content.len();
    while rest >= 0x80 {
        message.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    message.push(rest as u8);
    message.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_multiple_of_256_and_its_end() {
        for (text, start) in [("0-255", 0), ("256-511", 256), ("65280-65535", 65280)] {
            assert_eq!(text.parse::<GlyphRange>().unwrap().start(), start);
        }
        for bad in ["", "0", "0-256", "1-256", "00-255", "+0-255", "65536-65791", "0-255.pbf", "-255"] {
            assert!(bad.parse::<GlyphRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_font_are_refused() {
        assert!(matches!(Glyphs::new([&b"no font"[..]]), Err(GlyphError::Font(_))));
    }

    #[test]
    fn a_server_without_fonts_says_so() {
        let glyphs = Glyphs::new([]).unwrap();
        let error = glyphs.range("Noto Sans Regular", "0-255".parse().unwrap()).unwrap_err();
        assert_eq!(error, GlyphError::UnknownFont("Noto Sans Regular".into()));
    }

    #[test]
    fn an_empty_range_names_font_and_range() {
        let bytes = empty_range("Noto Sans Regular", "1024-1279".parse().unwrap());
        assert_eq!(&bytes[..], b"\x0a\x1e\x0a\x11Noto Sans Regular\x12\x091024-1279");
    }
}
