//! Facilities as CSV and `GeoJSON`, in the columns that their import reads.

use serde_json::{Map, Value, json};

use crate::domain::{Audience, Facility, FacilityCategory, neutralised};

/// The header of the CSV file.
const COLUMNS: [&str; 12] = [
    "category",
    "category_title",
    "id",
    "name",
    "operator",
    "places",
    "address",
    "lon",
    "lat",
    "valid_from",
    "valid_until",
    "consent",
];

/// Facilities as a CSV file for spreadsheet programs: UTF-8 with byte order mark, `;` between columns, and texts that
/// would be taken for formulas with an apostrophe before them.
///
/// # Errors
/// If a record cannot be written, which a file in memory does not do.
pub fn csv(categories: &[FacilityCategory], facilities: &[Facility]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(COLUMNS)?;
    for facility in facilities {
        let optional = |text: Option<&str>| neutralised(text.unwrap_or_default()).into_owned();
        let shown = |value: Option<String>| value.unwrap_or_default();
        writer.write_record([
            facility.category.to_string(),
            optional(title(categories, facility)),
            optional(Some(&facility.key)),
            optional(Some(&facility.name)),
            optional(facility.operator.as_deref()),
            shown(facility.places.map(|n| n.to_string())),
            optional(facility.address.as_deref()),
            facility.lon.to_string(),
            facility.lat.to_string(),
            shown(facility.valid_from.map(|d| d.to_string())),
            shown(facility.valid_until.map(|d| d.to_string())),
            if facility.publishable { "ja" } else { "nein" }.to_owned(),
        ])?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Facilities as a `FeatureCollection` of points. The id of a feature is that of its tile: 1 + its rank. What the
/// public gets was consented to, so only internal files say so.
pub fn geojson(categories: &[FacilityCategory], facilities: &[Facility], audience: Audience) -> Value {
    let feature = |(facility, id): (&Facility, u64)| {
        let mut properties = Map::new();
        let mut add = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        add("key", json!(facility.key));
        add("name", json!(facility.name));
        add("category", json!(facility.category));
        add("category_title", json!(title(categories, facility)));
        add("operator", json!(facility.operator));
        add("places", json!(facility.places));
        add("address", json!(facility.address));
        add("valid_from", json!(facility.valid_from));
        add("valid_until", json!(facility.valid_until));
        if audience == Audience::Internal {
            add("consent", json!(facility.publishable));
        }
        json!({
            "type": "Feature",
            "id": id,
            "geometry": {"type": "Point", "coordinates": [facility.lon, facility.lat]},
            "properties": properties,
        })
    };
    json!({
        "type": "FeatureCollection",
        "features": facilities.iter().zip(1..).map(feature).collect::<Vec<_>>(),
    })
}

fn title<'a>(categories: &'a [FacilityCategory], facility: &Facility) -> Option<&'a str> {
    categories.iter().find(|c| c.slug == facility.category).map(|c| c.title.de.as_str())
}
