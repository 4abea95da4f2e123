//! The mapping file: what the columns of a table mean. See the documentation of [`super`] for all its keys.
//!
//! Must not know: the table itself. Invariant: an unknown key in a mapping is an error, never ignored.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::{
    number::{Decimal, SignMeaning, Writing},
    signs::SignProfile,
};
use crate::domain::{Period, Provenance, Slug, Text};

/// How a table is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayoutKind {
    /// One row per observation.
    Long,
    /// One row per region, one column per indicator or period.
    Wide,
    /// The flat file of GENESIS, in its old or new form.
    Ffcsv,
    /// A "GENESIS-Tabelle" with stacked header rows.
    Genesis,
}

impl LayoutKind {
    /// The name used in mapping files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Wide => "wide",
            Self::Ffcsv => "ffcsv",
            Self::Genesis => "genesis",
        }
    }
}

/// A column by its number, from 1, or by its header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ColumnRef {
    /// Number, from 1.
    Number(usize),
    /// Header; compared without regard to case, white space, `_` and `-`.
    Header(String),
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Header(header) => write!(f, "'{header}'"),
        }
    }
}

/// The column of the keys, or the columns that hold their parts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum KeyRef {
    /// One column.
    One(ColumnRef),
    /// Columns of Land, Regierungsbezirk, Kreis, (Verband,) Gemeinde, in this order.
    Parts(Vec<ColumnRef>),
}

impl KeyRef {
    /// All columns.
    pub(super) fn columns_mut(&mut self) -> &mut [ColumnRef] {
        match self {
            Self::One(column) => std::slice::from_mut(column),
            Self::Parts(columns) => columns,
        }
    }
}

/// One value column of a wide table or of a GENESIS table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// The column. In a GENESIS table a header is the stack from top to bottom, joined with ` | `.
    pub column: ColumnRef,
    /// Its indicator; that of the file where absent.
    pub indicator: Option<Slug>,
    /// Its period; that of its header or of the file where absent.
    pub period: Option<Period>,
    /// Column of the numerators.
    pub numerator: Option<ColumnRef>,
    /// Column of the denominators.
    pub denominator: Option<ColumnRef>,
    /// Wide: column of the flags `p r s e` or of statuses by name.
    pub status: Option<ColumnRef>,
    /// In GENESIS tables with a classifying column: the row that is meant; "Insgesamt" where absent.
    pub row: Option<String>,
}

/// One series of a flat file of GENESIS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesRule {
    /// Code in `value_variable_code`, or in the header of a value column of the old form; any where absent.
    pub value: Option<String>,
    /// Attribute code by variable code; a variable that is not named must be at its total.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The indicator.
    pub indicator: Slug,
}

/// A mapping file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Layout; recognised from the file where absent.
    pub layout: Option<LayoutKind>,
    /// Sheet of a workbook; the first where absent.
    pub sheet: Option<String>,
    /// Row of the header, from 1; the first that is not empty where absent.
    pub header_row: Option<u64>,
    /// Sign between columns of a text file, one character.
    pub delimiter: Option<char>,
    /// Decimal sign.
    pub decimal: Option<Decimal>,
    /// Lines of the header, 1 to 4, the last of them in `header_row`; found by structure where absent.
    pub header_rows: Option<u64>,
    /// Column of the keys, or columns of their parts.
    pub key: Option<KeyRef>,
    /// Column of the periods.
    pub period_column: Option<ColumnRef>,
    /// The period of all values.
    pub period: Option<Period>,
    /// Column of the indicators.
    pub indicator_column: Option<ColumnRef>,
    /// The indicator of all values.
    pub indicator: Option<Slug>,
    /// Long: column of the values.
    pub value: Option<ColumnRef>,
    /// Long: column of the numerators.
    pub numerator: Option<ColumnRef>,
    /// Long: column of the denominators.
    pub denominator: Option<ColumnRef>,
    /// Long: column of statuses by name, or of signs and flags.
    pub status: Option<ColumnRef>,
    /// Long: column of public remarks.
    pub value_note: Option<ColumnRef>,
    /// Whose legend the signs follow.
    pub sign_profile: SignProfile,
    /// Signs of this source and what they mean, before those of the legend.
    pub signs: BTreeMap<String, SignMeaning>,
    /// Names of indicators in the file → slugs.
    pub indicators: BTreeMap<String, Slug>,
    /// Wide and GENESIS tables: what the value columns are.
    pub columns: Vec<ColumnRule>,
    /// Flat files of GENESIS: what the series are.
    pub series: Vec<SeriesRule>,
    /// Flat files of GENESIS: code of the variable that holds the region.
    pub region_variable: Option<String>,
    /// Source, by its slug in the catalogue.
    pub source: Option<Slug>,
    /// How the numbers came about.
    pub provenance: Option<Provenance>,
    /// Public remark on every series of the file.
    pub note: Option<Text>,
    /// A change of method or census base lies before the first period of the file.
    pub break_before: bool,
}

