//! The public zone: what is public, written to where a server for the public only reads it, and nothing else.
//!
//! A file is written beside its place and put there whole, so that a reader sees the old one or the new one. A database is
//! brought to the same state in one transaction, which touches only rows that differ. Must not know: who serves it.
//!
//! Invariant: row ids in a database are those of the source, so that none ever gets a second meaning for a server that reads
//! on meanwhile.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, Utc};

use crate::store::{
    Id, Store, StoreError,
    copying::hash_of,
    public::{Kind, TABLES, Table},
    sql::{Cells, Param, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Ids that are named in one statement.
const IDS: usize = 500;

/// Which file lies at a path, and when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    place: (u64, u64),
    written: SystemTime,
    length: u64,
}

impl FileId {
    /// What lies there now.
    ///
    /// # Errors
    /// If nothing does.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = path.metadata()?;
        Ok(Self { place: (found.dev(), found.ino()), written: found.modified()?, length: found.len() })
    }

    /// Device and number of the file: what was renamed to the path is another one.
    pub(super) const fn place(self) -> (u64, u64) {
        self.place
    }
}

impl Store {
    /// Puts a GeoPackage with what the public may see in the place of `file`, as a whole and only when it is on the disk. To
    /// be asked of a store opened for the public. Returns how many rows it has.
    ///
    /// # Errors
    /// If it cannot be written; then what lay there still lies there.
    pub async fn publish_to_file(&self, file: &Path, now: DateTime<Utc>) -> Result<usize> {
        let unfinished = beside(file);
        remove(&unfinished).map_err(|source| cannot_make(&unfinished, source))?;
        let rows = self.export_public(&unfinished, now).await?;
        let placed = place(&unfinished, file);
        if placed.is_err() {
            // Why it could not be placed is already known; the next attempt removes it too.
            let _ = remove(&unfinished);
        }
        placed.map_err(|source| cannot_make(file, source))?;
        Ok(rows)
    }

    /// Brings a database to what the public may see of this store, in one transaction. To be asked of a store opened for the
    /// public. Returns how many rows were written or deleted.
    ///
    /// # Errors
    /// If the database fails, or holds anything that did not come this way; then it stays as it was.
    pub async fn publish_to_server(&self, target: &Self) -> Result<usize> {
        let mut from = self.begin_read().await?;
        let mut to = target.begin_write().await?;
        refuse_full(&mut to).await?;
        let imports = imports(&mut from).await?;
        let mut changed = 0;
        for table in TABLES.iter().rev() {
            let wanted = if table.name == IMPORT {
                imports.iter().filter_map(|row| own_id(row)).filter(|id| *id < 0).collect()
            } else {
                ids(&mut from, table.name).await?
            };
            changed += delete_others(&wanted, &mut to, table).await?;
        }
        for table in TABLES {
            if table.name == IMPORT {
                write_imports(&imports, &mut to).await?;
            } else {
                changed += write_differing(&mut from, &mut to, table).await?;
            }
        }
        to.commit().await?;
        Ok(changed)
    }
}

/// Refuses a database with atlases of its own: everything in it that is not public would be deleted.
async fn refuse_full(to: &mut Tx) -> Result<()> {
    let own =
        "SELECT slug FROM atlas a WHERE NOT EXISTS (SELECT 1 FROM import i WHERE i.id = -a.id) ORDER BY slug";
    match to.row(own, params![]).await? {
        None => Ok(()),
        Some(row) => Err(StoreError::Invalid(format!(
            "the database holds the atlas '{}', which was not published to it: name a database for the public zone alone;              nothing was changed",
            row.cells().text()?
        ))),
    }
}

fn cannot_make(path: &Path, source: io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), source }
}

/// Where a file is written before it is put in its place: in the same folder, so that it can be renamed.
fn beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.unfinished"))
}

/// Removes what an earlier attempt left behind.
fn remove(unfinished: &Path) -> io::Result<()> {
    remove_with(unfinished, &["", "-wal", "-shm", "-journal"])
}

