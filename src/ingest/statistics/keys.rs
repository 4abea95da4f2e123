//! Keys of a file → regions of an edition.
//!
//! Must not know: values, and names least of all: regions are never joined by name.
//!
//! Invariant: a key that maps in no known form stays unknown. Leading zeros are restored only if every key of the file
//! then maps.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
};

use crate::domain::ags_from_ars;

/// Rows of a series that a file may have however few regions the edition has: a table of all Germany, joined to one Kreis.
const OTHER_ROWS: usize = 100_000;

/// How a key was read; the names are those of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyForm {
    /// As it stands.
    Exact,
    /// The AGS of a region keyed by ARS, or the other way round.
    AgsOfArs,
    /// Kreis, Verband, Gemeinde (10 or 11 digits).
    KreisVerbandGemeinde,
    /// Kreis and Verband (7 or 8 digits).
    KreisVerband,
    /// A kreisfreie Stadt by the five digits of its Kreis.
    KreisfreieStadt,
    /// Berlin or Hamburg by the two digits of the Land.
    Stadtstaat,
    /// A larger region whose key is filled up with zeros: `03354000` for Kreis 03354.
    FilledUp,
}

impl KeyForm {
    /// The name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AgsOfArs => "ags-of-ars",
            Self::KreisVerbandGemeinde => "kreis-verband-gemeinde",
            Self::KreisVerband => "kreis-verband",
            Self::KreisfreieStadt => "kreisfreie-stadt",
            Self::Stadtstaat => "stadtstaat",
            Self::FilledUp => "filled-up-with-zeros",
        }
    }
}

/// What a key of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The region of this ordinal.
    Region(u32, KeyForm),
    /// A larger region: a Verband, Kreis, Regierungsbezirk, Land or Germany.
    Larger,
    /// A part of a region: a Gemeinde in a table for Kreise.
    Smaller,
    /// Nothing that the edition knows.
    Unknown,
}

/// All keys of a file, resolved.
#[derive(Debug)]
pub struct KeyJoin {
    /// By id of the key.
    pub resolved: Vec<Resolved>,
    /// How many keys that are regions were read in which form.
    pub forms: BTreeMap<&'static str, u64>,
    /// How many keys got their leading zero back.
    pub zeros_restored: u64,
    /// Larger and smaller regions.
    pub other_levels: u64,
}

/// The keys of an edition and of the parents of its regions.
#[derive(Debug)]
pub struct KeyIndex {
    regions: HashMap<String, (u32, KeyForm)>,
    larger: HashSet<String>,
    /// The regions are Verbände by nine digits of the ARS.
    of_verbaende: bool,
    longest: usize,
}

