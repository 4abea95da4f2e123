//! The catalogue in memory: which layers there are for which audience, and their versions.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::NaiveDate;

use crate::{
    access::{Access, Scope},
    atlas::{AtlasError, FacilityEntry, area::Area, loans::Loan},
    domain::{Audience, Classification, Indicator, Level, Period, Slug, Text},
    geometry::GridPoint,
    store::{AtlasCatalogue, AtlasRow, EditionRow, FacilitiesOf, Id, Snapshot, Store},
};

/// Raised whenever the bytes of a tile change for the same content, so that copies held by browsers lose their name.
const ENCODER_VERSION: u32 = 1;

/// Names the content of a layer: equal versions mean equal bytes. Public ones depend on released content only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Hashes parts into a [`Version`]; each part is preceded by its length, so that no two lists of parts look alike.
pub(super) struct VersionHasher(blake3::Hasher);

impl VersionHasher {
    pub(super) fn new(audience: Audience) -> Self {
        let mut hasher = Self(blake3::Hasher::new());
        hasher.part(&ENCODER_VERSION.to_string());
        hasher.part(audience.as_str());
        hasher
    }

    pub(super) fn part(&mut self, part: &str) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part.as_bytes());
    }

    pub(super) fn finish(&self) -> Version {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        Version(u64::from_be_bytes(first))
    }
}

impl Version {
    /// The version of several layers taken together.
    pub(super) fn combined(parts: impl Iterator<Item = Self>) -> Self {
        let mut hasher = VersionHasher(blake3::Hasher::new());
        parts.for_each(|version| hasher.part(&version.to_string()));
        hasher.finish()
    }
}

/// Everything small of a store, read at once.
pub(super) struct Catalogue {
    pub(super) generation: i64,
    /// How many imports were purged.
    pub(super) purges: i64,
    pub(super) atlases: HashMap<Slug, Arc<AtlasEntry>>,
}

/// One atlas, and what its callers see of it.
pub(super) struct AtlasEntry {
    catalogue: Arc<AtlasCatalogue>,
    facilities: Facilities,
    loans: Vec<Loan>,
    /// Callers of the same scope share an area. The public's is the first.
    areas: Mutex<HashMap<Scope, Arc<Area>>>,
}

/// Categories with what each audience sees of them.
struct Facilities {
    public: Vec<Arc<FacilityEntry>>,
    internal: Vec<Arc<FacilityEntry>>,
}

impl Facilities {
    fn of(stored: FacilitiesOf) -> Self {
        let of_audience =
            |facilities, audience| FacilityEntry::of_audience(&stored.categories, facilities, audience);
        Self {
            public: of_audience(stored.public, Audience::Public),
            internal: of_audience(stored.internal, Audience::Internal),
        }
    }
}

/// An edition as one audience sees it.
#[derive(Debug)]
pub struct EditionEntry {
    /// The edition.
    pub row: EditionRow,
    /// Its level.
    pub level: Arc<Level>,
    /// Parent levels that this audience sees, nearest first, as (slug, title).
    pub parents: Vec<(Slug, Text)>,
    /// Version of its geometry-only tiles.
    pub version: Version,
    /// North-western and south-eastern corner of its bounds.
    pub(super) corners: (GridPoint, GridPoint),
}

/// The periods of one indicator on one level.
pub(super) struct IndicatorLayers {
    /// By period slug; newest edition first.
    pub(super) by_period: HashMap<Box<str>, Vec<Arc<Layer>>>,
    /// All layers, by period.
    pub(super) layers: Vec<Arc<Layer>>,
    /// It is released to the public.
    pub(super) public: bool,
}

/// Where the numbers of a layer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ColumnSource {
    Series(Id),
    Release(Id),
}

