//! GeoJSON: a `Feature`, a `FeatureCollection`, an array of both, or one of these after the other (one per line, also
//! with the record separators of RFC 8142).
//!
//! Read as a stream of features, so that no tree of the whole file is built. Own visitors, because the crate at hand
//! streams a `FeatureCollection` only.

use std::{borrow::Cow, collections::HashMap, fmt};

use geo_types::{Coord, LineString, Polygon};
use serde::{
    Deserialize,
    de::{
        DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::Value;

use super::table::{DeclaredCrs, Feature, FeatureTable, ReadError, Shape, TOO_MANY_VALUES, has_room};
use crate::geometry::Crs;

/// Reads a whole GeoJSON text.
///
/// # Errors
/// If the text is no JSON or holds something that is no GeoJSON.
pub(super) fn read(bytes: &[u8]) -> Result<FeatureTable, ReadError> {
    let text = without_separators(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
    let mut sink = Sink::default();
    let mut json = serde_json::Deserializer::from_slice(&text);
    loop {
        Item(&mut sink).deserialize(&mut json).map_err(|error| fault(&error))?;
        if json.end().is_ok() {
            return Ok(sink.into_table("GeoJSON"));
        }
    }
}

/// The character that stands before each text of a sequence (RFC 8142); within a text it must be written as an escape.
pub(super) const RECORD_SEPARATOR: u8 = 0x1E;

/// A sequence of texts with spaces for its record separators, so that only line ends part them.
fn without_separators(text: &[u8]) -> Cow<'_, [u8]> {
    if text.first() != Some(&RECORD_SEPARATOR) {
        return Cow::Borrowed(text);
    }
    text.iter().map(|byte| if *byte == RECORD_SEPARATOR { b' ' } else { *byte }).collect()
}

/// What is wrong with a JSON text and where.
pub(super) fn fault(error: &serde_json::Error) -> ReadError {
    use serde_json::error::Category;
    let message = match error.classify() {
        Category::Eof => format!("The file ends in the middle, it was cut when it was copied ({error})."),
        Category::Data => sentence(&error.to_string()),
        Category::Syntax | Category::Io => format!("This is no valid JSON: {error}."),
    };
    ReadError::content(Some(error.line() as u64), message)
}

/// A message of the JSON parser as a sentence of the report.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    characters
        .next()
        .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

/// Collects features and the fields that they have.
#[derive(Default)]
pub(super) struct Sink {
    fields: Vec<String>,
    places: HashMap<String, usize>,
    features: Vec<Feature>,
    crs: Option<DeclaredCrs>,
}

impl Sink {
    /// Index of a field. The features of a file mostly have the same fields in the same order, so `guess` is tried first.
    pub(super) fn field(&mut self, name: &str, guess: usize) -> usize {
        if self.fields.get(guess).is_some_and(|field| field == name) {
            return guess;
        }
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.fields.len());
        self.fields.push(name.to_owned());
        self.fields.len() - 1
    }

    /// Adds the next feature with its values by field; false if there is no room for it.
    #[must_use]
    pub(super) fn add(&mut self, values: Vec<Option<Box<str>>>, shape: Shape) -> bool {
        let number = self.features.len() as u64 + 1;
        self.features.push(Feature { number, values, shape });
        has_room(self.features.len(), self.fields.len())
    }

    /// Notes what the file says about its coordinates.
    pub(super) fn declare(&mut self, crs: Option<DeclaredCrs>) {
        self.crs = crs.or(self.crs.take());
    }

    /// All features. Without a word about their coordinates they are in degrees.
    pub(super) fn into_table(self, format: &'static str) -> FeatureTable {
        FeatureTable {
            format,
            encoding: "UTF-8".to_owned(),
            crs: self.crs.unwrap_or(DeclaredCrs::Default(Crs::Wgs84)),
            fields: self.fields,
            features: self.features,
            warnings: Vec::new(),
        }
    }
}

/// A `Feature`, a `FeatureCollection` or an array of them.
struct Item<'a>(&'a mut Sink);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeoJSON features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Item(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let sink = self.0;
        let (mut kind, mut values, mut shape) = (None, Vec::new(), Shape::Missing);
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "type" => kind = Some(members.next_value::<String>()?),
                "features" => members.next_value_seed(Item(sink))?,
                "properties" => values = members.next_value_seed(Properties(sink))?,
                "geometry" => {
                    shape = members.next_value::<Option<RawGeometry>>()?.map_or(Shape::Missing, into_shape);
                }
                "crs" => sink.declare(declared_crs(&members.next_value()?)),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        match kind.as_deref() {
            Some("Feature") => {
                if !sink.add(values, shape) {
                    return Err(A::Error::custom(TOO_MANY_VALUES));
                }
            }
            Some("FeatureCollection") => {}
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                return Err(A::Error::custom(format!(
                    "here stands a '{other}' instead of a Feature, so it has no key and no name"
                )));
            }
            None => {
                return Err(A::Error::custom(
                    "this is JSON but no GeoJSON: here is an object without \"type\"",
                ));
            }
        }
        Ok(())
    }
}

