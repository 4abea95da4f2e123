//! Workbooks of Excel 5 to 2003 (MS-XLS: BIFF5 and BIFF8 records in a compound file).
//!
//! Must not know: what the columns mean. Invariant: a record is read only as far as it reaches; a sheet that refers to
//! what is not in the file is damaged.

use std::collections::HashMap;

use encoding_rs::Encoding;

use super::{
    super::row::SheetCell,
    Cells, Epoch, MAX_MEMORY, Room, SheetError, SheetName, Shown,
    compound::{self, u16_at, u32_at},
};

/// Names of the stream that holds the workbook: since Excel 97, before.
const STREAMS: [&str; 2] = ["Workbook", "Book"];

/// Kinds of records (MS-XLS 2.3.2).
mod record {
    pub const FORMULA: u16 = 0x0006;
    pub const END: u16 = 0x000A;
    pub const DATE_MODE: u16 = 0x0022;
    pub const FILE_PASS: u16 = 0x002F;
    pub const CONTINUE: u16 = 0x003C;
    pub const CODE_PAGE: u16 = 0x0042;
    pub const BOUND_SHEET: u16 = 0x0085;
    pub const MANY_RK: u16 = 0x00BD;
    pub const RICH_STRING: u16 = 0x00D6;
    pub const CELL_FORMAT: u16 = 0x00E0;
    pub const SHARED_STRINGS: u16 = 0x00FC;
    pub const LABEL_SHARED: u16 = 0x00FD;
    pub const NUMBER: u16 = 0x0203;
    pub const LABEL: u16 = 0x0204;
    pub const BOOL_OR_ERROR: u16 = 0x0205;
    pub const STRING: u16 = 0x0207;
    pub const RK: u16 = 0x027E;
    pub const FORMAT: u16 = 0x041E;
    pub const BEGIN: u16 = 0x0809;
}

/// An open workbook.
#[derive(Debug)]
pub struct Xls {
    stream: Vec<u8>,
    /// Where each sheet begins in the stream.
    starts: Vec<usize>,
    strings: Vec<Box<str>>,
    /// By the number of the cell format.
    formats: Vec<Shown>,
    epoch: Epoch,
    room: Room,
    text: TextForm,
}

/// How texts are stored.
#[derive(Debug, Clone, Copy)]
struct TextForm {
    /// Since Excel 97: UTF-16, or its lower bytes.
    unicode: bool,
    /// Before.
    code_page: &'static Encoding,
}

fn damaged(what: &str) -> SheetError {
    SheetError::damaged(what)
}

/// One record.
#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    kind: u16,
    data: &'a [u8],
}

/// The records of a stream from a place on.
struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// The next record.
    fn next(&mut self) -> Result<Record<'a>, SheetError> {
        let record = self.peek().ok_or_else(|| damaged("the workbook ends in the middle"))?;
        self.at += 4 + record.data.len();
        Ok(record)
    }

    fn peek(&self) -> Option<Record<'a>> {
        let kind = u16_at(self.stream, self.at)?;
        let length = usize::from(u16_at(self.stream, self.at + 2)?);
        let data = self.stream.get(self.at + 4..self.at + 4 + length)?;
        Some(Record { kind, data })
    }
}

impl Xls {
    /// Opens a workbook: its list of sheets, shared texts and number formats.
    ///
    /// # Errors
    /// If it is damaged, protected or too large.
    pub fn open(bytes: &[u8]) -> Result<(Self, Vec<SheetName>), SheetError> {
        let stream = compound::stream(bytes, &STREAMS)?;
        let mut xls = Self {
            stream: Vec::new(),
            starts: Vec::new(),
            strings: Vec::new(),
            formats: Vec::new(),
            epoch: Epoch::Year1900,
            room: Room(MAX_MEMORY),
            text: TextForm { unicode: true, code_page: encoding_rs::WINDOWS_1252 },
        };
        let names = xls.read_globals(&stream)?;
        xls.stream = stream;
        Ok((xls, names))
    }

