//! Bytes of a text file → text: encoding, delimiter, limits.
//!
//! Must not know: what the columns mean.
//!
//! Invariant: nothing is replaced silently. A file that is no text is refused, and a file whose delimiter is not plain
//! is asked about.

use std::borrow::Cow;

/// A longer line is no table.
const MAX_LINE: usize = 1_000_000;

/// Most bytes of a row, which may have several lines.
pub const MAX_ROW: usize = 4_000_000;

/// Most columns of a table.
pub const MAX_COLUMNS: usize = 4096;

/// Bytes whose lines are checked together; shorter than the longest line.
const BLOCK: usize = 4096;

/// Lines that are looked at to find the delimiter.
const SAMPLE_LINES: usize = 200;

/// Why bytes are no text table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Control characters stand in it.
    #[error(
        "This is no text: the control character {character:#04x} stands in it; export the table as CSV in UTF-8."
    )]
    NoText {
        /// Line, from 1.
        line: u64,
        /// The byte.
        character: u8,
    },
    /// A line is too long.
    #[error("This line has more than {MAX_LINE} bytes, so the file is no table.")]
    LongLine {
        /// Line, from 1.
        line: u64,
    },
}

impl TextError {
    /// The line of the problem, from 1.
    pub const fn line(&self) -> u64 {
        match self {
            Self::NoText { line, .. } | Self::LongLine { line } => *line,
        }
    }
}

/// Text with the name of the encoding it was in.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The text, without a byte order mark.
    pub text: Cow<'a, str>,
    /// `utf-8`, `utf-8 with byte order mark`, `utf-16` or `windows-1252`.
    pub encoding: &'static str,
}

/// Decodes by byte order mark, else as UTF-8 if it is valid, else as Windows-1252.
///
/// # Errors
/// If the bytes hold control characters or a line too long for a table.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, TextError> {
    let (text, encoding) = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, mark)) if encoding != encoding_rs::UTF_8 => {
            let text = encoding.decode_without_bom_handling(&bytes[mark..]).0;
            check_lines(text.as_bytes())?;
            (text, "utf-16")
        }
        bom => {
            let (rest, name) =
                bom.map_or((bytes, "utf-8"), |(_, mark)| (&bytes[mark..], "utf-8 with byte order mark"));
            // Both encodings keep these bytes, so noise is refused before a copy of it is made.
            check_lines(rest)?;
            std::str::from_utf8(rest).map_or_else(
                |_| (encoding_rs::WINDOWS_1252.decode_without_bom_handling(rest).0, "windows-1252"),
                |text| (Cow::Borrowed(text), name),
            )
        }
    };
    Ok(Decoded { text, encoding })
}

/// Refuses control characters (all but tab and line ends) and lines that are too long.
fn check_lines(text: &[u8]) -> Result<(), TextError> {
    LineCheck::default().see(text)
}

/// Checks the lines of a text that comes in pieces.
#[derive(Debug, Default)]
pub struct LineCheck {
    /// Complete lines so far.
    lines: u64,
    /// Bytes of the line that is not complete.
    length: usize,
}

impl LineCheck {
    /// Looks at the next piece.
    ///
    /// # Errors
    /// If a control character stands in it (all but tab and line ends), or a line is too long.
    pub fn see(&mut self, piece: &[u8]) -> Result<(), TextError> {
        // Blocks that hold nothing unusual are only counted; a loop without exits is many times as quick.
        piece.chunks(BLOCK).try_for_each(|block| {
            let control = block.iter().fold(false, |found, byte| found | is_control(*byte));
            if control || self.length + block.len() > MAX_LINE {
                return self.look_closely(block);
            }
            let breaks = block.iter().fold(0_u32, |count, byte| count + u32::from(*byte == b'\n'));
            self.lines += u64::from(breaks);
            self.length = match block.iter().rposition(|byte| *byte == b'\n') {
                Some(last) => block.len() - last - 1,
                None => self.length + block.len(),
            };
            Ok(())
        })
    }

    fn look_closely(&mut self, block: &[u8]) -> Result<(), TextError> {
        for (index, part) in block.split(|b| *b == b'\n').enumerate() {
            if index > 0 {
                self.lines += 1;
                self.length = 0;
            }
            let line = self.lines + 1;
            self.length += part.len();
            if self.length > MAX_LINE {
                return Err(TextError::LongLine { line });
            }
            if let Some(&character) = part.iter().find(|b| is_control(**b)) {
                return Err(TextError::NoText { line, character });
            }
        }
        Ok(())
    }
}

