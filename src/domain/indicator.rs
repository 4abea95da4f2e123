//! Indicators: definitions with their description (indicator sheet), themes and sources.

use serde::{Deserialize, Serialize};

use crate::domain::{ClassRule, Policies, Slug, Text};

/// A theme (Themenfeld) such as education or health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// Name in URLs.
    pub slug: Slug,
    /// Name for people.
    pub title: Text,
}

/// Who delivers data, and what its data may be used for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name in files.
    pub slug: Slug,
    /// Name for people, as the source wants to be cited.
    pub title: Text,
    /// Only statisticians may read its series; other staff read an internal release.
    #[serde(default)]
    pub restricted: bool,
    /// What disclosure control demands of its numbers, where a contract is stricter than the atlas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Policies>,
}

/// What the number of an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndicatorKind {
    /// How many there are. Never drawn as a choropleth.
    Count,
    /// Part of a whole, in percent.
    Share,
    /// Related to a base, such as per 1,000 inhabitants.
    Rate,
    /// Mean of a measured quantity.
    Mean,
    /// A made-up scale.
    Index,
}

impl IndicatorKind {
    /// The name used in URLs and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Share => "share",
            Self::Rate => "rate",
            Self::Mean => "mean",
            Self::Index => "index",
        }
    }

    /// True if the number is made from a numerator and a denominator.
    pub const fn is_ratio(self) -> bool {
        matches!(self, Self::Share | Self::Rate)
    }
}

/// What a high number means for children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// High is good.
    Positive,
    /// High is a burden.
    Negative,
    /// Neither.
    #[default]
    Neutral,
}

/// Which denominator belongs to a numerator of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenominatorRule {
    /// The one of the same date or period.
    #[default]
    SameDate,
    /// The one of 31 December before.
    PreviousYearEnd,
    /// The mean of the ones before and after.
    MeanOfTwo,
}

/// How the numbers of a series came about; disclosure control needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Provenance {
    /// Exact counts.
    #[default]
    Exact,
    /// Rounded at the source to multiples of `base`.
    Rounded {
        /// Multiple.
        base: f64,
    },
    /// Changed at the source by at most `deviation` (cell key method).
    CellKeyed {
        /// Greatest difference.
        deviation: f64,
    },
    /// Small numbers were withheld at the source.
    SuppressedAtSource,
    /// A sample survey.
    Survey,
    /// Made up, for demonstration.
    Synthetic,
}

/// The description without which nothing is published (Indikatorenblatt).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sheet {
    /// What is measured.
    pub definition: Text,
    /// How it is calculated.
    pub calculation: Text,
    /// What stands above the line; only for shares and rates.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub numerator: Text,
    /// What stands below the line; only for shares and rates.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub denominator: Text,
    /// Who counted.
    pub source: Text,
    /// Which population (Fortschreibung, Melderegister …).
    pub population_basis: Text,
    /// Counted at the residence or at the facility.
    pub place_principle: Text,
    /// Which day or span.
    pub reference_date: Text,
    /// How to read it.
    pub interpretation: Text,
    /// What it cannot say.
    pub limits: Text,
    /// Whom to ask.
    pub contact: Text,
    /// Under which terms it may be used.
    pub licence: Text,
    /// How often it is renewed.
    pub update_cycle: Text,
}

impl Sheet {
    /// Names of the fields that must be filled before a release and are not.
    pub fn missing_fields(&self, kind: IndicatorKind) -> Vec<&'static str> {
        let always = [
            ("definition", &self.definition),
            ("calculation", &self.calculation),
            ("source", &self.source),
            ("reference_date", &self.reference_date),
            ("contact", &self.contact),
            ("licence", &self.licence),
        ];
        let of_ratios = [("numerator", &self.numerator), ("denominator", &self.denominator)];
        let ratios = of_ratios.into_iter().filter(|_| kind.is_ratio());
        always.into_iter().chain(ratios).filter(|(_, text)| text.is_empty()).map(|(name, _)| name).collect()
    }
}

/// One indicator of an atlas. A category (girls, under 3) is an indicator that names its total in `part_of`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// Name in URLs.
    pub slug: Slug,
    /// Name for people.
    pub title: Text,
    /// Slug of its theme.
    pub theme: Slug,
    /// What the number is.
    pub kind: IndicatorKind,
    /// Unit as written after the number: `%`, `je 1.000`, `Personen`.
    pub unit: Text,
    /// Decimals that are stored in a release and shown, 0 to 6.
    #[serde(default)]
    pub decimals: u8,
    /// For ratios: value = numerator / denominator × `per` (100 for shares, 1000 for "per 1,000").
    #[serde(default = "hundred")]
    pub per: f64,
    /// What a high number means.
    #[serde(default)]
    pub polarity: Polarity,
    /// The total of which this is a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<Slug>,
    /// The indicator that is the numerator of this ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Slug>,
    /// The indicator that is the denominator of this ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Slug>,
    /// Which denominator belongs to a numerator.
    #[serde(default)]
    pub denominator_rule: DenominatorRule,
    /// Its numbers speak of persons; false for playgrounds, areas, published population figures.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub sensitive: bool,
    /// How it is classified unless somebody asks otherwise.
    #[serde(default)]
    pub classification: ClassRule,
    /// Slug of its palette in `styles/palettes.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub palette: Option<Slug>,
    /// A public remark shown wherever its numbers are ("illustrative data").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
    /// Its description.
    #[serde(default)]
    pub sheet: Sheet,
}

const fn hundred() -> f64 {
    100.0
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_its_numerator_and_denominator_described() {
        let mut sheet = Sheet::default();
        assert!(sheet.missing_fields(IndicatorKind::Share).contains(&"numerator"));
        for field in [
            &mut sheet.definition,
            &mut sheet.calculation,
            &mut sheet.source,
            &mut sheet.reference_date,
            &mut sheet.contact,
            &mut sheet.licence,
        ] {
            *field = Text::german("x");
        }
        assert!(sheet.missing_fields(IndicatorKind::Count).is_empty());
        assert_eq!(sheet.missing_fields(IndicatorKind::Rate), ["numerator", "denominator"]);
    }
}