/// One indicator, level and period as one audience sees it, without its values.
#[derive(Debug)]
pub struct Layer {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// Title of its theme.
    pub theme_title: Text,
    /// The period.
    pub period: Period,
    /// The edition that its ordinals speak of.
    pub edition: Arc<EditionEntry>,
    /// The stored classes.
    pub classification: Arc<Classification>,
    /// Public remarks: of the indicator, then of the series.
    pub notes: Vec<Text>,
    /// A change of method lies between the period before and this one.
    pub break_before: bool,
    /// The layer's own release number; `None` for unreleased series.
    pub release: Option<u32>,
    /// Names its content.
    pub version: Version,
    pub(super) column: ColumnSource,
}

impl Catalogue {
    /// Reads all atlases, as of one moment.
    pub(super) async fn read(store: &Store) -> Result<Self, AtlasError> {
        let Snapshot { generation, purges, atlases, shares } = store.snapshot().await?;
        let (catalogues, facilities): (Vec<_>, Vec<_>) =
            atlases.into_iter().map(|(catalogue, facilities)| (Arc::new(catalogue), facilities)).unzip();
        let entry = |(catalogue, facilities): (&Arc<AtlasCatalogue>, FacilitiesOf)| {
            let slug = catalogue.atlas.slug.clone();
            let loans = Loan::of_borrower(&slug, &catalogues, &shares);
            (slug, Arc::new(AtlasEntry::new(catalogue.clone(), Facilities::of(facilities), loans)))
        };
        let atlases = catalogues.iter().zip(facilities).map(entry).collect();
        Ok(Self { generation, purges, atlases })
    }
}

impl AtlasEntry {
    fn new(catalogue: Arc<AtlasCatalogue>, facilities: Facilities, loans: Vec<Loan>) -> Self {
        let entry = Self { catalogue, facilities, loans, areas: Mutex::default() };
        entry.area(&entry.public());
        entry
    }

    pub(super) fn row(&self) -> &AtlasRow {
        &self.catalogue.atlas
    }

    fn public(&self) -> Scope {
        Access::public().scope(&self.row().slug)
    }

    /// What callers of this scope see.
    pub(super) fn area(&self, scope: &Scope) -> Arc<Area> {
        let areas = || self.areas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(area) = areas().get(scope) {
            return area.clone();
        }
        // Two callers may both build it; they build the same.
        let area = Arc::new(self.build(scope));
        areas().entry(scope.clone()).or_insert(area).clone()
    }

    /// The atlas's own layers, then borrowed ones; where there is nothing internal for a caller, what everybody sees.
    fn build(&self, scope: &Scope) -> Area {
        let mut area = Area::of_atlas(&self.catalogue, scope);
        for loan in &self.loans {
            area.add(&loan.area(scope.audience()));
        }
        area.facilities.clone_from(if scope.audience() == Audience::Internal && !scope.is_limited() {
            &self.facilities.internal
        } else {
            &self.facilities.public
        });
        if scope.audience() == Audience::Internal {
            if self.row().open {
                area.add(&self.area(&self.public()));
            } else if scope.is_limited() {
                area.facilities.clear();
            }
        }
        area.sort(&self.catalogue);
        area
    }
}

impl IndicatorLayers {
    /// Layers of one indicator and level; `public` says that it is released to the public.
    pub(super) fn new(mut layers: Vec<Arc<Layer>>, public: bool) -> Self {
        layers.sort_by(|a, b| {
            (&a.period, std::cmp::Reverse(a.edition.row.valid_on))
                .cmp(&(&b.period, std::cmp::Reverse(b.edition.row.valid_on)))
        });
        let mut by_period: HashMap<Box<str>, Vec<Arc<Layer>>> = HashMap::new();
        for layer in &layers {
            by_period.entry(layer.period.to_string().into()).or_default().push(layer.clone());
        }
        Self { by_period, layers, public }
    }

    /// The layer of a period: the newest edition, or the one asked for.
    pub(super) fn find(&self, period: &str, edition: Option<NaiveDate>) -> Option<&Arc<Layer>> {
        let mut layers = self.by_period.get(period)?.iter();
        layers.find(|l| edition.is_none_or(|date| l.edition.row.valid_on == date))
    }
}
