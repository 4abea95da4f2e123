//! `OpenDocument` spreadsheets (ODF 1.3 part 3, chapter 9) of `LibreOffice` and others.
//!
//! Must not know: what the columns mean. Invariant: repeated rows and cells are counted before they are made; those that
//! are empty are never made.

use std::{borrow::Cow, collections::HashSet, io::BufRead};

use quick_xml::events::{BytesStart, Event};

use super::{
    super::row::SheetCell,
    Cells, Epoch, MAX_MEMORY, MAX_ROWS, Room, SheetError, SheetName, Shown,
    archive::{Archive, XmlMember},
    xml::{XmlPart, attribute, count, push_entity},
};

/// The member that holds the sheets.
const CONTENT: &str = "content.xml";

/// Most sheets and styles of a document.
const MAX_NAMES: usize = 100_000;

/// Most bytes of the text of a cell.
const MAX_TEXT: usize = 1 << 18;

/// An open document.
#[derive(Debug)]
pub struct Ods<'a> {
    archive: Archive<'a>,
}

impl<'a> Ods<'a> {
    /// Opens a document: its list of sheets.
    ///
    /// # Errors
    /// If it is damaged, protected or too large.
    pub fn open(mut archive: Archive<'a>) -> Result<(Self, Vec<SheetName>), SheetError> {
        check_protection(&mut archive)?;
        let mut part = content(&mut archive)?;
        let mut names = Vec::new();
        let mut hidden_styles = HashSet::new();
        let mut style = String::new();
        loop {
            match part.next()? {
                Event::Start(tag) => match tag.name().as_ref() {
                    "style:style" => style = attribute(&tag, "style:name")?.unwrap_or_default().into_owned(),
                    "style:table-properties"
                        if attribute(&tag, "table:display")?.is_some_and(|shown| shown == "false") =>
                    {
                        hidden_styles.insert(std::mem::take(&mut style));
                    }
                    "table:table" => {
                        let hidden = attribute(&tag, "table:style-name")?
                            .is_some_and(|style| hidden_styles.contains(&*style));
                        let name = attribute(&tag, "table:name")?.unwrap_or_default().into_owned();
                        names.push(SheetName { name, hidden });
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
            if names.len() + hidden_styles.len() > MAX_NAMES {
                return Err(SheetError::TooLarge);
            }
        }
        drop(part);
        Ok((Self { archive }, names))
    }

    /// Reads a sheet by its place in the list.
    ///
    /// # Errors
    /// If it is damaged or too large.
    pub fn read(&mut self, index: usize) -> Result<Cells, SheetError> {
        let mut part = content(&mut self.archive)?;
        let mut before = index;
        loop {
            match part.next()? {
                Event::Start(tag) if tag.name().as_ref() == "table:table" => {
                    if before == 0 {
                        let cells = read_table(&mut part)?;
                        part.drain()?;
                        return Ok(cells);
                    }
                    before -= 1;
                }
                Event::Eof => return Err(SheetError::damaged("a sheet is not in it")),
                _ => {}
            }
        }
    }
}

fn content<'b, 'a>(archive: &'b mut Archive<'a>) -> Result<XmlMember<'b, 'a>, SheetError> {
    archive.xml(CONTENT)?.ok_or_else(|| SheetError::damaged("it has no content"))
}

/// A protected document names its ciphers in the manifest.
fn check_protection(archive: &mut Archive<'_>) -> Result<(), SheetError> {
    let Some(mut part) = archive.xml("META-INF/manifest.xml")? else { return Ok(()) };
    loop {
        match part.next()? {
            Event::Start(tag) if tag.local_name().as_ref() == "encryption-data" => {
                return Err(SheetError::Protected);
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn read_table<R: BufRead>(part: &mut XmlPart<R>) -> Result<Cells, SheetError> {
    let mut cells = Cells::new(Room(MAX_MEMORY));
    let mut row = 0_u64;
    // A table may stand inside a cell.
    let mut depth = 0_usize;
    loop {
        match part.next()? {
            Event::Start(tag) => match tag.name().as_ref() {
                "table:table-row" if depth == 0 => {
                    let repeated = count(&tag, "table:number-rows-repeated")?;
                    let contents = read_row(part)?;
                    if !contents.is_empty() {
                        for repetition in 0..repeated {
                            // The limits end this early where a file claims a billion rows.
                            place(&contents, row.saturating_add(repetition), &mut cells)?;
                        }
                    }
                    row = row.saturating_add(repeated).min(MAX_ROWS);
                }
                "table:table" => depth += 1,
                _ => {}
            },
            Event::End(tag) if tag.name().as_ref() == "table:table" => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return Ok(cells),
            },
            Event::Eof => return Err(SheetError::damaged("a sheet has no end")),
            _ => {}
        }
    }
}

/// Cells that are not empty: first column, number of columns, content.
type Contents = Vec<(usize, usize, Held)>;

/// What a cell holds.
enum Held {
    Number(f64, Shown),
    Text(String),
    Other(SheetCell),
}

fn place(contents: &Contents, row: u64, cells: &mut Cells) -> Result<(), SheetError> {
    for (first, repeated, content) in contents {
        for column in (*first..).take(*repeated) {
            match content {
                Held::Number(value, shown) => cells.number(row, column, *value, *shown, Epoch::Year1900)?,
                Held::Text(text) => cells.text(row, column, text)?,
                Held::Other(cell) => cells.set(row, column, cell.clone())?,
            }
        }
    }
    Ok(())
}

fn read_row<R: BufRead>(part: &mut XmlPart<R>) -> Result<Contents, SheetError> {
    let mut contents = Contents::new();
    let mut column = 0_usize;
    let mut room = Room(MAX_MEMORY);
    loop {
        match part.next()? {
            Event::Start(tag) => {
                let end = match tag.name().as_ref() {
                    "table:table-cell" => "table:table-cell",
                    "table:covered-table-cell" => "table:covered-table-cell",
                    _ => continue,
                };
                let repeated = usize::try_from(count(&tag, "table:number-columns-repeated")?)
                    .map_err(|_| SheetError::TooManyCells)?;
                let value = Value::new(&tag)?;
                let text = read_text(part, end)?;
                if let Some(content) = value.content(text)? {
                    room.take(size_of::<(usize, usize, Held)>() + 64)?;
                    contents.push((column, repeated, content));
                }
                column = column.saturating_add(repeated);
            }
            Event::End(tag) if tag.name().as_ref() == "table:table-row" => return Ok(contents),
            Event::Eof => return Err(SheetError::damaged("a row has no end")),
            _ => {}
        }
    }
}

/// The attributes of a cell.
struct Value {
    kind: String,
    number: Option<String>,
    date: Option<String>,
    text: Option<String>,
    formula: bool,
    fault: bool,
}

impl Value {
    fn new(tag: &BytesStart<'_>) -> Result<Self, SheetError> {
        let get = |name| attribute(tag, name).map(|value| value.map(Cow::into_owned));
        Ok(Self {
            kind: get("office:value-type")?.unwrap_or_default(),
            number: get("office:value")?,
            date: get("office:date-value")?,
            text: get("office:string-value")?,
            formula: get("table:formula")?.is_some(),
            fault: get("calcext:value-type")?.is_some_and(|kind| kind == "error"),
        })
    }

    /// The content of the cell with the text that it shows; `None` if it is empty.
    fn content(self, shown: String) -> Result<Option<Held>, SheetError> {
        if self.fault {
            return Ok(Some(Held::Other(SheetCell::Fault(shown))));
        }
        let number = |shown| {
            let text = self.number.as_deref().unwrap_or_default();
            let value =
                text.trim().parse().map_err(|_| SheetError::damaged(format!("'{text}' is no number")))?;
            Ok(Some(Held::Number(value, shown)))
        };
        match self.kind.as_str() {
            "float" | "currency" => number(Shown::Number),
            "percentage" => number(Shown::Percent),
            "date" => {
                let day =
                    self.date.as_deref().and_then(|date| date.get(..10)).and_then(|day| day.parse().ok());
                Ok(Some(day.map_or(Held::Text(shown), |day| Held::Other(SheetCell::Date(day)))))
            }
            "string" => Ok(Some(Held::Text(self.text.filter(|text| !text.is_empty()).unwrap_or(shown)))
                .filter(|content| !matches!(content, Held::Text(text) if text.trim().is_empty()))),
            "" if self.formula => Ok(Some(Held::Other(SheetCell::Fault("not calculated".into())))),
            _ if shown.trim().is_empty() => Ok(None),
            _ => Ok(Some(Held::Text(shown))),
        }
    }
}

/// The paragraphs of a cell, without its remarks and drawings.
fn read_text<R: BufRead>(part: &mut XmlPart<R>, end: &str) -> Result<String, SheetError> {
    let mut text = String::new();
    let (mut paragraphs, mut inside, mut aside) = (0_usize, 0_usize, 0_usize);
    loop {
        match part.next()? {
            Event::Start(tag) => match tag.name().as_ref() {
                "office:annotation" | "draw:frame" | "draw:custom-shape" | "table:detective" => aside += 1,
                _ if aside > 0 => {}
                "text:p" => {
                    inside += 1;
                    paragraphs += 1;
                    if paragraphs > 1 {
                        text.push('\n');
                    }
                }
                // Longer runs are of no use in a table; the limit keeps a claimed length from being made.
                "text:s" => (0..count(&tag, "text:c")?.min(1000)).for_each(|_| text.push(' ')),
                "text:tab" => text.push('\t'),
                "text:line-break" => text.push('\n'),
                _ => {}
            },
            Event::Text(piece) if inside > 0 && aside == 0 => text.push_str(&piece.xml10_content()),
            Event::CData(piece) if inside > 0 && aside == 0 => text.push_str(&piece.xml10_content()),
            Event::GeneralRef(entity) if inside > 0 && aside == 0 => push_entity(&entity, &mut text)?,
            Event::End(tag) => match tag.name().as_ref() {
                "office:annotation" | "draw:frame" | "draw:custom-shape" | "table:detective" => {
                    aside = aside.saturating_sub(1);
                }
                "text:p" if aside == 0 => inside = inside.saturating_sub(1),
                name if name == end && aside == 0 => return Ok(text),
                _ => {}
            },
            Event::Eof => return Err(SheetError::damaged("a cell has no end")),
            _ => {}
        }
        if text.len() > MAX_TEXT {
            return Err(SheetError::TooLarge);
        }
    }
}