impl KeyIndex {
    /// An index over the keys of an edition by ordinal, and the keys of all parents.
    pub fn new<'a>(keys: impl Iterator<Item = &'a str>, parents: impl Iterator<Item = &'a str>) -> Self {
        let keys: Vec<&str> = keys.collect();
        let mut regions = HashMap::with_capacity(keys.len() * 2);
        let mut larger: HashSet<String> = parents.map(str::to_owned).collect();
        for (ordinal, key) in keys.iter().enumerate() {
            if let Some(ags) = ags_from_ars(key) {
                regions.insert(ags, (ordinal as u32, KeyForm::AgsOfArs));
            }
        }
        for (ordinal, key) in keys.iter().enumerate() {
            regions.insert((*key).to_owned(), (ordinal as u32, KeyForm::Exact));
            larger.extend(larger_keys(key));
        }
        let digits = |key: &&&str| key.bytes().all(|b| b.is_ascii_digit());
        let longest = keys.iter().filter(digits).map(|key| key.len()).max().unwrap_or(0);
        let of_verbaende = longest == 9;
        Self { regions, larger, of_verbaende, longest }
    }

    /// Most rows of one series in any file. Beside the regions there may be dissolved ones, parts and sums; much more than
    /// that are repeated rows.
    pub fn most_rows(&self) -> usize {
        self.regions.len().saturating_mul(4).saturating_add(OTHER_ROWS)
    }

    /// Resolves all keys of a file together: what one key means can depend on the others.
    pub fn join<'a>(&self, keys: &[&'a str]) -> KeyJoin {
        let in_file: HashSet<&'a str> = keys.iter().copied().collect();
        // `03354403` is a Verband because `03354403005` lies in it, `033545403` because of `033545403005`.
        let verbaende: HashSet<&str> = in_file
            .iter()
            .filter(|key| matches!(key.len(), 10..=12) && is_digits(key))
            .filter_map(|key| key.get(..key.len() - 3))
            .collect();
        let mut resolved: Vec<_> = keys.iter().map(|key| self.resolve(key, &in_file, &verbaende)).collect();
        let zeros_restored = self.restore_zeros(keys, &mut resolved, &in_file, &verbaende);
        let mut forms = BTreeMap::new();
        let mut other_levels = 0;
        for one in &resolved {
            match one {
                Resolved::Region(_, form) => *forms.entry(form.as_str()).or_insert(0) += 1,
                Resolved::Larger | Resolved::Smaller => other_levels += 1,
                Resolved::Unknown => {}
            }
        }
        KeyJoin { resolved, forms, zeros_restored, other_levels }
    }

    /// Puts a zero before unknown keys of digits if every unknown key maps then.
    fn restore_zeros(
        &self,
        keys: &[&str],
        resolved: &mut [Resolved],
        in_file: &HashSet<&str>,
        verbaende: &HashSet<&str>,
    ) -> u64 {
        let unknown =
            || resolved.iter().enumerate().filter(|(_, r)| **r == Resolved::Unknown).map(|(i, _)| i);
        let mut restored = Vec::new();
        for id in unknown() {
            let key = keys[id];
            let padded = format!("0{key}");
            match self.resolve(&padded, in_file, verbaende) {
                Resolved::Unknown => return 0,
                found if is_digits(key) => restored.push((id, found)),
                _ => return 0,
            }
        }
        for (id, found) in &restored {
            resolved[*id] = *found;
        }
        restored.len() as u64
    }

    fn resolve(&self, key: &str, in_file: &HashSet<&str>, verbaende: &HashSet<&str>) -> Resolved {
        if let Some((ordinal, form)) = self.regions.get(key) {
            return Resolved::Region(*ordinal, *form);
        }
        if matches!(key, "DG" | "D" | "DE") {
            return Resolved::Larger;
        }
        if !is_digits(key) {
            return if self.larger.contains(key) { Resolved::Larger } else { Resolved::Unknown };
        }
        for (full, form) in self.full_forms(key) {
            let Some((ordinal, _)) = self.regions.get(&full) else { continue };
            // A city that is named in full in the same file makes this row its total.
            let short = matches!(form, KeyForm::KreisfreieStadt | KeyForm::Stadtstaat);
            return if short && in_file.contains(full.as_str()) {
                Resolved::Larger
            } else {
                Resolved::Region(*ordinal, form)
            };
        }
        if self.larger.contains(key) || verbaende.contains(key) {
            return Resolved::Larger;
        }
        if let Some(found) = self.filled_up(key, in_file) {
            return found;
        }
        if self.is_part(key) { Resolved::Smaller } else { Resolved::Unknown }
    }

    /// The keys that a key in another form may stand for.
    fn full_forms(&self, key: &str) -> Vec<(String, KeyForm)> {
        let ends = |at: usize, len: usize| (&key[..at], &key[key.len() - len..]);
        match key.len() {
            2 => vec![
                (format!("{key}000000"), KeyForm::Stadtstaat),
                (format!("{key}000"), KeyForm::Stadtstaat),
            ],
            5 => vec![(format!("{key}000"), KeyForm::KreisfreieStadt)],
            7 if self.of_verbaende => {
                let (kreis, verband) = ends(5, 2);
                vec![(format!("{kreis}50{verband}"), KeyForm::KreisVerband)]
            }
            8 if self.of_verbaende => {
                let (kreis, verband) = ends(5, 3);
                ["5", "0", "9"]
                    .map(|kind| (format!("{kreis}{kind}{verband}"), KeyForm::KreisVerband))
                    .to_vec()
            }
            10 if self.of_verbaende && key[5..].starts_with("00") => {
                let (kreis, gemeinde) = ends(5, 3);
                vec![(format!("{kreis}0{gemeinde}"), KeyForm::KreisVerbandGemeinde)]
            }
            10 | 11 => {
                let (kreis, gemeinde) = ends(5, 3);
                vec![(format!("{kreis}{gemeinde}"), KeyForm::KreisVerbandGemeinde)]
            }
            12 => ags_from_ars(key).map(|ags| (ags, KeyForm::AgsOfArs)).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// A larger region, or the region itself, whose official key of 8 or 12 digits ends with zeros.
    fn filled_up(&self, key: &str, in_file: &HashSet<&str>) -> Option<Resolved> {
        let filled = matches!(key.len(), 8 | 12)
            .then(|| [9, 5, 3, 2].into_iter().filter(|len| *len < key.len()))?
            .filter_map(|len| key.split_at_checked(len))
            .filter(|(_, zeros)| zeros.bytes().all(|b| b == b'0'));
        for (short, _) in filled {
            if let Some((ordinal, _)) = self.regions.get(short) {
                // Beside the short key it is a part of the region, or its total once more.
                let twice = in_file.contains(short);
                return Some(if twice {
                    Resolved::Smaller
                } else {
                    Resolved::Region(*ordinal, KeyForm::FilledUp)
                });
            }
            if self.larger.contains(short) {
                return Some(Resolved::Larger);
            }
        }
        None
    }

    /// The key as it is looked up: without the spaces and points that are often written between its parts. Keys that
    /// the edition has as they stand are not changed, nor what is no official key then.
    pub fn canonical<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let separates = |c: char| c.is_whitespace() || c == '.';
        if !text.contains(separates) || self.regions.contains_key(text) || self.larger.contains(text) {
            return Cow::Borrowed(text);
        }
        let digits: String = text.chars().filter(|c| !separates(*c)).collect();
        if is_digits(&digits) && looks_official(&digits) { Cow::Owned(digits) } else { Cow::Borrowed(text) }
    }

    /// True if a text is the key of a region, or of a larger or smaller one, in any form, perhaps without its leading
    /// zero.
    pub fn knows(&self, text: &str) -> bool {
        self.alone(text) != Resolved::Unknown
    }

    /// True if a text is the key of a region in any form, perhaps without its leading zero.
    pub fn is_region(&self, text: &str) -> bool {
        matches!(self.alone(text), Resolved::Region(..))
    }

    /// A key without the others of its file.
    fn alone(&self, text: &str) -> Resolved {
        let key = self.canonical(text);
        let none = HashSet::new();
        match self.resolve(&key, &none, &none) {
            Resolved::Unknown if is_digits(&key) => self.resolve(&format!("0{key}"), &none, &none),
            found => found,
        }
    }

    /// True if the key begins with that of a region, in a file for larger regions.
    fn is_part(&self, key: &str) -> bool {
        if key.len() <= self.longest || (key.len() < 7 && self.longest != 2) {
            return false;
        }
        let begins = |len: usize| key.get(..len).is_some_and(|start| self.regions.contains_key(start));
        match self.longest {
            2 | 5 => begins(self.longest),
            9 => begins(9) || (key.len() == 11 && self.regions.contains_key(&verband_of_eleven(key))),
            _ => false,
        }
    }
}

