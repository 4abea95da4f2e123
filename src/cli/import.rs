//! `import …`: what can be typed, and the way into `ingest`.
//!
//! Must not know: SQL, what a file means.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, anyhow};
use chrono::NaiveDate;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::{
    StoreArg,
    foreign::ForeignArgs,
    moving,
    progress::Bar,
    run::{editor, location, open},
};
use crate::{
    clock,
    domain::{Period, RegionKey, Slug, Text},
    geometry::Crs,
    ingest::{
        IngestError, Report, Source, Target,
        boundaries::{
            BoundaryOptions, Composition, DEFAULT_TILE_BUDGET, ParentRule, import_boundaries,
            import_composition,
        },
        catalogue::{import_catalogue, import_catalogue_bytes, starter_catalogue},
        facilities::{FacilityOptions, import_facilities},
        statistics::{
            Mapping, ProfileOptions, TemplateOptions, ValuesOptions, import_template, import_values,
        },
        successions::import_successions,
    },
    store::OpenMode,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportForm {
    Text,
    Json,
}

/// What every import takes that reads a file.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) into: IntoArgs,
}

/// What every import takes, whatever it reads.
#[derive(Debug, Args)]
pub(super) struct IntoArgs {
    /// Into which atlas
    #[arg(long)]
    pub(super) atlas: Slug,
    /// Check only, store nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    pub(super) report: ReportForm,
    #[command(flatten)]
    pub(super) store: StoreArg,
}

/// What an import takes that reads a file, or a table of a database.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").args(["file", "from"]).required(true))]
pub(super) struct SourceArgs {
    /// The file
    file: Option<PathBuf>,
    #[command(flatten)]
    foreign: ForeignArgs,
    #[command(flatten)]
    into: IntoArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    #[command(flatten)]
    IntoAtlas(AtlasImport),
    /// Everything of another store into this one, which is empty: from a GeoPackage to PostGIS and back
    Store(moving::MovingArgs),
}

