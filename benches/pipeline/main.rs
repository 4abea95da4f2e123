//! `make bench`: import, topology, skeleton, splice, warm and cold HTTP, each beside a yardstick.
//!
//! The input is generated without chance, so that two runs differ only by the machine. What counts is the ratio to the
//! yardstick, which runs on the same machine in the same minute. Errors end the program; a missed bar does not.

mod atlas;
mod bulk;
mod client;
mod http;
mod input;
#[path = "../../tests/tile/plain.rs"]
#[expect(clippy::unwrap_used, reason = "a yardstick that fails has measured nothing")]
mod plain;
mod sample;
mod table;
mod tiles;

use std::path::Path;

use anyhow::Result;

use crate::{
    atlas::{Place, Values},
    input::Input,
    table::Table,
};

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut table = Table::new();
    if std::env::args().any(|argument| argument == "bulk") {
        bulk(&mut table, folder.path())?;
        table.summary();
        return Ok(());
    }
    measure(&mut table, &Input::grid(folder.path())?)?;
    measure(&mut table, &Input::demo()?)?;
    match Input::germany()? {
        Some(germany) => measure(&mut table, &germany)?,
        None => println!("# germany: skipped, KOMMUNALATLAS_GERMANY does not name gemeinden.geo.json"),
    }
    bulk(&mut table, folder.path())?;
    table.summary();
    Ok(())
}

fn bulk(table: &mut Table, folder: &Path) -> Result<()> {
    let Ok(server) = std::env::var("KOMMUNALATLAS_TEST_POSTGRES") else {
        println!("# bulk: skipped, KOMMUNALATLAS_TEST_POSTGRES is not set");
        return Ok(());
    };
    tokio::runtime::Runtime::new()?.block_on(bulk::measure(table, server, folder))
}

fn measure(table: &mut Table, input: &Input) -> Result<()> {
    table.begin(input.name, &format!("{} regions, {} vertices", input.regions.len(), input.vertices()));
    let (built, build_time) = tiles::topology(table, input)?;
    tiles::splice(table, input, &built)?;
    drop(built);
    let folder = tempfile::tempdir()?;
    let values = Values::write(input, &folder.path().join("values.csv"))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let server = std::env::var("KOMMUNALATLAS_TEST_POSTGRES").ok();
    if let Some(server) = server {
        let place = runtime.block_on(Place::on_server(server))?;
        let measured = runtime.block_on(atlas::import(table, input, &values, &place, build_time));
        runtime.block_on(place.clear())?;
        measured?;
    } else {
        table.remark("PostGIS skipped, KOMMUNALATLAS_TEST_POSTGRES is not set");
    }
    let place = Place::file(folder.path());
    runtime.block_on(atlas::import(table, input, &values, &place, build_time))?;
    runtime.block_on(atlas::release(&place, &values))?;
    http::measure(table, &runtime, &place, &values)
}
