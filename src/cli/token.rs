//! `token …`: API tokens, for programs and for QGIS.
//!
//! Must not know: SQL, how tokens are verified.

use std::process::ExitCode;

use anyhow::{Result, bail};
use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    run::{gate, user},
    user::{role, word},
};
use crate::{
    access::{Owner, TokenRequest},
    clock,
    domain::{PersonName, Role, Slug},
    store::TokenRow,
};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it, once
    Add(AddArgs),
    /// List tokens, of a person or of all; never the tokens themselves
    List {
        /// User name
        name: Option<PersonName>,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Revoke a token
    Remove {
        /// User name
        name: PersonName,
        /// Its number, as `token list` shows it
        number: i64,
        #[command(flatten)]
        store: StoreArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Whose; it never brings more than the person has
    name: PersonName,
    /// What it is for
    #[arg(long, default_value = "")]
    label: String,
    /// Only for this atlas
    #[arg(long)]
    atlas: Option<Slug>,
    /// Only with these roles: viewer, editor, statistician, publisher, administrator
    #[arg(long, value_delimiter = ',', value_parser = role)]
    role: Vec<Role>,
    /// With the right to operate the platform
    #[arg(long)]
    operator: bool,
    /// How many days it is good
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// It is good until it is revoked
    #[arg(long, conflicts_with = "days")]
    no_expiry: bool,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs a command about tokens.
pub(super) async fn run(command: TokenCommand) -> Result<ExitCode> {
    match command {
        TokenCommand::Add(arguments) => add(arguments).await?,
        TokenCommand::List { name, store } => {
            for token in gate(store).await?.store()?.tokens(name.as_ref()).await? {
                println!("{}", line(&token));
            }
        }
        TokenCommand::Remove { name, number, store } => {
            let gate = gate(store).await?;
            gate.revoke_token(&Owner::local(user(), name), number, clock::now()).await?;
            println!("token {number} revoked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(arguments: AddArgs) -> Result<()> {
    let AddArgs { name, label, atlas, role, operator, days, no_expiry, store } = arguments;
    let gate = gate(store).await?;
    let request = TokenRequest {
        label,
        atlas,
        roles: (!role.is_empty()).then(|| role.into_iter().collect()),
        operator,
        good_for: (!no_expiry).then(|| TimeDelta::days(days.into())),
    };
    let known = gate.store()?.person(&name).await?;
    if operator && known.is_some_and(|person| !person.operator) {
        bail!("{name} does not operate the platform");
    }
    let (number, token) = gate.add_token(&Owner::local(user(), name), &request, clock::now()).await?;
    eprintln!("Token {number}; it is not shown again:");
    println!("{}", token.expose());
    Ok(())
}

/// A token as a line: number, person, first characters, label, limits, times.
fn line(token: &TokenRow) -> String {
    let atlas = token.atlas.as_ref().map_or("all atlases", Slug::as_str);
    let roles = match &token.roles {
        Some(roles) => roles.iter().copied().map(word).collect::<Vec<_>>().join(","),
        None => "all roles".into(),
    };
    let state = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", at.date_naive()),
        (None, Some(at)) => format!("until {}", at.date_naive()),
        (None, None) => "without end".into(),
    };
    let used = token.used_at.map_or("never used".into(), |at| format!("used {}", at.date_naive()));
    let operator = if token.operator { ", operator" } else { "" };
    let TokenRow { id, person, prefix, label, .. } = token;
    format!("{id}\t{person}\t{prefix}…\t{label}\t{atlas}, {roles}{operator}\t{state}\t{used}")
}
