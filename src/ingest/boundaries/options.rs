//! What a person says about a boundary file, and how it is written on the command line.

use std::{path::PathBuf, str::FromStr};

use chrono::NaiveDate;

use crate::{
    domain::{RegionKey, Slug, Text},
    geometry::Crs,
};

/// How a boundary file is to be understood.
#[derive(Debug, Clone)]
pub struct BoundaryOptions {
    /// Level that gets the edition; made if it is not there.
    pub level: Slug,
    /// Title of the level if it is made.
    pub level_title: Text,
    /// Field with the region's key.
    pub key_field: String,
    /// Field with the region's name.
    pub name_field: String,
    /// Field with a name for narrow places.
    pub short_name_field: Option<String>,
    /// Only features that fulfil all of these are taken.
    pub filter: Vec<Condition>,
    /// Date of the boundaries.
    pub edition: NaiveDate,
    /// Where the parents of a region are written, at most one rule per parent level.
    pub parents: Vec<ParentRule>,
    /// System of the coordinates; what the file says if `None`.
    pub crs: Option<Crs>,
    /// Regions with a feature that fulfils this are inhabited, the others not; all are if `None`.
    pub inhabited: Option<Condition>,
    /// Regions that are uninhabited whatever their fields say.
    pub uninhabited_keys: Vec<RegionKey>,
    /// Whose boundaries these are, as must be cited.
    pub attribution: String,
    /// Layer of a GeoPackage, object of a TopoJSON file or member of an archive that has several.
    pub layer: Option<String>,
    /// Table of reference regions (Land, Bund, neighbours), which have no geometry.
    pub references: Option<PathBuf>,
    /// Borders nearer to each other than this are one, in metres; 0 = only if they are equal on the grid.
    pub snap_tolerance_m: f64,
    /// Greatest size of a gzipped tile in bytes; decides the least zoom.
    pub tile_budget: usize,
}

/// Greatest size of a gzipped tile in bytes, where nothing else is said.
pub const DEFAULT_TILE_BUDGET: usize = 500_000;

/// A condition on a field: `GF=4`, `BEZ=Stadt,Gemeinde` or `GF!=2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    field: String,
    negated: bool,
    values: Vec<String>,
}

/// Where the key of a region's parent is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentRule {
    /// Parent level; must have an edition in the store.
    pub level: Slug,
    /// Where its key is.
    pub key: ParentKey,
}

/// The form of a parent's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentKey {
    /// The whole text of a field.
    Field(String),
    /// The first characters of a field, or of the region's own key.
    Prefix {
        /// The field; the region's key if `None`.
        of: Option<String>,
        /// Number of characters, at least 1.
        len: usize,
    },
}

/// Why a text is no condition or no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Not a condition.
    #[error("'{0}' is not a condition: write FIELD=VALUE, FIELD=VALUE,VALUE or FIELD!=VALUE")]
    Condition(String),
    /// Not a rule for parents.
    #[error(
        "'{0}' is not a rule for parents: write LEVEL=FIELD, LEVEL=prefix 5 or LEVEL=prefix 9 of FIELD, \
         with the level's slug"
    )]
    ParentRule(String),
}

impl Condition {
    /// The field that is looked at.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// True if a field's text (`None` where there is nothing) fulfils the condition. An empty value in the condition
    /// means "nothing".
    pub fn holds(&self, text: Option<&str>) -> bool {
        let text = text.unwrap_or_default();
        self.values.iter().any(|value| value == text) != self.negated
    }
}

impl FromStr for Condition {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        let error = || OptionError::Condition(text.chars().take(80).collect());
        let (left, right) = text.split_once('=').ok_or_else(error)?;
        let (field, negated) = left.strip_suffix('!').map_or((left, false), |field| (field, true));
        let field = field.trim().to_owned();
        if field.is_empty() {
            return Err(error());
        }
        Ok(Self { field, negated, values: right.split(',').map(|value| value.trim().to_owned()).collect() })
    }
}

impl FromStr for ParentRule {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        let error = || OptionError::ParentRule(text.chars().take(80).collect());
        let (level, rule) = text.split_once('=').ok_or_else(error)?;
        let level = level.trim().parse().map_err(|_| error())?;
        let words: Vec<&str> = rule.split_whitespace().collect();
        let prefix = |len: &str, of: Option<&str>| match len.parse() {
            Ok(len @ 1..=40) => Ok(ParentKey::Prefix { of: of.map(str::to_owned), len }),
            _ => Err(error()),
        };
        let key = match words.as_slice() {
            [] => return Err(error()),
            ["prefix", len] => prefix(len, None)?,
            ["prefix", len, "of", field] => prefix(len, Some(field))?,
            _ => ParentKey::Field(rule.trim().to_owned()),
        };
        Ok(Self { level, key })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_condition_names_values_that_are_wanted_or_not() {
        let holds = |condition: &str, text| condition.parse::<Condition>().unwrap().holds(text);
        assert!(holds("GF=4", Some("4")) && !holds("GF=4", Some("2")) && !holds("GF=4", None));
        assert!(holds("BEZ=Stadt, Gemeinde", Some("Gemeinde")));
        assert!(holds("GF!=2,3", Some("4")) && !holds("GF!=2,3", Some("3")) && holds("GF != 2", None));
        assert!(holds("NOTE=", None) && !holds("NOTE!=", None));
        for bad in ["", "GF", "=4", "!=4"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parent_is_found_in_a_field_or_by_a_prefix() {
        let rule = |text: &str| text.parse::<ParentRule>().map(|rule| rule.key);
        assert_eq!(rule("kreis=prefix 5"), Ok(ParentKey::Prefix { of: None, len: 5 }));
        assert_eq!(
            rule("samtgemeinde = prefix 9 of ARS"),
            Ok(ParentKey::Prefix { of: Some("ARS".to_owned()), len: 9 })
        );
        assert_eq!(rule("kreis=KRS"), Ok(ParentKey::Field("KRS".to_owned())));
        for bad in ["", "kreis", "kreis=", "Kreis=A", "kreis=prefix x", "kreis=prefix 0", "kreis=prefix 9 of"]
        {
            assert!(rule(bad).is_err() || bad.ends_with("of"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_rule_or_an_error(text in ".{0,40}") {
            let _ = text.parse::<ParentRule>();
            let _ = text.parse::<Condition>();
        }
    }
}
