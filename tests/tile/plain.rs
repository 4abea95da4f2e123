//! The same tile encoded in one piece by another encoder.

use kommunalatlas::{
    domain::Status,
    tile::{Join, LayerValues, NO_CLASS},
};
use mvt::{Feature, GeomEncoder, GeomType, Layer, Tile};

use crate::sample::Sample;

/// Encodes a made-up tile with the crate `mvt`.
pub fn encode(sample: &Sample, join: &Join<'_>) -> Vec<u8> {
    let mut tile = Tile::new(4096);
    for layer in [borders(sample, &tile), regions(sample, join, &tile), labels(sample, join, &tile)] {
        if layer.num_features() > 0 {
            tile.add_layer(layer).unwrap();
        }
    }
    tile.to_bytes().unwrap()
}

fn borders(sample: &Sample, tile: &Tile) -> Layer {
    let mut layer = tile.create_layer("borders");
    for rank in 0..=u8::MAX {
        let mut encoder = GeomEncoder::new(GeomType::Linestring);
        let lines: Vec<_> =
            sample.geometry.borders.iter().filter(|b| b.rank == rank).flat_map(|b| &b.lines).collect();
        if lines.is_empty() {
            continue;
        }
        for line in lines {
            for &[x, y] in line {
                encoder.add_point(x, y).unwrap();
            }
            encoder.complete_geom().unwrap();
        }
        let mut feature = layer.into_feature(encoder.encode().unwrap());
        feature.add_tag_uint("rank", u64::from(rank));
        layer = feature.into_layer();
    }
    layer
}

fn regions(sample: &Sample, join: &Join<'_>, tile: &Tile) -> Layer {
    let mut layer = tile.create_layer("regions");
    for region in &sample.geometry.regions {
        let mut encoder = GeomEncoder::new(GeomType::Polygon);
        for ring in region.polygons.iter().flatten() {
            for &[x, y] in ring {
                encoder.add_point(x, y).unwrap();
            }
            encoder.complete_geom().unwrap();
        }
        let mut feature = layer.into_feature(encoder.encode().unwrap());
        let text = sample.text(region.ordinal);
        feature.set_id(u64::from(region.ordinal) + 1);
        feature.add_tag_string("key", text.key);
        feature.add_tag_string("name", text.name);
        add_values(&mut feature, region.ordinal, text.inhabited, join);
        layer = feature.into_layer();
    }
    layer
}

fn labels(sample: &Sample, join: &Join<'_>, tile: &Tile) -> Layer {
    let mut layer = tile.create_layer("labels");
    for label in &sample.labels {
        let encoder = GeomEncoder::new(GeomType::Point).point(label.x, label.y).unwrap();
        let mut feature = layer.into_feature(encoder.encode().unwrap());
        let text = sample.text(label.ordinal);
        feature.set_id(u64::from(label.ordinal) + 1);
        feature.add_tag_string("key", text.key);
        feature.add_tag_string("name", text.name);
        if let Some(short_name) = text.short_name {
            feature.add_tag_string("short_name", short_name);
        }
        feature.add_tag_uint("rank", u64::from(label.rank));
        add_values(&mut feature, label.ordinal, text.inhabited, join);
        layer = feature.into_layer();
    }
    layer
}

fn add_values(feature: &mut Feature, ordinal: u32, inhabited: bool, join: &Join<'_>) {
    let mut add = |suffix: &str, values: &LayerValues<'_>| {
        let ordinal = ordinal as usize;
        if let Some(value) = values.column.value(ordinal) {
            feature.add_tag_double(&format!("value{suffix}"), value + 0.0);
        }
        let class = values.classes.get(ordinal).copied().unwrap_or(NO_CLASS);
        if inhabited && class != NO_CLASS {
            feature.add_tag_uint(&format!("class{suffix}"), u64::from(class));
        }
        let status = values.column.status(ordinal);
        if status != Status::Valid && (inhabited || status.has_value()) {
            feature.add_tag_string(&format!("status{suffix}"), status.as_str());
        }
    };
    match join {
        Join::GeometryOnly => {}
        Join::One(values) => add("", values),
        Join::All(periods) => {
            for (suffix, values) in *periods {
                add(&format!("_{suffix}"), values);
            }
        }
    }
}
