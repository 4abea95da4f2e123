//! Glyph files from a real font, read back field by field. Skipped where Noto Sans is not installed.

#![expect(clippy::unwrap_used, reason = "a glyph file that cannot be read fails its test")]

use std::collections::BTreeMap;

use kommunalatlas::{
    http::web_file,
    style::{GlyphError, Glyphs},
};

/// The fonts of the pages' build.
const FONT_FILES: [&str; 2] = ["fonts/NotoSans-Regular.ttf", "fonts/NotoSans-Bold.ttf"];

fn glyphs() -> Option<Glyphs> {
    let files: Vec<Vec<u8>> = FONT_FILES.iter().filter_map(|path| web_file(path)).collect();
    if files.len() < FONT_FILES.len() {
        assert!(std::env::var("CI").is_err(), "the pages are not built: run `make web` first");
        println!("skipped: the pages with their fonts are not built, run `make web` first");
        return None;
    }
    Some(Glyphs::new(files.iter().map(Vec::as_slice)).unwrap())
}

/// A field of a message in protocol buffers' encoding.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            wire => {
                assert_eq!(wire, 2);
                let length = varint(&mut bytes) as usize;
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(content)
            }
        };
        fields.push((key >> 3, field));
    }
    fields
}

#[derive(Debug, Default)]
struct Glyph {
    bitmap: usize,
    width: u64,
    height: u64,
    advance: u64,
}

/// Name, range and glyphs by code point of a glyph file.
fn decode(file: &[u8]) -> (String, String, BTreeMap<u64, Glyph>) {
    let (mut name, mut range, mut glyphs) = (String::new(), String::new(), BTreeMap::new());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for (_, stack) in fields(file) {
        let Field::Bytes(stack) = stack else { continue };
        for field in fields(stack) {
            match field {
                (1, Field::Bytes(bytes)) => name = text(bytes),
                (2, Field::Bytes(bytes)) => range = text(bytes),
                (3, Field::Bytes(bytes)) => {
                    let (mut id, mut glyph) = (0, Glyph::default());
                    for field in fields(bytes) {
                        match field {
                            (1, Field::Number(number)) => id = number,
                            (2, Field::Bytes(bitmap)) => glyph.bitmap = bitmap.len(),
                            (3, Field::Number(number)) => glyph.width = number,
                            (4, Field::Number(number)) => glyph.height = number,
                            (7, Field::Number(number)) => glyph.advance = number,
                            _ => {}
                        }
                    }
                    glyphs.insert(id, glyph);
                }
                _ => {}
            }
        }
    }
    (name, range, glyphs)
}

#[test]
fn letters_of_german_and_polish_names_have_sane_metrics() {
    let Some(glyphs) = glyphs() else { return };
    for font in ["Noto Sans Regular", "Noto Sans Bold"] {
        for (range, letters) in [("0-255", "aZ0äöüßéÄ-"), ("256-511", "łőŠž"), ("8192-8447", "–„“”’…")]
        {
            let (name, found_range, found) = decode(&glyphs.range(font, range.parse().unwrap()).unwrap());
            assert_eq!((name.as_str(), found_range.as_str()), (font, range));
            for letter in letters.chars() {
                let glyph = &found[&u64::from(u32::from(letter))];
                assert!((4..=30).contains(&glyph.advance), "{letter}: {glyph:?}");
                assert!(glyph.width > 0 && glyph.height > 0 && glyph.width < 40 && glyph.height < 40);
                // The distance field has a border of three pixels on every side.
                assert_eq!(glyph.bitmap as u64, (glyph.width + 6) * (glyph.height + 6), "{letter}");
            }
        }
    }
}

#[test]
fn a_range_beyond_the_covered_ones_is_valid_and_empty() {
    let Some(glyphs) = glyphs() else { return };
    let file = glyphs.range("Noto Sans Regular", "1024-1279".parse().unwrap()).unwrap();
    let (name, range, found) = decode(&file);
    assert_eq!((name.as_str(), range.as_str(), found.len()), ("Noto Sans Regular", "1024-1279", 0));
}

#[test]
fn a_font_stack_is_served_by_its_first_known_font() {
    let Some(glyphs) = glyphs() else { return };
    let range = "0-255".parse().unwrap();
    let direct = glyphs.range("Noto Sans Bold", range).unwrap();
    assert_eq!(glyphs.range("Open Sans Regular, Noto Sans Bold", range).unwrap(), direct);
    assert_eq!(
        glyphs.range("Open Sans Regular", range),
        Err(GlyphError::UnknownFont("Open Sans Regular".into()))
    );
    assert_eq!(glyphs.names().collect::<Vec<_>>(), ["Noto Sans Bold", "Noto Sans Regular"]);
}