/// The `crs` member of the old specification (2008).
pub(super) fn declared_crs(member: &Value) -> Option<DeclaredCrs> {
    let name = member.pointer("/properties/name")?.as_str()?;
    Some(
        Crs::from_name(name)
            .map_or_else(|| DeclaredCrs::Foreign(name.chars().take(60).collect()), DeclaredCrs::Known),
    )
}

/// The properties of a feature by field.
struct Properties<'a>(&'a mut Sink);

impl<'de> DeserializeSeed<'de> for Properties<'_> {
    type Value = Vec<Option<Box<str>>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Properties<'_> {
    type Value = Vec<Option<Box<str>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the properties of a feature")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::with_capacity(self.0.fields.len());
        let mut guess = 0;
        while let Some(place) = members.next_key_seed(FieldName { sink: self.0, guess })? {
            let PropertyText(text) = members.next_value()?;
            if values.len() <= place {
                values.resize(place + 1, None);
            }
            values[place] = text;
            guess = place + 1;
        }
        Ok(values)
    }
}

struct FieldName<'a> {
    sink: &'a mut Sink,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        Ok(self.sink.field(name, self.guess))
    }
}

/// A property as text: numbers in their shortest exact form, nested things as JSON.
pub(super) struct PropertyText(pub(super) Option<Box<str>>);

impl<'de> Deserialize<'de> for PropertyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PropertyVisitor).map(Self)
    }
}

struct PropertyVisitor;

impl<'de> Visitor<'de> for PropertyVisitor {
    type Value = Option<Box<str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Ok(Some(Value::deserialize(SeqAccessDeserializer::new(items))?.to_string().into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        Ok(Some(Value::deserialize(MapAccessDeserializer::new(members))?.to_string().into()))
    }
}

/// A geometry before it is known what it is, since `type` may follow `coordinates`.
#[derive(Deserialize)]
struct RawGeometry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coordinates: Coordinates,
    #[serde(default)]
    geometries: Vec<RawGeometry>,
}

/// Nested coordinates of any depth.
pub(super) enum Coordinates {
    Number(f64),
    Position(Coord<f64>),
    List(Vec<Coordinates>),
}

impl Default for Coordinates {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Coordinates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CoordinatesVisitor)
    }
}

struct CoordinatesVisitor;

