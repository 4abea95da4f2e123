//! Texts in the cells of tables that spreadsheet programs open.

use std::borrow::Cow;

/// Texts that a spreadsheet would take for a formula begin so.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell as it may be written to a table: where a spreadsheet would take it for a formula, with an apostrophe before
/// it. The import takes that apostrophe away again, so every text comes back as it was.
pub fn neutralised(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`neutralised`] was given.
pub fn original(cell: &str) -> &str {
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
