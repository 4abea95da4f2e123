//! TopoJSON (specification 1.0): objects whose borders are arcs that neighbours share.
//!
//! Own code, because no crate at hand checks the arc numbers of a damaged file or bounds what they expand to.

use std::fmt;

use geo_types::{Coord, LineString, Polygon};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{
    geojson::{Coordinates, PropertyText, Sink, declared_crs, fault},
    table::{FeatureTable, ReadError, Shape, too_many_values},
};

/// An arc is the border of two regions. More uses than this per arc, on the mean, are no real file but one that expands
/// to a multiple of its size.
const MAX_USES: usize = 16;

/// Most positions that all rings may have together: 1.6 GB.
const MAX_POSITIONS: usize = 100_000_000;

#[derive(Deserialize)]
struct Topology {
    #[serde(default)]
    transform: Option<Transform>,
    arcs: Vec<Coordinates>,
    #[serde(deserialize_with = "in_order")]
    objects: Vec<(String, Object)>,
    #[serde(default)]
    crs: Value,
}

/// From the whole numbers of quantized arcs to coordinates.
#[derive(Deserialize)]
struct Transform {
    scale: [f64; 2],
    translate: [f64; 2],
}

/// A geometry object, or a collection of them.
#[derive(Deserialize)]
struct Object {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
    #[serde(default)]
    arcs: ArcNumbers,
    #[serde(default)]
    geometries: Vec<Object>,
}

/// Nested numbers of arcs; `!i` (−1 − i) is the arc `i` in the other direction.
#[derive(Deserialize)]
#[serde(untagged)]
enum ArcNumbers {
    One(i64),
    List(Vec<ArcNumbers>),
}

impl Default for ArcNumbers {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// The members of a JSON object in the order of the file.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Object)>, D::Error> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Object)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the objects of a topology")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut objects = Vec::new();
            while let Some(member) = members.next_entry()? {
                objects.push(member);
            }
            Ok(objects)
        }
    }
    deserializer.deserialize_map(Members)
}

/// True if a JSON text is a topology. Reads no farther than to the `type` of the outermost object.
pub(super) fn is_topology(json: impl std::io::Read) -> bool {
    struct Kind<'a>(&'a mut Option<String>);
    impl<'de> Visitor<'de> for Kind<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while let Some(name) = members.next_key::<String>()? {
                if name == "type" {
                    *self.0 = Some(members.next_value()?);
                    return Err(A::Error::custom("the rest is of no interest"));
                }
                members.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    let mut kind = None;
    let mut json = serde_json::Deserializer::from_reader(json);
    // What is wrong with the text is said by the one who reads it.
    let _ = json.deserialize_map(Kind(&mut kind));
    kind.as_deref() == Some("Topology")
}

/// Reads an object of a topology; the only one with areas if none is named.
///
/// # Errors
/// If the text is no JSON or no topology, or the object is not there or not clear.
pub(super) fn read(bytes: &[u8], layer: Option<&str>) -> Result<FeatureTable, ReadError> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let topology: Topology = serde_json::from_slice(text).map_err(|error| fault(&error))?;
    let object = choose(topology.objects, layer)?;
    let mut arcs = Arcs::decode(topology.arcs, topology.transform.as_ref())?;
    let mut sink = Sink::default();
    sink.declare(declared_crs(&topology.crs));
    let features = if object.is_collection() { object.geometries } else { vec![object] };
    for feature in features {
        add(&mut sink, feature, &mut arcs)?;
    }
    Ok(sink.into_table("TopoJSON"))
}

