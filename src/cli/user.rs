//! `user …`: who may sign in, and what they are in which atlas.
//!
//! Must not know: SQL, how passwords are verified. Invariant: no password is an argument, where other users of the machine
//! and the shell's history would see it.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, IsTerminal as _},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    run::{gate, manager},
};
use crate::{
    access::{Account, Membership, NewAccount},
    clock,
    domain::{PersonName, Role, Secret, Slug},
};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person; the password is asked for, or read from standard input
    Add(AddArgs),
    /// List all people and what they are
    List {
        #[command(flatten)]
        store: StoreArg,
    },
    /// Remove a person with all sessions, tokens and roles
    Remove(PersonArgs),
    /// Lock a person out
    Disable(PersonArgs),
    /// Let a person in again who was locked out
    Enable(PersonArgs),
    /// Take the password away and print a one-time token with which the person sets a new one
    ResetPassword(PersonArgs),
    /// Set the password; it is asked for, or read from standard input
    SetPassword {
        #[command(flatten)]
        person: PersonArgs,
        /// The person need not change it first
        #[arg(long)]
        keep: bool,
    },
    /// Take the second factor away of a person who lost the device and the recovery codes
    ResetSecondFactor(PersonArgs),
    /// Give and take roles
    #[command(subcommand)]
    Role(RoleCommand),
}

#[derive(Debug, Args)]
pub(super) struct PersonArgs {
    /// User name
    name: PersonName,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// User name
    name: PersonName,
    /// Name for people
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Operates the platform: makes atlases and their administrators, sees no internal data
    #[arg(long)]
    operator: bool,
    /// In which atlas the person is something
    #[arg(long, requires = "role")]
    atlas: Option<Slug>,
    /// What: viewer, editor, statistician, publisher, administrator
    #[arg(long, value_delimiter = ',', value_parser = role, requires = "atlas")]
    role: Vec<Role>,
    /// Only for these themes
    #[arg(long, value_delimiter = ',', requires = "atlas")]
    themes: Vec<Slug>,
    /// The person need not change the password first
    #[arg(long)]
    keep: bool,
    /// No password: print a one-time token with which the person sets it
    #[arg(long, conflicts_with = "keep")]
    one_time_token: bool,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Give roles
    Grant(RoleArgs),
    /// Take roles
    Revoke(RoleArgs),
}

