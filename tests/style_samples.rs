//! Styles of all kinds, light and dark, in both languages: they hold only forms that QGIS 3.22 reads.
//!
//! With `KOMMUNALATLAS_STYLE_OUT` set to a directory the samples are also written there, for `gl-style-validate`.

#![expect(clippy::unwrap_used, reason = "a style that cannot be made or read fails its test")]

use kommunalatlas::{
    classification::classify,
    domain::{ClassRule, Classification, IndicatorKind, Lang, Period, Polarity, Status},
    style::{
        ColourScheme, FacilityStyleInput, MapInput, PixelRatio, StyleError, StyleInput, Tally,
        facility_style, legend, palette_names, sprite_index, style,
    },
};
use serde_json::Value;

const KINDS: [IndicatorKind; 5] = [
    IndicatorKind::Count,
    IndicatorKind::Share,
    IndicatorKind::Rate,
    IndicatorKind::Mean,
    IndicatorKind::Index,
];

fn classification(classes: u8) -> Classification {
    let values: Vec<f64> = (0..60).map(|i| f64::from(i * i) / 7.0 + 3.0).collect();
    let rule = ClassRule { classes, ..ClassRule::default() };
    classify(&values, &rule, Vec::new()).unwrap()
}

fn tally(classes: usize) -> Tally {
    let statuses = Status::ALL.into_iter().filter(|status| !status.has_value()).map(|status| (status, 1));
    Tally { classes: vec![2; classes], statuses: statuses.collect(), uninhabited: 2 }
}

struct Sample {
    kind: IndicatorKind,
    classes: u8,
    lang: Lang,
    scheme: ColourScheme,
    palette: Option<&'static str>,
    classes_in_tiles: bool,
}

impl Sample {
    fn name(&self) -> String {
        let lang = if self.lang == Lang::De { "de" } else { "en" };
        let classes = if self.classes_in_tiles { "stored" } else { "asked" };
        let palette = self.palette.unwrap_or("default");
        format!(
            "{}-{}-{}-{palette}-{}-{lang}",
            self.kind.as_str(),
            self.classes,
            classes,
            self.scheme.as_str()
        )
    }

    fn make(&self) -> Value {
        let classification = classification(self.classes);
        let tally = tally(classification.classes());
        let period: Period = "2022-08..2023-07".parse().unwrap();
        let map = MapInput {
            title: "Kinder \"unter 3\" – $title {name}",
            unit: "%",
            kind: self.kind,
            decimals: 1,
            period: &period,
            classification: &classification,
            tally: &tally,
            palette: self.palette,
            polarity: Polarity::Negative,
            source: "Statistisches Landesamt",
            note: Some("Beispieldaten"),
            lang: self.lang,
            scheme: self.scheme,
        };
        let made = style(&StyleInput {
            map,
            borders: &["Gemeinde", "Samtgemeinde", "Landkreis", "Land"],
            tilejson_url: "https://atlas.example/a/tiles/gemeinde/kinder/2023.json",
            glyphs_url: "https://atlas.example/fonts/{fontstack}/{range}.pbf",
            sprite_url: "https://atlas.example/sprites/light",
            attribution: "© GeoBasis-DE / BKG",
            classes_in_tiles: self.classes_in_tiles,
        });
        made.unwrap()
    }
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for kind in KINDS {
        for lang in [Lang::De, Lang::En] {
            for scheme in ColourScheme::ALL {
                for classes_in_tiles in [true, false] {
                    let sample =
                        |classes| Sample { kind, classes, lang, scheme, palette: None, classes_in_tiles };
                    samples.extend([1, 5, 9].map(sample));
                }
            }
        }
    }
    samples.extend(palette_names().map(|palette| Sample {
        kind: IndicatorKind::Rate,
        classes: 7,
        lang: Lang::De,
        scheme: ColourScheme::Light,
        palette: Some(palette),
        classes_in_tiles: true,
    }));
    samples
}

/// A filter of the forms that are known to be read by QGIS 3.22.
fn is_plain_filter(filter: &Value) -> bool {
    let Some([Value::String(operator), rest @ ..]) = filter.as_array().map(Vec::as_slice) else {
        return false;
    };
    match (operator.as_str(), rest) {
        ("all", conditions) => conditions.iter().all(is_plain_filter),
        ("has" | "!has", [Value::String(_)]) => true,
        ("==", [Value::String(_), to]) => to.is_string() || to.is_number(),
        (">=" | "<=", [Value::String(_), to]) => to.is_number(),
        _ => false,
    }
}

