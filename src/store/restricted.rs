//! Which series only statisticians may read: those of restricted sources, and whatever was derived from one of them.

use std::collections::{HashMap, HashSet};

use crate::domain::{Derivation, DerivationInput, Slug};
use crate::store::{
    Id, StoreError,
    sql::{Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A series by what a derivation calls it: indicator, level, date of the edition, period, hash of the content.
type Name = (String, String, String, String, String);

fn name(input: &DerivationInput) -> Name {
    let word = |slug: &Slug| slug.to_string();
    let (edition, period) = (input.edition.to_string(), input.period.to_string());
    (word(&input.indicator), word(&input.level), edition, period, input.hash.clone())
}

/// The restricted series of an atlas, superseded ones too: a series may have been derived from one of these.
pub(super) async fn ids(tx: &mut Tx, atlas_id: Id) -> Result<HashSet<Id>> {
    let sql = "SELECT id FROM source WHERE atlas_id = $1 AND restricted = 1";
    if tx.row(sql, params![atlas_id]).await?.is_none() {
        return Ok(HashSet::new());
    }
    let sql = "SELECT s.id, s.indicator, e.level, e.valid_on, s.period, s.content_hash, coalesce(o.restricted, 0), \
               s.derivation FROM series s JOIN edition e ON e.id = s.edition_id \
               LEFT JOIN source o ON o.atlas_id = s.atlas_id AND o.slug = s.source \
               WHERE s.atlas_id = $1 AND (o.restricted = 1 OR s.derivation IS NOT NULL)";
    let mut restricted = HashSet::new();
    let mut names: HashMap<Name, Vec<Id>> = HashMap::new();
    let mut derived_from: HashMap<Name, Vec<Id>> = HashMap::new();
    for row in tx.rows(sql, params![atlas_id]).await? {
        let mut cells = row.cells();
        let id = cells.id()?;
        let own = (cells.text()?, cells.text()?, cells.text()?, cells.text()?, cells.text()?);
        names.entry(own).or_default().push(id);
        if cells.flag()? {
            restricted.insert(id);
        }
        let derivation: Option<Derivation> = cells.json_if_any()?;
        for input in derivation.iter().flat_map(|d| &d.inputs) {
            derived_from.entry(name(input)).or_default().push(id);
        }
    }
    let made: HashMap<Id, Vec<Id>> = made_from(&names, &derived_from);
    let mut reached: Vec<Id> = restricted.iter().copied().collect();
    while let Some(id) = reached.pop() {
        for derived in made.get(&id).into_iter().flatten() {
            if restricted.insert(*derived) {
                reached.push(*derived);
            }
        }
    }
    Ok(restricted)
}

/// By series, those that were derived from it.
fn made_from(names: &HashMap<Name, Vec<Id>>, derived_from: &HashMap<Name, Vec<Id>>) -> HashMap<Id, Vec<Id>> {
    let of = |(name, ids): (&Name, &Vec<Id>)| {
        let derived = derived_from.get(name)?;
        Some(ids.iter().map(|id| (*id, derived.clone())).collect::<Vec<_>>())
    };
    names.iter().filter_map(of).flatten().collect()
}
