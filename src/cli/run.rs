//! What the commands do.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Read as _},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::net::TcpListener;

use super::{
    ClassifyArgs, Cli, Command, ServeArgs, StoreArg, atlas, audit, bundle, delivery, demo, derive,
    disclosure, due, export, facilities, history, import, profile, purge, share, template, token,
    user as users,
};
use crate::{
    access::{Access, AccessSettings, Administrator, Editor, FactorKey, Gate, Manager, Publisher},
    atlas::Atlases,
    classification::classify,
    clock,
    config::Config,
    domain::{ClassRule, Method},
    http::{self, App},
    release,
    store::{AccessStore, OpenMode, Store},
};

/// Runs a command.
///
/// # Errors
/// With a sentence for the person at the terminal.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Demo { store, serve, no_serve } => {
            let config = config(&serve, Some(store))?;
            demo::make(&open(&config.store, OpenMode::Create).await?, &editor(), &publisher()).await?;
            if no_serve {
                println!("the demo atlas is in {}", config.store);
                return Ok(ExitCode::SUCCESS);
            }
            serve_store(config, OpenMode::Create).await
        }
        Command::Serve { store, serve, public_only } => {
            let mode = if public_only { OpenMode::Public } else { OpenMode::Create };
            serve_store(config(&serve, store.store)?, mode).await
        }
        Command::Migrate { store } => {
            let location = location(store)?;
            let store = open(&location, OpenMode::Create).await?;
            open_people(&location).await?;
            println!("the schema is up to date (content {})", store.content_hash().await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { store } => check(&location(store)?).await,
        Command::Atlas(command) => atlas::run(command).await,
        Command::Import(command) => import::run(command, cli.parents).await,
        Command::Derive(command) => derive::run(command).await,
        Command::Export(command) => export::run(command).await,
        Command::Facilities(command) => facilities::run(command).await,
        Command::Profile(command) => profile::run(command).await,
        Command::Template(arguments) => template::run(arguments).await,
        Command::Delivery(command) => delivery::run(command).await,
        Command::Release(arguments) => super::release::run(arguments).await,
        Command::Withdraw(arguments) => super::release::withdraw(arguments).await,
        Command::Rollback(arguments) => super::release::rollback(arguments).await,
        Command::Bundle(command) => bundle::run(command).await,
        Command::Share(command) => share::run(command).await,
        Command::History(command) => history::run(command).await,
        Command::Purge(arguments) => purge::run(arguments).await,
        Command::Disclosure(command) => disclosure::run(command).await,
        Command::User(command) => users::run(command).await,
        Command::Token(command) => token::run(command).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Classify(arguments) => classify_numbers(&arguments),
    }
}

fn config(serve: &ServeArgs, store: Option<String>) -> Result<Config> {
    let default = Path::new("kommunalatlas.toml");
    let file = serve.config.as_deref().or_else(|| default.exists().then_some(default));
    let mut config = Config::load(file, std::env::vars())?;
    if let Some(store) = store {
        config.store = store;
    }
    if let Some(listen) = serve.listen {
        config.listen = listen;
    }
    if let Some(url) = &serve.public_url {
        config.public_url = Some(http::PublicUrl::parse(url).map_err(|e| anyhow!(e))?);
    }
    Ok(config)
}

pub(super) fn location(store: StoreArg) -> Result<String> {
    Ok(config(&ServeArgs { config: None, listen: None, public_url: None }, store.store)?.store)
}

pub(super) async fn open(location: &str, mode: OpenMode) -> Result<Store> {
    let opened = Store::open(location, mode, clock::now()).await;
    // An address may hold a password: only a file is named.
    let name = if is_database(location) { "the database" } else { location };
    opened.with_context(|| format!("cannot open the store {name}"))
}

async fn open_people(location: &str) -> Result<AccessStore> {
    AccessStore::open(location).await.context("cannot open the store of people")
}

/// The gate of the store that is configured or named, for commands about people. The store itself must be there.
pub(super) async fn gate(store: StoreArg) -> Result<Gate> {
    let config = config(&ServeArgs { config: None, listen: None, public_url: None }, store.store)?;
    open(&config.store, OpenMode::ReadOnly).await?.close().await;
    Ok(Gate::open(open_people(&config.store).await?, config.access()))
}

/// The name that the operating system knows the person at the terminal by.
pub(super) fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "local".into())
}

pub(super) fn local() -> Access {
    Access::local(user())
}

pub(super) fn editor() -> Editor {
    Editor::local(user())
}

pub(super) fn manager() -> Manager {
    Manager::local(user())
}

pub(super) fn publisher() -> Publisher {
    Publisher::local(user())
}

/// Refuses a store that would let a public server read more than what is public.
async fn refuse_exposed(store: &Store) -> Result<()> {
    let exposed = store.exposed_tables().await?;
    if exposed.is_empty() {
        return Ok(());
    }
    bail!(
        "a public server must not be able to read internal data, but this store would let it read {}; give it a file made by \
         `kommunalatlas export public`, or a database role that is a member of kommunalatlas_public only",
        exposed.join(", ")
    )
}

pub(super) fn administrator() -> Administrator {
    Administrator::local(user())
}