/// The Verband, by nine digits, in which a key of eleven digits lies.
fn verband_of_eleven(key: &str) -> String {
    format!("{}5{}", &key[..5], &key[5..8])
}

/// True if a text has the length of an official key, perhaps without its leading zero; four digits are a year.
pub fn looks_official(text: &str) -> bool {
    is_digits(text) && matches!(text.len(), 1..=3 | 5 | 7..=12)
}

fn is_digits(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit())
}

/// Keys of the official regions in which the region of a key of digits lies, in all forms.
fn larger_keys(key: &str) -> Vec<String> {
    if !is_digits(key) {
        return Vec::new();
    }
    let mut larger: Vec<String> =
        [2, 3, 5].into_iter().filter(|len| *len < key.len()).map(|len| key[..len].to_owned()).collect();
    if key.len() == 12 {
        larger.push(key[..9].to_owned());
    }
    larger
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GEMEINDEN: [&str; 5] = ["02000000", "03101000", "03354005", "03354501", "07131001"];

    fn gemeinden() -> KeyIndex {
        KeyIndex::new(GEMEINDEN.into_iter(), ["03354", "033545403"].into_iter())
    }

    fn ordinals(index: &KeyIndex, keys: &[&str]) -> Vec<Option<u32>> {
        let region = |r: &Resolved| match r {
            Resolved::Region(ordinal, _) => Some(*ordinal),
            _ => None,
        };
        index.join(keys).resolved.iter().map(region).collect()
    }

    #[test]
    fn gemeinden_are_found_in_every_official_form() {
        let keys = ["03354005", "033545403005", "03354403005", "0713101001", "03101", "02"];
        assert_eq!(ordinals(&gemeinden(), &keys), [Some(2), Some(2), Some(2), Some(4), Some(1), Some(0)]);
    }

    #[test]
    fn a_verband_of_eight_digits_is_no_gemeinde() {
        let join = gemeinden().join(&["03354403", "03354403005", "03354", "03", "DG"]);
        assert_eq!(join.resolved[0], Resolved::Larger);
        assert_eq!(join.other_levels, 4);
    }

    #[test]
    fn a_kreisfreie_stadt_named_in_full_makes_its_short_form_a_total() {
        assert_eq!(gemeinden().join(&["03101", "03101000"]).resolved[0], Resolved::Larger);
    }

    #[test]
    fn verbaende_are_found_by_kreis_and_number() {
        let index =
            KeyIndex::new(["033545403", "033549501", "071310007", "071315001"].into_iter(), [].into_iter());
        let keys = ["03354403", "03354501", "0713100007", "0713101"];
        assert_eq!(ordinals(&index, &keys), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(index.join(&["03354403005"]).resolved[0], Resolved::Smaller);
    }

    #[test]
    fn parts_of_a_kreis_are_no_kreise() {
        let index = KeyIndex::new(["03241", "11000"].into_iter(), [].into_iter());
        let join = index.join(&["03241", "03241001", "11", "11001"]);
        assert!(matches!(join.resolved[0], Resolved::Region(0, KeyForm::Exact)));
        assert_eq!(join.resolved[1], Resolved::Smaller);
        assert!(matches!(join.resolved[2], Resolved::Region(1, KeyForm::Stadtstaat)));
        assert_eq!(join.resolved[3], Resolved::Unknown);
    }

    #[test]
    fn keys_with_spaces_or_points_between_their_parts_are_read() {
        let index = gemeinden();
        for text in ["03 3 54 005", "03354 005", "03.3.54.005", "03\u{a0}354\u{a0}005"] {
            assert_eq!(index.canonical(text), "03354005", "{text}");
        }
        let own = KeyIndex::new(["1.2", "1.10"].into_iter(), [].into_iter());
        assert_eq!((own.canonical("1.2"), own.canonical("Am See 5.")), ("1.2".into(), "Am See 5.".into()));
    }

    #[test]
    fn keys_filled_up_with_zeros_are_those_of_larger_regions() {
        let kreise = KeyIndex::new(["03101", "03354"].into_iter(), [].into_iter());
        assert_eq!(ordinals(&kreise, &["03354000", "031010000000"]), [Some(1), Some(0)]);
        assert_eq!(kreise.join(&["03000000", "03354", "03354000"]).other_levels, 2);
        assert_eq!(gemeinden().join(&["03354000", "033545403000", "033"]).other_levels, 3);
    }

    #[test]
    fn nine_digits_are_the_verband_of_the_twelve_in_the_same_file() {
        let index = KeyIndex::new(["03354005"].into_iter(), [].into_iter());
        let join = index.join(&["033545403", "033545403005"]);
        assert!(matches!(join.resolved[..], [Resolved::Larger, Resolved::Region(0, KeyForm::AgsOfArs)]));
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_unknown_without_panic(texts in prop::collection::vec("\\PC{0,14}|[0-9 .]{0,14}", 0..8)) {
            let index = gemeinden();
            let keys: Vec<_> = texts.iter().map(|text| index.canonical(text)).collect();
            let join = index.join(&keys.iter().map(AsRef::as_ref).collect::<Vec<_>>());
            prop_assert_eq!(join.resolved.len(), keys.len());
            for text in &texts {
                let _ = index.knows(text);
            }
        }
    }

    #[test]
    fn zeros_are_restored_only_if_every_key_maps_then() {
        let index = gemeinden();
        let join = index.join(&["3354005", "3354501", "3354"]);
        assert_eq!(join.zeros_restored, 3);
        assert!(matches!(join.resolved[1], Resolved::Region(3, _)));
        let join = index.join(&["3354005", "9999999"]);
        assert_eq!((join.zeros_restored, join.resolved[0]), (0, Resolved::Unknown));
    }

    #[test]
    fn regions_by_ars_are_found_by_their_ags() {
        let index = KeyIndex::new(["033545403005"].into_iter(), [].into_iter());
        assert_eq!(ordinals(&index, &["03354005", "03354403005", "033545403005"]), [Some(0); 3]);
    }
}
