//! What is current in an atlas, as the material of derived series.
//!
//! Must not know: by which arithmetic they are made.

use std::collections::HashMap;

use super::{Task, left_out, notes};
use crate::{
    domain::{
        Column, Companions, Derivation, DerivationInput, DerivationMethod, Indicator, Observations, Period,
        Provenance, Slug, Text,
    },
    ingest::{IngestError, Report},
    store::{AtlasCatalogue, EditionRow, Id, NewSeries, SeriesRow, Store},
};

/// The catalogue of an atlas, and its current series by indicator, edition and period.
pub(super) struct Current<'s> {
    pub store: &'s Store,
    pub catalogue: AtlasCatalogue,
}

/// Values of a series with what stands beside them.
pub(super) struct Loaded {
    pub column: Column,
    pub companions: Companions,
    pub value_notes: Vec<(u32, Text)>,
}

impl Loaded {
    pub(super) fn observations(&self) -> Observations<'_> {
        Observations { column: &self.column, companions: &self.companions }
    }
}

/// A derived series before it has its provenance, source and hashes.
pub(super) struct Draft<'c> {
    pub indicator: &'c Indicator,
    pub edition: &'c EditionRow,
    pub period: Period,
    pub inputs: Vec<&'c SeriesRow>,
    /// The series whose gaps are filled.
    pub base: Option<&'c SeriesRow>,
    pub method: DerivationMethod,
    pub column: Column,
    pub companions: Companions,
    pub value_notes: Vec<(u32, Text)>,
    pub note: Text,
    pub break_before: bool,
}

/// Finds the current series of (indicator, edition, period).
pub(super) type Index<'c> = HashMap<(&'c Slug, Id, &'c Period), &'c SeriesRow>;

impl<'s> Current<'s> {
    pub(super) async fn read(store: &'s Store, atlas: &Slug) -> Result<Self, IngestError> {
        Ok(Self { store, catalogue: store.catalogue(atlas).await? })
    }

    /// Reports levels and indicators that do not exist.
    pub(super) fn check(&self, task: &Task, report: &mut Report) {
        let from = if let Task::Parents { from, .. } = task { Some(from) } else { None };
        for level in std::iter::once(task.level()).chain(from) {
            if !self.catalogue.levels.iter().any(|known| known.slug == *level) {
                let there: Vec<&str> = self.catalogue.levels.iter().map(|l| l.slug.as_str()).collect();
                let sentence = format!("The atlas has no level '{level}'; it has: {}.", there.join(", "));
                report.error(None, None, sentence);
            }
        }
        for wanted in task.indicators() {
            if self.indicator(wanted).is_none() {
                report.error(None, None, format!("The catalogue has no indicator '{wanted}'."));
            }
        }
    }

    pub(super) fn indicator(&self, slug: &Slug) -> Option<&Indicator> {
        self.catalogue.indicators.iter().find(|indicator| indicator.slug == *slug)
    }

    /// Editions of a level by date.
    pub(super) fn editions(&self, level: &Slug) -> Vec<&EditionRow> {
        let mut editions: Vec<_> = self.catalogue.editions.iter().filter(|e| e.level == *level).collect();
        editions.sort_by_key(|edition| edition.valid_on);
        editions
    }

    /// Current series on an edition, of the wanted indicators or of all, by indicator and period.
    pub(super) fn on(&self, edition: &EditionRow, wanted: &[Slug]) -> Vec<&SeriesRow> {
        let is_wanted = |row: &&SeriesRow| wanted.is_empty() || wanted.contains(&row.indicator);
        let on_edition = self.catalogue.series.iter().filter(|row| row.edition == edition.id);
        let mut rows: Vec<_> = on_edition.filter(is_wanted).collect();
        rows.sort_by_key(|row| (&row.indicator, &row.period));
        rows
    }