/// What comes into one atlas, with a report.
#[derive(Debug, Subcommand)]
pub(super) enum AtlasImport {
    /// Boundaries of a level: GeoJSON, TopoJSON, FlatGeobuf, GeoPackage, Shapefile, also zipped
    Boundaries(Box<BoundariesArgs>),
    /// Themes, sources and indicators: TOML, CSV, XLSX; `starter` is the catalogue that comes with the program
    Catalogue {
        #[command(flatten)]
        import: ImportArgs,
    },
    /// Values of indicators: CSV, XLSX, ffcsv, GENESIS table
    Values(Box<ValuesArgs>),
    /// What became of regions: old key, new key, share, date (CSV, workbook)
    Successions {
        #[command(flatten)]
        import: ImportArgs,
        /// Level of the regions
        #[arg(long)]
        level: Slug,
        /// First day of the new boundaries, where the file does not say
        #[arg(long)]
        date: Option<NaiveDate>,
    },
    /// Regions composed of smaller ones: part key, key, name (CSV, workbook)
    Composition(CompositionArgs),
    /// Facilities with coordinates: CSV, XLSX, GeoJSON; they replace those of the same categories
    Facilities {
        #[command(flatten)]
        import: SourceArgs,
        /// Category, where the file does not say
        #[arg(long)]
        category: Option<Slug>,
        /// Title of that category, if it is new
        #[arg(long)]
        title: Option<String>,
        /// Coordinate reference system, where it cannot be recognised: EPSG:25832
        #[arg(long, value_parser = crs)]
        crs: Option<Crs>,
        /// `all`: consent to publication is recorded for every facility of which the file does not say otherwise
        #[arg(long, value_enum)]
        consent: Option<Consent>,
        /// The facilities are persons at home (child minders): each needs a consent of its own in the file
        #[arg(long)]
        personal: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct ValuesArgs {
    #[command(flatten)]
    import: SourceArgs,
    /// Level of the regions; a template says it itself
    #[arg(long)]
    level: Option<Slug>,
    /// Mapping file (TOML)
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Save the mapping under this name; the next file with the same header is read with it
    #[arg(long, value_name = "NAME", requires = "mapping")]
    save_profile: Option<Slug>,
    /// Use this saved mapping, even if the header has changed
    #[arg(long, value_name = "NAME", conflicts_with = "mapping")]
    profile: Option<Slug>,
    /// Use no saved mapping
    #[arg(long, conflicts_with = "profile")]
    no_profile: bool,
    /// Indicator, where the file does not say
    #[arg(long)]
    indicator: Option<Slug>,
    /// Period, where the file does not say
    #[arg(long)]
    period: Option<Period>,
    /// Date of the boundaries; the newest if not given
    #[arg(long)]
    edition: Option<NaiveDate>,
    /// Make draft indicators of columns that the catalogue does not know
    #[arg(long, conflicts_with = "indicator")]
    draft_indicators: bool,
    /// Theme of the drafts; made if it does not exist
    #[arg(long, default_value = "unsortiert", requires = "draft_indicators")]
    theme: Slug,
}

/// For whom consent to publication is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Consent {
    All,
}

#[derive(Debug, Args)]
pub(super) struct CompositionArgs {
    #[command(flatten)]
    import: ImportArgs,
    /// Level of the composed regions; made if it does not exist
    #[arg(long)]
    level: Slug,
    /// Name of the level for people
    #[arg(long)]
    level_title: Option<String>,
    /// Level of the parts
    #[arg(long)]
    from: Slug,
    /// Date of the edition of the parts; the newest if not given
    #[arg(long, value_name = "DATE")]
    edition: Option<NaiveDate>,
}

#[derive(Debug, Args)]
pub(super) struct BoundariesArgs {
    #[command(flatten)]
    import: SourceArgs,
    /// Level of the regions; made if it does not exist
    #[arg(long)]
    level: Slug,
    /// Name of the level for people
    #[arg(long)]
    level_title: Option<String>,
    /// Field of the key
    #[arg(long, value_name = "FIELD")]
    key: String,
    /// Field of the name
    #[arg(long, value_name = "FIELD")]
    name: String,
    /// Field of the short name
    #[arg(long, value_name = "FIELD")]
    short_name: Option<String>,
    /// Only rows where FIELD=VALUE, FIELD=VALUE,VALUE or FIELD!=VALUE
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Vec<String>,
    /// Rows where FIELD=VALUE are inhabited, all others are not
    #[arg(long, value_name = "CONDITION")]
    inhabited: Option<String>,
    /// Keys of regions where nobody lives
    #[arg(long, value_delimiter = ',', value_name = "KEYS")]
    uninhabited: Vec<String>,
    /// Date of the boundaries (Gebietsstand)
    #[arg(long, value_name = "DATE")]
    edition: Option<NaiveDate>,
    /// Level of the parents; --parent-prefix, --parent-key or --parent-field after it say how to find them
    #[arg(long, value_name = "LEVEL")]
    parent_level: Vec<Slug>,
    /// The parent's key is this many first characters of the key, or of --parent-key
    #[arg(long, value_name = "LENGTH")]
    parent_prefix: Vec<usize>,
    /// Field whose prefix is the parent's key
    #[arg(long, value_name = "FIELD")]
    parent_key: Vec<String>,
    /// Field that holds the parent's key
    #[arg(long, value_name = "FIELD")]
    parent_field: Vec<String>,
    /// Coordinate reference system, where the file does not say: EPSG:25832
    #[arg(long, value_parser = crs)]
    crs: Option<Crs>,
    /// Layer of a GeoPackage, object of a TopoJSON file, or name of a file in a zip archive
    #[arg(long)]
    layer: Option<String>,
    /// Table (CSV, XLSX) of regions without boundaries, with key, name and short name: Land, Bund, neighbours
    #[arg(long, value_name = "FILE")]
    references: Option<PathBuf>,
    /// Whose boundaries these are, as must be cited
    #[arg(long, default_value = "")]
    attribution: String,
    /// Borders closer than this many metres become one
    #[arg(long, value_name = "METRES", default_value_t = 0.0)]
    snap: f64,
}

impl SourceArgs {
    /// What is read: the table, where one is named, else the file.
    async fn source(&self) -> Result<Source<'_>> {
        let table = self.foreign.read().await?;
        let file = || Source::File(self.file.as_deref().unwrap_or(Path::new("")));
        Ok(table.map_or_else(file, |(name, table)| Source::Table(name, table)))
    }
}

fn crs(text: &str) -> Result<Crs, String> {
    Crs::from_name(text)
        .ok_or_else(|| format!("'{text}' is not a known system: use one of {}", Crs::names().join(", ")))
}

impl AtlasImport {
    /// Where it goes.
    fn target(&self) -> &IntoArgs {
        match self {
            Self::Boundaries(arguments) => &arguments.import.into,
            Self::Catalogue { import } | Self::Successions { import, .. } => &import.into,
            Self::Composition(arguments) => &arguments.import.into,
            Self::Facilities { import, .. } => &import.into,
            Self::Values(arguments) => &arguments.import.into,
        }
    }
}

/// Runs an import and prints its report.
pub(super) async fn run(command: ImportCommand, parents: Vec<ParentRule>) -> Result<ExitCode> {
    let command = match command {
        ImportCommand::IntoAtlas(command) => command,
        ImportCommand::Store(arguments) => return moving::import(arguments).await,
    };
    let bar = Bar::new();
    let editor = editor();
    let IntoArgs { atlas, dry_run, report: form, store } = command.target();
    let (atlas, dry_run, form) = (atlas.clone(), *dry_run, *form);
    let store = open(&location(store.clone())?, OpenMode::ReadWrite).await?;
    let target =
        Target { store: &store, editor: &editor, atlas: &atlas, dry_run, now: clock::now(), progress: &bar };
    let report = import(&target, command, parents).await;
    bar.finish();
    print_report(&report?, form)
}

