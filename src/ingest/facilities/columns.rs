//! What the columns of a list of facilities mean, by their headers.
//!
//! Must not know: what stands in the cells.

use std::collections::BTreeMap;

use crate::ingest::{
    Report, Severity,
    statistics::{mapping::normal_header, privacy::names_person},
};

/// What a column says of a facility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Category,
    CategoryTitle,
    Key,
    Name,
    Operator,
    Places,
    Address,
    Street,
    HouseNumber,
    Postcode,
    Town,
    /// East or longitude.
    X,
    /// North or latitude.
    Y,
    ValidFrom,
    ValidUntil,
    Consent,
}

/// Headers as [`normal_header`] writes them, without what stands in brackets. The first of each is the one that is
/// named in messages.
const HEADERS: &[(Field, &[&str])] = &[
    (
        Field::Category,
        &["category", "kategorie", "art", "einrichtungsart", "artdereinrichtung", "typ", "type"],
    ),
    (Field::CategoryTitle, &["categorytitle", "kategorietitel", "kategoriename"]),
    (
        Field::Key,
        &[
            "id",
            "key",
            "nr",
            "nr.",
            "nummer",
            "number",
            "schluessel",
            "kennung",
            "einrichtungsnummer",
            "einrichtungsnr",
            "einrichtungsnr.",
            "einrichtungsid",
            "schulnummer",
            "schulnr",
            "schulnr.",
        ],
    ),
    (Field::Name, &["name", "bezeichnung", "einrichtung", "einrichtungsname", "namedereinrichtung"]),
    (Field::Operator, &["operator", "traeger", "traegername", "traegerschaft"]),
    (
        Field::Places,
        &[
            "places",
            "plaetze",
            "platzzahl",
            "anzahlplaetze",
            "plaetzegesamt",
            "genehmigteplaetze",
            "kapazitaet",
            "capacity",
        ],
    ),
    (Field::Address, &["address", "adresse", "anschrift"]),
    (
        Field::Street,
        &[
            "street",
            "strasse",
            "str.",
            "strassehausnr.",
            "strassehausnummer",
            "strasseundhausnummer",
            "strasse,hausnummer",
        ],
    ),
    (Field::HouseNumber, &["housenumber", "hausnummer", "hausnr", "hausnr.", "hnr", "hnr."]),
    (Field::Postcode, &["postcode", "plz", "postleitzahl", "postalcode", "zip"]),
    (Field::Town, &["city", "town", "ort", "stadt", "ortschaft"]),
    (
        Field::X,
        &[
            "lon",
            "lng",
            "long",
            "longitude",
            "laenge",
            "laengengrad",
            "geogr.laenge",
            "east",
            "easting",
            "ostwert",
            "rechtswert",
            "utme",
            "utmost",
            "utmrechtswert",
            "utmostwert",
            "e",
            "x",
            "xkoordinate",
            "koordinatex",
            "xcoordinate",
        ],
    ),
    (
        Field::Y,
        &[
            "lat",
            "latitude",
            "breite",
            "breitengrad",
            "geogr.breite",
            "north",
            "northing",
            "nordwert",
            "hochwert",
            "utmn",
            "utmnord",
            "utmhochwert",
            "utmnordwert",
            "n",
            "y",
            "ykoordinate",
            "koordinatey",
            "ycoordinate",
        ],
    ),
    (Field::ValidFrom, &["validfrom", "gueltigab", "gueltigvon", "seit", "eroeffnet", "eroeffnung"]),
    (Field::ValidUntil, &["validuntil", "validto", "gueltigbis", "geschlossen", "schliessung"]),
    (
        Field::Consent,
        &[
            "consent",
            "zustimmung",
            "einwilligung",
            "veroeffentlichungerlaubt",
            "veroeffentlichung",
            "veroeffentlichen",
            "zustimmungzurveroeffentlichung",
            "einwilligungzurveroeffentlichung",
            "publishable",
        ],
    ),
];

