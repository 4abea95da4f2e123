//! Drafts → facilities: every rule that a row must keep, with a sentence for those that do not.
//!
//! Must not know: formats of files, the store.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::{
    FacilityOptions,
    columns::{Columns, Field},
};
use crate::{
    domain::{Facility, FacilityCategory, Slug, Text},
    geometry::Crs,
    ingest::{
        Report, Severity,
        statistics::{mapping::normal_header, number::parse_number, row::german_date},
    },
};

/// Longest text of a field, in characters.
const MAX_TEXT: usize = 400;

/// Most facilities of one category: all of them must fit into tiles.
const MAX_PER_CATEGORY: usize = 50_000;

/// Words in the names of categories whose facilities are persons at home, as [`normal_header`] writes them.
const PERSONAL_WORDS: [&str; 6] =
    ["tagespflege", "tagesmutter", "tagesmuetter", "tagesvater", "tagesvaeter", "childmind"];

/// What a file says of one facility, as text.
#[derive(Debug)]
pub(super) struct Draft {
    /// Line, row or number of the feature, from 1.
    pub line: u64,
    /// East and north, or longitude and latitude, in the file's own system.
    pub point: Option<(f64, f64)>,
    texts: BTreeMap<Field, String>,
}

impl Draft {
    /// A draft without any text.
    pub(super) fn new(line: u64) -> Self {
        Self { line, point: None, texts: BTreeMap::new() }
    }

    /// Sets a field; runs of white space become one space, and an empty text is none.
    pub(super) fn set(&mut self, field: Field, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            self.texts.insert(field, text);
        }
    }

    /// The text of a field.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.texts.get(&field).map(String::as_str)
    }
}

/// What a file says of its facilities.
#[derive(Debug)]
pub(super) struct Drafts {
    /// Its columns or properties.
    pub columns: Columns,
    /// Its rows or features.
    pub rows: Vec<Draft>,
    /// The system of its points, if its format says.
    pub crs: Option<Crs>,
}

/// The facilities of a file with their categories.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Every category of the file, as it will be.
    pub categories: Vec<FacilityCategory>,
    /// The facilities, in the order of the file.
    pub facilities: Vec<Facility>,
}

/// Makes facilities of drafts; `places` are their positions in degrees. All problems are reported.
pub(super) fn facilities(
    drafts: &Drafts,
    places: &[Option<(f64, f64)>],
    said: &FacilityOptions,
    known: &[FacilityCategory],
    report: &mut Report,
) -> Entries {
    let mut maker = Maker { drafts, said, known, entries: Entries::default(), report };
    maker.check_columns();
    let mut lines: HashMap<(Slug, String), u64> = HashMap::new();
    for (draft, place) in drafts.rows.iter().zip(places) {
        let Some(facility) = maker.facility(draft, *place) else { continue };
        let key = (facility.category.clone(), facility.key.clone());
        if let Some(first) = lines.insert(key, draft.line) {
            let sentence = format!(
                "The key '{}' stands in line {first} too; in a category each facility has a key of its own.",
                facility.key
            );
            maker.error(draft, Field::Key, sentence);
        }
        maker.entries.facilities.push(facility);
    }
    maker.check_categories();
    maker.entries
}

struct Maker<'a> {
    drafts: &'a Drafts,
    said: &'a FacilityOptions,
    known: &'a [FacilityCategory],
    entries: Entries,
    report: &'a mut Report,
}

