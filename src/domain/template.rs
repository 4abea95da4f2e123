//! What a prefilled template says of itself, so that it comes back without a mapping.
//!
//! Ordinary text in the cells of a sheet of its own: spreadsheet programs keep that, whatever format they save.

use chrono::NaiveDate;

use crate::domain::{Period, Slug};

/// Name of the sheet that holds the head.
pub const TEMPLATE_SHEET: &str = "_kommunalatlas";

/// What stands over the keys in the row of names for the program.
pub const TEMPLATE_KEY: &str = "kommunalatlas:key";

/// What stands over the names of regions, which are never read.
pub const TEMPLATE_NAME: &str = "kommunalatlas:name";

/// First cell of the head, and beside it the version of this layout.
const MARK: (&str, &str) = ("kommunalatlas-template", "1");

/// A column of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplatePart {
    /// The latest stored value; only for people.
    Last,
    /// The value that is asked for.
    Value,
    /// The numerator that is asked for.
    Numerator,
    /// The denominator that is asked for.
    Denominator,
}

impl TemplatePart {
    /// What stands over the column of an indicator in the row of names for the program.
    pub fn column(self, indicator: &Slug) -> String {
        let part = match self {
            Self::Last => "last",
            Self::Value => "value",
            Self::Numerator => "numerator",
            Self::Denominator => "denominator",
        };
        format!("{indicator}:{part}")
    }

    /// The columns to be filled of an indicator, with numerator and denominator or without.
    pub const fn asked(ratio: bool) -> &'static [Self] {
        if ratio { &[Self::Value, Self::Numerator, Self::Denominator] } else { &[Self::Value] }
    }
}

/// What a template is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateHead {
    /// Atlas that asks.
    pub atlas: Slug,
    /// Level of the regions.
    pub level: Slug,
    /// Date of the boundaries.
    pub edition: NaiveDate,
    /// Period that is asked for.
    pub period: Period,
    /// Name of the sheet to be filled.
    pub sheet: String,
    /// Indicators, and whether numerator and denominator are asked for.
    pub indicators: Vec<(Slug, bool)>,
}

/// Why cells are no head of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The first cell is another one.
    #[error("The sheet '{TEMPLATE_SHEET}' is not that of a template; remove it or make the template anew.")]
    Foreign,
    /// A later version of the program made it.
    #[error(
        "The template has the layout '{0}', which this version of the program does not know; update the program."
    )]
    Version(String),
    /// Somebody changed the cells.
    #[error("The sheet '{TEMPLATE_SHEET}' of the template was changed ({0}); make the template anew.")]
    Changed(String),
}

impl TemplateHead {
    /// The cells of the head: two to a row. The last row is a checksum over the others.
    pub fn rows(&self) -> Vec<(String, String)> {
        let row = |name: &str, value: String| (name.to_owned(), value);
        let mut rows = vec![
            row(MARK.0, MARK.1.to_owned()),
            row("atlas", self.atlas.to_string()),
            row("level", self.level.to_string()),
            row("edition", self.edition.to_string()),
            row("period", self.period.to_string()),
            row("sheet", self.sheet.clone()),
        ];
        let kind = |ratio: bool| if ratio { "ratio" } else { "indicator" };
        rows.extend(self.indicators.iter().map(|(slug, ratio)| row(kind(*ratio), slug.to_string())));
        rows.push(row("checksum", checksum(&rows)));
        rows
    }

    /// Reads what [`TemplateHead::rows`] made; empty rows between and behind do not count.
    ///
    /// # Errors
    /// If it is something else, of a later version, or was changed.
    pub fn read(rows: &[(String, String)]) -> Result<Self, TemplateError> {
        let mut rows: Vec<(String, String)> =
            rows.iter().filter(|(name, value)| !name.is_empty() || !value.is_empty()).cloned().collect();
        match rows.first() {
            Some((mark, version)) if mark == MARK.0 && version != MARK.1 => {
                return Err(TemplateError::Version(version.clone()));
            }
            Some((mark, _)) if mark == MARK.0 => {}
            _ => return Err(TemplateError::Foreign),
        }
        let given = rows.pop().filter(|(name, _)| name == "checksum").map(|(_, value)| value);
        if given.as_deref() != Some(checksum(&rows).as_str()) {
            return Err(TemplateError::Changed("the checksum differs".into()));
        }
        let text =
            |wanted: &str| rows.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let parsed = |wanted: &str| text(wanted).ok_or_else(|| TemplateError::Changed(wanted.to_owned()));
        let wrong = |name: &str| TemplateError::Changed(name.to_owned());
        let indicators = rows.iter().filter(|(name, _)| name == "indicator" || name == "ratio");
        Ok(Self {
            atlas: parsed("atlas")?.parse().map_err(|_| wrong("atlas"))?,
            level: parsed("level")?.parse().map_err(|_| wrong("level"))?,
            edition: parsed("edition")?.parse().map_err(|_| wrong("edition"))?,
            period: parsed("period")?.parse().map_err(|_| wrong("period"))?,
            sheet: parsed("sheet")?.to_owned(),
            indicators: indicators
                .map(|(name, slug)| Ok((slug.parse().map_err(|_| wrong("indicator"))?, name == "ratio")))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The first 16 digits of the BLAKE3 hash of the rows: against slips, not against intent.
fn checksum(rows: &[(String, String)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, value) in rows {
        hasher.update(format!("{name}\u{1f}{value}\u{1e}").as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> TemplateHead {
        TemplateHead {
            atlas: "a".parse().unwrap(),
            level: "gemeinde".parse().unwrap(),
            edition: "2019-12-31".parse().unwrap(),
            period: "2023".parse().unwrap(),
            sheet: "Werte".into(),
            indicators: vec![
                ("population".parse().unwrap(), false),
                ("day-care-rate".parse().unwrap(), true),
            ],
        }
    }

    #[test]
    fn a_head_comes_back_from_its_cells() {
        let mut rows = head().rows();
        rows.insert(2, (String::new(), String::new()));
        rows.push((String::new(), String::new()));
        assert_eq!(TemplateHead::read(&rows), Ok(head()));
    }

    #[test]
    fn changed_foreign_and_later_heads_are_told_apart() {
        let mut changed = head().rows();
        changed[4].1 = "2024".into();
        assert!(matches!(TemplateHead::read(&changed), Err(TemplateError::Changed(_))));
        let mut cut = head().rows();
        cut.pop();
        assert!(matches!(TemplateHead::read(&cut), Err(TemplateError::Changed(_))));
        let mut later = head().rows();
        later[0].1 = "2".into();
        assert_eq!(TemplateHead::read(&later), Err(TemplateError::Version("2".into())));
        assert_eq!(TemplateHead::read(&[]), Err(TemplateError::Foreign));
    }
}
