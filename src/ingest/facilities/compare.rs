//! What an import changes: new, changed, gone and unchanged facilities of each category.
//!
//! Must not know: files, the store.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::entry::Entries;
use crate::domain::Facility;

/// Keys of facilities that are gone are listed up to this number.
const MOST_GONE: usize = 20;

/// One fact per category: what its facilities were and will be.
pub(super) fn compare(entries: &Entries, stored: &[Facility]) -> Value {
    let of_category = entries.categories.iter().map(|category| {
        let mut before: HashMap<&str, &Facility> =
            stored.iter().filter(|f| f.category == category.slug).map(|f| (f.key.as_str(), f)).collect();
        let (mut new, mut changed, mut unchanged, mut publishable) = (0, 0, 0, 0);
        let facilities = entries.facilities.iter().filter(|f| f.category == category.slug);
        for facility in facilities {
            publishable += u32::from(facility.publishable);
            match before.remove(facility.key.as_str()) {
                None => new += 1,
                Some(old) if old == facility => unchanged += 1,
                Some(_) => changed += 1,
            }
        }
        let mut gone: Vec<&str> = before.into_keys().collect();
        gone.sort_unstable();
        let listed = &gone[..gone.len().min(MOST_GONE)];
        json!({
            "category": category.slug, "title": category.title.de, "public": category.public,
            "personal": category.personal, "new": new, "changed": changed, "unchanged": unchanged,
            "gone": gone.len(), "gone_keys": listed, "publishable": publishable,
        })
    });
    of_category.collect()
}
