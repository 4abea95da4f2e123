//! A server: its listeners, what runs beside them, and how it stops.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::{
    due, fresh, publish, replaced,
    run::{is_database, open_people},
};
use crate::{
    access::{AccessSettings, FactorKey, Gate},
    atlas::Atlases,
    clock,
    config::{AdminListen, Config, LogFormat},
    http::{self, App, Stopping},
    store::{FileId, OpenMode, Store},
};

/// Serves the configured store until the process is asked to stop.
pub(super) async fn run(config: Config, mode: OpenMode) -> Result<ExitCode> {
    begin_log(config.log_format);
    let metrics = http::count_metrics().context("nothing can be counted")?;
    let file = FileId::of(Path::new(&config.store)).ok();
    let store = open(&config, mode).await?;
    if mode == OpenMode::Public {
        refuse_exposed(&store).await?;
    }
    let reading = match &config.read_url {
        Some(replica) => {
            let reading = store.reading_from(replica, &config.store, mode).await;
            reading.context("the setting read_url cannot be used")?
        }
        None => store.clone(),
    };
    let atlases = Atlases::open(reading, config.caches).await?;
    let gate = match mode {
        OpenMode::Public => Gate::closed(),
        _ => guarded(&config).await?,
    };
    let app = Arc::new(App {
        store: store.clone(),
        atlases: atlases.clone(),
        public_url: config.public_url().map_err(|e| anyhow!(e))?,
        glyphs: http::embedded_glyphs().context("the embedded fonts cannot be read")?,
        gate: gate.clone(),
    });
    let listener = listen(config.listen, "--listen").await?;
    let stopping = Stopping::default();
    if let Some(listener) = admin_listener(config.admin_listen).await? {
        tokio::spawn(http::serve_admin(listener, atlases.clone(), metrics, stopping.clone()));
    }
    tokio::spawn(fresh::keep_fresh(atlases.clone()));
    if mode == OpenMode::Public {
        if let Some(file) = file {
            tokio::spawn(replaced::follow(config.store.clone(), file, atlases));
        }
    } else if let Some(to) = config.publish_to.clone() {
        tokio::spawn(publish::keep_published(config.store.clone(), to));
    }
    if let Ok(people) = gate.store().cloned() {
        offer_first_operator(&gate).await?;
        tokio::spawn(fresh::keep_rights(gate.clone()));
        tokio::spawn(fresh::keep_tidy(gate));
        tokio::spawn(due::keep_promises(store, people));
    }
    tracing::info!("serving {} at {}", config.listen, app.public_url.join("/"));
    let delay = config.stop_delay;
    let stop = {
        let stopping = stopping.clone();
        async move {
            stop_signal().await;
            stopping.begin();
            tokio::time::sleep(delay).await;
        }
    };
    http::serve(listener, app, stopping, stop).await.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

/// The log goes to standard error.
fn begin_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
}

async fn open(config: &Config, mode: OpenMode) -> Result<Store> {
    let opened = Store::open_within(&config.store, mode, clock::now(), &config.limits).await;
    super::run::named(opened, &config.store)
}

async fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen at {address}; choose another address with {flag}"))
}

/// The listener for those who run the server. That several servers share a machine is no reason not to start, unless
/// somebody asked for this address.
async fn admin_listener(address: AdminListen) -> Result<Option<TcpListener>> {
    let bound = match address {
        AdminListen::Off => return Ok(None),
        AdminListen::At(address) => listen(address, "--admin-listen").await?,
        AdminListen::IfFree(address) => match TcpListener::bind(address).await {
            Ok(bound) => bound,
            Err(error) => {
                tracing::warn!(%error, "no metrics: {address} is taken; choose another address with --admin-listen, or off");
                return Ok(None);
            }
        },
    };
    tracing::info!("health and metrics at {}", bound.local_addr()?);
    Ok(Some(bound))
}

/// Refuses a store that would let a public server read more than what is public.
pub(super) async fn refuse_exposed(store: &Store) -> Result<()> {
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

/// The gate of a server, with the key of second factors: that of the configured file, else of the one beside the people of a
/// GeoPackage. A file is made where there is none, but not for a database, which other servers share, and not in place of one
/// that was lost.
async fn guarded(config: &Config) -> Result<Gate> {
    let people = open_people(&config.store, &config.limits).await?;
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