impl<'de> Visitor<'de> for CoordinatesVisitor {
    type Value = Coordinates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_unit<E: Error>(self) -> Result<Coordinates, E> {
        Ok(Coordinates::default())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Coordinates, E> {
        Ok(Coordinates::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Coordinates, E> {
        Ok(Coordinates::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Coordinates, E> {
        Ok(Coordinates::Number(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Coordinates, A::Error> {
        let Some(first) = items.next_element()? else { return Ok(Coordinates::default()) };
        if let Coordinates::Number(x) = first {
            let y =
                items.next_element()?.ok_or_else(|| A::Error::custom("a position has one number only"))?;
            // Height and whatever else follows is of no use here.
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Coordinates::Position(Coord { x, y }));
        }
        let mut list = vec![first];
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Coordinates::List(list))
    }
}

fn into_shape(geometry: RawGeometry) -> Shape {
    let mut polygons = Vec::new();
    match collect_polygons(geometry, &mut polygons) {
        Ok(()) => Shape::from_polygons(polygons),
        Err(why) => Shape::Unusable(why),
    }
}

fn collect_polygons(geometry: RawGeometry, polygons: &mut Vec<Polygon<f64>>) -> Result<(), String> {
    let malformed = || format!("has the type {} but not its coordinates", geometry.kind);
    match (geometry.kind.as_str(), geometry.coordinates) {
        ("Polygon", coordinates) => polygons.push(polygon(coordinates).ok_or_else(malformed)?),
        ("MultiPolygon", Coordinates::List(list)) => {
            for item in list {
                polygons.push(polygon(item).ok_or_else(malformed)?);
            }
        }
        ("GeometryCollection", _) => {
            for part in geometry.geometries {
                collect_polygons(part, polygons)?;
            }
        }
        ("MultiPolygon", _) => return Err(malformed()),
        (other, _) => {
            let other: String = other.chars().take(40).collect();
            return Err(format!("is a {other}, but regions must be polygons"));
        }
    }
    Ok(())
}

fn polygon(coordinates: Coordinates) -> Option<Polygon<f64>> {
    let Coordinates::List(rings) = coordinates else { return None };
    let mut rings = rings.into_iter().map(ring).collect::<Option<Vec<_>>>()?.into_iter();
    let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
    Some(Polygon::new(exterior, rings.collect()))
}

fn ring(coordinates: Coordinates) -> Option<LineString<f64>> {
    let Coordinates::List(positions) = coordinates else { return None };
    let position = |item| match item {
        Coordinates::Position(coord) => Some(coord),
        _ => None,
    };
    positions.into_iter().map(position).collect::<Option<Vec<_>>>().map(LineString)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feature(properties: &str, geometry: &str) -> String {
        format!(r#"{{"type":"Feature","properties":{properties},"geometry":{geometry}}}"#)
    }

    const SQUARE: &str = r#"{"type":"Polygon","coordinates":[[[9,52],[10,52,7.5],[10,53],[9,53],[9,52]]]}"#;

    fn read(text: &str) -> Result<FeatureTable, String> {
        super::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    fn texts(table: &FeatureTable, field: &str) -> Vec<Option<String>> {
        let field = table.field(field).unwrap();
        table.features.iter().map(|f| f.text(field).map(str::to_owned)).collect()
    }

    #[test]
    fn features_collections_arrays_of_both_and_lines_are_the_same_to_us() {
        let (a, b) = (feature(r#"{"k":"01"}"#, SQUARE), feature(r#"{"n":"x","k":"02"}"#, SQUARE));
        let collection = format!(r#"{{"type":"FeatureCollection","features":[{a},{b}]}}"#);
        let nested = format!(r#"[{a},{{"features":[{b}],"type":"FeatureCollection"}}]"#);
        for text in [
            collection,
            nested,
            format!("[{a},{b}]"),
            format!("{a}\n{b}\n"),
            format!("\u{1e}{a}\n\u{1e}{b}\n"),
            format!("\u{feff}[{a},{b}]"),
        ] {
            let table = read(&text).unwrap();
            assert_eq!(texts(&table, "k"), [Some("01".to_owned()), Some("02".to_owned())], "{text}");
            assert_eq!(table.features.iter().map(|f| f.number).collect::<Vec<_>>(), [1, 2]);
            assert!(table.features.iter().all(|f| matches!(f.shape, Shape::Polygons(_))));
        }
    }

    #[test]
    fn properties_become_exact_text() {
        let properties =
            r#"{"i":12345678901234567890,"f":0.1,"w":4.0,"s":" 03 ","b":true,"n":null,"o":{"a":[1,2]}}"#;
        let table = read(&feature(properties, SQUARE)).unwrap();
        let value = |field: &str| texts(&table, field)[0].clone().unwrap_or_default();
        let values = ["i", "f", "w", "s", "b", "n", "o"].map(value);
        assert_eq!(values, ["12345678901234567890", "0.1", "4", "03", "true", "", r#"{"a":[1,2]}"#]);
    }

    #[test]
    fn geometries_that_are_no_polygons_are_kept_with_the_reason() {
        let shape = |geometry: &str| read(&feature("{}", geometry)).unwrap().features.remove(0).shape;
        let point = r#"{"coordinates":[9,52],"type":"Point"}"#;
        let collection = format!(r#"{{"type":"GeometryCollection","geometries":[{SQUARE},{SQUARE}]}}"#);
        let mixed = format!(r#"{{"type":"GeometryCollection","geometries":[{SQUARE},{point}]}}"#);
        assert_eq!(shape("null"), Shape::Missing);
        assert_eq!(shape(r#"{"type":"Polygon","coordinates":[]}"#), Shape::Missing);
        assert!(matches!(shape(&collection), Shape::Polygons(p) if p.0.len() == 2));
        for bad in [
            point,
            &mixed,
            r#"{"type":"Polygon","coordinates":[1,2]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[9,52]]]}"#,
        ] {
            assert!(matches!(shape(bad), Shape::Unusable(_)), "{bad}");
        }
    }

    #[test]
    fn an_old_crs_member_is_understood() {
        let with = |name: &str| {
            let crs = format!(r#"{{"type":"name","properties":{{"name":"{name}"}}}}"#);
            read(&format!(r#"{{"type":"FeatureCollection","crs":{crs},"features":[]}}"#)).unwrap().crs
        };
        assert_eq!(with("urn:ogc:def:crs:EPSG::25832"), DeclaredCrs::Known(Crs::Utm32));
        assert_eq!(with("urn:ogc:def:crs:OGC:1.3:CRS84"), DeclaredCrs::Known(Crs::Crs84));
        assert_eq!(with("EPSG:2056"), DeclaredCrs::Foreign("EPSG:2056".to_owned()));
    }

    #[test]
    fn what_is_no_geojson_is_refused_with_a_sentence() {
        for (text, says) in [
            ("", "ends in the middle"),
            ("[1,2]", "xpected GeoJSON features"),
            (r#"{"a":1}"#, "no GeoJSON"),
            (r#"{"type":"Polygon","coordinates":[]}"#, "instead of a Feature"),
            (r#"{"type":"Feature","#, "ends in the middle"),
            (r#"[{"type":"Feature"}} "#, "no valid JSON"),
            (&"[".repeat(100_000), "recursion limit"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = super::read(&bytes);
        }

        #[test]
        fn damaged_features_never_panic(at in 0_usize..150, byte in any::<u8>()) {
            let mut bytes = feature(r#"{"k":"01"}"#, SQUARE).into_bytes();
            let len = bytes.len();
            bytes[at % len] = byte;
            let _ = super::read(&bytes);
        }
    }
}