    fn read_globals(&mut self, stream: &[u8]) -> Result<Vec<SheetName>, SheetError> {
        let mut records = Records { stream, at: 0 };
        let mut names = Vec::new();
        let mut codes: HashMap<u16, Shown> = HashMap::new();
        let mut used: Vec<u16> = Vec::new();
        let first = records.next()?;
        self.text.unicode = match (first.kind, u16_at(first.data, 0)) {
            (record::BEGIN, Some(0x0600)) => true,
            (record::BEGIN, Some(0x0500)) => false,
            _ => return Err(damaged("it is older than Excel 5")),
        };
        loop {
            let Record { kind, data } = records.next()?;
            match kind {
                record::FILE_PASS => return Err(SheetError::Protected),
                record::DATE_MODE if u16_at(data, 0) == Some(1) => self.epoch = Epoch::Year1904,
                record::CODE_PAGE => self.text.code_page = code_page(u16_at(data, 0).unwrap_or_default()),
                record::FORMAT => {
                    let code =
                        if self.text.unicode { self.text.long(data, 2) } else { self.text.short(data, 2) };
                    if let (Some(id), Some(code)) = (u16_at(data, 0), code) {
                        codes.insert(id, Shown::of_code(&code));
                    }
                }
                record::CELL_FORMAT => used.push(u16_at(data, 2).unwrap_or_default()),
                record::BOUND_SHEET => {
                    let name = self.text.short(data, 6).ok_or_else(|| damaged("a sheet has no name"))?;
                    let (start, kinds) = (u32_at(data, 0), data.get(4..6));
                    let (Some(start), Some(&[state, kind])) = (start, kinds) else {
                        return Err(damaged("a sheet has no place"));
                    };
                    if kind == 0 {
                        names.push(SheetName { name, hidden: state & 3 != 0 });
                        self.starts.push(start as usize);
                    }
                }
                record::SHARED_STRINGS => self.read_strings(data, &mut records)?,
                record::END => break,
                _ => {}
            }
        }
        self.formats = used.iter().map(|id| codes.get(id).copied().unwrap_or(Shown::built_in(*id))).collect();
        Ok(names)
    }

    fn read_strings(&mut self, data: &[u8], records: &mut Records<'_>) -> Result<(), SheetError> {
        let mut blocks = vec![data.get(8..).unwrap_or_default()];
        while let Some(more) = records.peek().filter(|more| more.kind == record::CONTINUE) {
            blocks.push(more.data);
            records.next()?;
        }
        let mut pieces = Pieces { blocks: &blocks, block: 0, at: 0 };
        while !pieces.ended() {
            let text = pieces.text().ok_or_else(|| damaged("its shared texts end in the middle"))?;
            self.room.take_text(text.len() + size_of::<Box<str>>())?;
            self.strings.push(text.into());
        }
        Ok(())
    }

    /// Reads a sheet by its place in the list.
    ///
    /// # Errors
    /// If it is damaged or too large.
    pub fn read(&self, index: usize) -> Result<Cells, SheetError> {
        let start = self.starts.get(index).ok_or_else(|| damaged("a sheet is not in it"))?;
        let mut records = Records { stream: &self.stream, at: *start };
        if records.next()?.kind != record::BEGIN {
            return Err(damaged("a sheet is not where its list says"));
        }
        let mut cells = Cells::new(self.room);
        // Charts inside a sheet have records like cells.
        let mut depth = 0_usize;
        let mut formula = None;
        loop {
            let Record { kind, data } = records.next()?;
            match (kind, depth) {
                (record::BEGIN, _) => depth += 1,
                (record::END, 0) => return Ok(cells),
                (record::END, _) => depth -= 1,
                (record::STRING, 0) => {
                    if let Some((row, column)) = formula.take() {
                        let text = self.text.long(data, 0).ok_or_else(|| damaged("a text is cut"))?;
                        cells.text(row, column, &text)?;
                    }
                }
                (_, 0) => self
                    .read_cell(kind, data, &mut cells, &mut formula)
                    .unwrap_or_else(|| Err(damaged("a cell is cut")))?,
                _ => {}
            }
        }
    }

