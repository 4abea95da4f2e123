//! The command line: what can be typed.
//!
//! Holds arguments and their help. What a command does is in `run`, or in a module of its own name with its arguments; the
//! progress bar is in `progress`.
//! Must not know: SQL.
//!
//! Invariant: results go to standard output, progress and log to standard error. Exit status 0 done, 2 wrong usage,
//! 3 rejected with a report, 1 anything else.

mod atlas;
mod audit;
mod bundle;
mod check;
mod delivery;
mod demo;
mod derive;
mod disclosure;
mod due;
mod export;
mod facilities;
mod foreign;
mod fresh;
mod history;
mod import;
mod leave;
mod moving;
mod parents;
mod profile;
mod progress;
mod propose;
mod publish;
mod purge;
mod recheck;
mod recorded;
mod release;
mod replaced;
mod run;
mod serve;
mod share;
mod template;
mod token;
mod user;
mod why;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    config::AdminListen,
    domain::{Audience, Method},
};

pub use run::run;

/// Vector tile and map server for municipalities.
#[derive(Debug, Parser)]
#[command(name = "kommunalatlas", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Parents of `import boundaries`, read from the order of the flags.
    #[arg(skip)]
    parents: Vec<crate::ingest::boundaries::ParentRule>,
}

impl Cli {
    /// Reads the arguments of the process; ends it with status 2 and a sentence if they are wrong.
    pub fn from_arguments() -> Self {
        let matches = Self::command().get_matches();
        let read = Self::from_arg_matches(&matches).and_then(|mut cli| {
            cli.parents = parents::rules(&matches)?;
            Ok(cli)
        });
        read.unwrap_or_else(|error| error.exit())
    }
}

#[derive(Debug, Clone, Args)]
struct StoreArg {
    /// GeoPackage file or postgres://… (default: the configured one, else kommunalatlas.gpkg)
    #[arg(long, value_name = "FILE|URL")]
    store: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the demo atlas (Landkreis Lüchow-Dannenberg) and serve it
    Demo {
        /// GeoPackage file or postgres://…
        #[arg(long, value_name = "FILE|URL", default_value = "kommunalatlas-demo.gpkg")]
        store: String,
        #[command(flatten)]
        serve: ServeArgs,
        /// Only make the store
        #[arg(long)]
        no_serve: bool,
    },
    /// Serve the atlases of a store
    Serve {
        #[command(flatten)]
        store: StoreArg,
        #[command(flatten)]
        serve: ServeArgs,
        /// Serve the public area only; refuses a store that would let it read anything else
        #[arg(long)]
        public_only: bool,
    },
    /// Bring the store's schema up to date
    Migrate {
        #[command(flatten)]
        store: StoreArg,
    },
    /// Look at store, configuration and files, and say what is there and what is wrong; status 1 if something is
    Check {
        #[command(flatten)]
        store: StoreArg,
        /// Form of the report
        #[arg(long, value_enum, default_value = "text")]
        report: import::ReportForm,
    },
    /// Make, open, close and list atlases; settings and progress
    #[command(subcommand)]
    Atlas(atlas::AtlasCommand),
    /// Bring in boundaries, catalogue or values
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Make series from others: on other boundaries, of parents, of several years, of two indicators
    #[command(subcommand)]
    Derive(derive::DeriveCommand),
    /// Write data to files
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Write what is public to where a server in the public zone reads it; a running server does so at every release
    Publish(publish::PublishArgs),
    /// Publish, hide, list and sum facilities
    #[command(subcommand)]
    Facilities(facilities::FacilitiesCommand),
    /// Mappings saved for sources, by which the next file is recognised
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Make a workbook for a department to fill; it comes back by `import values`
    Template(template::TemplateArgs),
    /// Who owes which indicator by when, and what has arrived
    #[command(subcommand)]
    Delivery(delivery::DeliveryCommand),
    /// Release indicators on levels, in one go
    Release(release::ReleaseArgs),
    /// Take released indicators back
    Withdraw(release::WithdrawArgs),
    /// Put an earlier release in force again
    Rollback(release::RollbackArgs),
    /// Several indicators on their way to release, step by step
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// What an atlas lends to another one of the same store
    #[command(subcommand)]
    Share(share::ShareCommand),
    /// The imports of an atlas: who, when, what changed; and taking one back
    #[command(subcommand)]
    History(history::HistoryCommand),
    /// Remove what an import brought by mistake, physically
    Purge(purge::PurgeArgs),
    /// Check the suppression of small numbers in a table: JSON in, JSON out
    #[command(subcommand)]
    Disclosure(disclosure::DisclosureCommand),
    /// People: who may sign in, and what they are in which atlas
    #[command(subcommand)]
    User(user::UserCommand),
    /// API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// The audit log: who did what
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Class breaks of numbers: numbers in, JSON out
    Classify(ClassifyArgs),
}

#[derive(Debug, Default, Args)]
struct ServeArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen at
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the server is reached from outside
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where the server tells how it is (/health/live, /health/ready, /metrics): an address, or off [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR|off")]
    admin_listen: Option<AdminListen>,
    /// postgres://… of a replica of the store, for reading
    #[arg(long, value_name = "URL")]
    read_url: Option<String>,
}

#[derive(Debug, Args)]
struct ClassifyArgs {
    /// File of numbers, one or more a line; standard input if not given
    file: Option<PathBuf>,
    /// fisher-jenks, quantile, equal-interval, head-tail, standard-deviation, pretty, geometric, diverging or manual
    #[arg(long, default_value = "fisher-jenks")]
    method: Method,
    /// Number of classes; 5 if not given, for head-tail as many as the values have
    #[arg(long)]
    classes: Option<u8>,
    /// Value that diverging classes are measured from
    #[arg(long, allow_negative_numbers = true)]
    reference: Option<f64>,
    /// Largest share of a head, for head-tail; 0.4 if not given
    #[arg(long)]
    threshold: Option<f64>,
    /// Breaks of the manual method
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true)]
    breaks: Vec<f64>,
}

fn audience(text: &str) -> Result<Audience, String> {
    match text {
        "public" => Ok(Audience::Public),
        "internal" => Ok(Audience::Internal),
        other => Err(format!("'{other}' is not an audience: use public or internal")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
