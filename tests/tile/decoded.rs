//! A tile as a foreign decoder reads it.

use std::{collections::BTreeMap, io::Read};

use fast_mvt::{MvtReaderRef, MvtResult};

/// A layer; features in the order of the tile.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedLayer {
    pub name: String,
    pub version: u32,
    pub extent: u32,
    pub features: Vec<DecodedFeature>,
}

/// A feature. Attributes with their type, so that `Double(1.0)` differs from `UInt(1)`.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedFeature {
    pub id: Option<u64>,
    pub attributes: BTreeMap<String, String>,
    pub geometry: String,
}

/// Reads a tile. A geometry of unknown type is shown by its commands, for the specification leaves it to the reader.
pub fn decode(tile: &[u8]) -> MvtResult<Vec<DecodedLayer>> {
    let reader = MvtReaderRef::new(tile)?;
    reader
        .layers()
        .map(|layer| {
            let features = layer
                .features()
                .map(|feature| {
                    let attributes = feature
                        .properties()
                        .map(|property| property.map(|(key, value)| (key.to_owned(), format!("{value:?}"))))
                        .collect::<MvtResult<_>>()?;
                    let geometry = match feature.geom_type_value() {
                        Some(1..=3) => format!("{:?}", feature.geometry()?),
                        other => format!("{other:?} {:?}", feature.geometry_commands()),
                    };
                    Ok(DecodedFeature { id: feature.id(), attributes, geometry })
                })
                .collect::<MvtResult<_>>()?;
            let (name, version, extent) = (layer.name().to_owned(), layer.version(), layer.extent());
            Ok(DecodedLayer { name, version, extent, features })
        })
        .collect()
}

/// The contents of a gzip file that has just one member.
pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    decoder.read_to_end(&mut out).unwrap();
    assert!(decoder.into_inner().is_empty(), "bytes follow the trailer");
    out
}
