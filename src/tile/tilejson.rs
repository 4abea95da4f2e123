//! TileJSON 3.0: where tiles are and what is in them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::Lang;

/// A TileJSON 3.0 document. Members that are `None` are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TileJson {
    /// Version of the format.
    pub tilejson: &'static str,
    /// Name of the tileset.
    pub name: String,
    /// What the tileset shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whom to name beside the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Order of the rows: `xyz` counts them from the north.
    pub scheme: &'static str,
    /// URL templates with `{z}`, `{x}` and `{y}`.
    pub tiles: Vec<String>,
    /// First zoom.
    pub minzoom: u8,
    /// Last zoom; maps go on with its tiles beyond.
    pub maxzoom: u8,
    /// West, south, east, north in degrees.
    pub bounds: [f64; 4],
    /// Longitude, latitude, zoom of a first view.
    pub center: (f64, f64, u8),
    /// The layers of the tiles.
    pub vector_layers: Vec<VectorLayer>,
}

/// One layer of the tiles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VectorLayer {
    /// Name of the layer.
    pub id: &'static str,
    /// What its features are.
    pub description: &'static str,
    /// First zoom.
    pub minzoom: u8,
    /// Last zoom.
    pub maxzoom: u8,
    /// Attributes with what they mean.
    pub fields: Map<String, Value>,
}

/// What a tile says about its regions besides key and name; compare [`Join`](super::Join).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields<'a> {
    /// Nothing.
    GeometryOnly,
    /// `value`, `class`, `status`.
    One,
    /// The same with each of these suffixes.
    All(&'a [String]),
}

impl TileJson {
    /// The document of tiles at `url` (a template with `{z}`, `{x}` and `{y}`) from `minzoom` to `maxzoom`.
    ///
    /// `bounds` are west, south, east, north in degrees. Descriptions are in `lang`.
    pub fn new(
        name: impl Into<String>,
        url: impl Into<String>,
        bounds: [f64; 4],
        (minzoom, maxzoom): (u8, u8),
        fields: Fields<'_>,
        lang: Lang,
    ) -> Self {
        let [west, south, east, north] = bounds;
        Self {
            tilejson: "3.0.0",
            name: name.into(),
            description: None,
            attribution: None,
            scheme: "xyz",
            tiles: vec![url.into()],
            minzoom,
            maxzoom,
            bounds,
            center: (west.midpoint(east), south.midpoint(north), minzoom),
            vector_layers: vector_layers((minzoom, maxzoom), fields, lang),
        }
    }

    /// The document of tiles of facilities; compare [`TileJson::new`].
    pub fn of_facilities(
        name: impl Into<String>,
        url: impl Into<String>,
        bounds: [f64; 4],
        (minzoom, maxzoom): (u8, u8),
        lang: Lang,
    ) -> Self {
        let mut document = Self::new(name, url, bounds, (minzoom, maxzoom), Fields::GeometryOnly, lang);
        let fields =
            FACILITY.iter().map(|(name, meaning)| ((*name).to_owned(), in_language(*meaning, lang).into()));
        document.vector_layers = vec![VectorLayer {
            id: "facilities",
            description: in_language(FACILITIES, lang),
            minzoom,
            maxzoom,
            fields: fields.collect(),
        }];
        document
    }

    /// The same with a description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The same with an attribution.
    #[must_use]
    pub fn attributed(mut self, attribution: impl Into<String>) -> Self {
        self.attribution = Some(attribution.into());
        self
    }
}