fn choose(mut objects: Vec<(String, Object)>, wanted: Option<&str>) -> Result<Object, ReadError> {
    let refuse = |message: String| Err(ReadError::content(None, message));
    let names = |objects: &[(String, Object)]| {
        objects.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    if let Some(wanted) = wanted {
        let Some(at) = objects.iter().position(|(name, _)| name == wanted) else {
            return refuse(format!("The TopoJSON file has no object '{wanted}', only {}.", names(&objects)));
        };
        return Ok(objects.swap_remove(at).1);
    }
    if objects.len() > 1 {
        objects.retain(|(_, object)| object.has_areas());
    }
    if objects.len() > 1 {
        return refuse(format!(
            "The TopoJSON file has several objects, so name one of them with --layer: {}.",
            names(&objects)
        ));
    }
    match objects.pop() {
        Some((_, object)) => Ok(object),
        None => refuse("The TopoJSON file has no object with areas.".to_owned()),
    }
}

impl Object {
    fn is_collection(&self) -> bool {
        self.kind.as_deref() == Some("GeometryCollection")
    }

    fn has_areas(&self) -> bool {
        matches!(self.kind.as_deref(), Some("Polygon" | "MultiPolygon"))
            || self.geometries.iter().any(Self::has_areas)
    }
}

/// Adds an object as a feature: its `id` is the field `id`, unless its properties have one themselves.
fn add(sink: &mut Sink, object: Object, arcs: &mut Arcs) -> Result<(), ReadError> {
    let mut polygons = Vec::new();
    let shape = match polygons_of(&object, arcs, &mut polygons) {
        Ok(()) => Shape::from_polygons(polygons),
        Err(Unusable::Shape(why)) => Shape::Unusable(why),
        Err(Unusable::File(error)) => return Err(error),
    };
    let mut values: Vec<Option<Box<str>>> = Vec::new();
    let id = Some(("id".to_owned(), object.id)).filter(|(_, id)| !id.is_null());
    for (guess, (name, value)) in id.into_iter().chain(object.properties.unwrap_or_default()).enumerate() {
        let place = sink.field(&name, guess);
        if values.len() <= place {
            values.resize(place + 1, None);
        }
        values[place] = PropertyText::deserialize(value).map_err(|error| fault(&error))?.0;
    }
    if sink.add(values, shape) { Ok(()) } else { Err(too_many_values()) }
}

/// Why an object gives no polygons.
enum Unusable {
    /// It is something else, which is told of the feature.
    Shape(String),
    /// The whole file cannot be read.
    File(ReadError),
}

fn polygons_of(object: &Object, arcs: &mut Arcs, polygons: &mut Vec<Polygon<f64>>) -> Result<(), Unusable> {
    match (object.kind.as_deref(), &object.arcs) {
        (None, _) => {}
        (Some("Polygon"), rings) => polygons.push(arcs.polygon(rings)?),
        (Some("MultiPolygon"), ArcNumbers::List(parts)) => {
            for part in parts {
                polygons.push(arcs.polygon(part)?);
            }
        }
        (Some("GeometryCollection"), _) => {
            for part in &object.geometries {
                polygons_of(part, arcs, polygons)?;
            }
        }
        (Some(other), _) => {
            let other: String = other.chars().take(40).collect();
            return Err(Unusable::Shape(format!("is a {other}, but regions must be polygons")));
        }
    }
    Ok(())
}

/// The arcs in the file's coordinates.
struct Arcs {
    lines: Vec<Vec<Coord<f64>>>,
    /// How many more positions rings may take.
    left: usize,
}

impl Arcs {
    /// Undoes quantization: each position of a quantized arc is the difference to the one before.
    fn decode(arcs: Vec<Coordinates>, transform: Option<&Transform>) -> Result<Self, ReadError> {
        let damaged =
            || ReadError::content(None, "The TopoJSON file is damaged: an arc is no list of positions.");
        let mut lines = Vec::with_capacity(arcs.len());
        let mut positions = 0;
        for arc in arcs {
            let Coordinates::List(arc) = arc else { return Err(damaged()) };
            let mut line = Vec::with_capacity(arc.len());
            let mut at = Coord { x: 0.0, y: 0.0 };
            for position in arc {
                let Coordinates::Position(position) = position else { return Err(damaged()) };
                line.push(match transform {
                    None => position,
                    Some(Transform { scale, translate }) => {
                        at = at + position;
                        Coord { x: at.x * scale[0] + translate[0], y: at.y * scale[1] + translate[1] }
                    }
                });
            }
            positions += line.len();
            lines.push(line);
        }
        Ok(Self { lines, left: positions.saturating_mul(MAX_USES).min(MAX_POSITIONS) })
    }

    fn polygon(&mut self, rings: &ArcNumbers) -> Result<Polygon<f64>, Unusable> {
        let ArcNumbers::List(rings) = rings else { return Err(malformed()) };
        let mut rings = rings.iter().map(|ring| self.ring(ring)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
        Ok(Polygon::new(exterior, rings.collect()))
    }

    /// Joins arcs; where one ends the next begins, so this position is taken once.
    fn ring(&mut self, numbers: &ArcNumbers) -> Result<LineString<f64>, Unusable> {
        let ArcNumbers::List(numbers) = numbers else { return Err(malformed()) };
        let mut ring: Vec<Coord<f64>> = Vec::new();
        for number in numbers {
            let ArcNumbers::One(number) = number else { return Err(malformed()) };
            let (index, reversed) = if *number < 0 { (!*number, true) } else { (*number, false) };
            let line =
                usize::try_from(index).ok().and_then(|index| self.lines.get(index)).ok_or_else(|| {
                    let message = format!("The TopoJSON file is damaged: there is no arc {number}.");
                    Unusable::File(ReadError::content(None, message))
                })?;
            self.left = self.left.checked_sub(line.len()).ok_or_else(|| {
                let message =
                    "The TopoJSON file expands to a multiple of its size: its arcs are used too often.";
                Unusable::File(ReadError::content(None, message))
            })?;
            ring.pop();
            if reversed {
                ring.extend(line.iter().rev());
            } else {
                ring.extend(line);
            }
        }
        Ok(LineString(ring))
    }
}

fn malformed() -> Unusable {
    Unusable::Shape("has no rings of arc numbers".to_owned())
}

#[cfg(test)]
mod tests {
    use geo::Area;
    use proptest::prelude::*;

    use super::*;

    /// Two squares of one degree with a common border (arc 0), quantized in tenths.
    const TWO: &str = r#"{"type":"Topology","transform":{"scale":[0.1,0.1],"translate":[9,52]},
        "objects":{"gemeinden":{"type":"GeometryCollection","geometries":[
            {"type":"Polygon","id":"03","arcs":[[0,1]],"properties":{"GEN":"West","EWZ":4.0}},
            {"type":"MultiPolygon","id":4,"arcs":[[[-1,2]]],"properties":{"GEN":"Ost"}},
            {"type":null,"properties":{"GEN":"nirgends"}},
            {"type":"LineString","arcs":[0]}]}},
        "arcs":[[[10,0],[0,10]],[[10,10],[-10,0],[0,-10],[10,0]],[[10,0],[10,0,7],[0,10],[-10,0]]]}"#;

    fn refused(text: &str, layer: Option<&str>) -> String {
        read(text.as_bytes(), layer).unwrap_err().to_string()
    }

    #[test]
    fn shared_arcs_become_polygons_in_both_directions() {
        let table = read(TWO.as_bytes(), None).unwrap();
        assert_eq!(
            (table.format, table.fields.as_slice()),
            ("TopoJSON", ["id", "GEN", "EWZ"].map(String::from).as_slice())
        );
        let texts: Vec<_> = table.features.iter().map(|f| (f.text(0), f.text(1), f.text(2))).collect();
        assert_eq!(texts[0], (Some("03"), Some("West"), Some("4")));
        assert_eq!(texts[1], (Some("4"), Some("Ost"), None));
        for feature in &table.features[..2] {
            let Shape::Polygons(polygons) = &feature.shape else { panic!("{feature:?}") };
            assert!((polygons.unsigned_area() - 1.0).abs() < 1e-12);
            assert_eq!(polygons.0[0].exterior().0.len(), 5);
        }
        assert_eq!(table.features[2].shape, Shape::Missing);
        assert!(matches!(&table.features[3].shape, Shape::Unusable(why) if why.contains("LineString")));
    }

    #[test]
    fn of_several_objects_one_is_named_or_the_only_one_with_areas() {
        let point = r#""objects":{"orte":{"type":"Point","coordinates":[1,2]},"#;
        let with_points = TWO.replace(r#""objects":{"#, point);
        assert_eq!(read(with_points.as_bytes(), None).unwrap().features.len(), 4);
        let two = TWO.replace(r#""objects":{"#, r#""objects":{"kreis":{"type":"Polygon","arcs":[[0,1]]},"#);
        assert!(refused(&two, None).contains("kreis, gemeinden"));
        assert_eq!(read(two.as_bytes(), Some("kreis")).unwrap().features.len(), 1);
        assert!(refused(&two, Some("land")).contains("no object 'land'"));
    }

    #[test]
    fn arcs_that_are_not_there_or_are_used_without_end_are_refused() {
        assert!(refused(&TWO.replace("[[0,1]]", "[[0,7]]"), None).contains("no arc 7"));
        assert!(refused(&TWO.replace("[[0,1]]", "[[0,-9223372036854775808]]"), None).contains("no arc"));
        let bomb = TWO.replace("[[0,1]]", &format!("[[{}1]]", "0,".repeat(200)));
        assert!(refused(&bomb, None).contains("used too often"));
    }

    #[test]
    fn a_topology_is_told_from_other_json_wherever_its_type_stands() {
        assert!(is_topology(TWO.as_bytes()));
        assert!(is_topology(br#"{"arcs":[[[1,2]]],"objects":{},"type":"Topology"}"#.as_slice()));
        for other in ["", "[", r#"{"type":"Feature"}"#, r#"{"a":{"type":"Topology"}}"#, r#"["Topology"]"#] {
            assert!(!is_topology(other.as_bytes()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (is_topology(bytes.as_slice()), read(&bytes, None));
        }

        #[test]
        fn damaged_topologies_never_panic(changes in proptest::collection::vec((0_usize..900, any::<u8>()), 1..4)) {
            let mut bytes = TWO.as_bytes().to_vec();
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at % len] = byte;
            }
            let _ = (is_topology(bytes.as_slice()), read(&bytes, None));
        }
    }
}