/// A paint or layout value: a constant, an interpolation of numbers over the zoom, or a bare attribute.
fn is_plain_value(property: &str, value: &Value) -> bool {
    let Some(items) = value.as_array() else { return !value.is_object() && !value.is_null() };
    match items.first().and_then(Value::as_str) {
        Some("interpolate") => {
            items[1] == serde_json::json!(["linear"])
                && items[2] == serde_json::json!(["zoom"])
                && items[3..].iter().all(Value::is_number)
        }
        Some("get") => property == "symbol-sort-key",
        _ => items.iter().all(|item| item.is_number() || (property == "text-font" && item.is_string())),
    }
}

fn is_colour(value: &Value) -> bool {
    let digits = value.as_str().and_then(|text| text.strip_prefix('#')).unwrap_or_default();
    digits.len() == 6 && u32::from_str_radix(digits, 16).is_ok()
}

#[test]
fn styles_hold_only_forms_that_qgis_reads() {
    for sample in samples() {
        for layer in sample.make()["layers"].as_array().unwrap() {
            let id = format!("{} {}", sample.name(), layer["id"]);
            assert!(layer.get("filter").is_none_or(is_plain_filter), "{id}: {}", layer["filter"]);
            for group in ["paint", "layout"] {
                for (property, value) in layer.get(group).and_then(Value::as_object).into_iter().flatten() {
                    assert!(is_plain_value(property, value), "{id}: {property} {value}");
                    assert!(!property.ends_with("-color") || is_colour(value), "{id}: {property} {value}");
                }
            }
        }
    }
}

fn facility_sample(scheme: ColourScheme) -> Value {
    let input = FacilityStyleInput {
        title: "Kindertagesstätten",
        tilejson_url: "https://atlas.example/a/tiles/facilities/kita.json",
        glyphs_url: "https://atlas.example/fonts/{fontstack}/{range}.pbf",
        attribution: "© Landkreis",
        scheme,
    };
    facility_style(&input).unwrap()
}

#[test]
fn styles_of_facilities_hold_only_forms_that_qgis_reads() {
    for scheme in ColourScheme::ALL {
        let made = facility_sample(scheme);
        assert!(!made.to_string().contains("\"$"), "{made}");
        for layer in made["layers"].as_array().unwrap() {
            assert!(layer.get("filter").is_none());
            for group in ["paint", "layout"] {
                for (property, value) in layer.get(group).and_then(Value::as_object).into_iter().flatten() {
                    assert!(is_plain_value(property, value), "{}: {property} {value}", layer["id"]);
                    assert!(!property.ends_with("-color") || is_colour(value), "{property} {value}");
                }
            }
        }
    }
}

#[test]
fn layer_ids_are_unique_and_no_token_is_left() {
    for sample in samples() {
        let made = sample.make();
        let mut ids: Vec<_> =
            made["layers"].as_array().unwrap().iter().map(|l| l["id"].to_string()).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", sample.name());
        assert!(!made["layers"].to_string().contains("\"$") && !ids.concat().contains('{'));
    }
}

#[test]
fn style_and_legend_have_the_same_colours_and_radii() {
    for sample in samples() {
        let made = sample.make();
        let layers = made["layers"].as_array().unwrap();
        let layer = |id: String| layers.iter().find(|l| l["id"] == id.as_str()).unwrap();
        for class in made["metadata"]["kommunalatlas:legend"]["classes"].as_array().unwrap() {
            if sample.kind == IndicatorKind::Count {
                let circle = &layer(format!("circles-class-{}", class["class"]))["paint"];
                assert_eq!(circle["circle-color"], class["color"]);
                assert_eq!(circle["circle-radius"], class["radius"]);
            } else {
                let fill = &layer(format!("regions-class-{}", class["class"]))["paint"];
                assert_eq!(fill["fill-color"], class["color"]);
            }
        }
        for status in made["metadata"]["kommunalatlas:legend"]["statuses"].as_array().unwrap() {
            let name = status["status"].as_str().unwrap();
            assert_eq!(layer(format!("regions-{name}"))["paint"]["fill-color"], status["color"]);
            let hatch = layers.iter().find(|l| l["id"] == format!("regions-{name}-hatch"));
            assert_eq!(hatch.is_some(), status.get("hatch").is_some(), "{name}");
        }
    }
}

