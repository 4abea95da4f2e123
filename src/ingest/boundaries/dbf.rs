//! The table of a shapefile (`.dbf`, dBASE III) as text.
//!
//! Own code, because a key must keep its exact digits (the crate at hand turns numbers into floating point) and a row
//! marked as deleted must not shift the rows against the shapes.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::table::{ReadError, has_room, too_many_values};

/// Rows of a `.dbf` file as text.
#[derive(Debug)]
pub(super) struct DbfTable {
    /// Names of the fields.
    pub fields: Vec<String>,
    /// Rows; `None` for a row marked as deleted.
    pub rows: Vec<Option<Vec<Option<Box<str>>>>>,
    /// Name of the encoding that was used.
    pub encoding: &'static str,
    /// Number of texts with bytes that are not of this encoding.
    pub undecodable: usize,
    /// Rows that the header promises.
    pub promised: usize,
}

struct Field {
    name: String,
    kind: u8,
    start: usize,
    end: usize,
}

/// Reads a table. `cpg` is the content of the `.cpg` file, if there is one.
///
/// # Errors
/// If the header is none or the `.cpg` names an unknown encoding.
pub(super) fn read(bytes: &[u8], cpg: Option<&str>) -> Result<DbfTable, ReadError> {
    let damaged = |what: &str| ReadError::content(None, format!("The .dbf file is damaged: {what}."));
    let header: &[u8; 32] = bytes.first_chunk().ok_or_else(|| damaged("it has no header"))?;
    let promised = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    let start = usize::from(u16::from_le_bytes([header[8], header[9]]));
    let width = usize::from(u16::from_le_bytes([header[10], header[11]]));
    if width < 2 || start < 33 || start > bytes.len() {
        return Err(damaged("its header makes no sense"));
    }
    let encoding = match cpg {
        Some(label) => named_encoding(label)?,
        None => guessed_encoding(&bytes[start..]),
    };
    let fields = fields(&bytes[32..start], encoding);
    if fields.is_empty() || fields.iter().any(|field| field.end > width) {
        return Err(damaged("its fields do not fit into its rows"));
    }
    if !has_room((bytes.len() - start) / width, fields.len()) {
        return Err(too_many_values());
    }
    let mut undecodable = 0;
    let rows: Vec<_> = bytes[start..]
        .chunks_exact(width)
        .take(promised)
        .map(|row| {
            let values = fields.iter().map(|f| value(f, &row[f.start..f.end], encoding, &mut undecodable));
            (row[0] != b'*').then(|| values.collect())
        })
        .collect();
    let fields = fields.into_iter().map(|field| field.name).collect();
    Ok(DbfTable { fields, rows, encoding: encoding.name(), undecodable, promised })
}

/// Field descriptors: 32 bytes each, name in the first 11, type in byte 11, length in byte 16; ended by 0x0D.
fn fields(bytes: &[u8], encoding: &'static Encoding) -> Vec<Field> {
    let mut start = 1; // behind the deletion mark
    let mut fields = Vec::new();
    for descriptor in bytes.as_chunks::<32>().0 {
        if descriptor[0] == 0x0D {
            break;
        }
        let name = descriptor[..11].split(|byte| *byte == 0).next().unwrap_or_default();
        let name = encoding.decode_without_bom_handling(name).0.trim().to_owned();
        let end = start + usize::from(descriptor[16]);
        fields.push(Field { name, kind: descriptor[11], start, end });
        start = end;
    }
    fields
}

fn value(
    field: &Field,
    bytes: &[u8],
    encoding: &'static Encoding,
    undecodable: &mut usize,
) -> Option<Box<str>> {
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    *undecodable += usize::from(broken);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let numeric = matches!(field.kind, b'N' | b'F');
    // A number that does not fit its field is written as asterisks.
    if text.is_empty() || (numeric && text.starts_with('*')) {
        return None;
    }
    Some(if numeric { whole_number(text) } else { text }.into())
}

