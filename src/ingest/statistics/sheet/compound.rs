//! Compound files (MS-CFB), the container of XLS files: a file system of sectors in a file.
//!
//! Must not know: what the streams mean. Invariant: chains of sectors are followed for at most as many steps as the file
//! has sectors, and no size that the file claims is believed.

use super::SheetError;

/// First bytes of a compound file.
pub const MAGIC: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// Greater numbers of sectors end a chain or mark sectors without content.
const LAST_SECTOR: u32 = 0xFFFF_FFFA;

/// Bytes of a sector of the stream of small streams.
const MINI_SECTOR: usize = 64;

/// Smaller streams stand in the stream of small streams.
const MINI_STREAM_LIMIT: usize = 4096;

/// Most bytes of a file.
const MAX_FILE: usize = 256 << 20;

/// Little-endian number at a place; `None` beyond the end.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

/// Little-endian number at a place; `None` beyond the end.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// An entry of the directory.
struct Entry {
    name: String,
    start: u32,
    size: usize,
}

/// The sectors of a file with the table of what follows what.
struct File<'a> {
    bytes: &'a [u8],
    sector: usize,
    next: Vec<u32>,
}

fn damaged(what: &str) -> SheetError {
    SheetError::damaged(format!("compound file: {what}"))
}

/// The content of the first stream that has one of the names.
///
/// # Errors
/// If the file is damaged, too large, has no such stream or is an encrypted workbook.
pub fn stream(bytes: &[u8], names: &[&str]) -> Result<Vec<u8>, SheetError> {
    if bytes.len() > MAX_FILE {
        return Err(SheetError::TooLarge);
    }
    let file = File::open(bytes)?;
    let directory = file.chain(u32_at(bytes, 48).unwrap_or(LAST_SECTOR))?;
    let entries: Vec<Entry> = directory.chunks_exact(128).filter_map(entry).collect();
    let find = |name: &str| entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
    if find("EncryptedPackage").is_some() {
        return Err(SheetError::Protected);
    }
    let found = names.iter().find_map(|name| find(name)).ok_or_else(|| damaged("it holds no workbook"))?;
    let mut content = if found.size < MINI_STREAM_LIMIT {
        let root = entries.first().ok_or_else(|| damaged("it has no root"))?;
        let small = file.chain(root.start)?;
        let table = file.chain(u32_at(bytes, 60).unwrap_or(LAST_SECTOR))?;
        follow(found.start, &numbers(&table), small.len() / MINI_SECTOR + 1, &mut |number| {
            let start = number as usize * MINI_SECTOR;
            small.get(start..small.len().min(start + MINI_SECTOR))
        })?
    } else {
        file.chain(found.start)?
    };
    content.truncate(found.size);
    Ok(content)
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let length = usize::from(u16_at(bytes, 64)?).min(64).checked_sub(2)?;
    let name = encoding_rs::UTF_16LE.decode_without_bom_handling(&bytes[..length]).0.into_owned();
    Some(Entry { name, start: u32_at(bytes, 116)?, size: u32_at(bytes, 120)? as usize })
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|number| u32_at(number, 0)).collect()
}

/// Puts the sectors of a chain together, at most `steps`.
fn follow<'b>(
    start: u32,
    next: &[u32],
    steps: usize,
    sector: &mut dyn FnMut(u32) -> Option<&'b [u8]>,
) -> Result<Vec<u8>, SheetError> {
    let mut content = Vec::new();
    let mut number = start;
    for _ in 0..=steps {
        if number >= LAST_SECTOR {
            return Ok(content);
        }
        content.extend_from_slice(sector(number).ok_or_else(|| damaged("a sector lies beyond its end"))?);
        number = *next.get(number as usize).ok_or_else(|| damaged("a chain leaves its table"))?;
    }
    Err(damaged("a chain has no end"))
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, SheetError> {
        let sector = match u16_at(bytes, 30) {
            Some(9) if bytes.len() >= 512 => 512,
            Some(12) if bytes.len() >= 4096 => 4096,
            _ => return Err(damaged("its head is wrong")),
        };
        let mut file = Self { bytes, sector, next: Vec::new() };
        for table in file.tables()? {
            // A table for more sectors than there are is of no use.
            if file.next.len() > file.count() {
                break;
            }
            let content = file.sector(table).ok_or_else(|| damaged("a table lies beyond its end"))?;
            file.next.extend(numbers(content));
        }
        Ok(file)
    }

    /// Number of sectors, the last one perhaps cut.
    const fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.sector)
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize + 1).checked_mul(self.sector)?;
        self.bytes.get(start..self.bytes.len().min(start + self.sector)).filter(|sector| !sector.is_empty())
    }

    /// Sectors that hold the table of what follows what: 109 in the head, more in a chain of their own.
    fn tables(&self) -> Result<Vec<u32>, SheetError> {
        let head = self.bytes.get(76..512).unwrap_or_default();
        let mut tables: Vec<u32> = numbers(head).into_iter().filter(|number| *number < LAST_SECTOR).collect();
        let mut number = u32_at(self.bytes, 68).unwrap_or(LAST_SECTOR);
        for _ in 0..self.count() {
            if number >= LAST_SECTOR || tables.len() > self.count() {
                return Ok(tables);
            }
            let content = self.sector(number).ok_or_else(|| damaged("a table lies beyond its end"))?;
            let mut listed = numbers(content);
            number = listed.pop().unwrap_or(LAST_SECTOR);
            tables.extend(listed.into_iter().filter(|number| *number < LAST_SECTOR));
        }
        Ok(tables)
    }

    fn chain(&self, start: u32) -> Result<Vec<u8>, SheetError> {
        follow(start, &self.next, self.count(), &mut |number| self.sector(number))
    }
}