impl Maker<'_> {
    fn error(&mut self, draft: &Draft, field: Field, sentence: impl Into<String>) {
        self.report.error(Some(draft.line), Some(self.drafts.columns.header(field)), sentence);
    }

    fn check_columns(&mut self) {
        let columns = &self.drafts.columns;
        if !columns.has(Field::Consent) && !self.said.consent {
            let sentence = "No column says whether publication is consented to, so none of these facilities can be \
                            public; add the column consent with yes or no.";
            self.report.warning(None, Some(columns.header(Field::Consent)), sentence);
        }
        if self.drafts.rows.is_empty() {
            self.report.error(None, None, "The list has no facility.");
        }
    }

    fn facility(&mut self, draft: &Draft, place: Option<(f64, f64)>) -> Option<Facility> {
        self.check_texts(draft);
        let category = self.category(draft);
        let key =
            self.required(draft, Field::Key, "Each facility needs a key that stays the same over the years.");
        let name = self.required(draft, Field::Name, "Each facility needs a name.");
        let places = self.places(draft);
        let (valid_from, valid_until) =
            (self.date(draft, Field::ValidFrom), self.date(draft, Field::ValidUntil));
        if valid_from.zip(valid_until).is_some_and(|(from, until)| until < from) {
            self.error(draft, Field::ValidUntil, "The facility ends before it begins.");
        }
        let consent = self.consent(draft);
        if draft.point.is_none() && place.is_none() {
            self.error(
                draft,
                Field::X,
                "This facility has no coordinate; facilities are not placed by address.",
            );
        }
        let (category, (lon, lat)) = (category?, place?);
        let personal = self.entries.categories.iter().any(|c| c.slug == category && c.personal);
        Some(Facility {
            category,
            key: key?,
            name: name?,
            operator: draft.get(Field::Operator).map(str::to_owned),
            address: address(draft),
            places,
            valid_from,
            valid_until,
            publishable: consent.unwrap_or(self.said.consent && !personal),
            lon,
            lat,
        })
    }

    fn check_texts(&mut self, draft: &Draft) {
        for (field, text) in &draft.texts {
            if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
                let sentence =
                    format!("This text has more than {MAX_TEXT} characters or control characters.");
                self.error(draft, *field, sentence);
            }
        }
    }

    fn required(&mut self, draft: &Draft, field: Field, sentence: &str) -> Option<String> {
        let text = draft.get(field).map(str::to_owned);
        if text.is_none() {
            self.error(draft, field, sentence);
        }
        text
    }

    /// The category of a row: the one that was said, a known one by slug or title, or a new one.
    fn category(&mut self, draft: &Draft) -> Option<Slug> {
        let text = draft.get(Field::Category);
        let known = || self.known.iter().chain(&self.entries.categories);
        let found = match (&self.said.category, text) {
            (Some(slug), _) => Some(slug.clone()),
            (None, Some(text)) => {
                let same = |c: &&FacilityCategory| c.slug.as_str() == text || c.title.de == text;
                known().find(same).map(|c| c.slug.clone()).or_else(|| slug_of(text))
            }
            (None, None) => None,
        };
        let Some(slug) = found else {
            let sentence = "Each facility needs a category, in a column or with --category.";
            self.error(draft, Field::Category, sentence);
            return None;
        };
        if !self.entries.categories.iter().any(|c| c.slug == slug) {
            let title = draft.get(Field::CategoryTitle).or(self.said.title.as_deref()).or(text);
            let title = Text::german(title.unwrap_or(slug.as_str()));
            let new = || FacilityCategory { slug: slug.clone(), title, public: false, personal: false };
            let mut category = self.known.iter().find(|c| c.slug == slug).cloned().unwrap_or_else(new);
            category.personal |= self.said.personal || is_personal(&category);
            self.entries.categories.push(category);
        }
        Some(slug)
    }

    fn places(&mut self, draft: &Draft) -> Option<u32> {
        let text =
            draft.get(Field::Places).filter(|text| !["-", "–", ".", "/", "k.A.", "k. A."].contains(text))?;
        let number = parse_number(text, None).map(|(number, _)| number);
        let whole = number.filter(|n| n.fract() == 0.0 && (0.0..=100_000.0).contains(n));
        if whole.is_none() {
            let sentence = format!("'{}' is no number of places.", shortened(text));
            self.error(draft, Field::Places, sentence);
        }
        whole.map(|n| n as u32)
    }

    fn date(&mut self, draft: &Draft, field: Field) -> Option<NaiveDate> {
        let text = draft.get(field)?;
        let date = german_date(text).or_else(|| text.get(..10).unwrap_or(text).parse().ok());
        if date.is_none() {
            let sentence = format!("'{}' is no date such as 2024-08-01 or 1.8.2024.", shortened(text));
            self.error(draft, field, sentence);
        }
        date
    }

    /// What the row itself says on its publication.
    fn consent(&mut self, draft: &Draft) -> Option<bool> {
        let text = draft.get(Field::Consent)?;
        match text.to_lowercase().as_str() {
            "ja" | "j" | "yes" | "y" | "1" | "x" | "true" | "wahr" => Some(true),
            "nein" | "n" | "no" | "0" | "-" | "false" | "falsch" => Some(false),
            _ => {
                let sentence = format!("'{}' is neither yes nor no.", shortened(text));
                self.error(draft, Field::Consent, sentence);
                None
            }
        }
    }

    fn check_categories(&mut self) {
        for category in &self.entries.categories {
            let of_category = self.entries.facilities.iter().filter(|f| f.category == category.slug);
            if of_category.count() > MAX_PER_CATEGORY {
                let sentence =
                    format!("The category '{}' has more than {MAX_PER_CATEGORY} facilities.", category.slug);
                self.report.error(None, None, sentence);
            }
            if category.public {
                let sentence = format!(
                    "The category '{}' is public: its facilities with consent are shown to everybody as soon as they \
                     are stored.",
                    category.slug
                );
                self.report.problem(Severity::Notice, None, None, sentence);
            }
            if category.personal && self.said.consent {
                let sentence = format!(
                    "The facilities of '{}' are persons at home: each needs a consent of its own in the column {}, \
                     not --consent all.",
                    category.slug,
                    self.drafts.columns.header(Field::Consent)
                );
                self.report.error(None, None, sentence);
            }
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The address in one line, from one column or from its parts.
fn address(draft: &Draft) -> Option<String> {
    let joined = |parts: [Option<&str>; 2]| {
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    if let Some(whole) = draft.get(Field::Address) {
        return Some(whole.to_owned());
    }
    let street = joined([draft.get(Field::Street), draft.get(Field::HouseNumber)]);
    let town = joined([draft.get(Field::Postcode), draft.get(Field::Town)]);
    match (street, town) {
        (Some(street), Some(town)) => Some(format!("{street}, {town}")),
        (street, town) => street.or(town),
    }
}

/// True if the names of a category say that its facilities are persons at home.
fn is_personal(category: &FacilityCategory) -> bool {
    let names =
        [category.slug.as_str(), &category.title.de, category.title.en.as_deref().unwrap_or_default()];
    names.iter().map(|name| normal_header(name)).any(|name| PERSONAL_WORDS.iter().any(|w| name.contains(w)))
}

/// A slug made from a name: `Kindertagesstätte (Krippe)` → `kindertagesstaette-krippe`.
fn slug_of(name: &str) -> Option<Slug> {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let short: String = slug.trim_matches('-').chars().take(64).collect();
    short.trim_matches('-').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{NoProgress, facilities::tables};

    fn made(text: &str, said: &FacilityOptions) -> (Entries, Report) {
        let mut report = Report::new("f");
        let drafts = tables::read(text.as_bytes(), &mut report, &NoProgress).unwrap();
        let places: Vec<_> = drafts.rows.iter().map(|d| d.point).collect();
        let entries = facilities(&drafts, &places, said, &[], &mut report);
        (entries, report)
    }

    #[test]
    fn a_german_list_becomes_facilities() {
        let (entries, report) = made(
            "Art;Nr;Bezeichnung;Träger;Plätze;Straße;Hausnr.;PLZ;Ort;Länge;Breite;gültig ab;Veröffentlichung erlaubt\n\
             Kindertagesstätte (Krippe);7;Kita Nord;Stadt;1.040;Lange Straße;12a;29439;Lüchow;11,15;52,97;1.8.2019;x\n",
            &FacilityOptions::default(),
        );
        assert!(!report.rejected(), "{report}");
        let facility = &entries.facilities[0];
        assert_eq!(facility.category.as_str(), "kindertagesstaette-krippe");
        assert_eq!(facility.address.as_deref(), Some("Lange Straße 12a, 29439 Lüchow"));
        assert_eq!((facility.places, facility.publishable), (Some(1040), true));
        assert_eq!(facility.valid_from, NaiveDate::from_ymd_opt(2019, 8, 1));
        assert_eq!(entries.categories[0].title.de, "Kindertagesstätte (Krippe)");
    }

    #[test]
    fn every_problem_has_its_line_and_column() {
        let (_, report) = made(
            "category;id;name;places;lon;lat;valid_from;valid_until;consent\n\
             kita;;A;x;11;53;;;\nkita;2;;1,5;;;2024-13-01;;vielleicht\nkita;3;C;1;11;53;2024-01-01;2023-01-01;\n\
             kita;3;D;1;11;53;;;ja\n;4;E;1;11;53;;;\n",
            &FacilityOptions::default(),
        );
        let found: Vec<_> =
            report.problems.iter().map(|p| (p.line.unwrap(), p.column.clone().unwrap())).collect();
        let expected = [
            (2, "id"),
            (2, "places"),
            (3, "name"),
            (3, "places"),
            (3, "valid_from"),
            (3, "consent"),
            (3, "lon"),
            (4, "valid_until"),
            (5, "id"),
            (6, "category"),
        ];
        assert_eq!(found, expected.map(|(line, column)| (line, column.to_owned())), "{report}");
    }

    #[test]
    fn without_recorded_consent_nothing_is_publishable() {
        let list = "id;name;lon;lat;consent\n1;A;11;53;\n2;B;11;53;ja\n3;C;11;53;nein\n";
        let said = |name: &str, consent| FacilityOptions {
            category: name.parse().ok(),
            consent,
            ..FacilityOptions::default()
        };
        let publishable = |(entries, _): &(Entries, Report)| -> Vec<bool> {
            entries.facilities.iter().map(|f| f.publishable).collect()
        };
        assert_eq!(publishable(&made(list, &said("kita", false))), [false, true, false]);
        assert_eq!(publishable(&made(list, &said("kita", true))), [true, true, false]);
        let minders = made(list, &said("kindertagespflege", true));
        assert_eq!(publishable(&minders), [false, true, false]);
        assert!(minders.1.rejected() && minders.0.categories[0].personal, "{}", minders.1);
        assert!(!made(list, &said("kindertagespflege", false)).1.rejected());
    }

    #[test]
    fn slugs_are_made_from_names() {
        for (name, slug) in [("Grundschule", "grundschule"), ("  Hort & Krippe!", "hort-krippe"), ("Ö", "oe")]
        {
            assert_eq!(slug_of(name).unwrap().as_str(), slug);
        }
        assert!(slug_of("???").is_none());
        assert_eq!(slug_of(&"a-".repeat(60)).unwrap().as_str().len(), 63);
    }
}
