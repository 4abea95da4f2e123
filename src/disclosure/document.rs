//! `TABLE.json`: a table of disclosure control that anybody can write, and the answers to it.
//!
//! Holds names. Must not know: files, how cells are judged.
//!
//! Invariant: what is read is complete and names only what is in it; a key that looks like a misspelt one is an error, so
//! that no published number is overlooked. Size, counts and factors are bounded.

use std::{collections::HashMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use super::{
    Audit, AuditError, Bounds, Cell, CellId, Certificate, Form, Interval, Ratio, Show, Shown, Suppression,
    Table, TableError, Why, primary,
};
use crate::domain::Policy;

/// Bytes of the longest document that is read.
pub const LONGEST: u64 = 1 << 30;

const MOST_CELLS: usize = 2_000_000;
const MOST_TERMS: usize = 50_000_000;
const LARGEST_COUNT: u64 = 1_000_000_000_000;
const LARGEST_FACTOR: i64 = 1_000_000;

/// A table with the names of its cells, and what is said about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The table; what was public by an earlier release is [`Show::Known`].
    pub table: Table,
    /// The names of its cells.
    pub names: Vec<String>,
    /// The cells that must stay secret, if the document says so.
    pub primary: Option<Vec<CellId>>,
    /// The cells that are withheld, if the document says so.
    pub suppressed: Option<Vec<CellId>>,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is no JSON, or not of this shape.
    #[error("The document cannot be read: {0}.")]
    Json(serde_json::Error),
    /// Something needed is not there.
    #[error("Field '{0}' is missing.")]
    Missing(&'static str),
    /// A name stands twice in a field.
    #[error("'{name}' stands twice in field '{field}'.")]
    Twice {
        /// The field.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A field names a cell that is not there.
    #[error("Field '{field}' names cell '{name}', which is not in 'cells'.")]
    NoCell {
        /// The field.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A cell names a base count that is not there.
    #[error("Cell '{cell}' adds up '{base}', which is not in 'base'.")]
    NoBase {
        /// The cell.
        cell: String,
        /// The base count.
        base: String,
    },
    /// A base count is not a count.
    #[error("Base count '{name}' is {value}; it must be a whole number from 0 to 1000000000000.")]
    Count {
        /// The base count.
        name: String,
        /// What stands there.
        value: Number,
    },
    /// A factor is not a small whole number.
    #[error(
        "Cell '{cell}' takes '{base}' {value} times; it must be a whole number from -1000000 to 1000000."
    )]
    Factor {
        /// The cell.
        cell: String,
        /// The base count.
        base: String,
        /// What stands there.
        value: Number,
    },
    /// A published ratio without its decimals.
    #[error("Ratio {number}, of '{cell}', is published and has no 'decimals'.")]
    Decimals {
        /// Its place among the ratios, from 1.
        number: usize,
        /// Its numerator.
        cell: String,
    },
    /// There is too much of something.
    #[error("The document has more than {most} {what}.")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// The table contradicts itself.
    #[error("The table cannot be used: {0}.")]
    Table(TableError),
    /// The audit cannot use it.
    #[error("{0}")]
    Audit(String),
}

/// An object in the order in which it is written, with names that stand twice.
struct Pairs<T>(Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatioText {
    num: String,
    den: String,
    #[serde(default)]
    published: Option<f64>,
    #[serde(default)]
    decimals: Option<u8>,
    #[serde(default = "percent")]
    per: f64,
}

const fn percent() -> f64 {
    100.0
}

/// What was withheld once; everything else that the table holds, or that is listed, was public.
#[derive(Deserialize)]
#[serde(untagged)]
enum Pattern {
    Suppressed(Vec<String>),
    Release(Release),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    suppressed: Vec<String>,
    #[serde(default)]
    cells: Option<Vec<String>>,
}

#[derive(Default)]
struct Raw {
    base: Option<Pairs<Number>>,
    cells: Option<Pairs<Pairs<Number>>>,
    primary: Option<Vec<String>>,
    suppressed: Option<Vec<String>>,
    policy: Option<Policy>,
    ratios: Vec<RatioText>,
    contributors: Pairs<u64>,
    earlier: Vec<Pattern>,
}

const FIELDS: [&str; 8] =
    ["base", "cells", "primary", "suppressed", "policy", "ratios", "contributors", "earlier"];

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with 'base' and 'cells'")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut raw = Raw::default();
                let mut seen = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if seen.contains(&key) {
                        return Err(A::Error::custom(format_args!("field '{key}' stands twice")));
                    }
                    match key.as_str() {
                        "base" => raw.base = map.next_value()?,
                        "cells" => raw.cells = map.next_value()?,
                        "primary" => raw.primary = map.next_value()?,
                        "suppressed" => raw.suppressed = map.next_value()?,
                        "policy" => raw.policy = map.next_value()?,
                        "ratios" => raw.ratios = map.next_value()?,
                        "contributors" => raw.contributors = map.next_value()?,
                        "earlier" => raw.earlier = map.next_value()?,
                        other => {
                            let known =
                                |field: &&&str| strsim::normalized_damerau_levenshtein(field, other) > 0.6;
                            if let Some(field) = FIELDS.iter().find(known) {
                                let text =
                                    format_args!("there is no field '{other}'; is it '{field}'?").to_string();
                                return Err(A::Error::custom(text));
                            }
                            // Remarks: a title, a source.
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    seen.push(key);
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

type Names = HashMap<String, usize>;

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// With a sentence that names the field and the cell.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        let raw: Raw = serde_json::from_slice(text).map_err(DocumentError::Json)?;
        let base = raw.base.ok_or(DocumentError::Missing("base"))?.0;
        let cells = raw.cells.ok_or(DocumentError::Missing("cells"))?.0;
        limit(cells.len().max(base.len()), MOST_CELLS, "cells")?;
        limit(cells.iter().map(|(_, form)| form.0.len()).sum(), MOST_TERMS, "terms")?;
        let base_ids = ids("base", &base)?;
        let cell_ids = ids("cells", &cells)?;
        let mut table = Table { policy: raw.policy.unwrap_or_default(), ..Table::default() };
        table.base = base.into_iter().map(count).collect::<Result<_, _>>()?;
        let mut names = Vec::with_capacity(cells.len());
        for (name, form) in cells {
            let form = self::form(&name, form, &base_ids)?;
            names.push(name);
            table.cells.push(Cell { form, ..Cell::default() });
        }
        for (name, contributors) in raw.contributors.0 {
            let cell = cell_of(&cell_ids, "contributors", &name)?;
            table.cells[cell].contributors = Some(contributors);
        }
        for (r, ratio) in raw.ratios.into_iter().enumerate() {
            table.ratios.push(self::ratio(r, ratio, &cell_ids)?);
        }
        for pattern in &raw.earlier {
            for cell in once_public(pattern, &cell_ids)? {
                table.cells[cell].show = Show::Known;
            }
        }
        table.check().map_err(DocumentError::Table)?;
        let list =
            |field, names: Option<Vec<String>>| names.map(|n| cells_of(&cell_ids, field, &n)).transpose();
        let primary = list("primary", raw.primary)?;
        let suppressed = list("suppressed", raw.suppressed)?;
        Ok(Self { table, names, primary, suppressed })
    }

    /// The primary cells: those that the document names, or else those that the rules find.
    pub fn primary(&self) -> Vec<CellId> {
        let by_rules = || primary(&self.table).into_iter().map(|p| p.cell).collect();
        self.primary.clone().unwrap_or_else(by_rules)
    }

    /// The answer of a protection, with the audit of its result.
    pub fn protection(&self, suppression: &Suppression, audit: &Audit) -> ProtectReport {
        let secret = self.primary();
        let secondary: HashMap<CellId, CellId> = suppression.secondary.iter().copied().collect();
        let rules: HashMap<CellId, Why> = suppression.reasons(&primary(&self.table)).into_iter().collect();
        let why = |cell: &CellId| match (secondary.get(cell), rules.get(cell)) {
            (Some(protects), _) => {
                serde_json::json!({ "why": "secondary", "protects": self.names[*protects] })
            }
            (None, Some(Why::Primary { rule })) => serde_json::json!({ "why": "primary", "rule": rule }),
            _ => serde_json::json!({ "why": "primary" }),
        };
        let mut certificate = Certificate::new(&self.table, &secret, &suppression.suppressed);
        certificate.narrowest = audit.narrowest(&secret).and_then(|width| u64::try_from(width).ok());
        ProtectReport {
            safe: audit.safe,
            primary: secret.iter().map(|cell| self.names[*cell].clone()).collect(),
            suppressed: suppression.suppressed.iter().map(|cell| self.names[*cell].clone()).collect(),
            why: suppression.suppressed.iter().map(|cell| (self.names[*cell].clone(), why(cell))).collect(),
            certificate: Some(certificate),
            reasons: self.sentences(audit),
        }
    }

    /// The answer about a table that cannot be protected, because what is public already tells too much of these cells.
    pub fn impossible(&self, cells: &[CellId]) -> ProtectReport {
        let sentence = |cell: &CellId| {
            format!(
                "Cell '{}' cannot be protected: what is public already tells too much about it.",
                self.names[*cell]
            )
        };
        ProtectReport {
            safe: false,
            primary: self.primary().iter().map(|cell| self.names[*cell].clone()).collect(),
            suppressed: Vec::new(),
            why: Map::new(),
            certificate: None,
            reasons: cells.iter().map(sentence).collect(),
        }
    }

    /// An error of the audit as a sentence that names cells and ratios as the document does.
    pub fn named(&self, error: &AuditError) -> DocumentError {
        let ratio = |r: &usize| {
            let ratio = &self.table.ratios[*r];
            format!(
                "Ratio {}, of '{}' and '{}',",
                r + 1,
                self.names[ratio.numerator],
                self.names[ratio.denominator]
            )
        };
        DocumentError::Audit(match error {
            AuditError::TooLarge(cell) => {
                format!("The numbers of cell '{}' are too large to be audited.", self.names[*cell])
            }
            AuditError::Digits(r) => format!("{} has too many digits.", ratio(r)),
            AuditError::WrongRatio(r) => format!(
                "{} is not published as its cells give it; is 'per' {} right?",
                ratio(r),
                self.table.ratios[*r].shown.map_or(100.0, |shown| shown.per)
            ),
            other => format!("The table cannot be audited: {other}."),
        })
    }

    fn sentences(&self, audit: &Audit) -> Vec<String> {
        audit.reasons.iter().map(|reason| reason.sentence(&self.names[reason.cell()])).collect()
    }

    /// The answer of an audit about the suppressed cells.
    pub fn report(&self, audit: &Audit) -> AuditReport {
        let mut suppressed = vec![false; self.names.len()];
        self.suppressed.iter().flatten().for_each(|cell| suppressed[*cell] = true);
        let named = audit.bounds.iter().filter(|b| suppressed[b.cell]).map(|Bounds { cell, by, .. }| {
            let [a0, a1, a2] = by.map(|reach| Ends::from(reach.interval));
            (self.names[*cell].clone(), serde_json::json!({ "A0": a0, "A1": a1, "A2": a2 }))
        });
        AuditReport { safe: audit.safe, cells: named.collect(), reasons: self.sentences(audit) }
    }
}

/// What `disclosure audit` answers: for each suppressed cell and attacker the smallest and largest possible value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// Whether every primary cell is safe.
    pub safe: bool,
    /// `{"cell": {"A0": [lo, up], …}, …}`; `null` for unbounded.
    pub cells: Map<String, Value>,
    /// Why it is not safe, in sentences.
    pub reasons: Vec<String>,
}

/// What `disclosure protect` answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtectReport {
    /// Whether the audit finds every primary cell safe.
    pub safe: bool,
    /// The cells that must stay secret for their own sake.
    pub primary: Vec<String>,
    /// The cells that must be withheld, those included.
    pub suppressed: Vec<String>,
    /// `{"cell": {"why": "primary", "rule": "R1"}, "other": {"why": "secondary", "protects": "cell"}}`.
    pub why: Map<String, Value>,
    /// What is certified; nothing if the table cannot be protected.
    pub certificate: Option<Certificate>,
    /// Why it is not safe, in sentences.
    pub reasons: Vec<String>,
}