/// Why a text is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mapping file is not understood: {0}")]
pub struct MappingError(String);

impl Mapping {
    /// Reads a mapping file (TOML).
    ///
    /// # Errors
    /// If it is no TOML, has an unknown key or a value of the wrong kind; the text names the line.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        toml::from_str(text).map_err(|error| MappingError(error.to_string()))
    }

    /// How the numbers of the file are written.
    pub(super) fn writing(&self) -> Writing<'_> {
        Writing { decimal: self.decimal, profile: self.sign_profile, own: &self.signs }
    }
}

/// A header as it is compared: lower case, without white space, `_`, `-` and with the umlauts spelt out.
pub fn normal_header(header: &str) -> String {
    let mut normal = String::with_capacity(header.len());
    for c in header.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => normal.push_str("ae"),
            'ö' => normal.push_str("oe"),
            'ü' => normal.push_str("ue"),
            'ß' => normal.push_str("ss"),
            c if c.is_whitespace() || matches!(c, '_' | '-' | '\u{feff}') => {}
            c => normal.push(c),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_columns_by_number_or_header() {
        let mapping = Mapping::parse(
            r#"
            layout = "wide"
            decimal = ","
            key = 1
            note = { de = "Vorläufig", en = "Preliminary" }
            provenance = { kind = "rounded", base = 3.0 }
            sign_profile = "lsn"
            [signs]
            "k.A." = "missing"
            [[columns]]
            column = "Quote 2023"
            indicator = "day-care-rate"
            period = "2023-03-01"
            numerator = "Kinder 2023"
            denominator = 4
            "#,
        )
        .unwrap();
        assert_eq!(mapping.key, Some(KeyRef::One(ColumnRef::Number(1))));
        assert_eq!(mapping.sign_profile, SignProfile::Lsn);
        assert_eq!(mapping.columns[0].denominator, Some(ColumnRef::Number(4)));
        assert_eq!(mapping.provenance, Some(Provenance::Rounded { base: 3.0 }));
    }

    #[test]
    fn a_key_may_be_spread_over_columns() {
        let mapping = Mapping::parse("key = ['land', 'rb', 3, 'gemeinde']").unwrap();
        let header = |name: &str| ColumnRef::Header(name.into());
        let parts = vec![header("land"), header("rb"), ColumnRef::Number(3), header("gemeinde")];
        assert_eq!(mapping.key, Some(KeyRef::Parts(parts)));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = Mapping::parse("kye = 1").unwrap_err().to_string();
        assert!(error.contains("kye"), "{error}");
        assert!(Mapping::parse("[[columns]]\ncolumn = 1\nyear = 3").is_err());
    }

    #[test]
    fn headers_are_compared_without_case_umlauts_and_spaces() {
        assert_eq!(normal_header("\u{feff}Schlüssel _1"), "schluessel1");
    }
}
