//! Keys whose parts stand in several columns: Land, Regierungsbezirk, Kreis, Verband, Gemeinde.
//!
//! Must not know: which regions there are. Invariant: the parts are put together in the order of the official key, each
//! with its leading zeros; a part that is missing before one that is there is an error, never a zero.

use super::{mapping::normal_header, row::Row};

/// A part of the official key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// Land, 2 digits.
    Land,
    /// Regierungsbezirk, 1 digit.
    Bezirk,
    /// Kreis, 2 digits behind a Regierungsbezirk, else 3; 5 where there is no column of the Land.
    Kreis,
    /// Verband: 4 digits in the ARS, 3 in tables of the Regionalstatistik.
    Verband,
    /// Gemeinde, 3 digits.
    Gemeinde,
}

/// A column that holds a part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Column, from 0.
    pub column: usize,
    /// What it holds.
    pub kind: PartKind,
}

/// Headers of parts, as [`normal_header`] writes them.
const HEADERS: [(PartKind, &[&str]); 5] = [
    (PartKind::Land, &["land", "bundesland", "bl"]),
    (PartKind::Bezirk, &["rb", "regbez", "regierungsbezirk", "bez"]),
    (PartKind::Kreis, &["kreis", "kr", "krs", "landkreis"]),
    (PartKind::Verband, &["vb", "vg", "verband", "gemeindeverband", "verbandsgemeinde", "samtgemeinde"]),
    (PartKind::Gemeinde, &["gem", "gemeinde"]),
];

/// The kind of part that a header, or the last line of a stacked one, names.
pub fn kind_of(header: &str) -> Option<PartKind> {
    let name = normal_header(header.rsplit('|').next().unwrap_or(header));
    HEADERS.into_iter().find(|(_, names)| names.contains(&name.as_str())).map(|(kind, _)| kind)
}

/// The parts that headers name, if they are a key: at least a Kreis with something before or behind it, each part once
/// and in the order of the key.
pub fn recognise(headers: &[String]) -> Option<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    for (column, header) in headers.iter().enumerate() {
        let Some(kind) = kind_of(header) else { continue };
        if parts.last().is_some_and(|last| last.kind >= kind) {
            return None;
        }
        parts.push(Part { column, kind });
    }
    let has = |kind| parts.iter().any(|part| part.kind == kind);
    (parts.len() >= 2 && has(PartKind::Kreis)).then_some(parts)
}

/// The kinds of columns that a mapping names without telling headers: by their number.
pub fn kinds_of_mapped(headers: &[&str]) -> Option<Vec<PartKind>> {
    let named: Option<Vec<PartKind>> = headers.iter().map(|header| kind_of(header)).collect();
    let ascending = |kinds: &Vec<PartKind>| kinds.windows(2).all(|pair| pair[0] < pair[1]);
    let by_number = match headers.len() {
        4 => Some(vec![PartKind::Land, PartKind::Bezirk, PartKind::Kreis, PartKind::Gemeinde]),
        5 => Some(vec![
            PartKind::Land,
            PartKind::Bezirk,
            PartKind::Kreis,
            PartKind::Verband,
            PartKind::Gemeinde,
        ]),
        _ => None,
    };
    named.filter(ascending).or(by_number)
}

/// The key of a row; empty where all parts are.
///
/// # Errors
/// A sentence, if a part is no number of at most its digits, or missing before another.
pub fn compose(row: Row<'_>, parts: &[Part]) -> Result<String, String> {
    let mut key = String::new();
    let mut missing = None;
    let has = |kind| parts.iter().any(|part| part.kind == kind);
    for part in parts {
        let text = row.cell(part.column).text();
        if text.is_empty() {
            missing.get_or_insert(part.column);
            continue;
        }
        let width = match part.kind {
            PartKind::Land => 2,
            PartKind::Bezirk => 1,
            PartKind::Kreis if has(PartKind::Bezirk) => 2,
            PartKind::Kreis if has(PartKind::Land) => 3,
            PartKind::Kreis => 5,
            // Three digits as text are the short form of the Regionalstatistik; a workbook's number lost its zeros.
            PartKind::Verband if text.len() == 3 => 3,
            PartKind::Verband => 4,
            PartKind::Gemeinde => 3,
        };
        if text.len() > width || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("'{text}' is no part of a key of {width} digits."));
        }
        // Only a Verband may be left out: a Gemeinde need not belong to one.
        let gap = missing.filter(|column| {
            part.kind != PartKind::Gemeinde
                || parts.iter().any(|other| other.column == *column && other.kind != PartKind::Verband)
        });
        if let Some(column) = gap {
            return Err(format!("The part of the key in column {} is missing.", column + 1));
        }
        key.push_str(&"0".repeat(width - text.len()));
        key.push_str(&text);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(headers: &str, cells: &str) -> Result<String, String> {
        let headers: Vec<String> = headers.split(';').map(str::to_owned).collect();
        let record: csv::StringRecord = cells.split(';').collect();
        compose(Row::Text(&record), &recognise(&headers).unwrap())
    }

    #[test]
    fn parts_get_their_leading_zeros_back() {
        let all = "Land;RB;Kreis;VB;Gemeinde;Name";
        assert_eq!(key(all, "3;3;54;5403;5;Gartow").as_deref(), Ok("033545403005"));
        assert_eq!(key(all, "03;3;54;403;005;Gartow").as_deref(), Ok("03354403005"));
        assert_eq!(key(all, "03;3;54;;005;Gartow").as_deref(), Ok("03354005"));
        assert_eq!(key(all, "3;3;54;;;Kreis").as_deref(), Ok("03354"));
        assert_eq!(key("Land;Kreis;Gem", "3;354;5").as_deref(), Ok("03354005"));
        assert_eq!(key("Kreis;Gemeinde", "3354;5").as_deref(), Ok("03354005"));
        assert_eq!(key(all, ";;;;;").as_deref(), Ok(""));
    }

    #[test]
    fn a_gap_or_a_word_among_the_parts_is_an_error() {
        let all = "Satzart;Land;RB;Kreis;VB;Gem";
        assert!(key(all, "60;03;;54;;5").unwrap_err().contains("column 3 is missing"));
        assert!(key(all, "60;03;3;x;;5").unwrap_err().contains("no part of a key of 2"));
        assert!(key(all, "60;003;3;54;;5").is_err());
    }

    #[test]
    fn headers_of_names_are_no_parts_of_a_key() {
        let recognised = |text: &str| {
            recognise(&text.split(';').map(str::to_owned).collect::<Vec<_>>()).map(|parts| parts.len())
        };
        assert_eq!(recognised("ARS | Land;ARS | RB;ARS | Kreis;ARS | VB;ARS | Gem;Gemeindename"), Some(5));
        assert_eq!(recognised("Kreis;Einwohner"), None);
        assert_eq!(recognised("Gemeinde;Kreis;Einwohner"), None);
    }
}
