//! Imports into both stores, and the atlas that the HTTP part serves.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use kommunalatlas::{
    access::{Editor, Publisher},
    domain::{Audience, Indicator, Slug, Text, Theme},
    ingest::{
        NoProgress, Source, Target,
        boundaries::{BoundaryOptions, DEFAULT_TILE_BUDGET, import_boundaries},
        statistics::{ProfileOptions, ValuesOptions, import_values},
    },
    release::{self, ReleaseRequest},
    store::{ImportRecord, NewAtlas, OpenMode, Store},
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    input::{Input, noise},
    table::{Amount, Bar, Line, Table, seconds},
};

/// Name of the atlas in URLs.
pub const ATLAS: &str = "a";

/// Name of its level in URLs.
pub const LEVEL: &str = "gemeinde";

/// Rows that the file of values should have.
const WANTED_ROWS: usize = 400_000;

const INDICATORS: usize = 4;

/// Most periods per indicator; a small input gets fewer rows instead.
const MOST_PERIODS: usize = 28;

/// A long table of values, and the layers that follow from it.
pub struct Values {
    file: PathBuf,
    rows: usize,
    /// Indicator and period.
    pub layers: Vec<(Slug, String)>,
}

impl Values {
    /// Writes values with one decimal for every region, indicator and period; one in 37 is missing.
    pub fn write(input: &Input, file: &Path) -> Result<Self> {
        let regions = input.regions.len();
        let periods = WANTED_ROWS.div_ceil(regions * INDICATORS).clamp(1, MOST_PERIODS);
        let mut layers = Vec::new();
        let mut out = BufWriter::new(File::create(file)?);
        writeln!(out, "key;indicator;period;value")?;
        for indicator in 0..INDICATORS {
            for period in 0..periods {
                let (name, year) = (format!("i{}", indicator + 1), (1995 + period).to_string());
                for (ordinal, region) in input.regions.iter().enumerate() {
                    let tenths = ((noise([ordinal, indicator, period, 8]) + 1.0) * 500.0) as u32;
                    if (ordinal + period) % 37 == 0 {
                        writeln!(out, "{};{name};{year};.", region.key)?;
                    } else {
                        writeln!(out, "{};{name};{year};{},{}", region.key, tenths / 10, tenths % 10)?;
                    }
                }
                layers.push((name.parse()?, year));
            }
        }
        out.flush()?;
        Ok(Self { file: file.to_owned(), rows: regions * layers.len(), layers })
    }
}

/// Where a store is made.
pub struct Place {
    location: String,
    name: &'static str,
    /// Address of the server and name of the database that was made on it.
    database: Option<(String, String)>,
}

impl Place {
    /// A new GeoPackage in a folder.
    pub fn file(folder: &Path) -> Self {
        let location = folder.join("atlas.gpkg").to_string_lossy().into_owned();
        Self { location, name: "SQLite", database: None }
    }

    /// A new database on a server with the template `atlas_template`, as `tests/postgres.sh` starts it.
    pub async fn on_server(server: String) -> Result<Self> {
        let name = format!("bench_{}", std::process::id());
        on_server(&server, format!("DROP DATABASE IF EXISTS {name}")).await?;
        on_server(&server, format!("CREATE DATABASE {name} TEMPLATE atlas_template")).await?;
        let (base, _) = server.rsplit_once('/').context("KOMMUNALATLAS_TEST_POSTGRES names no database")?;
        Ok(Self { location: format!("{base}/{name}"), name: "PostGIS", database: Some((server, name)) })
    }

    /// Frees what the place holds on a server.
    pub async fn clear(self) -> Result<()> {
        match self.database {
            Some((server, name)) => on_server(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await,
            None => Ok(()),
        }
    }

    /// File or address.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The same place for another thread, which must not clear it.
    pub fn reopened(&self) -> Self {
        Self { location: self.location.clone(), name: self.name, database: None }
    }

    /// Opens the store.
    pub async fn open(&self) -> Result<Store> {
        Ok(Store::open(&self.location, OpenMode::Create, now()).await?)
    }
}

async fn on_server(server: &str, sql: String) -> Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}

