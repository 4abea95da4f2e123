//! Workbooks of Excel since 2007 (Office Open XML, ECMA-376 part 1, chapter 18).
//!
//! Must not know: what the columns mean. Invariant: a formula without a stored result is a fault, never an empty cell.

use std::{borrow::Cow, collections::HashMap};

use quick_xml::events::{BytesStart, Event};

use super::{
    super::row::SheetCell,
    Cells, Epoch, MAX_MEMORY, Room, SheetError, SheetName, Shown,
    archive::Archive,
    xml::{XmlPart, attribute, push_entity},
};

/// Most cell formats of a workbook; Excel allows 65,490.
const MAX_FORMATS: usize = 1 << 17;

/// Most sheets of a workbook.
const MAX_SHEETS: usize = 10_000;

/// An open workbook.
#[derive(Debug)]
pub struct Xlsx<'a> {
    archive: Archive<'a>,
    /// Member of each sheet.
    paths: Vec<String>,
    strings: Vec<Box<str>>,
    /// By the number of the cell format.
    formats: Vec<Shown>,
    epoch: Epoch,
    room: Room,
}

/// A relationship of a part: its type (the last segment) and its target.
type Relationships = HashMap<String, (String, String)>;

impl<'a> Xlsx<'a> {
    /// Opens a workbook: its list of sheets, shared texts and number formats.
    ///
    /// # Errors
    /// If it is damaged or too large.
    pub fn open(mut archive: Archive<'a>) -> Result<(Self, Vec<SheetName>), SheetError> {
        let package = relationships(&mut archive, "_rels/.rels")?;
        let workbook = target(&package, "officeDocument", "").unwrap_or_else(|| "xl/workbook.xml".into());
        let (folder, file) = workbook.rsplit_once('/').unwrap_or(("", &workbook));
        let of_workbook = relationships(&mut archive, &join(folder, &format!("_rels/{file}.rels")))?;
        let mut xlsx = Self {
            archive,
            paths: Vec::new(),
            strings: Vec::new(),
            formats: Vec::new(),
            epoch: Epoch::Year1900,
            room: Room(MAX_MEMORY),
        };
        let names = xlsx.read_workbook(&workbook, folder, &of_workbook)?;
        if let Some(path) = target(&of_workbook, "styles", folder) {
            xlsx.read_formats(&path)?;
        }
        if let Some(path) = target(&of_workbook, "sharedStrings", folder) {
            xlsx.read_strings(&path)?;
        }
        Ok((xlsx, names))
    }

