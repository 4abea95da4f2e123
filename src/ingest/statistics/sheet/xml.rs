//! XML parts of workbooks, event by event.
//!
//! Must not know: the format of the workbook. Invariant: memory does not grow with the part: an event (a tag, a text) has
//! at most [`MAX_EVENT`] bytes, entities beyond the five of XML are refused and never expanded.

use std::{
    borrow::Cow,
    io::{self, BufRead, Read},
};

use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesRef, BytesStart, Event},
};

use super::SheetError;

/// Most bytes of a tag or a text; cells of spreadsheet programs hold at most 32,767 characters.
const MAX_EVENT: usize = 1 << 20;

/// A part that is being read.
#[derive(Debug)]
pub struct XmlPart<R> {
    reader: Reader<Limited<R>>,
    buffer: Vec<u8>,
}

impl<R: BufRead> XmlPart<R> {
    /// Reads a part of at most `limit` bytes.
    pub fn new(source: R, limit: u64) -> Self {
        let mut reader = Reader::from_reader(Limited { source, event: 0, part: limit });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new() }
    }

    /// The next event.
    ///
    /// # Errors
    /// If the part is no XML or breaks a limit.
    pub fn next(&mut self) -> Result<Event<'_>, SheetError> {
        self.buffer.clear();
        self.reader.get_mut().event = MAX_EVENT;
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => Ok(event),
            Err(quick_xml::Error::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(SheetError::TooLarge)
            }
            Err(error) => Err(SheetError::damaged(error)),
        }
    }

    /// Reads to the end, which checks the part's checksum.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn drain(mut self) -> Result<(), SheetError> {
        while !matches!(self.next()?, Event::Eof) {}
        Ok(())
    }
}

/// A source that gives only so many bytes for one event and for all.
#[derive(Debug)]
struct Limited<R> {
    source: R,
    event: usize,
    part: u64,
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = {
            let mut available = self.fill_buf()?;
            available.read(buffer)?
        };
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.event == 0 || self.part == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let room = self.event.min(usize::try_from(self.part).unwrap_or(usize::MAX));
        let available = self.source.fill_buf()?;
        Ok(&available[..available.len().min(room)])
    }

    fn consume(&mut self, length: usize) {
        self.event = self.event.saturating_sub(length);
        self.part = self.part.saturating_sub(length as u64);
        self.source.consume(length);
    }
}

/// The value of an attribute by its name with prefix.
///
/// # Errors
/// If the attributes are no XML.
pub fn attribute<'a>(tag: &'a BytesStart<'_>, name: &str) -> Result<Option<Cow<'a, str>>, SheetError> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(SheetError::damaged)?;
        if attribute.key.as_ref() == name {
            return match attribute.value {
                Cow::Borrowed(value) => unescape(value).map(Some).map_err(SheetError::damaged),
                Cow::Owned(value) => {
                    unescape(&value).map(|value| Some(value.into_owned().into())).map_err(SheetError::damaged)
                }
            };
        }
    }
    Ok(None)
}

/// A count in an attribute, such as how often a cell is repeated; 1 where it is absent.
///
/// # Errors
/// If it is no whole number.
pub fn count(tag: &BytesStart<'_>, name: &str) -> Result<u64, SheetError> {
    match attribute(tag, name)? {
        None => Ok(1),
        Some(text) => text.parse().map_err(|_| SheetError::damaged(format!("{name} is '{text}'"))),
    }
}

/// Appends what an entity stands for.
///
/// # Errors
/// If it is neither one of the five of XML nor a character.
pub fn push_entity(entity: &BytesRef<'_>, text: &mut String) -> Result<(), SheetError> {
    let name: &str = entity;
    if let Some(known) = quick_xml::escape::resolve_predefined_entity(name) {
        text.push_str(known);
        return Ok(());
    }
    match entity.resolve_char_ref().map_err(SheetError::damaged)? {
        Some(letter) => text.push(letter),
        None => return Err(SheetError::damaged(format!("the entity '{name}' is not known"))),
    }
    Ok(())
}