/// A description in German and English.
type Both = [&'static str; 2];

const BORDERS: Both = ["Grenzen, jede nur einmal", "borders, each of them once"];
const REGIONS: Both = ["Gebiete", "regions"];
const LABELS: Both = ["Beschriftungspunkte der Gebiete", "label points of the regions"];
const BORDER_RANK: Both = [
    "Rang: 0 Grenze der Ebene selbst, 1 der nächsthöheren Ebene usw.",
    "rank: 0 border of the level itself, 1 of the next higher level and so on",
];
const KEY: (&str, Both) = ("key", ["Amtlicher oder eigener Schlüssel", "official or own key"]);
const NAME: (&str, Both) = ("name", ["Name", "name"]);
const SHORT_NAME: (&str, Both) =
    ("short_name", ["Kurzer Name, wenn es einen gibt", "short name, if there is one"]);
const LABEL_RANK: (&str, Both) = ("rank", ["Rang: 0 ist am wichtigsten", "rank: 0 is the most important"]);
const VALUES: [(&str, Both); 3] = [
    ("value", ["Wert (Zahl); fehlt, wenn es keinen gibt", "value (number); absent when there is none"]),
    ("class", ["Klasse, 0 bis k−1; fehlt, wenn es keine gibt", "class, 0 to k−1; absent when there is none"]),
    ("status", ["Zeichen; fehlt bei gültigem Wert", "status; absent when the value is valid"]),
];

const FACILITIES: Both = ["Einrichtungen", "facilities"];
const FACILITY: [(&str, Both); 8] = [
    ("key", ["Eigener Schlüssel", "own key"]),
    ("name", ["Name", "name"]),
    ("category", ["Art der Einrichtung", "category"]),
    ("operator", ["Träger; fehlt, wenn er nicht bekannt ist", "operator; absent when it is not known"]),
    (
        "places",
        ["Plätze; fehlt, wenn ihre Zahl nicht bekannt ist", "places; absent when their number is not known"],
    ),
    ("address", ["Anschrift; fehlt, wenn sie nicht bekannt ist", "address; absent when it is not known"]),
    (
        "valid_from",
        ["Erster Tag; fehlt, wenn er nicht bekannt ist", "first day; absent when it is not known"],
    ),
    ("valid_until", ["Letzter Tag; fehlt, wenn keiner feststeht", "last day; absent when there is none"]),
];

fn vector_layers((minzoom, maxzoom): (u8, u8), fields: Fields<'_>, lang: Lang) -> Vec<VectorLayer> {
    let layer = |id, description, static_fields: &[(&str, Both)], values| {
        let mut all = Map::new();
        for (name, meaning) in static_fields {
            all.insert((*name).to_owned(), in_language(*meaning, lang).into());
        }
        add_values(&mut all, values, lang);
        VectorLayer { id, description: in_language(description, lang), minzoom, maxzoom, fields: all }
    };
    vec![
        layer("borders", BORDERS, &[("rank", BORDER_RANK)], Fields::GeometryOnly),
        layer("regions", REGIONS, &[KEY, NAME], fields),
        layer("labels", LABELS, &[KEY, NAME, SHORT_NAME, LABEL_RANK], fields),
    ]
}

fn add_values(to: &mut Map<String, Value>, fields: Fields<'_>, lang: Lang) {
    match fields {
        Fields::GeometryOnly => {}
        Fields::One => {
            to.extend(VALUES.map(|(name, meaning)| (name.to_owned(), in_language(meaning, lang).into())));
        }
        Fields::All(suffixes) => {
            for suffix in suffixes {
                let named = |(name, meaning)| (format!("{name}_{suffix}"), in_language(meaning, lang).into());
                to.extend(VALUES.map(named));
            }
        }
    }
}

fn in_language([german, english]: Both, lang: Lang) -> &'static str {
    match lang {
        Lang::De => german,
        Lang::En => english,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(fields: Fields<'_>, lang: Lang) -> Value {
        let url = "https://atlas.example/dan/tiles/gemeinde/{z}/{x}/{y}.mvt";
        let tilejson = TileJson::new("Gemeinden", url, [10.8, 52.8, 11.6, 53.2], (6, 14), fields, lang)
            .described("Einwohner")
            .attributed("© Beispiel");
        serde_json::to_value(tilejson).unwrap()
    }

    fn field_names(layer: &Value) -> Vec<&str> {
        layer["fields"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_members_that_the_specification_requires_are_there() {
        let json = document(Fields::One, Lang::De);
        assert_eq!(json["tilejson"], "3.0.0");
        assert_eq!(json["tiles"].as_array().unwrap().len(), 1);
        for layer in json["vector_layers"].as_array().unwrap() {
            assert!(layer["id"].is_string() && layer["fields"].is_object(), "{layer}");
            assert!(layer["fields"].as_object().unwrap().values().all(Value::is_string), "{layer}");
        }
        assert_eq!(json["bounds"], serde_json::json!([10.8, 52.8, 11.6, 53.2]));
        assert_eq!(json["center"][2], 6);
    }

    #[test]
    fn fields_are_those_of_the_join() {
        let layers = |fields| document(fields, Lang::De)["vector_layers"].clone();
        assert_eq!(field_names(&layers(Fields::GeometryOnly)[1]), ["key", "name"]);
        assert_eq!(field_names(&layers(Fields::One)[1]), ["key", "name", "value", "class", "status"]);
        let periods = ["2022".to_owned(), "2023".to_owned()];
        let all = layers(Fields::All(&periods));
        assert_eq!(field_names(&all[0]), ["rank"]);
        assert_eq!(
            field_names(&all[1])[2..],
            ["value_2022", "class_2022", "status_2022", "value_2023", "class_2023", "status_2023"]
        );
    }

    #[test]
    fn what_is_not_known_is_left_out_and_descriptions_have_two_languages() {
        let tilejson = TileJson::new("n", "u", [0.0; 4], (0, 1), Fields::One, Lang::En);
        let json = serde_json::to_value(tilejson).unwrap();
        assert!(json.get("description").is_none() && json.get("attribution").is_none());
        assert_eq!(json["vector_layers"][1]["description"], "regions");
        assert_eq!(document(Fields::One, Lang::De)["vector_layers"][1]["description"], "Gebiete");
    }
}
