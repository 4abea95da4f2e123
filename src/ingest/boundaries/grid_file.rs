//! The datum grid of the Deutsches Hauptdreiecksnetz, if it is installed on this machine.

use std::path::PathBuf;

/// File name of the grid, as PROJ and the state surveys publish it.
const NAME: &str = "BETA2007.gsb";

/// Variables that name folders with grids: ours and those of PROJ.
const VARIABLES: [&str; 3] = ["KOMMUNALATLAS_GRIDS", "PROJ_DATA", "PROJ_LIB"];

/// Where packages of Linux distributions put it.
const SYSTEM_FOLDER: &str = "/usr/share/proj";

/// What to do if it is not there.
pub(super) const HOW_TO: &str =
    "install it (Debian package proj-data) or put BETA2007.gsb into a folder that KOMMUNALATLAS_GRIDS names";

/// The bytes of the grid, from the first folder that has it.
pub(in crate::ingest) fn find() -> Option<Vec<u8>> {
    let named = VARIABLES.iter().filter_map(std::env::var_os);
    let mut folders: Vec<PathBuf> =
        named.flat_map(|v| std::env::split_paths(&v).collect::<Vec<_>>()).collect();
    folders.push(SYSTEM_FOLDER.into());
    folders.into_iter().find_map(|folder| std::fs::read(folder.join(NAME)).ok())
}
