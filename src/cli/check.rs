//! `check`: the server looks at itself, and says what is there and what is wrong.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::{
    StoreArg, atlas,
    import::ReportForm,
    publish,
    run::{configured, open, publisher},
};
use crate::{
    clock,
    config::Config,
    http, release,
    store::{OpenMode, Store},
};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Good,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    name: &'static str,
    state: State,
    detail: String,
}

impl Finding {
    pub(super) fn new(name: &'static str, state: State, detail: impl Into<String>) -> Self {
        Self { name, state, detail: detail.into() }
    }

    pub(super) fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, State::Good, detail)
    }
}

/// Looks at configuration, store and files. Exit status 1 if something is wrong.
pub(super) async fn run(store: StoreArg, form: ReportForm) -> Result<ExitCode> {
    let config = configured(store)?;
    let examined = examine(&config).await;
    if form == ReportForm::Text {
        let (findings, content) = examined?;
        print!("{}", text(&findings, &content)?);
        return Ok(status(&findings));
    }
    let (findings, content) = examined.unwrap_or_else(|error| {
        (vec![Finding::new("store", State::Problem, format!("{error:#}"))], Content::default())
    });
    let document = json!({
        "healthy": !has_problem(&findings),
        "content": content.hash,
        "generation": content.generation,
        "checks": findings,
    });
    println!("{document:#}");
    Ok(status(&findings))
}

fn has_problem(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.state == State::Problem)
}

fn status(findings: &[Finding]) -> ExitCode {
    if has_problem(findings) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What is in the store.
#[derive(Debug, Default)]
struct Content {
    hash: Option<String>,
    generation: Option<i64>,
    /// Atlases with their indicators, for people.
    atlases: String,
}

fn text(findings: &[Finding], content: &Content) -> Result<String> {
    let mut text = String::new();
    if let Some(hash) = &content.hash {
        writeln!(text, "store: content {hash}")?;
    }
    for Finding { name, state, detail } in findings {
        match state {
            State::Good => writeln!(text, "{name}: {detail}")?,
            State::Warning => writeln!(text, "{name}: warning: {detail}")?,
            State::Problem => writeln!(text, "{name}: PROBLEM: {detail}")?,
        }
    }
    text.push_str(&content.atlases);
    Ok(text)
}

async fn examine(config: &Config) -> Result<(Vec<Finding>, Content)> {
    let store = open(&config.store, OpenMode::ReadOnly).await?;
    let generation = store.generation().await?;
    let content = Content {
        hash: Some(store.content_hash().await?),
        generation: Some(generation),
        atlases: atlases(&store).await?,
    };
    let mut findings = vec![
        Finding::good("configuration", "can be read"),
        Finding::good("schema", format!("{}, generation {generation}", store.schema_version().await?)),
        pages(),
    ];
    if let Some(to) = &config.publish_to {
        findings.push(publish::standing(&config.store, to).await?);
    }
    match store.path() {
        Some(path) => findings.extend([disk(path), permissions(path)]),
        None => findings.extend(server(&store, config).await?),
    }
    Ok((findings, content))
}

fn pages() -> Finding {
    match (http::web_file("index.html").is_some(), http::embedded_glyphs()) {
        (true, Ok(_)) => Finding::good("pages and fonts", "in this binary"),
        (false, _) => Finding::new("pages and fonts", State::Warning, "missing: run `make build`"),
        (true, Err(error)) => Finding::new("pages and fonts", State::Problem, error.to_string()),
    }
}

/// What a migration and the next imports need: a copy of the file, and some room.
fn disk(path: &Path) -> Finding {
    const ROOM: u64 = 100 << 20;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let size = path.metadata().map_or(0, |file| file.len());
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail * disk.f_frsize;
            let state = if free < size + ROOM { State::Warning } else { State::Good };
            let detail = format!("{} MiB free beside the file, which has {} MiB", free >> 20, size >> 20);
            Finding::new("disk", state, detail)
        }
        Err(error) => Finding::new("disk", State::Warning, format!("cannot be looked at: {error}")),
    }
}

/// The store is a file that its owner changes; what is beside it about people, nobody else may read.
fn permissions(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    let name = "permissions";
    if std::fs::OpenOptions::new().append(true).open(path).is_err() {
        let detail = format!("{} cannot be written by this user", path.display());
        return Finding::new(name, State::Warning, detail);
    }
    let people = path.with_extension("access.sqlite");
    match people.metadata() {
        Ok(file) if file.permissions().mode() & 0o077 != 0 => {
            let detail = format!("others may read {}: run chmod 600", people.display());
            Finding::new(name, State::Problem, detail)
        }
        _ => Finding::good(name, "files are written by this user, and people are nobody else's"),
    }
}

async fn server(store: &Store, config: &Config) -> Result<Vec<Finding>> {
    const OLDEST: i64 = 130_000;
    let Some(facts) = store.server_facts().await? else { return Ok(Vec::new()) };
    let here = clock::now();
    let apart = (facts.clock - here).abs();
    let judged = |bad: bool, state| if bad { state } else { State::Good };
    let version = format!("{}.{}, PostGIS {}", facts.version / 10_000, facts.version % 10_000, facts.postgis);
    let mut findings = vec![
        Finding::new("PostgreSQL", judged(facts.version < OLDEST, State::Problem), version),
        if facts.superuser {
            let detail = format!(
                "{} passes by row security: let the server sign in as a member of kommunalatlas_staff",
                facts.role
            );
            Finding::new("role", State::Problem, detail)
        } else {
            Finding::good("role", facts.role)
        },
        Finding::new(
            "clock",
            judged(apart.num_seconds() > 5, State::Warning),
            format!("{} s apart from that of the database", apart.num_milliseconds() as f64 / 1000.0),
        ),
    ];
    if let Some(replica) = &config.read_url {
        let reading = store.reading_from(replica, &config.store, OpenMode::ReadOnly).await?;
        reading.look_at_replica().await;
        findings.push(match reading.replica_lag().flatten() {
            Some(0) => Finding::good("replica", "up to date"),
            Some(behind) => Finding::new("replica", State::Warning, format!("{behind} writes behind")),
            None => Finding::new(
                "replica",
                State::Problem,
                "what read_url names cannot be read, or follows no database",
            ),
        });
    }
    Ok(findings)
}

async fn atlases(store: &Store) -> Result<String> {
    let mut text = String::new();
    for catalogue in store.catalogues().await? {
        let atlas = &catalogue.atlas;
        let progress = release::progress(store, &publisher(), &atlas.slug, clock::now().date_naive()).await?;
        write!(text, "atlas {}: {}", atlas.slug, atlas::summary(&progress))?;
        for edition in &catalogue.editions {
            let (level, date) = (&edition.level, edition.valid_on);
            writeln!(
                text,
                "  level {level}, edition {date}: {} regions from zoom {}",
                edition.regions, edition.minzoom
            )?;
        }
        for indicator in &catalogue.indicators {
            let series = catalogue.series.iter().filter(|s| s.indicator == indicator.slug).count();
            let missing = indicator.sheet.missing_fields(indicator.kind);
            let sheet =
                if missing.is_empty() { "complete".into() } else { format!("lacks {}", missing.join(", ")) };
            let released = catalogue.releases.iter().filter(|r| r.indicator == indicator.slug).map(|r| {
                format!(
                    "; {} on {}{}",
                    r.audience.as_str(),
                    r.level,
                    if r.certified { "" } else { " (no certificate)" }
                )
            });
            let released: String = released.collect();
            writeln!(text, "  indicator {}: {series} series, sheet {sheet}{released}", indicator.slug)?;
        }
    }
    Ok(text)
}