/// Removes a file's companions of these endings, where they are.
fn remove_with(file: &Path, ends: &[&str]) -> io::Result<()> {
    for end in ends {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Renames a file when all of it is on the disk. It may be read by whoever could read the one before.
fn place(unfinished: &Path, file: &Path) -> io::Result<()> {
    if let Ok(before) = file.metadata() {
        std::fs::set_permissions(unfinished, before.permissions())?;
    }
    File::open(unfinished)?.sync_all()?;
    // A log of another file must not be taken for one of this.
    remove_with(file, &["-wal", "-shm", "-journal"])?;
    std::fs::rename(unfinished, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The table of which the public sees no row as it is: one import for all atlases, and one for each purge, after which
/// servers forget what they have in memory.
const IMPORT: &str = "import";

/// The imports of the database: in its tables each atlas needs one of its own, which has the number of the atlas below zero;
/// purges keep their numbers, and hang on any atlas.
async fn imports(from: &mut Tx) -> Result<Vec<Vec<Param>>> {
    let row = |id: Id, atlas: Id, kind: &str, undone: bool, purged: Option<&str>| {
        params![id, atlas, kind, "", "", "1970-01-01T00:00:00.000000Z", "", undone, "{}", purged]
    };
    let atlases = ids(from, "atlas").await?;
    let mut rows: Vec<_> = atlases.iter().map(|atlas| row(-atlas, *atlas, "export", false, None)).collect();
    if let Some(atlas) = atlases.iter().min() {
        let purged = "SELECT -id, purged_at FROM import WHERE id < 0 AND purged_at IS NOT NULL";
        for purge in from.rows(purged, params![]).await? {
            let mut cells = purge.cells();
            let (id, at) = (cells.id()?, cells.text()?);
            rows.push(row(id, *atlas, "purge", true, Some(&at)));
        }
    }
    Ok(rows)
}

/// Writes the imports that are not there.
async fn write_imports(imports: &[Vec<Param>], to: &mut Tx) -> Result<()> {
    const INTO: &str = "import (id, atlas_id, kind, file_name, file_hash, imported_at, imported_by, undone, report, purged_at)";
    let present = ids(to, IMPORT).await?;
    let is_new = |row: &&Vec<Param>| own_id(row).is_some_and(|id| !present.contains(&id));
    let new: Vec<Vec<Param>> = imports.iter().filter(is_new).cloned().collect();
    to.insert_rows(INTO, 10, new).await
}

async fn ids(tx: &mut Tx, table: &str) -> Result<HashSet<Id>> {
    let rows = tx.rows_of_text(format!("SELECT id FROM {table}"), params![]).await?;
    rows.iter().map(|row| row.cells().id()).collect()
}

/// Deletes the rows that the public does not see any more.
async fn delete_others(wanted: &HashSet<Id>, to: &mut Tx, table: &Table) -> Result<usize> {
    let gone: Vec<Id> = ids(to, table.name).await?.difference(wanted).copied().collect();
    for part in gone.chunks(IDS) {
        // Numbers of our own, no texts.
        let list: Vec<String> = part.iter().map(Id::to_string).collect();
        let sql = format!("DELETE FROM {} WHERE id IN ({})", table.name, list.join(", "));
        to.execute_text(sql, params![]).await?;
    }
    Ok(gone.len())
}

/// The rows of a table that the public sees.
async fn wanted(from: &mut Tx, table: &Table) -> Result<Vec<Vec<Param>>> {
    let rows = from.rows_of_text(table.select.to_owned(), params![]).await?;
    rows.iter().map(|row| Ok(of_its_atlas(table, cells(table.kinds, &mut row.cells())?))).collect()
}

/// Tables whose rows are never changed once written, and which are large.
const NEVER_CHANGED: [&str; 5] =
    ["region", "region_parent", "edition_topology", "edition_zoom", "release_column"];

/// Writes the rows that are new, and those that changed.
async fn write_differing(from: &mut Tx, to: &mut Tx, table: &Table) -> Result<usize> {
    if NEVER_CHANGED.contains(&table.name)
        && ids(from, table.name).await?.is_subset(&ids(to, table.name).await?)
    {
        return Ok(0);
    }
    let mut present = HashMap::new();
    for row in to.rows_of_text(table.select.to_owned(), params![]).await? {
        let row = cells(table.kinds, &mut row.cells())?;
        present.insert(own_id(&row), hash_of(&row));
    }
    let (mut new, mut changed) = (Vec::new(), 0);
    for row in wanted(from, table).await? {
        match present.get(&own_id(&row)) {
            None => new.push(row),
            Some(hash) if *hash == hash_of(&row) => {}
            Some(_) => {
                to.execute_text(update(table), row).await?;
                changed += 1;
            }
        }
    }
    changed += new.len();
    to.insert_rows(table.insert, table.kinds.len(), new).await?;
    Ok(changed)
}

fn update(table: &Table) -> String {
    let set: Vec<String> =
        table.columns.split(", ").enumerate().map(|(at, name)| format!("{name} = ${}", at + 1)).collect();
    format!("UPDATE {} SET {} WHERE id = $1", table.name, set.join(", "))
}

fn own_id(row: &[Param]) -> Option<Id> {
    match row.first() {
        Some(Param::Int(id)) => *id,
        _ => None,
    }
}

/// The cells of a row with all ids as they are.
fn cells(kinds: &[Kind], cells: &mut Cells<'_>) -> Result<Vec<Param>> {
    let read = |kind: &Kind| {
        Ok(match kind {
            Kind::Own | Kind::Of(_) | Kind::Int => Param::Int(cells.get()?),
            Kind::Real => Param::Real(cells.get()?),
            Kind::Text => Param::Text(cells.get()?),
            Kind::Bytes => Param::Bytes(cells.get()?),
            Kind::Shape => Param::Shape(cells.get()?),
        })
    };
    kinds.iter().map(read).collect()
}

/// A row that points to the import of its atlas.
fn of_its_atlas(table: &Table, mut row: Vec<Param>) -> Vec<Param> {
    let of = |name| table.kinds.iter().position(|kind| matches!(kind, Kind::Of(of) if *of == name));
    if let (Some(atlas), Some(import)) = (of("atlas"), of(IMPORT))
        && let Param::Int(Some(atlas)) = row[atlas]
    {
        row[import] = Param::Int(Some(-atlas));
    }
    row
}
