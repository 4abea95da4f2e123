//! Zip archives: the boundary file in one is unpacked into a folder that is removed afterwards.
//!
//! Invariant: what an archive says of its sizes and paths is not believed. Expanded bytes are counted while they are
//! written, and only the last part of a name is used.

use std::{
    collections::HashMap,
    fs::File,
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use super::{
    source::{self, Format, Kind, Opened, START},
    table::ReadError,
};
use crate::ingest::expansion;

/// Most bytes that an archive may expand to.
const MAX_EXPANDED: u64 = 2 << 30;

/// Most files in an archive.
const MAX_FILES: usize = 10_000;

/// Longest name that is used, in bytes.
const MAX_NAME: usize = 200;

/// A boundary file among what was unpacked.
struct Member {
    format: Format,
    path: PathBuf,
}

impl Member {
    fn stem(&self) -> &str {
        self.path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

/// Unpacks an archive and opens the boundary file in it: the only one, or the one whose name without extension is
/// `layer`.
///
/// # Errors
/// If the archive is damaged, expands to too much, or has no such file or several.
pub(super) fn open(path: &Path, layer: Option<&str>) -> Result<Opened, ReadError> {
    let archive = ZipArchive::new(File::open(path)?).map_err(|error| damaged(&error))?;
    let packed = std::fs::metadata(path)?.len();
    let limit = expansion::limit(packed, MAX_EXPANDED);
    let folder = tempfile::tempdir()?;
    let (files, others) = unpack(archive, folder.path(), limit)?;
    let members = members(&files)?;
    let (member, layer) = choose(members, layer, &others)?;
    Ok(Opened { format: member.format, path: member.path, layer, unpacked: Some(folder) })
}

fn damaged(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::content(None, format!("The zip archive is damaged or of a kind that is not read: {error}."))
}

/// Unpacks what can be a boundary file or a part of one, each folder of the archive into one of its own. Returns the
/// paths, and the names of what was left out.
fn unpack<R: Read + std::io::Seek>(
    mut archive: ZipArchive<R>,
    into: &Path,
    limit: u64,
) -> Result<(Vec<PathBuf>, Vec<String>), ReadError> {
    if archive.len() > MAX_FILES {
        let message = format!("The zip archive has more than {MAX_FILES} files: pack the boundaries alone.");
        return Err(ReadError::content(None, message));
    }
    let mut folders: HashMap<String, PathBuf> = HashMap::new();
    let (mut files, mut others) = (Vec::new(), Vec::new());
    let mut left = limit;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        let full = entry.name().map_err(|error| damaged(&error))?.replace('\\', "/");
        let (parent, name) = full.rsplit_once('/').unwrap_or(("", &full));
        let hidden = name.is_empty() || name.starts_with('.') || parent.starts_with("__MACOSX");
        if hidden || name.len() > MAX_NAME || name.contains(|c: char| c.is_control()) {
            continue;
        }
        let mut start = Vec::new();
        entry.by_ref().take(START).read_to_end(&mut start).map_err(|error| damaged(&error))?;
        let wanted = source::kind(&start).is_some_and(|kind| kind != Kind::Zip);
        if !(wanted || source::is_part_by_name(Path::new(name))) {
            others.push(name.to_owned());
            continue;
        }
        let number = folders.len();
        let folder =
            folders.entry(parent.to_owned()).or_insert_with(|| into.join(number.to_string())).clone();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(name);
        copy(&mut Cursor::new(start).chain(entry), &mut File::create(&path)?, &mut left)?;
        files.push(path);
    }
    Ok((files, others))
}

/// Copies until the end, or until nothing is `left` of the room for all files.
fn copy(from: &mut impl Read, to: &mut impl Write, left: &mut u64) -> Result<(), ReadError> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        // Faults of the packed bytes are told apart from those of the disk.
        let count = from.read(&mut buffer).map_err(|error| damaged(&error))?;
        if count == 0 {
            return Ok(());
        }
        *left = left.checked_sub(count as u64).ok_or_else(|| {
            let message = "The zip archive expands to a large multiple of its size or to more than 2 GiB, so it is \
                           not unpacked: unpack it and name the boundary file in it.";
            ReadError::content(None, message)
        })?;
        to.write_all(&buffer[..count])?;
    }
}

/// The boundary files among what was unpacked.
fn members(files: &[PathBuf]) -> Result<Vec<Member>, ReadError> {
    let mut members = Vec::new();
    for path in files {
        // Parts of a shapefile belong to its .shp.
        let is_part = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("shx"));
        if is_part || source::is_part_by_name(path) {
            continue;
        }
        let (format, path) = source::detect(path, &source::start_of(path)?)?;
        members.push(Member { format, path });
    }
    Ok(members)
}

