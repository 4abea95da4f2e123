//! What the commands do.

use std::{
    io::{IsTerminal, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{
    ClassifyArgs, Cli, Command, ServeArgs, StoreArg, atlas, audit, bundle, check, delivery, demo, derive,
    disclosure, export, facilities, history, import, profile, publish, purge, serve, share, template, token,
    user as users,
};
use crate::{
    access::{Access, Administrator, Editor, Gate, Manager, Publisher},
    classification::{MAX_CLASSES, classify},
    clock,
    config::Config,
    domain::{ClassRule, Method},
    http,
    store::{AccessStore, Limits, OpenMode, Store, StoreError},
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
            serve::run(config, OpenMode::Create).await
        }
        Command::Serve { store, serve, public_only } => {
            let mode = if public_only { OpenMode::Public } else { OpenMode::Create };
            serve::run(config(&serve, store.store)?, mode).await
        }
        Command::Migrate { store } => {
            let location = location(store)?;
            let store = open(&location, OpenMode::Create).await?;
            open_people(&location, &Limits::default()).await?;
            println!("the schema is up to date (content {})", store.content_hash().await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { store, report } => check::run(store, report).await,
        Command::Atlas(command) => atlas::run(command).await,
        Command::Import(command) => import::run(command, cli.parents).await,
        Command::Derive(command) => derive::run(command).await,
        Command::Export(command) => export::run(command).await,
        Command::Publish(arguments) => publish::run(arguments).await,
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

pub(super) fn config(serve: &ServeArgs, store: Option<String>) -> Result<Config> {
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
    if let Some(admin) = serve.admin_listen {
        config.admin_listen = admin;
    }
    if let Some(url) = &serve.read_url {
        config.read_url = Some(url.clone());
    }
    Ok(config)
}

pub(super) fn configured(store: StoreArg) -> Result<Config> {
    config(&ServeArgs::default(), store.store)
}

pub(super) fn location(store: StoreArg) -> Result<String> {
    Ok(configured(store)?.store)
}

pub(super) async fn open(location: &str, mode: OpenMode) -> Result<Store> {
    named(Store::open(location, mode, clock::now()).await, location)
}

/// Says which store cannot be opened. An address may hold a password: only a file is named.
pub(super) fn named(opened: Result<Store, StoreError>, location: &str) -> Result<Store> {
    let name = if is_database(location) { "the database" } else { location };
    opened.with_context(|| format!("cannot open the store {name}"))
}

pub(super) async fn open_people(location: &str, limits: &Limits) -> Result<AccessStore> {
    AccessStore::open_within(location, limits).await.context("cannot open the store of people")
}

/// The gate of the store that is configured or named, for commands about people. The store itself must be there.
pub(super) async fn gate(store: StoreArg) -> Result<Gate> {
    let config = configured(store)?;
    open(&config.store, OpenMode::ReadOnly).await?.close().await;
    Ok(Gate::open(open_people(&config.store, &Limits::default()).await?, config.access()))
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

pub(super) fn administrator() -> Administrator {
    Administrator::local(user())
}

pub(super) fn is_database(location: &str) -> bool {
    location.contains("://")
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
    // Head/tail breaks say by themselves how many classes there are.
    let usual = if method == Method::HeadTail { MAX_CLASSES } else { ClassRule::default().classes };
    let rule = ClassRule {
        method,
        classes: arguments.classes.unwrap_or(usual),
        breaks: arguments.breaks.clone(),
        reference: arguments.reference,
        threshold: arguments.threshold,
    };
    let classes = classify(&numbers, &rule, Vec::new())?;
    let document = serde_json::json!({
        "method": classes.method, "breaks": classes.breaks, "counts": classes.counts, "gvf": classes.gvf,
    });
    println!("{document}");
    Ok(ExitCode::SUCCESS)
}
