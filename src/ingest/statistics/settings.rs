//! What the caller and the catalogue say about a file of values, whatever its layout.
//!
//! Must not know: files, regions but by their keys.

use std::{collections::BTreeSet, sync::Arc};

use super::{keys::KeyIndex, mapping::Mapping};
use crate::domain::{Period, Slug};

/// What the caller and the catalogue say about a file, whatever its layout.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The mapping; the default one where none was given.
    pub mapping: Mapping,
    /// Asked for: the indicator of all values, or the only one that is wanted.
    pub indicator: Option<Slug>,
    /// Asked for: the period of all values, or the only one that is wanted.
    pub period: Option<Period>,
    /// Slugs of the catalogue.
    pub known: BTreeSet<Slug>,
    /// Those of them whose numbers are percentages.
    pub percent: BTreeSet<Slug>,
    /// The keys of the edition.
    pub keys: Arc<KeyIndex>,
    /// Columns that the catalogue does not know become draft indicators.
    pub drafting: bool,
    /// Name of the file, for tables without a code of their own.
    pub file: String,
}

impl Settings {
    /// The indicator of values that name none.
    pub fn fixed_indicator(&self) -> Option<&Slug> {
        self.indicator.as_ref().or(self.mapping.indicator.as_ref())
    }

    /// The period of values that name none.
    pub fn fixed_period(&self) -> Option<&Period> {
        self.period.as_ref().or(self.mapping.period.as_ref())
    }

    /// The slug that a text of the file stands for.
    fn mapped<'a>(&'a self, text: &'a str) -> &'a str {
        self.mapping.indicators.get(text).map_or(text, Slug::as_str)
    }

    /// The indicator that a text of the file names, if the catalogue has it.
    pub fn find_indicator(&self, text: &str) -> Option<Slug> {
        self.known.get(self.mapped(text)).cloned()
    }

    /// The indicator that a text of the file names.
    ///
    /// # Errors
    /// A sentence that names the nearest known ones.
    pub fn named_indicator(&self, text: &str) -> Result<Slug, String> {
        self.find_indicator(text).ok_or_else(|| self.unknown_indicator(text))
    }

    /// The sentence about an indicator that the catalogue lacks.
    pub fn unknown_indicator(&self, text: &str) -> String {
        let text = self.mapped(text);
        let near = nearest(text, self.known.iter().map(Slug::as_str));
        let hint = match near.as_slice() {
            [] => "import the catalogue first".to_owned(),
            names => format!("did you mean {}?", names.join(", ")),
        };
        format!("The catalogue has no indicator '{text}'; {hint}")
    }
}

#[cfg(test)]
impl Settings {
    /// Settings without mapping and catalogue.
    pub fn plain() -> Self {
        Self {
            mapping: Mapping::default(),
            indicator: None,
            period: None,
            known: BTreeSet::new(),
            percent: BTreeSet::new(),
            keys: Arc::new(KeyIndex::new(std::iter::empty(), std::iter::empty())),
            drafting: false,
            file: "test.csv".into(),
        }
    }
}

/// At most three names that are near to `text`, the nearest first.
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    // Noise may be as long as a line may be; a slug is not.
    let text: String = text.chars().take(64).collect();
    let mut ranked: Vec<_> = names.map(|name| (strsim::levenshtein(&text, name), name)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        assert_eq!(nearest("populaton", ["day-care", "population", "births"].into_iter())[0], "population");
    }
}