/// The member that is meant, and what is left of the layer to look for within it.
fn choose(
    mut members: Vec<Member>,
    layer: Option<&str>,
    others: &[String],
) -> Result<(Member, Option<String>), ReadError> {
    let refuse = |message: String| Err(ReadError::content(None, message));
    if let Some(at) = layer.and_then(|layer| members.iter().position(|member| member.stem() == layer)) {
        return Ok((members.swap_remove(at), None));
    }
    let has_layers = |format: &Format| matches!(format, Format::GeoPackage | Format::TopoJson);
    let stems = |members: &[Member]| members.iter().map(Member::stem).collect::<Vec<_>>().join(", ");
    match (layer, members.len()) {
        (_, 0) => {
            let there: Vec<_> = others.iter().take(12).map(String::as_str).collect();
            let there = if there.is_empty() { "nothing".to_owned() } else { there.join(", ") };
            refuse(format!("The zip archive has no boundary file that is read; there is {there}."))
        }
        (None, 1) => Ok((members.remove(0), None)),
        (Some(layer), 1) if has_layers(&members[0].format) => Ok((members.remove(0), Some(layer.to_owned()))),
        (Some(layer), _) => {
            refuse(format!("The zip archive has no layer '{layer}', only {}.", stems(&members)))
        }
        (None, _) => refuse(format!(
            "The zip archive has several layers, so name one of them with --layer: {}.",
            stems(&members)
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    const JSON: &[u8] = br#"{"type":"FeatureCollection","features":[]}"#;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn opened(bytes: &[u8], layer: Option<&str>) -> Result<Opened, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, bytes).unwrap();
        open(&path, layer).map_err(|error| error.to_string())
    }

    #[test]
    fn the_only_boundary_file_is_taken_whatever_lies_beside_it() {
        let files: [(&str, &[u8]); 4] = [
            ("readme.txt", b"hello"),
            ("__MACOSX/data/._kreis.json", JSON),
            ("../../../etc/data/kreis.json", JSON),
            ("data/", b""),
        ];
        let found = opened(&zipped(&files), None).unwrap();
        assert_eq!(
            (&found.format, found.path.file_name().unwrap().to_str()),
            (&Format::GeoJson, Some("kreis.json"))
        );
        let folder = found.unpacked.as_ref().unwrap().path().to_owned();
        assert!(found.path.starts_with(&folder) && found.path.is_file());
        drop(found);
        assert!(!folder.exists());
    }

    #[test]
    fn of_several_files_one_is_named_and_all_are_listed() {
        let shp: &[u8] = &[0, 0, 0x27, 0x0A];
        let files: [(&str, &[u8]); 5] = [
            ("v/GEM.shp", shp),
            ("v/GEM.shx", shp),
            ("v/GEM.dbf", b"x"),
            ("v/KRS.shp", shp),
            ("k.geojson", JSON),
        ];
        let zip = zipped(&files);
        let found = opened(&zip, Some("GEM")).unwrap();
        assert!(found.path.with_extension("dbf").is_file() && found.layer.is_none());
        assert!(opened(&zip, None).unwrap_err().contains("GEM, KRS, k"));
        assert!(opened(&zip, Some("LAN")).unwrap_err().contains("no layer 'LAN', only GEM"));
        let layer = opened(&zipped(&[("a.gpkg", b"SQLite format 3\0")]), Some("gem")).unwrap().layer;
        assert_eq!(layer.as_deref(), Some("gem"));
    }

    #[test]
    fn archives_without_boundaries_say_what_is_there() {
        assert!(
            opened(&zipped(&[("a.pdf", b"%PDF"), ("b.zip", b"PK\x03\x04")]), None)
                .unwrap_err()
                .contains("a.pdf, b.zip")
        );
        assert!(opened(&zipped(&[]), None).unwrap_err().contains("there is nothing"));
        assert!(opened(b"PK\x03\x04", None).unwrap_err().contains("damaged"));
    }

    #[test]
    fn a_bomb_is_refused_by_what_it_expands_to_and_not_by_what_it_says() {
        let mut bomb = b"[".to_vec();
        bomb.resize(expansion::ALWAYS as usize + 1, b' ');
        let zip = zipped(&[("a.json", &bomb)]);
        assert!(zip.len() < bomb.len() / 500);
        assert!(opened(&zip, None).unwrap_err().contains("expands"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = opened(&[b"PK\x03\x04".as_slice(), &bytes].concat(), None);
        }

        #[test]
        fn damaged_archives_never_panic(changes in proptest::collection::vec((0_usize..300, any::<u8>()), 1..4)) {
            let mut bytes = zipped(&[("a/b.json", JSON), ("c.dbf", &[7; 100])]);
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at % len] = byte;
            }
            let _ = opened(&bytes, None);
        }
    }
}