async fn import(target: &Target<'_>, command: AtlasImport, parents: Vec<ParentRule>) -> Result<Report> {
    Ok(match command {
        AtlasImport::Boundaries(arguments) => {
            let options = boundary_options(&arguments, parents)?;
            import_boundaries(target, arguments.import.source().await?, &options).await?
        }
        AtlasImport::Catalogue { import } => catalogue(target, &import.file).await?,
        AtlasImport::Facilities { import, category, title, crs, consent, personal } => {
            let consent = consent == Some(Consent::All);
            let options = FacilityOptions { category, title, crs, consent, personal };
            import_facilities(target, import.source().await?, &options).await?
        }
        AtlasImport::Values(arguments) => values(target, &arguments).await?,
        AtlasImport::Successions { import, level, date } => {
            import_successions(target, &import.file, &level, date).await?
        }
        AtlasImport::Composition(arguments) => {
            let CompositionArgs { import, level, level_title, from, edition } = arguments;
            let level_title = Text::german(level_title.unwrap_or_else(|| level.to_string()));
            let composition = Composition { level, level_title, from, edition };
            import_composition(target, &import.file, &composition).await?
        }
    })
}

/// Imports a catalogue file, or the one in the program if the file is called `starter` and there is none of that name.
async fn catalogue(target: &Target<'_>, file: &Path) -> Result<Report, IngestError> {
    let Target { store, editor, atlas, dry_run, now, .. } = *target;
    if file.as_os_str() == "starter" && !file.exists() {
        let starter = ("starter.toml", starter_catalogue().as_bytes().to_vec());
        return import_catalogue_bytes(store, editor, atlas, starter, dry_run, now).await;
    }
    import_catalogue(store, editor, atlas, file, dry_run, now).await
}

/// Imports values by a mapping file, a saved mapping, or what the file says of itself.
async fn values(target: &Target<'_>, arguments: &ValuesArgs) -> Result<Report> {
    let ValuesArgs { import, level, indicator, period, edition, profile, no_profile, .. } = arguments;
    let source = import.source().await?;
    if let Source::File(file) = source
        && arguments.mapping.is_none()
        && profile.is_none()
    {
        let options = TemplateOptions {
            level: level.clone(),
            edition: *edition,
            indicator: indicator.clone(),
            period: period.clone(),
        };
        if let Some(report) = import_template(target, file, &options).await? {
            return Ok(report);
        }
    }
    let level = level.clone().unwrap_or_else(|| missing_level());
    let mapping = arguments.mapping.as_deref().map(read_mapping).transpose()?;
    let (mapping, text) = mapping.unzip();
    let options = ValuesOptions {
        level,
        edition: *edition,
        mapping,
        indicator: indicator.clone(),
        period: period.clone(),
        drafts: arguments.draft_indicators.then(|| arguments.theme.clone()),
        profile: ProfileOptions {
            named: profile.clone(),
            none: *no_profile,
            save: arguments.save_profile.clone().zip(text),
        },
    };
    Ok(import_values(target, source, &options).await?)
}

/// Ends the process like any other wrong usage: only the file shows whether the level may be left out.
fn missing_level() -> ! {
    let sentence = "name the level of the regions with --level: the file does not say it\n";
    clap::Error::raw(clap::error::ErrorKind::MissingRequiredArgument, sentence).exit()
}

/// A mapping file and its text.
fn read_mapping(path: &Path) -> Result<(Mapping, String)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the mapping {}", path.display()))?;
    let mapping = Mapping::parse(&text);
    let mapping =
        mapping.map_err(|error| anyhow!("the mapping {} cannot be used: {error}", path.display()))?;
    Ok((mapping, text))
}

fn boundary_options(arguments: &BoundariesArgs, parents: Vec<ParentRule>) -> Result<BoundaryOptions> {
    let key = |k: &String| k.parse::<RegionKey>().map_err(anyhow::Error::from);
    Ok(BoundaryOptions {
        level: arguments.level.clone(),
        level_title: Text::german(
            arguments.level_title.clone().unwrap_or_else(|| arguments.level.to_string()),
        ),
        key_field: arguments.key.clone(),
        name_field: arguments.name.clone(),
        short_name_field: arguments.short_name.clone(),
        filter: arguments.filter.iter().map(|f| f.parse()).collect::<Result<_, _>>()?,
        edition: arguments.edition.unwrap_or_else(|| clock::now().date_naive()),
        parents,
        crs: arguments.crs,
        inhabited: arguments.inhabited.as_deref().map(str::parse).transpose()?,
        uninhabited_keys: arguments.uninhabited.iter().map(key).collect::<Result<_>>()?,
        attribution: arguments.attribution.clone(),
        layer: arguments.layer.clone(),
        references: arguments.references.clone(),
        snap_tolerance_m: arguments.snap,
        tile_budget: DEFAULT_TILE_BUDGET,
    })
}

/// Status 3 and the report for a rejected file.
pub(super) fn print_report(report: &Report, form: ReportForm) -> Result<ExitCode> {
    match form {
        ReportForm::Text => print!("{report}"),
        ReportForm::Json => println!("{}", serde_json::to_string_pretty(report)?),
    }
    Ok(if report.rejected() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