async fn serve_store(config: Config, mode: OpenMode) -> Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let store = open(&config.store, mode).await?;
    if mode == OpenMode::Public {
        refuse_exposed(&store).await?;
    }
    let atlases = Atlases::open(store.clone(), config.caches).await?;
    let glyphs = http::embedded_glyphs().context("the embedded fonts cannot be read")?;
    let gate = match mode {
        OpenMode::Public => Gate::closed(),
        _ => guarded(&config).await?,
    };
    let app = Arc::new(App {
        store: store.clone(),
        atlases: atlases.clone(),
        public_url: config.public_url().map_err(|e| anyhow!(e))?,
        glyphs,
        gate: gate.clone(),
    });
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen at {}; choose another address with --listen", config.listen)
    })?;
    tokio::spawn(keep_fresh(atlases, gate.clone()));
    if let Ok(people) = gate.store().cloned() {
        offer_first_operator(&gate).await?;
        tokio::spawn(keep_tidy(gate));
        tokio::spawn(due::keep_promises(store, people));
    }
    tracing::info!("serving {} at {}", config.listen, app.public_url.join("/"));
    http::serve(listener, app, stop_signal()).await.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

/// The gate of a server, with the key of second factors: that of the configured file, else of the one beside the people of a
/// GeoPackage. A file is made where there is none, but not for a database, which other servers share, and not in place of one
/// that was lost.
async fn guarded(config: &Config) -> Result<Gate> {
    let people = open_people(&config.store).await?;
    let without_key = Gate::open(people.clone(), config.access());
    let beside = || Path::new(&config.store).with_extension("access.key");
    let key = match (&config.secret_key_file, is_database(&config.store)) {
        (Some(path), true) => Some(FactorKey::read(path)?),
        (None, true) => {
            tracing::warn!("second factors cannot be set up: no secret_key_file is configured");
            None
        }
        (path, false) => {
            let path = path.clone().unwrap_or_else(beside);
            if !path.exists() {
                without_key.seal_second_factors().await?;
            }
            Some(FactorKey::read_or_make(&path)?)
        }
    };
    let gate = Gate::open(people, AccessSettings { factor_key: key, ..config.access() });
    let sealed = gate.seal_second_factors().await?;
    if sealed > 0 {
        tracing::info!("second factors of {sealed} people are stored sealed from now on");
    }
    Ok(gate)
}

fn is_database(location: &str) -> bool {
    location.contains("://")
}

/// Where nobody operates the platform yet, says once how to become the one who does.
async fn offer_first_operator(gate: &Gate) -> Result<()> {
    if let Some(token) = gate.first_operator_token(clock::now()).await? {
        // This is the one place where a secret is shown by the server; it does not go through the log.
        eprintln!(
            "Nobody operates this server yet. One-time token for the first operator, good for 24 hours:"
        );
        eprintln!("    {}", token.expose());
        eprintln!("Or make the account here: kommunalatlas user add NAME --operator");
    }
    Ok(())
}

/// Deletes every hour what is kept no longer of people and the audit log.
async fn keep_tidy(gate: Gate) {
    let mut ticks = tokio::time::interval(Duration::from_hours(1));
    loop {
        ticks.tick().await;
        if let Err(error) = gate.prune(clock::now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what is outdated of people cannot be deleted"
            );
        }
    }
}

/// Looks for changes of the store four times a second; imports on the command line are seen this way too.
async fn keep_fresh(atlases: Arc<Atlases>, gate: Gate) {
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Err(error) = atlases.refresh().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store cannot be read; the last state stays"
            );
        }
        if let Err(error) = gate.refresh().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the store of people cannot be read");
        }
    }
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

async fn check(location: &str) -> Result<ExitCode> {
    let store = open(location, OpenMode::ReadOnly).await?;
    let mut text = format!("store: content {}\n", store.content_hash().await?);
    let pages =
        if http::web_file("index.html").is_some() { "in this binary" } else { "missing: run `make build`" };
    writeln!(text, "pages and fonts: {pages}")?;
    for catalogue in store.catalogues().await? {
        let atlas = &catalogue.atlas;
        let progress =
            release::progress(&store, &publisher(), &atlas.slug, clock::now().date_naive()).await?;
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
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn classify_numbers(arguments: &ClassifyArgs) -> Result<ExitCode> {
    let mut text = String::new();
    match &arguments.file {
        Some(path) => {
            text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        }
        None if std::io::stdin().is_terminal() => {
            bail!("give a file of numbers, or numbers on standard input")
        }
        None => {
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        }
    }
    let mut numbers = Vec::new();
    for (line, content) in text.lines().enumerate() {
        for word in content.split([' ', '\t', ';']).filter(|w| !w.is_empty()) {
            let number = word.parse::<f64>().ok().filter(|n| n.is_finite());
            numbers.push(
                number.ok_or_else(|| anyhow!("line {}: '{word}' is not a number such as 12.5", line + 1))?,
            );
        }
    }
    let method = if arguments.breaks.is_empty() { arguments.method } else { Method::Manual };
    let rule = ClassRule { method, classes: arguments.classes, breaks: arguments.breaks.clone() };
    let classes = classify(&numbers, &rule, Vec::new())?;
    let document = serde_json::json!({
        "method": classes.method, "breaks": classes.breaks, "counts": classes.counts, "gvf": classes.gvf,
    });
    println!("{document}");
    Ok(ExitCode::SUCCESS)
}
