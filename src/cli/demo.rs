//! The demo atlas: what `demo/` holds, embedded, and imported by the ordinary functions.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use chrono::NaiveDate;
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::{
    access::{Editor, Publisher},
    clock,
    domain::{Audience, Level, Period, Slug, Text},
    ingest::{
        NoProgress, Report, Source, Target,
        boundaries::{BoundaryOptions, DEFAULT_TILE_BUDGET, import_boundaries},
        catalogue::import_catalogue,
        derive::{Task, derive},
        facilities::{FacilityOptions, import_facilities},
        statistics::{Mapping, ProfileOptions, ValuesOptions, import_values},
    },
    release::{self, ReleaseRequest},
    store::{NewAtlas, Store},
};

#[derive(RustEmbed)]
#[folder = "demo"]
#[include = "*.toml"]
#[include = "*.csv"]
#[include = "*.geojson"]
struct Files;

/// `demo.toml`; its keys are explained in `demo/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    atlas: AtlasPart,
    levels: Vec<LevelPart>,
    values: Vec<ValuesPart>,
    pools: Vec<PoolsPart>,
    facilities: Vec<FacilitiesPart>,
    releases: Vec<ReleasePart>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AtlasPart {
    slug: Slug,
    title: Text,
    attribution: String,
    required_indicators: u32,
    open: bool,
    catalogue: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelPart {
    slug: Slug,
    title: Text,
    position: i64,
    public_boundaries: bool,
    boundaries: BoundariesPart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundariesPart {
    file: String,
    edition: NaiveDate,
    attribution: String,
    key: String,
    name: String,
    short_name: Option<String>,
    inhabited: Option<String>,
    #[serde(default)]
    parents: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValuesPart {
    file: String,
    level: Slug,
    mapping: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FacilitiesPart {
    file: String,
    public: Vec<Slug>,
}

/// Years that are taken together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolsPart {
    levels: Vec<Slug>,
    indicators: Vec<Slug>,
    years: u32,
    /// Last year of each span.
    to: Vec<Period>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleasePart {
    audience: Audience,
    levels: Vec<Slug>,
    indicators: Vec<Slug>,
    /// All that there are if absent.
    #[serde(default)]
    periods: Vec<Period>,
}

/// Makes the demo atlas, unless the store has it.
pub(super) async fn make(store: &Store, editor: &Editor, publisher: &Publisher) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder for the demo's files")?;
    for name in Files::iter() {
        let file = Files::get(&name).with_context(|| format!("{name} is not embedded"))?;
        std::fs::write(folder.path().join(name.as_ref()), file.data)
            .context("cannot write the demo's files")?;
    }
    let manifest: Manifest =
        toml::from_str(&read(folder.path(), "demo.toml")?).context("demo.toml cannot be used")?;
    let atlas = &manifest.atlas.slug;
    if store.atlases().await?.iter().any(|a| a.slug == *atlas) {
        return Ok(());
    }
    let demo = Demo { store, editor, folder: folder.path(), atlas };
    demo.make_atlas(&manifest).await?;
    for level in &manifest.levels {
        demo.boundaries(level).await?;
    }
    for values in &manifest.values {
        demo.values(values).await?;
    }
    for part in &manifest.pools {
        demo.pools(part).await?;
    }
    for part in &manifest.facilities {
        demo.facilities(publisher, part).await?;
    }
    for part in manifest.releases {
        demo.release(publisher, part).await?;
    }
    if manifest.atlas.open {
        release::open(store, publisher, atlas, clock::now()).await?;
    }
    Ok(())
}

fn read(folder: &Path, name: &str) -> Result<String> {
    std::fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {name} of the demo"))
}

struct Demo<'a> {
    store: &'a Store,
    editor: &'a Editor,
    folder: &'a Path,
    atlas: &'a Slug,
}

impl Demo<'_> {
    async fn make_atlas(&self, manifest: &Manifest) -> Result<()> {
        let part = &manifest.atlas;
        let new = NewAtlas {
            slug: part.slug.clone(),
            title: part.title.clone(),
            required_indicators: part.required_indicators,
            attribution: part.attribution.clone(),
        };
        self.store.create_atlas(&new).await?;
        let level = |l: &LevelPart| Level {
            slug: l.slug.clone(),
            title: l.title.clone(),
            position: l.position,
            public_boundaries: l.public_boundaries,
        };
        self.store.put_levels(self.atlas, &manifest.levels.iter().map(level).collect::<Vec<_>>()).await?;
        let file = self.folder.join(&part.catalogue);
        accept(&import_catalogue(self.store, self.editor, self.atlas, &file, false, clock::now()).await?)
    }

    fn target(&self) -> Target<'_> {
        let Self { store, editor, atlas, .. } = *self;
        Target { store, editor, atlas, dry_run: false, now: clock::now(), progress: &NoProgress }
    }

    async fn boundaries(&self, level: &LevelPart) -> Result<()> {
        let part = &level.boundaries;
        let options = BoundaryOptions {
            level: level.slug.clone(),
            level_title: level.title.clone(),
            key_field: part.key.clone(),
            name_field: part.name.clone(),
            short_name_field: part.short_name.clone(),
            filter: Vec::new(),
            edition: part.edition,
            parents: part.parents.iter().map(|p| p.parse()).collect::<Result<_, _>>()?,
            crs: None,
            inhabited: part.inhabited.as_deref().map(str::parse).transpose()?,
            uninhabited_keys: Vec::new(),
            attribution: part.attribution.clone(),
            layer: None,
            references: None,
            snap_tolerance_m: 0.0,
            tile_budget: DEFAULT_TILE_BUDGET,
        };
        let file = self.folder.join(&part.file);
        accept(&import_boundaries(&self.target(), Source::File(&file), &options).await?)
    }

    async fn values(&self, part: &ValuesPart) -> Result<()> {
        let mapping = Mapping::parse(&read(self.folder, &part.mapping)?)?;
        let options = ValuesOptions {
            level: part.level.clone(),
            edition: None,
            mapping: Some(mapping),
            indicator: None,
            period: None,
            drafts: None,
            profile: ProfileOptions::default(),
        };
        let file = self.folder.join(&part.file);
        accept(&import_values(&self.target(), Source::File(&file), &options).await?)
    }

    async fn pools(&self, part: &PoolsPart) -> Result<()> {
        for level in &part.levels {
            for to in &part.to {
                let task = Task::Pooled {
                    level: level.clone(),
                    indicators: part.indicators.clone(),
                    years: part.years,
                    to: Some(to.clone()),
                };
                let now = clock::now();
                accept(&derive(self.store, self.editor, self.atlas, &task, false, now, &NoProgress).await?)?;
            }
        }
        Ok(())
    }

    async fn facilities(&self, publisher: &Publisher, part: &FacilitiesPart) -> Result<()> {
        let (file, options) = (self.folder.join(&part.file), FacilityOptions::default());
        accept(&import_facilities(&self.target(), Source::File(&file), &options).await?)?;
        for category in &part.public {
            release::set_category_public(self.store, publisher, self.atlas, category, true).await?;
        }
        Ok(())
    }

    async fn release(&self, publisher: &Publisher, part: ReleasePart) -> Result<()> {
        let request = ReleaseRequest {
            indicators: part.indicators,
            levels: part.levels,
            periods: part.periods,
            audience: part.audience,
        };
        release::release(self.store, publisher, self.atlas, &request, None, clock::now()).await?;
        Ok(())
    }
}

/// The demo's files have no errors; if one is rejected, the report says why.
fn accept(report: &Report) -> Result<()> {
    if report.committed { Ok(()) } else { bail!("a file of the demo was rejected:\n{report}") }
}