    /// Reads a record of a cell; others are passed over. `None` if it is too short.
    fn read_cell(
        &self,
        kind: u16,
        data: &[u8],
        cells: &mut Cells,
        formula: &mut Option<(u64, usize)>,
    ) -> Option<Result<(), SheetError>> {
        let place = || Some((u64::from(u16_at(data, 0)?), usize::from(u16_at(data, 2)?)));
        let shown = |at| Some(self.formats.get(usize::from(u16_at(data, at)?)).copied().unwrap_or_default());
        Some(match kind {
            record::NUMBER => {
                let (row, column) = place()?;
                cells.number(row, column, f64_at(data, 6)?, shown(4)?, self.epoch)
            }
            record::RK => {
                let (row, column) = place()?;
                cells.number(row, column, rk(u32_at(data, 6)?), shown(4)?, self.epoch)
            }
            record::MANY_RK => {
                let (row, first) = place()?;
                let count = data.len().checked_sub(6)? / 6;
                for index in 0..count {
                    let at = 4 + index * 6;
                    let value = rk(u32_at(data, at + 2)?);
                    if let Err(error) = cells.number(row, first + index, value, shown(at)?, self.epoch) {
                        return Some(Err(error));
                    }
                }
                Ok(())
            }
            record::LABEL_SHARED => {
                let (row, column) = place()?;
                match self.strings.get(u32_at(data, 6)? as usize) {
                    Some(text) => cells.text(row, column, text),
                    None => Err(damaged("a cell refers to a text that is not there")),
                }
            }
            record::LABEL | record::RICH_STRING => {
                let (row, column) = place()?;
                cells.text(row, column, &self.text.long(data, 6)?)
            }
            record::BOOL_OR_ERROR => {
                let (row, column) = place()?;
                value_cell(cells, (row, column), *data.get(7)? != 0, *data.get(6)?)
            }
            record::FORMULA => {
                let (row, column) = place()?;
                *formula = None;
                let result = data.get(6..14)?;
                match (result[6..] == [0xFF, 0xFF], result[0]) {
                    (false, _) => cells.number(row, column, f64_at(data, 6)?, shown(4)?, self.epoch),
                    (true, 0) => {
                        *formula = Some((row, column));
                        Ok(())
                    }
                    (true, kind @ (1 | 2)) => value_cell(cells, (row, column), kind == 2, result[2]),
                    (true, _) => Ok(()),
                }
            }
            _ => Ok(()),
        })
    }
}

/// A truth value or an error.
fn value_cell(cells: &mut Cells, at: (u64, usize), error: bool, code: u8) -> Result<(), SheetError> {
    if !error {
        return cells.text(at.0, at.1, if code == 0 { "false" } else { "true" });
    }
    let name = match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0F => "#VALUE!",
        0x17 => "#REF!",
        0x1D => "#NAME?",
        0x24 => "#NUM!",
        _ => "#N/A",
    };
    cells.set(at.0, at.1, SheetCell::Fault(name.into()))
}

fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    bytes.get(at..at + 8)?.try_into().ok().map(f64::from_le_bytes)
}

/// A number in four bytes (MS-XLS 2.5.217): a whole number of 30 bits or the upper half of a float, perhaps in
/// hundredths.
pub(super) fn rk(bits: u32) -> f64 {
    let value = if bits & 2 == 0 {
        f64::from_bits(u64::from(bits & !3) << 32)
    } else {
        f64::from(bits.cast_signed() >> 2)
    };
    if bits & 1 == 0 { value } else { value / 100.0 }
}

fn code_page(number: u16) -> &'static Encoding {
    match number {
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1257 => encoding_rs::WINDOWS_1257,
        10_000 => encoding_rs::MACINTOSH,
        _ => encoding_rs::WINDOWS_1252,
    }
}

/// Lower bytes of UTF-16, or all.
fn decode(bytes: &[u8], wide: bool) -> String {
    if wide {
        encoding_rs::UTF_16LE.decode_without_bom_handling(bytes).0.into_owned()
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }
}

impl TextForm {
    /// A text with a length of one byte.
    fn short(self, data: &[u8], at: usize) -> Option<String> {
        self.text(data, at + 1, usize::from(*data.get(at)?))
    }