/// `3354005.000` is the key 3354005: decimals that are all zero say nothing.
fn whole_number(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, decimals)) if !whole.is_empty() && decimals.bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// The encoding that a `.cpg` file names: a label such as `UTF-8`, `ISO-8859-1`, `1252`, `ANSI 1252`.
fn named_encoding(label: &str) -> Result<&'static Encoding, ReadError> {
    let label = label.trim_start_matches('\u{feff}').trim();
    let number = label.rsplit([' ', '-', '_']).next().unwrap_or(label).to_ascii_lowercase();
    let page = number.trim_start_matches("cp").trim_start_matches("windows");
    let found = Encoding::for_label(label.as_bytes()).or_else(|| match page {
        "65001" | "utf8" => Some(UTF_8),
        "88591" => Some(WINDOWS_1252),
        "885915" => Encoding::for_label(b"iso-8859-15"),
        "437" | "850" => None,
        page => Encoding::for_label(format!("windows-{page}").as_bytes()),
    });
    found.ok_or_else(|| {
        ReadError::content(
            None,
            format!(
                "The .cpg file names the encoding '{label}', which is not known: write UTF-8 or 1252 there."
            ),
        )
    })
}

/// Without a `.cpg`: UTF-8 if all rows are, else Windows-1252. The code page mark in the header is not looked at, because
/// programs write it without meaning it.
fn guessed_encoding(rows: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(rows).is_ok() { UTF_8 } else { WINDOWS_1252 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A table with the fields AGS (number) and GEN (text) and rows of 8 + 10 bytes behind the deletion mark.
    fn table(rows: &[(u8, &str, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![3, 126, 1, 1];
        bytes.extend((rows.len() as u32).to_le_bytes());
        bytes.extend((32_u16 + 64 + 1).to_le_bytes());
        bytes.extend(19_u16.to_le_bytes());
        bytes.resize(32, 0);
        for (name, kind, len) in [("AGS", b'N', 8), ("GEN", b'C', 10)] {
            let mut field = [0; 32];
            field[..name.len()].copy_from_slice(name.as_bytes());
            (field[11], field[16]) = (kind, len);
            bytes.extend(field);
        }
        bytes.push(0x0D);
        for (mark, number, text) in rows {
            bytes.push(*mark);
            bytes.extend(format!("{number:>8}").bytes());
            bytes.extend(text.iter().copied().chain(std::iter::repeat(b' ')).take(10));
        }
        bytes
    }

    fn texts(table: &DbfTable, row: usize) -> Vec<&str> {
        table.rows[row].as_ref().unwrap().iter().map(|v| v.as_deref().unwrap_or("-")).collect()
    }

    #[test]
    fn numbers_keep_their_digits_and_deleted_rows_their_place() {
        let bytes = table(&[
            (b' ', "03354005", b"Gartow"),
            (b'*', "1", b"gone"),
            (b' ', "4.0", b""),
            (b' ', "4.5", b"x"),
        ]);
        let table = read(&bytes, None).unwrap();
        assert_eq!(texts(&table, 0), ["03354005", "Gartow"]);
        assert!(table.rows[1].is_none());
        assert_eq!(texts(&table, 2), ["4", "-"]);
        assert_eq!(texts(&table, 3), ["4.5", "x"]);
    }

    #[test]
    fn the_cpg_decides_the_encoding_and_without_one_the_bytes_do() {
        let latin = table(&[(b' ', "1", b"G\xF6hrde")]);
        let unicode = table(&[(b' ', "1", "Göhrde".as_bytes())]);
        for (bytes, cpg) in [
            (&latin, None),
            (&latin, Some("ISO-8859-1")),
            (&latin, Some("ANSI 1252")),
            (&latin, Some("1252")),
            (&latin, Some("88591")),
            (&unicode, None),
            (&unicode, Some("UTF-8\n")),
            (&unicode, Some("65001")),
        ] {
            assert_eq!(texts(&read(bytes, cpg).unwrap(), 0)[1], "Göhrde", "{cpg:?}");
        }
        assert_eq!(read(&latin, Some("UTF-8")).unwrap().undecodable, 1);
        assert!(read(&latin, Some("klingon")).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes, None);
        }

        #[test]
        fn damaged_tables_never_panic(at in 0_usize..97, byte in any::<u8>()) {
            let mut bytes = table(&[(b' ', "1", b"a"), (b' ', "2", b"b")]);
            bytes[at] = byte;
            let _ = read(&bytes, None);
        }
    }
}