    pub(super) fn index(&self) -> Index<'_> {
        self.catalogue.series.iter().map(|row| ((&row.indicator, row.edition, &row.period), row)).collect()
    }

    pub(super) async fn load(&self, row: &SeriesRow) -> Result<Loaded, IngestError> {
        Ok(Loaded {
            column: self.store.column(row.id).await?,
            companions: self.store.companions(row.id).await?,
            value_notes: self.store.value_notes(row.id).await?,
        })
    }

    fn input(&self, row: &SeriesRow) -> Option<DerivationInput> {
        let edition = self.catalogue.editions.iter().find(|edition| edition.id == row.edition)?;
        Some(DerivationInput {
            indicator: row.indicator.clone(),
            level: edition.level.clone(),
            edition: edition.valid_on,
            period: row.period.clone(),
            hash: row.content_hash.clone(),
        })
    }

    /// The series that say something else than what is stored. Those without any number are left out and reported.
    ///
    /// # Errors
    /// If a series cannot be written down.
    pub(super) fn news(
        &self,
        drafts: Vec<Draft<'_>>,
        report: &mut Report,
    ) -> Result<Vec<NewSeries>, IngestError> {
        let index = self.index();
        let (mut empty, mut unchanged, mut changed) = (Vec::new(), 0_u64, 0_u64);
        let mut news = Vec::new();
        for draft in drafts {
            let stored = index.get(&(&draft.indicator.slug, draft.edition.id, &draft.period)).copied();
            if draft.column.numbers().next().is_none() && stored.is_none() {
                empty.push(format!("{} {}", draft.indicator.slug, draft.period));
                continue;
            }
            let new = self.finished(draft);
            match stored {
                Some(stored) if stored.content_hash == new.content_hash()? => {
                    unchanged += 1;
                    continue;
                }
                Some(_) => changed += 1,
                None => {}
            }
            news.push(new);
        }
        report.fact("series_new", news.len() as u64 - changed);
        report.fact("series_changed", changed);
        report.fact("series_unchanged", unchanged);
        if !empty.is_empty() {
            left_out(
                report,
                format!(
                    "{} series would have no value, because counts or numerators and denominators are not known: {}.",
                    empty.len(),
                    super::listed(&empty)
                ),
            );
        }
        Ok(news)
    }

    fn finished(&self, draft: Draft<'_>) -> NewSeries {
        let rows = || draft.base.iter().chain(&draft.inputs).copied();
        // What disclosure control must know of one input it must know of the whole.
        let provenance = rows().map(|row| row.provenance).find(|p| *p != Provenance::Exact);
        // A number of a restricted source stays restricted.
        let source = rows().find(|row| row.restricted).or_else(|| rows().next());
        let note = note(draft.base, &draft.inputs, draft.note);
        NewSeries {
            indicator: draft.indicator.slug.clone(),
            level: draft.edition.level.clone(),
            edition: draft.edition.valid_on,
            period: draft.period,
            provenance: provenance.unwrap_or_default(),
            source: source.and_then(|row| row.source.clone()),
            note: Some(note),
            value_notes: draft.value_notes,
            break_before: draft.break_before,
            derivation: Some(Derivation {
                method: draft.method,
                inputs: draft.inputs.iter().filter_map(|row| self.input(row)).collect(),
            }),
            column: draft.column,
            companions: draft.companions,
        }
    }
}

/// What was said of the series that go in, and how this one was made. The note of a derived series says how that one was
/// made; the last step is what readers need.
fn note(base: Option<&SeriesRow>, inputs: &[&SeriesRow], how: Text) -> Text {
    let said = |rows: &[&SeriesRow]| {
        let mut notes: Vec<Text> = rows.iter().filter_map(|row| row.note.clone()).collect();
        notes.dedup();
        notes
    };
    match base {
        Some(SeriesRow { derivation: Some(_), note: Some(note), .. }) => note.clone(),
        Some(base) => notes::joined(&said(&[base]), how),
        None if inputs.iter().any(|row| row.derivation.is_some()) => how,
        None => notes::joined(&said(inputs), how),
    }
}