    /// A text with a length of two bytes.
    fn long(self, data: &[u8], at: usize) -> Option<String> {
        self.text(data, at + 2, usize::from(u16_at(data, at)?))
    }

    fn text(self, data: &[u8], at: usize, length: usize) -> Option<String> {
        if !self.unicode {
            let bytes = data.get(at..at + length)?;
            return Some(self.code_page.decode_without_bom_handling(bytes).0.into_owned());
        }
        if length == 0 {
            return Some(String::new());
        }
        let wide = data.get(at)? & 1 != 0;
        let bytes = data.get(at + 1..at + 1 + (length << usize::from(wide)))?;
        Some(decode(bytes, wide))
    }
}

/// The shared texts, whose record goes on in others (MS-XLS 2.5.293, 2.4.265).
struct Pieces<'a> {
    blocks: &'a [&'a [u8]],
    block: usize,
    at: usize,
}

impl Pieces<'_> {
    /// Goes to the next block if this one is used up; true if there is none.
    fn ended(&mut self) -> bool {
        while self.blocks.get(self.block).is_some_and(|block| self.at >= block.len()) {
            self.block += 1;
            self.at = 0;
        }
        self.block >= self.blocks.len()
    }

    fn byte(&mut self) -> Option<u8> {
        if self.ended() {
            return None;
        }
        self.at += 1;
        self.blocks[self.block].get(self.at - 1).copied()
    }

    fn number(&mut self, bytes: u32) -> Option<usize> {
        (0..bytes).try_fold(0, |number, index| Some(number | usize::from(self.byte()?) << (8 * index)))
    }

    fn skip(&mut self, mut bytes: usize) -> Option<()> {
        while bytes > 0 {
            if self.ended() {
                return None;
            }
            let step = bytes.min(self.blocks[self.block].len() - self.at);
            self.at += step;
            bytes -= step;
        }
        Some(())
    }

    /// A text; where it goes on in the next block, a byte says anew whether it is wide.
    fn text(&mut self) -> Option<String> {
        let mut length = self.number(2)?;
        let flags = self.byte()?;
        let runs = if flags & 8 != 0 { self.number(2)? } else { 0 };
        let extra = if flags & 4 != 0 { self.number(4)? } else { 0 };
        let mut wide = flags & 1 != 0;
        let mut text = String::new();
        while length > 0 {
            let block = self.block;
            if self.ended() {
                return None;
            }
            if self.block != block {
                wide = self.byte()? & 1 != 0;
                continue;
            }
            let rest = &self.blocks[self.block][self.at..];
            let letters = length.min(rest.len() >> usize::from(wide));
            if letters == 0 {
                return None;
            }
            let bytes = letters << usize::from(wide);
            text.push_str(&decode(&rest[..bytes], wide));
            self.at += bytes;
            length -= letters;
        }
        self.skip(runs * 4)?;
        self.skip(extra)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers and hundredths must arrive exactly")]
    fn numbers_of_four_bytes_are_read() {
        // The four examples of the file format's description.
        assert_eq!(rk(0x3FF0_0000), 1.0);
        assert_eq!(rk(0x405E_C001), 1.23);
        assert_eq!(rk((12_345_678_u32 << 2) | 2), 12_345_678.0);
        assert_eq!(rk((12_345_678_u32 << 2) | 3), 123_456.78);
        assert_eq!(rk(((-5_i32 << 2).cast_unsigned()) | 2), -5.0);
    }

    #[test]
    fn a_shared_text_may_go_on_in_the_next_record_in_another_width() {
        let blocks: [&[u8]; 2] = [&[4, 0, 0, b'a', b'b'], &[1, 0x54, 0x1E, b'd', 0, 1, 0, 0, b'x']];
        let mut pieces = Pieces { blocks: &blocks, block: 0, at: 0 };
        assert_eq!(pieces.text().as_deref(), Some("ab\u{1E54}d"));
        assert_eq!(pieces.text().as_deref(), Some("x"));
        assert!(pieces.ended() && pieces.text().is_none());
    }
}
