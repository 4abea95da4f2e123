//! Facilities: tables and `GeoJSON` points → facilities of categories.
//!
//! Holds what columns mean, where coordinates lie, who consented to what, and sums per region. Must not know: HTTP,
//! styles, how facilities are drawn.
//!
//! Invariant: a facility is publishable only if consent is recorded: in its own row, or by the editor for a whole file;
//! never the latter for persons at home (child minders). A file with any error changes nothing.
//!
//! # Columns
//!
//! By German or English header, in any order: category (`Kategorie`, `Art`), `category_title`, id (`Nr`, `Schlüssel`),
//! name (`Bezeichnung`), operator (`Träger`), places (`Plätze`), address (or street, house number, postcode and town),
//! lon/lat (`Länge`/`Breite`) or east/north (`Rechtswert`/`Hochwert`, `x`/`y`), `valid_from` (`gültig ab`),
//! `valid_until` (`gültig bis`), consent (`Zustimmung`, `Veröffentlichung erlaubt`: ja/nein, yes/no, 1/0, x). Of a
//! `GeoJSON` file the same names are properties. Other columns are passed over and named in the report.
//!
//! # Dates
//!
//! What had ended on the day of its import is kept but never public. What ends or begins later is served with its
//! dates: the server does not look at the clock, and equal versions mean equal bytes. The next import settles it.

mod columns;
mod compare;
mod coordinates;
mod entry;
mod geojson;
mod import;
mod sums;
mod tables;

pub use import::{FacilityOptions, import_facilities};
pub use sums::{SumOptions, sum_facilities};

/// Texts that a spreadsheet would take for a formula begin so.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell as it may be written to a table: where a spreadsheet would take it for a formula, with an apostrophe before
/// it. The import takes that apostrophe away again, so every text comes back as it was.
pub fn neutralised(text: &str) -> std::borrow::Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`neutralised`] was given.
fn original(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_get_an_apostrophe_and_other_texts_stay() {
        assert_eq!(neutralised("=1+1"), "'=1+1");
        assert_eq!(neutralised("'=1"), "''=1");
        assert_eq!(neutralised("Kita 's Nest"), "Kita 's Nest");
        assert_eq!(original("'s Nest"), "'s Nest");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_no_cell_is_a_formula(text in "['=+@a-]{0,6}") {
            let cell = neutralised(&text);
            prop_assert_eq!(original(&cell), text.as_str());
            prop_assert!(!is_formula(&cell));
        }
    }
}