/// What a header means.
pub(super) fn field_of(header: &str) -> Option<Field> {
    let bare = header.split(['(', '[']).next().unwrap_or(header);
    let normal = normal_header(bare);
    HEADERS.iter().find(|(_, names)| names.contains(&normal.as_str())).map(|(field, _)| *field)
}

/// Which column says what, with the headers as they stand in the file.
#[derive(Debug, Default)]
pub(super) struct Columns {
    by_field: BTreeMap<Field, (usize, String)>,
}

impl Columns {
    /// Reads the headers of a file. Columns that name single persons and two columns for the same thing are errors,
    /// others that are not known are named in a notice.
    pub(super) fn read(headers: &[String], line: Option<u64>, report: &mut Report) -> Self {
        let mut columns = Self::default();
        let mut passed_over = Vec::new();
        for (place, header) in headers.iter().enumerate().filter(|(_, header)| !header.is_empty()) {
            if let Some(what) = names_person(header) {
                let sentence = format!(
                    "This column looks like {what}; data on single persons are not imported: remove the column."
                );
                report.error(line, Some(header), sentence);
                continue;
            }
            let Some(field) = field_of(header) else {
                passed_over.push(header.as_str());
                continue;
            };
            if let Some((_, first)) = columns.by_field.get(&field) {
                let sentence =
                    format!("The columns '{first}' and '{header}' say the same; remove one of them.");
                report.error(line, Some(header), sentence);
                continue;
            }
            columns.by_field.insert(field, (place, header.clone()));
        }
        if !passed_over.is_empty() {
            let sentence = format!("These columns are passed over: {}.", passed_over.join(", "));
            report.problem(Severity::Notice, line, None, sentence);
        }
        columns
    }

    /// The fields with their columns.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Field, usize)> {
        self.by_field.iter().map(|(field, (place, _))| (*field, *place))
    }

    /// The header of a field as it stands in the file; else the name that it should have.
    pub(super) fn header(&self, field: Field) -> &str {
        let usual = || HEADERS.iter().find(|(f, _)| *f == field).map_or("", |(_, names)| names[0]);
        self.by_field.get(&field).map_or_else(usual, |(_, header)| header)
    }

    /// True if the file has this column.
    pub(super) fn has(&self, field: Field) -> bool {
        self.by_field.contains_key(&field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_in_both_languages_and_any_spelling() {
        for (header, field) in [
            ("Träger", Field::Operator),
            ("PLÄTZE", Field::Places),
            ("Rechtswert (UTM32)", Field::X),
            ("Veröffentlichung erlaubt", Field::Consent),
            ("gültig bis", Field::ValidUntil),
            ("valid_until", Field::ValidUntil),
            ("Straße", Field::Street),
            ("lat", Field::Y),
            ("Nr.", Field::Key),
        ] {
            assert_eq!(field_of(header), Some(field), "{header}");
        }
        assert_eq!(field_of("Telefon"), None);
    }

    #[test]
    fn every_header_means_one_thing_and_is_written_as_it_is_compared() {
        let mut seen = std::collections::BTreeSet::new();
        for name in HEADERS.iter().flat_map(|(_, names)| *names) {
            assert!(seen.insert(name), "{name} comes twice");
            assert_eq!(normal_header(name), *name);
        }
    }

    #[test]
    fn persons_and_doubled_columns_are_refused_and_unknown_ones_named() {
        let mut report = Report::new("f");
        let headers = ["Name", "Geburtsdatum", "Bezeichnung", "Telefon", "Straße"].map(str::to_owned);
        let columns = Columns::read(&headers, Some(1), &mut report);
        assert_eq!(report.errors, 2, "{report}");
        assert!(report.to_string().contains("passed over: Telefon"), "{report}");
        assert!(columns.has(Field::Name) && columns.has(Field::Street));
        assert_eq!(columns.header(Field::Key), "id");
    }
}