/// Everything happens at one moment, so that two runs store the same.
pub fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// Measures both imports into a new store; `build_time` is what `build_edition` alone took, in seconds.
pub async fn import(
    table: &mut Table,
    input: &Input,
    values: &Values,
    place: &Place,
    build_time: f64,
) -> Result<()> {
    let store = place.open().await?;
    let atlas: Slug = ATLAS.parse()?;
    let editor = Editor::local("bench");
    let new = NewAtlas {
        slug: atlas.clone(),
        title: Text::german("Messung"),
        required_indicators: 1,
        attribution: "© Messung".into(),
    };
    store.create_atlas(&new).await?;

    let start = Instant::now();
    let options = boundary_options(input)?;
    let target = Target {
        store: &store,
        editor: &editor,
        atlas: &atlas,
        dry_run: false,
        now: now(),
        progress: &NoProgress,
    };
    let report = import_boundaries(&target, Source::File(&input.file), &options).await?;
    let time = start.elapsed().as_secs_f64();
    ensure!(report.committed, "the boundaries were rejected:\n{report}");
    let vertices = input.vertices() as f64;
    table.line(&Line {
        name: &format!("boundaries import, {}", place.name),
        figure: Amount::new(vertices / time, "vertices/s"),
        yardstick: Some(("build_edition alone", Amount::new(vertices / build_time, "vertices/s"))),
        ratio: Some(time / build_time),
        bar: Bar::None,
    });

    let record = ImportRecord {
        kind: "catalogue".into(),
        file_name: "bench".into(),
        file_hash: String::new(),
        at: now(),
        by: "bench".into(),
        report: serde_json::Value::Null,
    };
    let theme = Theme { slug: "t".parse()?, title: Text::german("Thema") };
    store.put_catalogue(&atlas, &[theme], &[], &indicators(INDICATORS)?, &record).await?;
    let start = Instant::now();
    let options = ValuesOptions {
        level: LEVEL.parse()?,
        edition: None,
        mapping: None,
        indicator: None,
        period: None,
        drafts: None,
        profile: ProfileOptions::default(),
    };
    let report = import_values(&target, Source::File(&values.file), &options).await?;
    let time = start.elapsed().as_secs_f64();
    ensure!(report.committed, "the values were rejected:\n{report}");
    values_line(table, values, place, time)?;
    store.close().await;
    Ok(())
}

fn values_line(table: &mut Table, values: &Values, place: &Place, time: f64) -> Result<()> {
    let rows = values.rows as f64;
    let mut parsed = Ok(0.0);
    let bare = seconds(|| parsed = read_bare(&values.file));
    ensure!(parsed? > 0.0, "the file of values is empty");
    table.line(&Line {
        name: &format!("CSV import of {} rows, {}", values.rows, place.name),
        figure: Amount::new(rows / time, "rows/s"),
        yardstick: Some(("crate csv reads and parses it", Amount::new(rows / bare, "rows/s"))),
        ratio: Some(time / bare),
        // A short file says how long a transaction takes, not how quick rows are.
        bar: if values.rows >= WANTED_ROWS { Bar::FigureAtLeast(200_000.0) } else { Bar::None },
    });
    Ok(())
}

/// Sum of the values of a file, read without any check.
fn read_bare(file: &Path) -> Result<f64> {
    let mut sum = 0.0;
    for record in csv::ReaderBuilder::new().delimiter(b';').from_path(file)?.records() {
        sum += record?[3].replace(',', ".").parse().unwrap_or(0.0);
    }
    Ok(sum)
}

fn boundary_options(input: &Input) -> Result<BoundaryOptions> {
    Ok(BoundaryOptions {
        level: LEVEL.parse()?,
        level_title: Text::german("Gemeinden"),
        key_field: "AGS".into(),
        name_field: "GEN".into(),
        short_name_field: None,
        filter: input.filter.iter().map(|f| f.parse()).collect::<Result<_, _>>()?,
        edition: NaiveDate::from_ymd_opt(2016, 1, 1).context("no such day")?,
        parents: vec![],
        crs: None,
        inhabited: None,
        uninhabited_keys: vec![],
        attribution: "© Messung".into(),
        layer: None,
        references: None,
        snap_tolerance_m: 0.0,
        tile_budget: DEFAULT_TILE_BUDGET,
    })
}

/// Indicators as a catalogue has them, with a sheet that may be released.
pub fn indicators(count: usize) -> Result<Vec<Indicator>> {
    let text = "Erfundene Zahlen für eine Messung";
    let indicator = |number: usize| {
        serde_json::json!({
            "slug": format!("i{number}"), "title": format!("Indikator {number}"), "theme": "t",
            "kind": "mean", "unit": "%", "decimals": 1, "sensitive": false,
            "sheet": {
                "definition": text, "calculation": text, "numerator": text, "denominator": text, "source": text,
                "reference_date": text, "contact": text, "licence": text,
            },
        })
    };
    let all = (1..=count).map(indicator).collect();
    Ok(serde_json::from_value(serde_json::Value::Array(all))?)
}

/// Releases everything to the public, so that no request needs a credential.
pub async fn release(place: &Place, values: &Values) -> Result<()> {
    let store = place.open().await?;
    let atlas: Slug = ATLAS.parse()?;
    let publisher = Publisher::local("bench");
    let mut names: Vec<Slug> = values.layers.iter().map(|(indicator, _)| indicator.clone()).collect();
    names.dedup();
    let request = ReleaseRequest {
        indicators: names,
        levels: vec![LEVEL.parse()?],
        periods: vec![],
        audience: Audience::Public,
    };
    release::release(&store, &publisher, &atlas, &request, None, now()).await?;
    release::open(&store, &publisher, &atlas, now()).await?;
    store.close().await;
    Ok(())
}
