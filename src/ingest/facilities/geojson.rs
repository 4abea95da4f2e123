//! `GeoJSON` points → drafts: a feature, a collection, a list of them, or one after the other.
//!
//! Must not know: which categories there are, where coordinates lie on the earth.

use serde_json::{Map, Value};

use super::{
    columns::{Columns, Field},
    entry::{Draft, Drafts},
    tables::MAX_ROWS,
};
use crate::{geometry::Crs, ingest::Report};

/// Reads a `GeoJSON` text. Problems are reported; `None` if it is none.
pub(super) fn read(bytes: &[u8], report: &mut Report) -> Option<Drafts> {
    report.fact("format", "geojson");
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut found = Found { features: Vec::new(), crs: Crs::Wgs84 };
    for item in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        match item {
            Ok(item) => found.take(item, report),
            Err(error) => {
                report.error(Some(error.line() as u64), None, format!("This is no valid JSON: {error}."));
                return None;
            }
        }
    }
    if found.features.len() > MAX_ROWS {
        report.error(None, None, format!("The file has more than {MAX_ROWS} facilities."));
        return None;
    }
    Some(found.into_drafts(report))
}

struct Found {
    features: Vec<Map<String, Value>>,
    crs: Crs,
}

impl Found {
    /// Takes the features out of one value.
    fn take(&mut self, value: Value, report: &mut Report) {
        match value {
            Value::Array(items) => items.into_iter().for_each(|item| self.take(item, report)),
            Value::Object(mut members) => match members.get("type").and_then(Value::as_str) {
                Some("FeatureCollection") => {
                    if let Some(name) = members.get("crs").and_then(|c| c.pointer("/properties/name")) {
                        self.declare(name.as_str().unwrap_or_default(), report);
                    }
                    if let Some(Value::Array(items)) = members.remove("features") {
                        for item in items {
                            self.take(item, report);
                        }
                    }
                }
                Some("Feature") => self.features.push(members),
                _ => self.refuse(report),
            },
            _ => self.refuse(report),
        }
    }

    fn refuse(&self, report: &mut Report) {
        let number = self.features.len() as u64 + 1;
        report.error(Some(number), None, "Here stands something else than a GeoJSON Feature with a point.");
    }

    fn declare(&mut self, name: &str, report: &mut Report) {
        if let Some(crs) = Crs::from_name(name) {
            self.crs = crs;
            return;
        }
        let shown: String = name.chars().take(60).collect();
        report.error(None, Some("crs"), format!("'{shown}' is no system that can be read."));
    }

    fn into_drafts(self, report: &mut Report) -> Drafts {
        let mut headers: Vec<String> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for name in self.features.iter().filter_map(|f| f.get("properties")?.as_object()).flat_map(Map::keys)
        {
            if known.insert(name) {
                headers.push(name.clone());
            }
        }
        let columns = Columns::read(&headers, None, report);
        let rows =
            self.features.iter().zip(1..).map(|(f, number)| draft(f, number, &headers, &columns, report));
        let rows = rows.collect();
        Drafts { columns, rows, crs: Some(self.crs) }
    }
}

fn draft(
    feature: &Map<String, Value>,
    number: u64,
    headers: &[String],
    columns: &Columns,
    report: &mut Report,
) -> Draft {
    let mut draft = Draft::new(number);
    if let Some(text) = feature.get("id").and_then(text) {
        draft.set(Field::Key, &text);
    }
    let properties = feature.get("properties").and_then(Value::as_object);
    for (field, place) in columns.iter() {
        if let Some(text) = properties.and_then(|p| p.get(&headers[place])).and_then(text) {
            draft.set(field, &text);
        }
    }
    let geometry = feature.get("geometry").filter(|g| !g.is_null());
    draft.point = geometry.and_then(point);
    if geometry.is_some() && draft.point.is_none() {
        report.error(Some(number), Some("geometry"), "This is no point; a facility is one point.");
    }
    draft
}

/// The one point of a geometry.
fn point(geometry: &Value) -> Option<(f64, f64)> {
    let coordinates = geometry.get("coordinates")?;
    let position = match geometry.get("type")?.as_str()? {
        "Point" => coordinates,
        "MultiPoint" => coordinates.as_array().filter(|points| points.len() == 1)?.first()?,
        _ => return None,
    };
    Some((position.get(0)?.as_f64()?, position.get(1)?.as_f64()?))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &str) -> (Option<Drafts>, Report) {
        let mut report = Report::new("f");
        let drafts = read(text.as_bytes(), &mut report);
        (drafts, report)
    }

    #[test]
    fn points_properties_and_ids_are_read() {
        let (drafts, report) = read_text(
            r#"{"type":"FeatureCollection","features":[
                {"type":"Feature","id":7,"geometry":{"type":"Point","coordinates":[11.1,52.9,3]},
                 "properties":{"Name":"Haus","Plätze":40,"consent":true}},
                {"type":"Feature","geometry":{"type":"MultiPoint","coordinates":[[11.2,53]]},"properties":null}]}"#,
        );
        let rows = drafts.unwrap().rows;
        assert!(!report.rejected(), "{report}");
        assert_eq!((rows[0].get(Field::Key), rows[0].get(Field::Places)), (Some("7"), Some("40")));
        assert_eq!((rows[0].point, rows[0].get(Field::Consent)), (Some((11.1, 52.9)), Some("true")));
        assert_eq!((rows[1].point, rows[1].get(Field::Key)), (Some((11.2, 53.0)), None));
    }

    #[test]
    fn what_is_no_point_is_told_with_the_number_of_its_feature() {
        let (_, report) = read_text(
            r#"{"type":"Feature","geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]},"properties":{}}"#,
        );
        assert_eq!((report.problems[0].line, report.errors), (Some(1), 1));
        assert!(read_text("{\"type\":").1.rejected());
        assert!(read_text("[1, 2]").1.rejected());
    }

    proptest! {
        #[test]
        fn mutated_documents_never_panic(at in 0_usize..150, with in any::<u8>()) {
            let mut bytes = br#"{"type":"FeatureCollection","crs":{"properties":{"name":"EPSG:25832"}},"features":[{"type":"Feature","id":1,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{"name":"x"}}]}"#.to_vec();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = read(&bytes, &mut Report::new("f"));
        }
    }
}
