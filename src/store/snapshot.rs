//! Everything small of a store, read at one moment.
//!
//! Must not know: what is made of it. Invariant: all of it belongs to the one generation that it names, so no mixture of
//! two states is ever seen.

use crate::domain::{Audience, Facility, FacilityCategory};
use crate::store::{
    AtlasCatalogue, ShareRow, Store, StoreError, catalogue, facilities, purge, shares, sql::params,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Everything small of a store at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The generation of which this is the state.
    pub generation: i64,
    /// How many imports were purged.
    pub purges: i64,
    /// All atlases, by slug, each with its facilities.
    pub atlases: Vec<(AtlasCatalogue, FacilitiesOf)>,
    /// Shares in force.
    pub shares: Vec<ShareRow>,
}

/// The facilities of an atlas. Those for the public are chosen by the database.
#[derive(Debug)]
pub struct FacilitiesOf {
    /// All categories in their order.
    pub categories: Vec<FacilityCategory>,
    /// What the public may see.
    pub public: Vec<Facility>,
    /// All.
    pub internal: Vec<Facility>,
}

impl Store {
    /// Everything small of the store, as of one moment.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let mut tx = self.begin_read().await?;
        let row = tx.row("SELECT generation FROM state", params![]).await?;
        let generation = row.ok_or_else(|| StoreError::damaged("no generation"))?.cells().get()?;
        let mut atlases = Vec::new();
        for catalogue in catalogue::read_all(&mut tx).await? {
            let id = catalogue.atlas.id;
            let facilities = FacilitiesOf {
                categories: facilities::list_categories(&mut tx, id).await?,
                public: facilities::list(&mut tx, id, Audience::Public).await?,
                internal: facilities::list(&mut tx, id, Audience::Internal).await?,
            };
            atlases.push((catalogue, facilities));
        }
        let (shares, purges) = (shares::in_force(&mut tx).await?, purge::count_purges(&mut tx).await?);
        Ok(Snapshot { generation, purges, atlases, shares })
    }
}
