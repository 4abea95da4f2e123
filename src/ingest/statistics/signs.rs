//! Legends: which sign in the place of a number means what, by the office that wrote the table.
//!
//! Must not know: numbers, columns, files. Invariant: a sign that the legend of the source does not have has no meaning;
//! a mark such as `-9999` is one only where the source is known to use it.
//!
//! The sign tables follow the published legends: DIN 55301 (withdrawn, but still what most offices write), the
//! Landesamt für Statistik Niedersachsen (which now writes letters, and wrote `[g]` and the like before), and the
//! statistics of the Bundesagentur für Arbeit.

use serde::Deserialize;

use super::number::SignMeaning;
use crate::domain::Status;

/// Whose legend a table follows; the words of `sign_profile` in a mapping file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignProfile {
    /// DIN 55301: `-` `.` `...` `/` `x` `( )`, and `*` for what is withheld.
    #[default]
    Din,
    /// Landesamt für Statistik Niedersachsen: also the letters `g t u k` and signs in square brackets.
    Lsn,
    /// Bundesagentur für Arbeit: `*` is withheld.
    Ba,
    /// Exports of databases and GIS: also `-9999`, `-999`, `------`, `k.A.`, `n.v.`, `NA`, `NULL`, `#NV` for no value.
    Database,
    /// No signs but those of the mapping.
    None,
}

/// What a sign says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `-`: exactly zero where the region exists, else not applicable.
    Nothing,
    /// All else.
    Means(SignMeaning),
}

impl SignProfile {
    /// What a text without white space around it means; `None` if the legend does not have it. An empty text is a
    /// missing value in every legend.
    pub fn sign(self, text: &str) -> Option<Sign> {
        if text.is_empty() {
            return Some(Sign::Means(SignMeaning::Missing));
        }
        match self {
            Self::None => None,
            Self::Din | Self::Ba => din(text),
            Self::Lsn => lsn(text).or_else(|| din(text)),
            Self::Database => no_data(text).or_else(|| din(text)),
        }
    }

    /// The status that a flag at a number stands for.
    pub fn flag(self, flag: &str) -> Option<Status> {
        // This office once wrote its flags in square brackets.
        let bare = flag.strip_prefix('[').and_then(|flag| flag.strip_suffix(']'));
        match (self, bare.filter(|_| self == Self::Lsn).unwrap_or(flag)) {
            (Self::None, _) => None,
            (_, "p") => Some(Status::Preliminary),
            (_, "r") => Some(Status::Revised),
            (_, "s") => Some(Status::Estimated),
            (_, "e") => Some(Status::Valid),
            (Self::Lsn, "u" | "f") => Some(Status::Limited),
            _ => None,
        }
    }

    /// True if a number of a workbook, written as text, can be a sign.
    pub fn has_numbers(self) -> bool {
        self == Self::Database
    }
}

fn din(text: &str) -> Option<Sign> {
    Some(Sign::Means(match text {
        "-" | "–" | "—" | "\u{2212}" => return Some(Sign::Nothing),
        "." | "·" => SignMeaning::Unknown,
        "..." | "…" => SignMeaning::NotYetAvailable,
        "/" => SignMeaning::Unreliable,
        "x" | "X" => SignMeaning::NotMeaningful,
        "*" => SignMeaning::Suppressed,
        _ => return None,
    }))
}

fn lsn(text: &str) -> Option<Sign> {
    Some(Sign::Means(match text {
        "[n]" => return Some(Sign::Nothing),
        // Not zero, but rounded to it.
        "k" | "[0]" => SignMeaning::Zero,
        "g" | "[g]" => SignMeaning::Unknown,
        "t" => SignMeaning::NotYetAvailable,
        "u" | "[u]" => SignMeaning::Unreliable,
        "[x]" => SignMeaning::NotMeaningful,
        _ => return None,
    }))
}

fn no_data(text: &str) -> Option<Sign> {
    let hyphens = text.len() >= 3 && text.bytes().all(|b| b == b'-');
    let nines = text.strip_prefix("-999").is_some_and(|rest| rest.bytes().all(|b| b == b'9'));
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let word =
        matches!(plain.as_str(), "k.a." | "k.a" | "n.v." | "n.v" | "na" | "n/a" | "null" | "#nv" | "#n/a");
    (hyphens || nines || word).then_some(Sign::Means(SignMeaning::Missing))
}

/// True for `-999`, `-9999` and the like: numbers that stand for "no value" in many exports.
pub fn looks_like_no_data(value: f64) -> bool {
    (-1e9..=-999.0).contains(&value) && no_data(&value.to_string()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_letter_means_something_in_one_legend_only() {
        let unknown = Some(Sign::Means(SignMeaning::Unknown));
        assert_eq!((SignProfile::Lsn.sign("g"), SignProfile::Din.sign("g")), (unknown, None));
        assert_eq!((SignProfile::Lsn.sign("[n]"), SignProfile::Ba.sign("[n]")), (Some(Sign::Nothing), None));
        assert_eq!(SignProfile::Ba.sign("*"), Some(Sign::Means(SignMeaning::Suppressed)));
        assert_eq!(SignProfile::None.sign("-"), None);
        assert_eq!(SignProfile::Lsn.flag("u"), Some(Status::Limited));
        assert_eq!((SignProfile::Din.flag("u"), SignProfile::None.flag("p")), (None, None));
    }

    #[test]
    fn marks_for_no_value_are_known_to_databases_only() {
        let missing = Some(Sign::Means(SignMeaning::Missing));
        for mark in ["-9999", "-999", "------", "k. A.", "n.v.", "NA", "#NV"] {
            assert_eq!(SignProfile::Database.sign(mark), missing, "{mark}");
            assert_eq!(SignProfile::Din.sign(mark), None, "{mark}");
        }
        assert_eq!((SignProfile::Database.sign("-99"), SignProfile::Database.sign("-9991")), (None, None));
        assert!(looks_like_no_data(-9999.0) && !looks_like_no_data(-998.0) && !looks_like_no_data(9999.0));
    }
}