#[derive(Serialize)]
struct Ends(Option<i64>, Option<i64>);

impl From<Interval> for Ends {
    fn from(interval: Interval) -> Self {
        Self(interval.lo, interval.up)
    }
}

fn limit(count: usize, most: usize, what: &'static str) -> Result<(), DocumentError> {
    if count > most { Err(DocumentError::TooMany { what, most }) } else { Ok(()) }
}

fn ids<T>(field: &'static str, pairs: &[(String, T)]) -> Result<Names, DocumentError> {
    let mut ids = HashMap::with_capacity(pairs.len());
    for (id, (name, _)) in pairs.iter().enumerate() {
        if ids.insert(name.clone(), id).is_some() {
            return Err(DocumentError::Twice { field, name: name.clone() });
        }
    }
    Ok(ids)
}

fn count((name, value): (String, Number)) -> Result<u64, DocumentError> {
    value.as_u64().filter(|n| *n <= LARGEST_COUNT).ok_or(DocumentError::Count { name, value })
}

fn form(cell: &str, terms: Pairs<Number>, base_ids: &Names) -> Result<Form, DocumentError> {
    let mut seen: Vec<(u32, i64)> = Vec::with_capacity(terms.0.len());
    for (base, value) in terms.0 {
        let cell = || cell.to_owned();
        let Some(id) = base_ids.get(&base) else { return Err(DocumentError::NoBase { cell: cell(), base }) };
        let Some(factor) = value.as_i64().filter(|n| (-LARGEST_FACTOR..=LARGEST_FACTOR).contains(n)) else {
            return Err(DocumentError::Factor { cell: cell(), base, value });
        };
        seen.push((*id as u32, factor));
    }
    Ok(Form::new(seen))
}