    fn read_workbook(
        &mut self,
        path: &str,
        folder: &str,
        relationships: &Relationships,
    ) -> Result<Vec<SheetName>, SheetError> {
        let missing = || SheetError::damaged("it has no list of sheets");
        let mut part = self.archive.xml(path)?.ok_or_else(missing)?;
        let mut names = Vec::new();
        loop {
            match part.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "workbookPr"
                        if attribute(&tag, "date1904")?.is_some_and(|is| is == "1" || is == "true") =>
                    {
                        self.epoch = Epoch::Year1904;
                    }
                    "sheet" => {
                        let id = attribute(&tag, "r:id")?.or(attribute(&tag, "id")?).unwrap_or_default();
                        let Some((kind, file)) = relationships.get(&*id) else {
                            return Err(SheetError::damaged("a sheet of its list is not in it"));
                        };
                        if kind == "worksheet" {
                            let name = attribute(&tag, "name")?.unwrap_or_default().into_owned();
                            let hidden = attribute(&tag, "state")?.is_some_and(|state| state != "visible");
                            names.push(SheetName { name, hidden });
                            self.paths.push(join(folder, file));
                        }
                        if names.len() > MAX_SHEETS {
                            return Err(SheetError::TooLarge);
                        }
                    }
                    _ => {}
                },
                Event::Eof => return Ok(names),
                _ => {}
            }
        }
    }

    fn read_formats(&mut self, path: &str) -> Result<(), SheetError> {
        let Some(mut part) = self.archive.xml(path)? else { return Ok(()) };
        let mut codes: HashMap<u16, Shown> = HashMap::new();
        let mut in_cell_formats = false;
        loop {
            match part.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "numFmt" => {
                        if let (Some(id), Some(code)) = (format_id(&tag)?, attribute(&tag, "formatCode")?) {
                            codes.insert(id, Shown::of_code(&code));
                        }
                    }
                    "cellXfs" => in_cell_formats = true,
                    "xf" if in_cell_formats => {
                        let id = format_id(&tag)?.unwrap_or_default();
                        self.formats.push(codes.get(&id).copied().unwrap_or(Shown::built_in(id)));
                        if self.formats.len() > MAX_FORMATS {
                            return Err(SheetError::TooLarge);
                        }
                    }
                    _ => {}
                },
                Event::End(tag) if tag.local_name().as_ref() == "cellXfs" => in_cell_formats = false,
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn read_strings(&mut self, path: &str) -> Result<(), SheetError> {
        let Some(mut part) = self.archive.xml(path)? else { return Ok(()) };
        let mut text = String::new();
        loop {
            match part.next()? {
                Event::Start(tag) if tag.local_name().as_ref() == "si" => {
                    read_string(&mut part, "si", &mut text)?;
                    self.room.take_text(text.len() + size_of::<Box<str>>())?;
                    self.strings.push(text.as_str().into());
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    /// Reads a sheet by its place in the list.
    ///
    /// # Errors
    /// If it is damaged or too large.
    pub fn read(&mut self, index: usize) -> Result<Cells, SheetError> {
        let missing = || SheetError::damaged("a sheet of its list is not in it");
        let path = self.paths.get(index).ok_or_else(missing)?;
        let mut part = self.archive.xml(path)?.ok_or_else(missing)?;
        let book = Book { strings: &self.strings, formats: &self.formats, epoch: self.epoch };
        let mut cells = Cells::new(self.room);
        let (mut row, mut column) = (0_u64, 0_usize);
        loop {
            match part.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "row" => {
                        if let Some(number) = attribute(&tag, "r")? {
                            row = row_of(&number)?;
                        }
                        column = 0;
                    }
                    "c" => {
                        if let Some(place) = attribute(&tag, "r")? {
                            (row, column) = place_of(&place)?;
                        }
                        let cell = CellTag::new(&tag)?;
                        read_cell(&mut part, &cell, &book, (row, column), &mut cells)?;
                        column += 1;
                    }
                    _ => {}
                },
                Event::End(tag) => match tag.local_name().as_ref() {
                    "row" => row += 1,
                    "sheetData" => {
                        part.drain()?;
                        return Ok(cells);
                    }
                    _ => {}
                },
                Event::Eof => return Err(SheetError::damaged("a sheet has no end")),
                _ => {}
            }
        }
    }
}

/// What cells refer to.
struct Book<'a> {
    strings: &'a [Box<str>],
    formats: &'a [Shown],
    epoch: Epoch,
}

/// What the tag of a cell says.
struct CellTag {
    kind: String,
    format: usize,
}

impl CellTag {
    fn new(tag: &BytesStart<'_>) -> Result<Self, SheetError> {
        let format = attribute(tag, "s")?.and_then(|text| text.parse().ok()).unwrap_or_default();
        let kind = attribute(tag, "t")?.map_or_else(String::new, Cow::into_owned);
        Ok(Self { kind, format })
    }
}

fn read_cell<R: std::io::BufRead>(
    part: &mut XmlPart<R>,
    tag: &CellTag,
    book: &Book<'_>,
    (row, column): (u64, usize),
    cells: &mut Cells,
) -> Result<(), SheetError> {
    let (mut text, mut formula) = (String::new(), false);
    loop {
        match part.next()? {
            Event::Start(inner) => match inner.local_name().as_ref() {
                "v" => read_text(part, "v", &mut text)?,
                "is" => read_string(part, "is", &mut text)?,
                "f" => formula = true,
                _ => {}
            },
            Event::End(end) if end.local_name().as_ref() == "c" => break,
            Event::Eof => return Err(SheetError::damaged("a cell has no end")),
            _ => {}
        }
    }
    if text.is_empty() {
        // A text formula may well have an empty result; a number cannot be empty.
        let unknown = formula && tag.kind != "str";
        let cell = if unknown { SheetCell::Fault("not calculated".into()) } else { SheetCell::Empty };
        return cells.set(row, column, cell);
    }
    match tag.kind.as_str() {
        "s" => {
            let shared = text.trim().parse().ok().and_then(|index: usize| book.strings.get(index));
            let shared =
                shared.ok_or_else(|| SheetError::damaged("a cell refers to a text that is not there"))?;
            cells.text(row, column, shared)
        }
        "str" | "inlineStr" => cells.text(row, column, &unescaped(&text)),
        "b" => cells.text(row, column, if text.trim() == "0" { "false" } else { "true" }),
        "e" => cells.set(row, column, SheetCell::Fault(text)),
        "d" => match text.get(..10).and_then(|day| day.parse().ok()) {
            Some(day) => cells.set(row, column, SheetCell::Date(day)),
            None => cells.text(row, column, &text),
        },
        _ => {
            let value =
                text.trim().parse().map_err(|_| SheetError::damaged(format!("'{text}' is no number")))?;
            let shown = book.formats.get(tag.format).copied().unwrap_or_default();
            cells.number(row, column, value, shown, book.epoch)
        }
    }
}

/// Reads the text of an element that has no elements in it.
fn read_text<R: std::io::BufRead>(
    part: &mut XmlPart<R>,
    end: &str,
    text: &mut String,
) -> Result<(), SheetError> {
    text.clear();
    loop {
        match part.next()? {
            Event::Text(piece) => push(text, &piece.xml10_content())?,
            Event::CData(piece) => push(text, &piece.xml10_content())?,
            Event::GeneralRef(entity) => push_entity(&entity, text)?,
            Event::End(tag) if tag.local_name().as_ref() == end => return Ok(()),
            Event::Eof => return Err(SheetError::damaged("a text has no end")),
            _ => {}
        }
    }
}

/// Reads a text that may be in pieces of different type; how it is pronounced (`rPh`) is left out.
fn read_string<R: std::io::BufRead>(
    part: &mut XmlPart<R>,
    end: &str,
    text: &mut String,
) -> Result<(), SheetError> {
    text.clear();
    let (mut inside, mut phonetic) = (false, false);
    loop {
        match part.next()? {
            Event::Start(tag) => match tag.local_name().as_ref() {
                "t" => inside = !phonetic,
                "rPh" => phonetic = true,
                _ => {}
            },
            Event::Text(piece) if inside => push(text, &piece.xml10_content())?,
            Event::CData(piece) if inside => push(text, &piece.xml10_content())?,
            Event::GeneralRef(entity) if inside => push_entity(&entity, text)?,
            Event::End(tag) => match tag.local_name().as_ref() {
                "t" => inside = false,
                "rPh" => phonetic = false,
                name if name == end => {
                    *text = unescaped(text);
                    return Ok(());
                }
                _ => {}
            },
            Event::Eof => return Err(SheetError::damaged("a text has no end")),
            _ => {}
        }
    }
}

/// Appends within the limit of a text.
fn push(text: &mut String, piece: &str) -> Result<(), SheetError> {
    if text.len() + piece.len() > MAX_TEXT {
        return Err(SheetError::TooLarge);
    }
    text.push_str(piece);
    Ok(())
}

/// Most bytes of the text of a cell, of at most 32,767 characters in Excel.
const MAX_TEXT: usize = 1 << 18;

/// Replaces `_xHHHH_`, as Excel writes characters that XML cannot hold.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("_x") {
        plain.push_str(before);
        let code = after.get(..4).filter(|_| after.as_bytes().get(4) == Some(&b'_'));
        let letter = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        if let Some(letter) = letter {
            plain.push(letter);
            rest = &after[5..];
        } else {
            plain.push_str("_x");
            rest = after;
        }
    }
    plain + rest
}

