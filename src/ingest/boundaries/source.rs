//! Opening a boundary file: what it is, by its content, and its hash.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    archive, flatgeobuf,
    geojson::{self, RECORD_SEPARATOR},
    geopackage, shape_file,
    table::{FeatureTable, ReadError},
    topojson,
};

/// Greatest file of the formats that are held in memory while they are read.
const MAX_BYTES_IN_MEMORY: u64 = 1 << 30;

/// How many of the first bytes tell what a file is.
pub(super) const START: u64 = 4096;

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    FlatGeobuf,
    GeoPackage,
    Json,
    /// The `.shp` or the `.shx` of a shapefile, which begin alike.
    Shapefile,
    Zip,
}

/// A kind of file that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    FlatGeobuf,
    GeoJson,
    GeoPackage,
    /// `path` is its `.shp`.
    Shapefile,
    TopoJson,
}

/// A file of known format, unpacked if it was in an archive.
#[derive(Debug)]
pub(super) struct Opened {
    pub format: Format,
    pub path: PathBuf,
    /// Layer that was asked for, if the file itself can have several.
    pub layer: Option<String>,
    /// The folder into which it was unpacked; it is removed with this.
    pub unpacked: Option<TempDir>,
}

/// Finds out by its content what a file is; of a shapefile any of its parts may be named. An archive is unpacked.
///
/// # Errors
/// If the file is none that is read, or it is not clear which file of an archive is meant.
pub(super) fn open(path: &Path, layer: Option<&str>) -> Result<Opened, ReadError> {
    let start = start_of(path)?;
    if kind(&start) == Some(Kind::Zip) {
        return archive::open(path, layer);
    }
    let (format, path) = detect(path, &start)?;
    Ok(Opened { format, path, layer: layer.map(str::to_owned), unpacked: None })
}

/// The first bytes of a file.
pub(super) fn start_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(START).read_to_end(&mut start)?;
    Ok(start)
}

/// What a file with these first bytes is; `None` if it is nothing that is read.
pub(super) fn kind(start: &[u8]) -> Option<Kind> {
    if start.starts_with(geopackage::MAGIC) {
        return Some(Kind::GeoPackage);
    }
    if start.starts_with(&shape_file::MAGIC) {
        return Some(Kind::Shapefile);
    }
    if start.starts_with(flatgeobuf::MAGIC) {
        return Some(Kind::FlatGeobuf);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Some(Kind::Zip);
    }
    matches!(text(start).first(), Some(b'{' | b'[' | &RECORD_SEPARATOR)).then_some(Kind::Json)
}

/// The first bytes without a byte order mark and white space before the text.
fn text(start: &[u8]) -> &[u8] {
    start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start()
}

/// True for the parts of a shapefile that are recognised by their name only.
pub(super) fn is_part_by_name(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["dbf", "prj", "cpg"].iter().any(|part| e.eq_ignore_ascii_case(part)))
}

/// The format of a file that is no archive, and the path of its main part.
pub(super) fn detect(path: &Path, start: &[u8]) -> Result<(Format, PathBuf), ReadError> {
    let refuse = |message: &str| Err(ReadError::content(None, message));
    if start.is_empty() {
        return refuse("The file is empty.");
    }
    let format = match kind(start) {
        Some(Kind::GeoPackage) => Format::GeoPackage,
        Some(Kind::FlatGeobuf) => Format::FlatGeobuf,
        Some(Kind::Json) => json_format(path)?,
        Some(Kind::Shapefile) => {
            let is_index = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("shx"));
            return shapefile_of(path, is_index);
        }
        None if is_part_by_name(path) => return shapefile_of(path, true),
        Some(Kind::Zip) => return refuse("This is a zip archive within another: unpack the outer one."),
        None if start.starts_with(b"fgb") => {
            return refuse(
                "This is FlatGeobuf of another version than 3: write it again, for instance with ogr2ogr.",
            );
        }
        None if text(start).starts_with(b"<") => {
            return refuse(
                "This is XML (GML, KML or a page of a web site): boundaries must be GeoJSON, TopoJSON, FlatGeobuf, \
                 GeoPackage or a shapefile.",
            );
        }
        None => {
            return refuse(
                "This is neither GeoJSON, TopoJSON nor FlatGeobuf, nor a GeoPackage, nor a shapefile.",
            );
        }
    };
    Ok((format, path.to_owned()))
}

fn json_format(path: &Path) -> Result<Format, ReadError> {
    let mut file = BufReader::new(File::open(path)?);
    let mut mark = [0; 3];
    let marked = file.read_exact(&mut mark).is_ok() && mark == *b"\xEF\xBB\xBF";
    let before: &[u8] = if marked { &[] } else { &mark };
    Ok(if topojson::is_topology(before.chain(file)) { Format::TopoJson } else { Format::GeoJson })
}

fn shapefile_of(path: &Path, is_neighbour: bool) -> Result<(Format, PathBuf), ReadError> {
    if !is_neighbour {
        return Ok((Format::Shapefile, path.to_owned()));
    }
    ["shp", "SHP"]
        .iter()
        .map(|e| path.with_extension(e))
        .find(|shp| shp.is_file())
        .map(|shp| (Format::Shapefile, shp))
        .ok_or_else(|| {
            ReadError::content(
                None,
                "This is a part of a shapefile, but the .shp file with the areas is missing beside it.",
            )
        })
}

/// Reads an opened file, unless it is a GeoPackage, which is read from a database.
pub(super) fn read(opened: &Opened) -> Result<FeatureTable, ReadError> {
    let layer = opened.layer.as_deref();
    match opened.format {
        Format::Shapefile => shape_file::read(&opened.path),
        Format::FlatGeobuf => flatgeobuf::read(&bytes_of(&opened.path)?),
        Format::TopoJson => topojson::read(&bytes_of(&opened.path)?, layer),
        Format::GeoJson | Format::GeoPackage => geojson::read(&bytes_of(&opened.path)?),
    }
}

/// The whole content of a file.
fn bytes_of(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES_IN_MEMORY + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES_IN_MEMORY {
        return Err(ReadError::content(
            None,
            "The file is larger than 1 GiB: convert it to a GeoPackage, which needs less memory to read.",
        ));
    }
    Ok(bytes)
}

/// BLAKE3 of a file's bytes, hexadecimal.
pub(super) fn hash(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut BufReader::with_capacity(1 << 16, File::open(path)?), &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}
