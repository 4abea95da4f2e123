//! Tables of databases → rows of a sheet.
//!
//! A table is packed into bytes of its own form, so that everything between a file and the store (recognition, layouts,
//! mappings, hash) treats it like one: a line that says what follows, then a line per row, each a JSON list. Must not
//! know: what the columns mean, where the table came from.
//!
//! Invariant: numbers keep the type that the database gives them; a text with a comma never becomes a number here.

use serde::{Deserialize, Serialize};

use super::{row::SheetCell, sheet::Sheet, text::MAX_COLUMNS};
use crate::store::ForeignTable;

/// First bytes of a packed table.
const BEGINNING: &[u8] = br#"{"kommunalatlas_table":1,"#;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    kommunalatlas_table: u8,
    columns: Vec<String>,
    numbers: Vec<bool>,
}

/// Bytes of a table, without its geometry.
pub fn pack(table: &ForeignTable) -> Result<Vec<u8>, serde_json::Error> {
    let head = Head {
        kommunalatlas_table: 1,
        columns: table.columns.iter().map(|c| c.name.clone()).collect(),
        numbers: table.columns.iter().map(|c| c.is_number).collect(),
    };
    let mut bytes = serde_json::to_vec(&head)?;
    for row in &table.rows {
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, row)?;
    }
    Ok(bytes)
}

/// True if bytes begin like a packed table.
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING)
}

/// Unpacks a table: the header is row 0, so that rows have the numbers that they have in the result.
///
/// # Errors
/// A sentence, if the bytes are damaged.
pub fn unpack(bytes: &[u8]) -> Result<Sheet, String> {
    let damaged = |error: serde_json::Error| format!("The packed table is damaged: {error}.");
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let head: Head = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(damaged)?;
    if head.columns.len() > MAX_COLUMNS {
        return Err(format!("The table has more than {MAX_COLUMNS} columns; select those that are needed."));
    }
    let mut rows = vec![(0, head.columns.into_iter().map(SheetCell::Text).collect())];
    for (number, line) in (1..).zip(lines) {
        let cells: Vec<Option<String>> = serde_json::from_slice(line).map_err(damaged)?;
        rows.push((number, sheet_row(cells, &head.numbers)));
    }
    Ok(Sheet { name: String::new(), rows, percentages: 0 })
}

fn sheet_row(cells: Vec<Option<String>>, numbers: &[bool]) -> Vec<SheetCell> {
    let is_number = numbers.iter().copied().chain(std::iter::repeat(false));
    cells.into_iter().zip(is_number).map(|(cell, is_number)| sheet_cell(cell, is_number)).collect()
}

fn sheet_cell(cell: Option<String>, is_number: bool) -> SheetCell {
    let Some(text) = cell.filter(|text| !text.trim().is_empty()) else { return SheetCell::Empty };
    let number = text.parse::<f64>().ok().filter(|number| is_number && number.is_finite());
    number.map_or(SheetCell::Text(text), SheetCell::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::ForeignColumn;

    #[test]
    fn a_table_comes_back_with_the_types_of_its_columns() {
        let column = |name: &str, is_number| ForeignColumn { name: name.into(), is_number };
        let text = |text: &str| Some(text.to_owned());
        let table = ForeignTable {
            columns: vec![column("Schlüssel", false), column("Wert", true)],
            rows: vec![
                vec![text("03354001"), text("1.234")],
                vec![text("a\"\n\\"), None],
                vec![None, text("NaN")],
            ],
            ..ForeignTable::default()
        };
        let bytes = pack(&table).unwrap();
        assert!(is_packed(&bytes));
        let sheet = unpack(&bytes).unwrap();
        let cell = |text: &str| SheetCell::Text(text.into());
        assert_eq!(
            sheet.rows,
            [
                (0, vec![cell("Schlüssel"), cell("Wert")]),
                (1, vec![cell("03354001"), SheetCell::Number(1.234)]),
                (2, vec![cell("a\"\n\\"), SheetCell::Empty]),
                (3, vec![SheetCell::Empty, cell("NaN")]),
            ]
        );
    }

    proptest! {
        #[test]
        fn damaged_tables_never_panic(rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&[BEGINNING, &rest].concat());
        }
    }
}