fn ratio(r: usize, text: RatioText, cell_ids: &Names) -> Result<Ratio, DocumentError> {
    let shown = match (text.published, text.decimals) {
        (Some(value), Some(decimals)) => Some(Shown { value, decimals, per: text.per }),
        (Some(_), None) => return Err(DocumentError::Decimals { number: r + 1, cell: text.num }),
        (None, _) => None,
    };
    Ok(Ratio {
        numerator: cell_of(cell_ids, "ratios", &text.num)?,
        denominator: cell_of(cell_ids, "ratios", &text.den)?,
        shown,
    })
}

fn once_public(pattern: &Pattern, cell_ids: &Names) -> Result<Vec<CellId>, DocumentError> {
    let (suppressed, listed) = match pattern {
        Pattern::Suppressed(suppressed) => (suppressed, None),
        Pattern::Release(release) => (&release.suppressed, release.cells.as_ref()),
    };
    let mut public = vec![listed.is_none(); cell_ids.len()];
    for cell in cells_of(cell_ids, "earlier", listed.map_or(&[][..], Vec::as_slice))? {
        public[cell] = true;
    }
    for cell in cells_of(cell_ids, "earlier", suppressed)? {
        public[cell] = false;
    }
    Ok((0..public.len()).filter(|cell| public[*cell]).collect())
}

