//! From features to regions: filter, keys, names, one region per key.

use std::collections::BTreeMap;

use geo_types::MultiPolygon;

use super::{
    dissolve::dissolve,
    options::{BoundaryOptions, Condition, ParentKey},
    table::{Feature, FeatureTable, Shape},
};
use crate::{
    domain::{KeyError, Region, RegionKey},
    ingest::{Progress, Report},
};

/// A region before its parents are known to exist.
#[derive(Debug)]
pub(super) struct Draft {
    /// Number of its first feature.
    pub number: u64,
    /// Key, names, inhabited.
    pub region: Region,
    /// Key of the parent by rule, as written; `None` where nothing is written.
    pub parents: Vec<Option<String>>,
    /// Geometry in degrees; `None` for reference regions, and while parts are not yet joined.
    pub geometry: Option<MultiPolygon<f64>>,
}

/// The fields that the options name, by their index.
pub(super) struct Fields {
    key: usize,
    name: usize,
    short_name: Option<usize>,
    inhabited: Option<usize>,
    filter: Vec<usize>,
    /// By rule; `None` for a prefix of the region's own key.
    parents: Vec<Option<usize>>,
}

impl Fields {
    /// Looks the fields up. `None` if some are not there; they are reported with those that are.
    pub(super) fn find(table: &FeatureTable, options: &BoundaryOptions, report: &mut Report) -> Option<Self> {
        let errors = report.errors;
        let mut find = |name: &str, what: &str| {
            table.field(name).unwrap_or_else(|| {
                let there = listed(&table.fields);
                let message = format!("There is no field '{name}' for {what}; the file has {there}.");
                report.error(None, Some(name), message);
                usize::MAX
            })
        };
        let mut parent = |key: &ParentKey| match key {
            ParentKey::Field(name) | ParentKey::Prefix { of: Some(name), .. } => {
                Some(find(name, "the parent's key"))
            }
            ParentKey::Prefix { of: None, .. } => None,
        };
        let fields = Self {
            parents: options.parents.iter().map(|rule| parent(&rule.key)).collect(),
            key: find(&options.key_field, "the key"),
            name: find(&options.name_field, "the name"),
            short_name: options.short_name_field.as_deref().map(|name| find(name, "the short name")),
            inhabited: options
                .inhabited
                .as_ref()
                .map(|c| find(c.field(), "the condition for inhabited regions")),
            filter: options.filter.iter().map(|c| find(c.field(), "the filter")).collect(),
        };
        (report.errors == errors).then_some(fields)
    }
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 60;
    let list = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "no fields at all".to_owned(),
        n if n > MOST => format!("{list} and {} more", n - MOST),
        _ => list,
    }
}

/// Keeps the features that fulfil all conditions. If none does, the values that there are are reported.
pub(super) fn filter(
    table: &mut FeatureTable,
    fields: &Fields,
    conditions: &[Condition],
    report: &mut Report,
) {
    let before = table.features.len();
    let holds = |feature: &Feature| {
        conditions.iter().zip(&fields.filter).all(|(condition, field)| condition.holds(feature.text(*field)))
    };
    if before > 0 && !table.features.iter().any(&holds) {
        for (condition, field) in conditions.iter().zip(&fields.filter) {
            let message = format!(
                "No feature fulfils all conditions; the field has the values {}.",
                values(table, *field)
            );
            report.error(None, Some(condition.field()), message);
        }
        return;
    }
    table.features.retain(holds);
    if !conditions.is_empty() {
        report.fact("filtered_out", before - table.features.len());
    }
}

