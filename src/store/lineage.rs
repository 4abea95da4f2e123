//! What series were derived from.

use std::collections::BTreeSet;

use crate::domain::Derivation;
use crate::store::{
    Id, StoreError,
    sql::{Tx, params},
};

/// These series and all that they were derived from, through any number of steps; superseded series too.
pub(super) async fn with_inputs(tx: &mut Tx, series: &[Id]) -> Result<BTreeSet<Id>, StoreError> {
    let mut known = BTreeSet::new();
    let mut reached = series.to_vec();
    while let Some(id) = reached.pop() {
        if known.insert(id) {
            reached.extend(inputs(tx, id).await?);
        }
    }
    Ok(known)
}

/// What one series was derived from in one step: all series of the atlas that its derivation may mean.
async fn inputs(tx: &mut Tx, series: Id) -> Result<Vec<Id>, StoreError> {
    let row = tx.row("SELECT atlas_id, derivation FROM series WHERE id = $1", params![series]).await?;
    let row = row.ok_or_else(|| StoreError::unknown("series", &series))?;
    let mut cells = row.cells();
    let (atlas_id, derivation): (Id, Option<Derivation>) = (cells.id()?, cells.json_if_any()?);
    let mut found = Vec::new();
    for input in derivation.iter().flat_map(|derivation| &derivation.inputs) {
        let sql = "SELECT s.id FROM series s JOIN edition e ON e.id = s.edition_id WHERE s.atlas_id = $1 \
                   AND s.indicator = $2 AND e.level = $3 AND e.valid_on = $4 AND s.period = $5 AND s.content_hash = $6";
        let params =
            params![atlas_id, &input.indicator, &input.level, input.edition, &input.period, &input.hash];
        for row in tx.rows(sql, params).await? {
            found.push(row.cells().id()?);
        }
    }
    Ok(found)
}