fn cell_of(cell_ids: &Names, field: &'static str, name: &str) -> Result<CellId, DocumentError> {
    cell_ids.get(name).copied().ok_or_else(|| DocumentError::NoCell { field, name: name.to_owned() })
}

fn cells_of(cell_ids: &Names, field: &'static str, names: &[String]) -> Result<Vec<CellId>, DocumentError> {
    names.iter().map(|name| cell_of(cell_ids, field, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Document::parse(text.as_bytes()).err().map_or_else(String::new, |e| e.to_string())
    }

    #[test]
    fn a_document_becomes_a_table() {
        let text = br#"{"title": "two", "base": {"x": 1, "y": 5}, "cells": {"a": {"x": 1}, "b": {"y": 1}, "s": {"x": 1, "y": 1}},
            "primary": ["a"], "suppressed": ["b", "a"], "contributors": {"b": 2}, "earlier": [["a", "b"]],
            "ratios": [{"num": "a", "den": "s", "published": 16.7, "decimals": 1}], "policy": {"threshold": 5}}"#;
        let document = Document::parse(text).unwrap();
        assert_eq!(document.names, ["a", "b", "s"]);
        assert_eq!((document.primary, document.suppressed), (Some(vec![0]), Some(vec![1, 0])));
        assert_eq!(document.table.cells[2].show, Show::Known);
        assert_eq!((document.table.policy.threshold, document.table.policy.width), (5, 3));
        assert_eq!(document.table.ratios[0].shown, Some(Shown { value: 16.7, decimals: 1, per: 100.0 }));
    }

    #[test]
    fn what_is_wrong_is_named_with_cell_and_field() {
        for (text, words) in [
            ("[]", "an object with 'base' and 'cells'"),
            (r#"{"cells": {}}"#, "Field 'base' is missing."),
            (r#"{"base": {"x": -1}, "cells": {}}"#, "Base count 'x' is -1"),
            (r#"{"base": {"x": 1.5}, "cells": {}}"#, "Base count 'x' is 1.5"),
            (r#"{"base": {"x": 1, "x": 2}, "cells": {}}"#, "'x' stands twice in field 'base'"),
            (r#"{"base": {"x": 1}, "cells": {"a": {"y": 1}}}"#, "Cell 'a' adds up 'y'"),
            (r#"{"base": {"x": 1}, "cells": {"a": {"x": 9000000}}}"#, "takes 'x' 9000000 times"),
            (r#"{"base": {}, "cells": {}, "primary": ["q"]}"#, "Field 'primary' names cell 'q'"),
            (r#"{"base": {}, "cells": {}, "earlier": [["q"]]}"#, "Field 'earlier' names cell 'q'"),
            (r#"{"base": {}, "cells": {}, "supressed": []}"#, "is it 'suppressed'?"),
            (r#"{"base": {}, "cells": {}, "cells": {}}"#, "field 'cells' stands twice"),
            (
                r#"{"base": {}, "cells": {"a": {}}, "ratios": [{"num": "a", "den": "a", "published": 1}]}"#,
                "'decimals'",
            ),
        ] {
            let said = error(text);
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in r#"[\[\]{}":, a-c0-9.-]{0,60}"#) {
            let _ = Document::parse(text.as_bytes());
        }
    }
}
