//! `profile …`: the mappings that were saved for sources.
//!
//! Must not know: SQL, how headers are compared.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    run::{editor, location, open},
};
use crate::{domain::Slug, store::OpenMode};

/// Which atlas.
#[derive(Debug, Args)]
pub(super) struct AtlasArgs {
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Subcommand)]
pub(super) enum ProfileCommand {
    /// List the profiles of an atlas
    List {
        #[command(flatten)]
        of: AtlasArgs,
    },
    /// Show a profile: the header that it recognises and its mapping, as a mapping file
    Show {
        /// Name of the profile
        name: Slug,
        #[command(flatten)]
        of: AtlasArgs,
    },
    /// Remove a profile; what was imported with it stays
    Remove {
        /// Name of the profile
        name: Slug,
        #[command(flatten)]
        of: AtlasArgs,
    },
}

/// Runs a command about profiles.
pub(super) async fn run(command: ProfileCommand) -> Result<ExitCode> {
    match command {
        ProfileCommand::List { of } => {
            let store = open(&location(of.store)?, OpenMode::ReadOnly).await?;
            for profile in store.profiles(&of.atlas).await? {
                let day = profile.saved_at.date_naive();
                println!("{}\t{}\t{day}\t{}", profile.slug, profile.level, profile.saved_by);
            }
        }
        ProfileCommand::Show { name, of } => {
            let store = open(&location(of.store)?, OpenMode::ReadOnly).await?;
            let profiles = store.profiles(&of.atlas).await?;
            let profile = profiles.into_iter().find(|profile| profile.slug == name);
            let profile = profile.with_context(|| format!("there is no profile '{name}'"))?;
            println!("# Profile {name} for level {}, saved {}", profile.level, profile.saved_at.date_naive());
            println!("# Header: {}", profile.headers.join(" ; ").replace(['\n', '\r'], " "));
            println!("{}", profile.mapping.trim_end());
        }
        ProfileCommand::Remove { name, of } => {
            editor();
            let store = open(&location(of.store)?, OpenMode::ReadWrite).await?;
            store.remove_profile(&of.atlas, &name).await?;
            println!("profile {name} removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}