#[test]
fn every_pattern_of_a_style_is_in_the_sprites() {
    let sprites = sprite_index(PixelRatio::One).unwrap();
    for sample in samples() {
        let made = sample.make();
        let layers = made["layers"].as_array().unwrap().iter();
        let patterns: Vec<_> = layers.filter_map(|layer| layer["paint"]["fill-pattern"].as_str()).collect();
        assert!(patterns.len() >= 3);
        assert!(patterns.iter().all(|name| sprites.get(name).is_some()), "{patterns:?}");
    }
}

#[test]
fn counts_are_never_drawn_as_a_choropleth() {
    for sample in samples().iter().filter(|sample| sample.kind == IndicatorKind::Count) {
        let made = sample.make();
        let coloured = made["layers"].as_array().unwrap().iter().filter(|layer| {
            layer["type"] == "fill"
                && layer["filter"].to_string().contains("class")
                && layer["id"] != "regions-fill"
        });
        let ids: Vec<_> = coloured.map(|layer| layer["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["regions-uninhabited"]);
    }
}

/// What a filter on `value` says of a number.
fn passes(filter: &Value, value: f64) -> bool {
    let parts = filter.as_array().unwrap();
    match parts[0].as_str().unwrap() {
        "all" => parts[1..].iter().all(|part| passes(part, value)),
        ">=" => value >= parts[2].as_f64().unwrap(),
        "<=" => value <= parts[2].as_f64().unwrap(),
        _ => true,
    }
}

#[test]
fn range_filters_put_every_number_into_the_class_that_the_classification_says() {
    let sample = Sample {
        kind: IndicatorKind::Rate,
        classes: 5,
        lang: Lang::De,
        scheme: ColourScheme::Light,
        palette: None,
        classes_in_tiles: false,
    };
    let classes = classification(5);
    // Through text, as a client reads it: no digit of a break may be lost.
    let read: Value = serde_json::from_str(&sample.make().to_string()).unwrap();
    let filters: Vec<&Value> = read["layers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|layer| layer["id"].as_str().unwrap().starts_with("regions-class-"))
        .map(|layer| &layer["filter"])
        .collect();
    let around = classes.breaks.iter().flat_map(|b| [b.next_down(), *b, b.next_up()]);
    for value in around.chain([-1e9, 0.0, 1e9]) {
        let within: Vec<u8> = (0..5).filter(|class| passes(filters[usize::from(*class)], value)).collect();
        assert_eq!(within, [classes.class_of(value).unwrap()], "{value}");
    }
}

#[test]
fn a_map_without_any_value_has_a_style_and_an_empty_legend() {
    let classification = classify(&[], &ClassRule::default(), Vec::new()).unwrap();
    for kind in KINDS {
        let map = MapInput {
            title: "T",
            unit: "",
            kind,
            decimals: 0,
            period: &"2023".parse().unwrap(),
            classification: &classification,
            tally: &Tally::default(),
            palette: None,
            polarity: Polarity::Neutral,
            source: "",
            note: None,
            lang: Lang::De,
            scheme: ColourScheme::Dark,
        };
        assert!(legend(&map).unwrap().classes.is_empty());
        let error = legend(&MapInput { palette: Some("rainbow"), ..map }).unwrap_err();
        assert_eq!(error, StyleError::UnknownPalette("rainbow".into()));
    }
}

#[test]
fn samples_are_written_where_the_validator_reads_them() {
    let Some(directory) = std::env::var_os("KOMMUNALATLAS_STYLE_OUT") else {
        println!("skipped: KOMMUNALATLAS_STYLE_OUT is not set");
        return;
    };
    let directory = std::path::PathBuf::from(directory);
    std::fs::create_dir_all(&directory).unwrap();
    for scheme in ColourScheme::ALL {
        let text = serde_json::to_string_pretty(&facility_sample(scheme)).unwrap();
        std::fs::write(directory.join(format!("facilities-{}.json", scheme.as_str())), text).unwrap();
    }
    for sample in samples() {
        let text = serde_json::to_string_pretty(&sample.make()).unwrap();
        std::fs::write(directory.join(format!("{}.json", sample.name())), text).unwrap();
    }
}
