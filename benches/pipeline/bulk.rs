//! Millions of values into PostGIS, beside `\copy` of the same file into a plain table of the same server.

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
    time::Instant,
};

use anyhow::{Result, ensure};
use kommunalatlas::{
    access::Editor,
    domain::{Level, Region, Slug, Text, Theme},
    ingest::{
        NoProgress, Source, Target,
        statistics::{ProfileOptions, ValuesOptions, import_values},
    },
    store::{Bounds, ImportRecord, NewAtlas, NewEdition, NewRegion, Store},
};
use sqlx::{Connection, PgConnection};

use crate::{
    atlas::{ATLAS, LEVEL, Place, indicators, now},
    input::noise,
    table::{Amount, Bar, Line, Table, median},
};

/// About as many regions as Germany has municipalities.
const REGIONS: usize = 11_000;
const INDICATORS: usize = 10;
const YEARS: usize = 20;
const ROUNDS: usize = 3;

/// Measures both in turns; each round imports the file anew, in place of the round before.
pub async fn measure(table: &mut Table, server: String, folder: &Path) -> Result<()> {
    let rows = REGIONS * INDICATORS * YEARS;
    table.begin("bulk", &format!("{rows} values of {REGIONS} regions"));
    let file = folder.join("bulk.csv");
    write(&file)?;
    let place = Place::on_server(server).await?;
    let measured = rounds(&place, &file).await;
    place.clear().await?;
    let (imports, copies) = measured?;
    let (import, copy) = (rows as f64 / median(imports), rows as f64 / median(copies));
    table.line(&Line {
        name: "CSV import with report, PostGIS",
        figure: Amount::new(import, "rows/s"),
        yardstick: Some(("\\copy into a plain table", Amount::new(copy, "rows/s"))),
        ratio: Some(import / copy),
        bar: Bar::RatioAtLeast(0.5),
    });
    Ok(())
}

/// A long table that both can read: a point before the one decimal, no signs.
fn write(file: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "key;indicator;period;value")?;
    for indicator in 0..INDICATORS {
        for year in 0..YEARS {
            for region in 0..REGIONS {
                let tenths = ((noise([region, indicator, year, 9]) + 1.0) * 50_000.0) as u32;
                let (whole, tenth) = (tenths / 10, tenths % 10);
                writeln!(
                    out,
                    "{:08};i{};{};{whole}.{tenth}",
                    region + 1_000_000,
                    indicator + 1,
                    2000 + year
                )?;
            }
        }
    }
    Ok(out.flush()?)
}

/// Seconds of each import and of each copy.
async fn rounds(place: &Place, file: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
    let store = place.open().await?;
    let editor = Editor::local("bench");
    prepare(&store).await?;
    let mut connection = PgConnection::connect(place.location()).await?;
    let (mut imports, mut copies) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        copy(&mut connection, file).await?;
        copies.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        import(&store, &editor, file).await?;
        imports.push(start.elapsed().as_secs_f64());
    }
    connection.close().await?;
    store.close().await;
    Ok((imports, copies))
}

/// What `psql` does for `\copy`: it sends the file piece by piece.
async fn copy(connection: &mut PgConnection, file: &Path) -> Result<()> {
    sqlx::raw_sql(
        "DROP TABLE IF EXISTS plain; CREATE TABLE plain (key text, indicator text, period text, value float8)",
    )
    .execute(&mut *connection)
    .await?;
    let mut input = File::open(file)?;
    let mut sink =
        connection.copy_in_raw("COPY plain FROM STDIN (FORMAT csv, HEADER, DELIMITER ';')").await?;
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = input.read(&mut piece)?;
        if length == 0 {
            break;
        }
        sink.send(&piece[..length]).await?;
    }
    let rows = sink.finish().await?;
    ensure!(rows as usize == REGIONS * INDICATORS * YEARS, "\\copy took {rows} rows");
    Ok(())
}

async fn import(store: &Store, editor: &Editor, file: &Path) -> Result<()> {
    let options = ValuesOptions {
        level: LEVEL.parse()?,
        edition: None,
        mapping: None,
        indicator: None,
        period: None,
        drafts: None,
        profile: ProfileOptions::default(),
    };
    let atlas: Slug = ATLAS.parse()?;
    let target = Target { store, editor, atlas: &atlas, dry_run: false, now: now(), progress: &NoProgress };
    let report = import_values(&target, Source::File(file), &options).await?;
    ensure!(report.committed, "the values were rejected:\n{report}");
    Ok(())
}

/// An atlas with regions that have keys but no geometry, which values do not need.
async fn prepare(store: &Store) -> Result<()> {
    let (atlas, level): (Slug, Slug) = (ATLAS.parse()?, LEVEL.parse()?);
    let record = |kind: &str| ImportRecord {
        kind: kind.into(),
        file_name: "bench".into(),
        file_hash: String::new(),
        at: now(),
        by: "bench".into(),
        report: serde_json::Value::Null,
    };
    store
        .create_atlas(&NewAtlas {
            slug: atlas.clone(),
            title: Text::german("Messung"),
            required_indicators: 1,
            attribution: String::new(),
        })
        .await?;
    let region = |number: usize| {
        Ok(NewRegion {
            region: Region {
                key: format!("{:08}", number + 1_000_000).parse()?,
                name: format!("Gemeinde {number}"),
                short_name: None,
                inhabited: true,
            },
            geometry: None,
            label: Some((10.0, 51.0)),
            label_minzoom: 0,
            label_rank: 0,
            parents: Vec::new(),
        })
    };
    let edition = NewEdition {
        level: level.clone(),
        new_level: Some(Level {
            slug: level,
            title: Text::german("Gemeinde"),
            position: 0,
            public_boundaries: false,
        }),
        valid_on: "2020-12-31".parse()?,
        attribution: String::new(),
        regions: (0..REGIONS).map(region).collect::<Result<_>>()?,
        bounds: Bounds { west: 6.0, south: 47.0, east: 15.0, north: 55.0 },
        minzoom: 0,
        topology: Vec::new(),
        zooms: Vec::new(),
        import: record("boundaries"),
    };
    store.insert_edition(&atlas, &edition).await?;
    let theme = Theme { slug: "t".parse()?, title: Text::german("Thema") };
    store.put_catalogue(&atlas, &[theme], &[], &indicators(INDICATORS)?, &record("catalogue")).await?;
    Ok(())
}