#[derive(Debug, Args)]
pub(super) struct RoleArgs {
    /// User name
    name: PersonName,
    /// The right to operate the platform
    #[arg(long, required_unless_present = "atlas")]
    operator: bool,
    /// In which atlas
    #[arg(long, requires = "role")]
    atlas: Option<Slug>,
    /// Which: viewer, editor, statistician, publisher, administrator
    #[arg(long, value_delimiter = ',', value_parser = role, requires = "atlas")]
    role: Vec<Role>,
    /// Limit what the person is in the atlas to these themes; `all` takes the limit away
    #[arg(long, value_delimiter = ',', requires = "atlas")]
    themes: Vec<Slug>,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs a command about people.
pub(super) async fn run(command: UserCommand) -> Result<ExitCode> {
    let now = clock::now();
    match command {
        UserCommand::Add(arguments) => add(arguments).await?,
        UserCommand::List { store } => {
            for account in gate(store).await?.people(&manager()).await? {
                println!("{}", line(&account));
            }
        }
        UserCommand::Remove(PersonArgs { name, store }) => {
            gate(store).await?.remove_person(&manager(), &name, now).await?;
            println!("{name} removed");
        }
        UserCommand::Disable(PersonArgs { name, store }) => {
            gate(store).await?.set_disabled(&manager(), &name, true, now).await?;
            println!("{name} cannot sign in any more");
        }
        UserCommand::Enable(PersonArgs { name, store }) => {
            gate(store).await?.set_disabled(&manager(), &name, false, now).await?;
            println!("{name} can sign in again");
        }
        UserCommand::ResetPassword(PersonArgs { name, store }) => {
            let token = gate(store).await?.reset_password(&manager(), &name, now).await?;
            print_one_time_token(&name, &token);
        }
        UserCommand::SetPassword { person: PersonArgs { name, store }, keep } => {
            let gate = gate(store).await?;
            gate.set_password(&manager(), &name, (&read_password()?, keep), now).await?;
            println!("the password of {name} is set");
        }
        UserCommand::ResetSecondFactor(PersonArgs { name, store }) => {
            gate(store).await?.reset_second_factor(&manager(), &name, now).await?;
            println!("{name} has no second factor any more");
        }
        UserCommand::Role(RoleCommand::Grant(arguments)) => grant(arguments).await?,
        UserCommand::Role(RoleCommand::Revoke(arguments)) => revoke(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(arguments: AddArgs) -> Result<()> {
    let AddArgs { name, display_name, operator, atlas, role, themes, keep, one_time_token, store } =
        arguments;
    let gate = gate(store).await?;
    let themes = (!themes.is_empty()).then(|| themes.into_iter().collect());
    let membership = atlas.map(|atlas| Membership { atlas, roles: role.into_iter().collect(), themes });
    let account = NewAccount {
        display_name: display_name.unwrap_or_else(|| name.to_string()),
        password: if one_time_token { None } else { Some(read_password()?) },
        keeps_password: keep,
        operator,
        memberships: membership.into_iter().collect(),
        name,
    };
    match gate.add_person(&manager(), &account, clock::now()).await? {
        Some(token) => print_one_time_token(&account.name, &token),
        None => println!("{} added", account.name),
    }
    Ok(())
}

async fn grant(arguments: RoleArgs) -> Result<()> {
    let RoleArgs { name, operator, atlas, role, themes, store } = arguments;
    let (gate, by, now) = (gate(store).await?, manager(), clock::now());
    if operator {
        gate.set_operator(&by, &name, true, now).await?;
    }
    let lifts = themes.iter().any(|theme| theme.as_str() == "all");
    let themes: Option<BTreeSet<Slug>> = (!themes.is_empty() && !lifts).then(|| themes.into_iter().collect());
    if let Some(atlas) = atlas {
        for role in role {
            gate.grant(&by, &name, (&atlas, role), themes.clone(), now).await?;
        }
        if lifts {
            gate.lift_themes(&by, &name, &atlas, now).await?;
        }
    }
    println!("{name} has what was granted");
    Ok(())
}

async fn revoke(arguments: RoleArgs) -> Result<()> {
    let RoleArgs { name, operator, atlas, role, themes, store } = arguments;
    if !themes.is_empty() {
        bail!("themes cannot be revoked: grant a role again with the themes that are left");
    }
    let (gate, by, now) = (gate(store).await?, manager(), clock::now());
    if operator {
        gate.set_operator(&by, &name, false, now).await?;
    }
    if let Some(atlas) = atlas {
        for role in role {
            gate.revoke(&by, &name, (&atlas, role), now).await?;
        }
    }
    println!("{name} has no longer what was revoked");
    Ok(())
}

fn print_one_time_token(name: &PersonName, token: &Secret) {
    eprintln!(
        "{name} sets the password with this one-time token, which is good for 24 hours and not shown again:"
    );
    println!("{}", token.expose());
}

/// A person as a line: name, state, rights.
fn line(account: &Account) -> String {
    let mut state = vec![if account.disabled { "disabled" } else { "active" }];
    state.extend(account.operator.then_some("operator"));
    state.extend(account.second_factor.then_some("second factor"));
    state.extend(account.external.then_some("external"));
    let membership = |m: &Membership| {
        let roles: Vec<String> = m.roles.iter().copied().map(word).collect();
        let themes = m.themes.iter().map(|themes| {
            let themes: Vec<&str> = themes.iter().map(Slug::as_str).collect();
            format!(" ({})", themes.join(","))
        });
        format!("{}: {}{}", m.atlas, roles.join(","), themes.collect::<String>())
    };
    let memberships: Vec<String> = account.memberships.iter().map(membership).collect();
    format!("{}\t{}\t{}\t{}", account.name, account.display_name, state.join(", "), memberships.join("; "))
}

/// A role as it is written.
pub(super) fn word(role: Role) -> String {
    format!("{role:?}").to_lowercase()
}

/// Reads a role as it is written.
pub(super) fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        format!("'{text}' is not a role: use viewer, editor, statistician, publisher or administrator")
    })
}

/// The first line of standard input; at a terminal it is asked for and not shown.
fn read_password() -> Result<Secret> {
    let mut line = String::new();
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
        let echo = |word| Command::new("stty").arg(word).stdin(Stdio::inherit()).status();
        let hidden = echo("-echo").is_ok_and(|status| status.success());
        if !hidden {
            bail!("the terminal would show the password: send it by standard input");
        }
        let read = std::io::stdin().lock().read_line(&mut line);
        let shown = echo("echo");
        eprintln!();
        read.context("cannot read the password")?;
        shown.context("the terminal does not show what is typed: type 'stty echo'")?;
    } else {
        std::io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
    }
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!("no password was given: type it, or send it as the first line of standard input");
    }
    Ok(Secret::new(password))
}