/// True for control characters but tab and line ends.
const fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n')
}

/// True if the first bytes of a file are those of a text in UTF-8 or Windows-1252, whose lines can be checked before
/// the whole file is read.
pub fn begins_as_bytes(start: &[u8]) -> bool {
    encoding_rs::Encoding::for_bom(start).is_none_or(|(encoding, _)| encoding == encoding_rs::UTF_8)
}

/// The delimiter by which most lines have the same number of columns; `None` if no line has more than one column.
pub fn find_delimiter(text: &str) -> Option<u8> {
    [b';', b'\t', b',']
        .into_iter()
        .map(|delimiter| (consistency(text, delimiter), delimiter))
        .filter(|(lines, _)| *lines > 0)
        // The first of equals wins: `;` before tab before `,`, which also stands in German numbers.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, delimiter)| delimiter)
}

/// Number of sample lines that have the most frequent count of columns (two or more) with this delimiter.
fn consistency(text: &str, delimiter: u8) -> usize {
    let mut lines_by_width = std::collections::BTreeMap::new();
    let mut reader = RowReader::new(text, delimiter);
    let mut record = csv::StringRecord::new();
    for _ in 0..SAMPLE_LINES {
        match reader.read(&mut record) {
            Ok(true) if record.len() >= 2 => {
                *lines_by_width.entry(record.len()).or_insert(0_usize) += 1;
            }
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
    }
    lines_by_width.into_values().max().unwrap_or(0)
}

/// A reader over decoded text that keeps rows of any width, so that a shifted row can be told with its line. It refuses
/// rows of more than [`MAX_ROW`] bytes: a quote that is opened and never closed would make one row of all that follows.
pub struct RowReader<'a>(csv::Reader<Limited<'a>>);

/// Bytes of a text, so many at a time.
struct Limited<'a> {
    rest: &'a [u8],
    room: usize,
}

impl std::io::Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.room == 0 && !self.rest.is_empty() {
            return Err(std::io::Error::other("a row is too long; is a quote opened and never closed?"));
        }
        let length = buffer.len().min(self.room).min(self.rest.len());
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        (self.rest, self.room) = (rest, self.room - length);
        Ok(length)
    }
}

impl<'a> RowReader<'a> {
    /// Reads rows of any width.
    pub fn new(text: &'a str, delimiter: u8) -> Self {
        let source = Limited { rest: text.as_bytes(), room: 0 };
        Self(
            csv::ReaderBuilder::new()
                .delimiter(delimiter)
                .has_headers(false)
                .flexible(true)
                .from_reader(source),
        )
    }

    /// Reads the next row; false if there is none.
    ///
    /// # Errors
    /// If the row is too long.
    pub fn read(&mut self, record: &mut csv::StringRecord) -> Result<bool, csv::Error> {
        self.0.get_mut().room = MAX_ROW;
        self.0.read_record(record)
    }

    /// Bytes that were read so far.
    pub fn position(&self) -> u64 {
        self.0.position().byte()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_encoding_is_found_by_mark_then_validity_then_windows_1252() {
        let read = |bytes: &[u8]| decode(bytes).map(|d| (d.text.into_owned(), d.encoding)).unwrap();
        assert_eq!(read("Lüchow".as_bytes()), ("Lüchow".into(), "utf-8"));
        assert_eq!(read(b"\xef\xbb\xbfa;b"), ("a;b".into(), "utf-8 with byte order mark"));
        assert_eq!(read(b"L\xfcchow \x80"), ("Lüchow €".into(), "windows-1252"));
        assert_eq!(read(b"\xff\xfea\0;\0"), ("a;".into(), "utf-16"));
    }

    #[test]
    fn noise_is_refused_with_its_line() {
        assert_eq!(decode(b"a;b\n\x00\x01").unwrap_err(), TextError::NoText { line: 2, character: 0 });
        assert_eq!(decode(&vec![b'a'; MAX_LINE + 1]).unwrap_err().line(), 1);
    }

    #[test]
    fn the_delimiter_is_the_one_that_gives_even_columns() {
        assert_eq!(find_delimiter("a;b;c\n1;2,5;3\n2;3,5;4\n"), Some(b';'));
        assert_eq!(find_delimiter("a\tb\n1,5\t2\n"), Some(b'\t'));
        assert_eq!(find_delimiter("key,value\n03354005,7\n"), Some(b','));
        assert_eq!(find_delimiter("nothing here\n"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(decoded) = decode(&bytes) {
                let _ = find_delimiter(&decoded.text);
            }
        }
    }
}
