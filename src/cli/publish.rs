//! The public zone: `publish`, and the server that does it after every change of what is public.
//!
//! Must not know: SQL, what is public.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio::time::Instant;

use super::{
    StoreArg,
    check::{Finding, State},
    run::{configured, open},
};
use crate::{
    clock,
    store::{OpenMode, Store, StoreError},
};

#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// GeoPackage file or postgres://… (default: the setting `publish_to`)
    #[arg(long, value_name = "FILE|URL")]
    to: Option<String>,
    #[command(flatten)]
    store: StoreArg,
}

/// `publish`
pub(super) async fn run(arguments: PublishArgs) -> Result<ExitCode> {
    let config = configured(arguments.store)?;
    let Some(to) = arguments.to.or(config.publish_to) else {
        bail!("say where to publish with --to, or in the configuration with publish_to");
    };
    refuse_other_file(&to).await?;
    let public = open(&config.store, OpenMode::Public).await?;
    println!("{}", publish(&public, &to).await?);
    public.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Brings the public zone to what is public; says what was done.
async fn publish(public: &Store, to: &str) -> Result<String> {
    if !to.contains("://") {
        let rows = public.publish_to_file(Path::new(to), clock::now()).await?;
        return Ok(format!("{rows} rows of what is public are in {to}"));
    }
    let target = open(to, OpenMode::ReadWrite).await?;
    let changed = public.publish_to_server(&target).await;
    target.close().await;
    Ok(format!("the database of the public zone is up to date; {} rows were changed", changed?))
}

/// Refuses to put what is public in the place of a file that is anything else; a database says so itself.
async fn refuse_other_file(to: &str) -> Result<()> {
    if to.contains("://") || !Path::new(to).exists() {
        return Ok(());
    }
    let there = match Store::open(to, OpenMode::Public, clock::now()).await {
        // An earlier program wrote it.
        Err(StoreError::Older { .. }) => return Ok(()),
        opened => opened.with_context(|| format!("{to} is in the place for what is public; remove it"))?,
    };
    let exposed = there.exposed_tables().await;
    there.close().await;
    match exposed?.as_slice() {
        [] => Ok(()),
        exposed => bail!(
            "{to} holds more than what is public, so it is not replaced by that: {}; name another file",
            exposed.join(", ")
        ),
    }
}

/// How the public zone stands, for `check`.
pub(super) async fn standing(location: &str, to: &str) -> Result<Finding> {
    let public = open(location, OpenMode::Public).await?;
    let here = public.public_hash().await?;
    public.close().await;
    let name = "public zone";
    Ok(match hash_there(to).await {
        Ok(there) if there == here => Finding::good(name, "up to date"),
        Ok(_) => Finding::new(
            name,
            State::Warning,
            "behind what is public; a running server publishes it, or the command `publish`",
        ),
        Err(_) => Finding::new(
            name,
            State::Warning,
            "cannot be read; a running server publishes it, or the command `publish`",
        ),
    })
}

async fn hash_there(to: &str) -> Result<String> {
    let there = open(to, OpenMode::Public).await?;
    let hash = there.public_hash().await;
    there.close().await;
    Ok(hash?)
}

/// How often the server looks whether what is public has changed.
const PERIOD: Duration = Duration::from_millis(250);

/// How long it waits after a failure; each further one doubles it.
const PAUSE: Duration = Duration::from_secs(1);

/// It never waits longer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Writes what is public to the public zone whenever it changes, as long as the server runs.
pub(super) async fn keep_published(location: String, to: String) {
    let mut zone = Zone {
        // A zone that is up to date is left as it is.
        published: hash_there(&to).await.ok(),
        location,
        to,
        public: None,
        generation: None,
        purges: None,
        behind: None,
    };
    let mut pause = PAUSE;
    loop {
        let next = match zone.follow().await {
            Ok(()) => {
                pause = PAUSE;
                PERIOD
            }
            Err(error) => {
                let behind = zone.behind.get_or_insert_with(Instant::now).elapsed().as_secs();
                tracing::warn!(
                    "the public zone is {behind} s behind, next attempt in {} s: {error:#}",
                    pause.as_secs()
                );
                let waited = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                waited
            }
        };
        tokio::time::sleep(next).await;
    }
}

/// What is known of the public zone.
struct Zone {
    location: String,
    to: String,
    /// The own store as the public sees it; opened once the place is fit to be written to.
    public: Option<Store>,
    /// The generation of the own store at which the zone was up to date.
    generation: Option<i64>,
    /// What was published.
    published: Option<String>,
    /// How many purges there were then. Servers forget what they have in memory when the zone is written anew.
    purges: Option<i64>,
    /// Since when the zone lacks something.
    behind: Option<Instant>,
}

impl Zone {
    async fn follow(&mut self) -> Result<()> {
        let public = if let Some(public) = &self.public {
            public
        } else {
            refuse_other_file(&self.to).await?;
            self.public.insert(open(&self.location, OpenMode::Public).await?)
        };
        let generation = public.generation().await?;
        if self.generation == Some(generation) {
            return Ok(());
        }
        let (hash, purges) = (public.public_hash().await?, public.purges().await?);
        let is_known =
            self.published.as_ref() == Some(&hash) && self.purges.is_none_or(|known| known == purges);
        if !is_known {
            let since = *self.behind.get_or_insert_with(Instant::now);
            let done = publish(public, &self.to).await.context("it cannot be written")?;
            tracing::info!("{done}, {} ms after the change was seen", since.elapsed().as_millis());
        }
        self.published = Some(hash);
        self.purges = Some(purges);
        self.generation = Some(generation);
        self.behind = None;
        Ok(())
    }
}
