//! Opening a boundary file: what it is, by its content, and its hash.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    geojson, geopackage, shape_file,
    table::{FeatureTable, ReadError},
};

/// Greatest GeoJSON file that is read, since it is held in memory.
const MAX_JSON_BYTES: u64 = 1 << 30;

/// A kind of file that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    GeoJson,
    GeoPackage,
    /// With the path of its `.shp`.
    Shapefile(PathBuf),
}

/// Finds out by its first bytes what a file is. Of a shapefile any of its parts may be named.
pub(super) fn detect(path: &Path) -> Result<Format, ReadError> {
    let mut start = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut start)?;
    let refuse = |message: &str| Err(ReadError::content(None, message));
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&start).trim_ascii_start();
    if start.is_empty() {
        return refuse("the file is empty");
    }
    if start.starts_with(geopackage::MAGIC) {
        return Ok(Format::GeoPackage);
    }
    if start.starts_with(&shape_file::MAGIC) {
        let is_index = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("shx"));
        return shapefile_of(path, is_index);
    }
    if path.extension().is_some_and(|e| ["dbf", "prj", "cpg"].iter().any(|part| e.eq_ignore_ascii_case(part)))
    {
        return shapefile_of(path, true);
    }
    if matches!(text.first(), Some(b'{' | b'[')) {
        return Ok(Format::GeoJson);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return refuse("this is a zip archive: unpack it and name the .shp, .gpkg or .geojson file in it");
    }
    if start.starts_with(b"fgb") {
        return refuse(
            "this is FlatGeobuf, which is not read: convert it to GeoPackage, for instance with ogr2ogr",
        );
    }
    if text.starts_with(b"<") {
        return refuse(
            "this is XML (GML, KML or a page of a web site): boundaries must be GeoJSON, GeoPackage or a shapefile",
        );
    }
    refuse("this is neither GeoJSON nor a GeoPackage nor a shapefile")
}

fn shapefile_of(path: &Path, is_neighbour: bool) -> Result<Format, ReadError> {
    if !is_neighbour {
        return Ok(Format::Shapefile(path.to_owned()));
    }
    ["shp", "SHP"]
        .iter()
        .map(|e| path.with_extension(e))
        .find(|shp| shp.is_file())
        .map(Format::Shapefile)
        .ok_or_else(|| {
            ReadError::content(
                None,
                "this is a part of a shapefile, but the .shp file with the areas is missing beside it",
            )
        })
}

/// Reads a GeoJSON file into memory and takes its features.
pub(super) fn read_geojson(path: &Path) -> Result<FeatureTable, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        return Err(ReadError::content(
            None,
            "the file is larger than 1 GiB: convert it to a GeoPackage, which needs less memory to read",
        ));
    }
    geojson::read(&bytes)
}

/// BLAKE3 of a file's bytes, hexadecimal.
pub(super) fn hash(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut BufReader::with_capacity(1 << 16, File::open(path)?), &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}