/// The most frequent values of a field, for a message.
fn values(table: &FeatureTable, field: usize) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for feature in &table.features {
        *counts.entry(feature.text(field).unwrap_or_default()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let list: Vec<String> =
        counts.iter().take(12).map(|(value, count)| format!("'{value}' ({count}×)")).collect();
    list.join(", ")
}

/// What several features say of one region.
struct Group {
    draft: Draft,
    parts: Vec<MultiPolygon<f64>>,
}

/// The regions of an edition sorted by key. Everything that is wrong with a key, a name or a geometry is reported.
pub(super) fn drafts(
    table: FeatureTable,
    fields: &Fields,
    options: &BoundaryOptions,
    report: &mut Report,
    progress: &dyn Progress,
) -> Vec<Draft> {
    let mut groups: BTreeMap<RegionKey, Group> = BTreeMap::new();
    let features = table.features.len();
    for mut feature in table.features {
        let geometry = usable_geometry(&mut feature, report);
        let key = key(&feature, fields, options, report);
        if let (Some(geometry), Some(key)) = (geometry, key) {
            let draft = draft(&feature, key, fields, options, report);
            add(&mut groups, draft, geometry, options, report);
        }
    }
    warn_of_lost_zeros(groups.keys(), &options.key_field, report);
    report.fact("dissolved", features.saturating_sub(groups.len()));
    mark_uninhabited(&mut groups, &options.uninhabited_keys, report);
    join_parts(groups, report, progress)
}

fn usable_geometry(feature: &mut Feature, report: &mut Report) -> Option<MultiPolygon<f64>> {
    match std::mem::replace(&mut feature.shape, Shape::Missing) {
        Shape::Polygons(polygons) => Some(polygons),
        Shape::Missing => {
            report.error(
                Some(feature.number),
                None,
                "The feature has no geometry: remove it or filter it out.",
            );
            None
        }
        Shape::Unusable(why) => {
            report.error(Some(feature.number), None, format!("The geometry {why}."));
            None
        }
    }
}

fn key(
    feature: &Feature,
    fields: &Fields,
    options: &BoundaryOptions,
    report: &mut Report,
) -> Option<RegionKey> {
    let field = Some(options.key_field.as_str());
    let Some(text) = feature.text(fields.key) else {
        report.error(Some(feature.number), field, "The feature has no key: remove it or filter it out.");
        return None;
    };
    let sentence = |error: KeyError| format!("The key cannot be used: {error}.");
    text.parse().map_err(|error| report.error(Some(feature.number), field, sentence(error))).ok()
}

fn draft(
    feature: &Feature,
    key: RegionKey,
    fields: &Fields,
    options: &BoundaryOptions,
    report: &mut Report,
) -> Draft {
    let name = feature.text(fields.name).map_or_else(
        || {
            let message = format!("The region {key} has no name; its key stands for it.");
            report.warning(Some(feature.number), Some(&options.name_field), message);
            key.to_string()
        },
        str::to_owned,
    );
    let short_name = fields.short_name.and_then(|field| feature.text(field)).map(str::to_owned);
    let inhabited = match (&options.inhabited, fields.inhabited) {
        (Some(condition), Some(field)) => condition.holds(feature.text(field)),
        _ => true,
    };
    let parents = options
        .parents
        .iter()
        .zip(&fields.parents)
        .map(|(rule, field)| {
            let text = field.map_or(Some(key.as_str()), |field| feature.text(field))?;
            match &rule.key {
                ParentKey::Field(_) => Some(text.to_owned()),
                ParentKey::Prefix { len, .. } => Some(text.chars().take(*len).collect()),
            }
        })
        .collect();
    let short_name = short_name.filter(|short| *short != name);
    let region = Region { key, name, short_name, inhabited };
    Draft { number: feature.number, region, parents, geometry: None }
}

/// Adds a feature to the region of its key; what contradicts an earlier feature is reported.
fn add(
    groups: &mut BTreeMap<RegionKey, Group>,
    draft: Draft,
    geometry: MultiPolygon<f64>,
    options: &BoundaryOptions,
    report: &mut Report,
) {
    let Some(group) = groups.get_mut(&draft.region.key) else {
        groups.insert(draft.region.key.clone(), Group { draft, parts: vec![geometry] });
        return;
    };
    let (first, key) = (&mut group.draft, &draft.region.key);
    if first.region.name != draft.region.name {
        let message = format!(
            "The key {key} is '{}' here and '{}' in feature {}: two regions cannot have one key (a condition such as \
             GF=4 may be missing).",
            draft.region.name, first.region.name, first.number
        );
        report.error(Some(draft.number), Some(&options.name_field), message);
    }
    for (rule, (here, there)) in options.parents.iter().zip(draft.parents.iter().zip(&first.parents)) {
        if here != there {
            let text = |parent: &Option<String>| parent.clone().unwrap_or_else(|| "nothing".to_owned());
            let (here, there) = (text(here), text(there));
            let message = format!(
                "The region {key} has the parent '{here}' here and '{there}' in feature {} (level {}).",
                first.number, rule.level
            );
            report.error(Some(draft.number), None, message);
        }
    }
    first.region.inhabited |= draft.region.inhabited;
    group.parts.push(geometry);
}

/// Official keys have 2, 5, 8, 9 or 12 digits; some with one less among them were numbers once.
fn warn_of_lost_zeros<'a>(keys: impl Iterator<Item = &'a RegionKey>, field: &str, report: &mut Report) {
    let mut lengths: BTreeMap<usize, (usize, &RegionKey)> = BTreeMap::new();
    for key in keys {
        if !key.as_str().bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        lengths.entry(key.as_str().len()).or_insert((0, key)).0 += 1;
    }
    let mut lengths = lengths.into_iter();
    if let (Some((short, (count, example))), Some((long, _)), None) =
        (lengths.next(), lengths.next(), lengths.next())
        && short + 1 == long
        && [2, 5, 8, 9, 12].contains(&long)
    {
        let message = format!(
            "{count} keys have {short} digits, such as {example}, the others {long}: they seem to have lost a leading zero \
             when they were numbers; import them from a text field."
        );
        report.warning(None, Some(field), message);
    }
}

fn mark_uninhabited(groups: &mut BTreeMap<RegionKey, Group>, keys: &[RegionKey], report: &mut Report) {
    for key in keys {
        match groups.get_mut(key) {
            Some(group) => group.draft.region.inhabited = false,
            None => report.warning(
                None,
                None,
                format!("There is no region {key}, which was named as uninhabited."),
            ),
        }
    }
}

fn join_parts(
    groups: BTreeMap<RegionKey, Group>,
    report: &mut Report,
    progress: &dyn Progress,
) -> Vec<Draft> {
    progress.begin("joining parts");
    let count = groups.len().max(1) as f64;
    let mut drafts = Vec::with_capacity(groups.len());
    for (i, Group { mut draft, parts }) in groups.into_values().enumerate() {
        let several = parts.len();
        let dissolved = dissolve(parts);
        if dissolved.overlap > 0.0 {
            let message = format!(
                "{several} features of the region {} ({}) overlap by {:.0} m²; the area counts once.",
                draft.region.key, draft.region.name, dissolved.overlap
            );
            report.warning(Some(draft.number), None, message);
        }
        draft.geometry = Some(dissolved.geometry);
        drafts.push(draft);
        if several > 1 {
            progress.done(i as f64 / count);
        }
    }
    drafts
}