fn format_id(tag: &BytesStart<'_>) -> Result<Option<u16>, SheetError> {
    Ok(attribute(tag, "numFmtId")?.and_then(|id| id.parse().ok()))
}

fn row_of(number: &str) -> Result<u64, SheetError> {
    let row = number.parse().ok().and_then(|row: u64| row.checked_sub(1));
    row.ok_or_else(|| SheetError::damaged(format!("'{number}' is no row")))
}

/// Row and column, from 0, of a cell such as `AB12`.
fn place_of(place: &str) -> Result<(u64, usize), SheetError> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).count();
    let column = place.bytes().take(letters).try_fold(0_usize, |column, letter| {
        let digit = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        column.checked_mul(26)?.checked_add(digit)
    });
    match column.and_then(|column| column.checked_sub(1)) {
        Some(column) => Ok((row_of(&place[letters..])?, column)),
        None => Err(SheetError::damaged(format!("'{place}' is no cell"))),
    }
}

fn relationships(archive: &mut Archive<'_>, path: &str) -> Result<Relationships, SheetError> {
    let mut found = Relationships::new();
    let Some(mut part) = archive.xml(path)? else { return Ok(found) };
    loop {
        match part.next()? {
            Event::Start(tag) if tag.local_name().as_ref() == "Relationship" => {
                let field = |name| attribute(&tag, name).map(|value| value.unwrap_or_default().into_owned());
                let kind = field("Type")?.rsplit('/').next().unwrap_or_default().to_owned();
                found.insert(field("Id")?, (kind, field("Target")?));
                if found.len() > MAX_SHEETS {
                    return Err(SheetError::TooLarge);
                }
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The member of the relationship of a type.
fn target(relationships: &Relationships, kind: &str, folder: &str) -> Option<String> {
    relationships.values().find(|(of, _)| of == kind).map(|(_, file)| join(folder, file))
}

/// The path of a member that is named from a folder, or from the root.
fn join(folder: &str, file: &str) -> String {
    match file.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None if folder.is_empty() => file.to_owned(),
        None => format!("{folder}/{file}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_cells_are_read_and_absurd_ones_refused() {
        assert_eq!(place_of("A1"), Ok((0, 0)));
        assert_eq!(place_of("AB12"), Ok((11, 27)));
        assert_eq!(place_of("XFD1048576"), Ok((1_048_575, 16_383)));
        for bad in ["", "A", "12", "A0", "A-1", "Ä1", "ZZZZZZZZZZZZZZZZZZZZZZZ1", "A99999999999999999999999"]
        {
            assert!(place_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn characters_that_xml_cannot_hold_are_unescaped() {
        assert_eq!(unescaped("a_x000D_b_xZZZZ_ _x12"), "a\rb_xZZZZ_ _x12");
        assert_eq!(unescaped("_x005F_x000D_"), "_x000D_");
    }
}
