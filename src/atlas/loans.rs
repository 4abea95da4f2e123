//! What an atlas borrows from another one of the same store.
//!
//! Borrowed layers are shown as foreign: their slugs begin with the lender's, and the lender is named in titles and notes.
//! Invariant: a restricted source is never lent, and the borrower's public area shows of a loan only what the lender itself
//! shows the public, and only if the lender allows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    atlas::area::{Area, AreaBuilder, public_editions},
    domain::{Audience, Indicator, Level, Slug, Text, Theme},
    store::{AtlasCatalogue, ShareRow},
};

/// What one lender lends to one borrower.
pub(super) struct Loan {
    lender: Arc<AtlasCatalogue>,
    /// Indicator and level, by whether the borrower may show it to the public.
    shares: BTreeMap<(Slug, Slug), bool>,
}

impl Loan {
    /// All that an atlas borrows, by lender.
    pub(super) fn of_borrower(
        borrower: &Slug,
        catalogues: &[Arc<AtlasCatalogue>],
        shares: &[ShareRow],
    ) -> Vec<Self> {
        let loan = |lender: &Arc<AtlasCatalogue>| {
            let mine = |share: &&ShareRow| share.lender == lender.atlas.slug && share.borrower == *borrower;
            let mine = shares.iter().filter(mine);
            let shares: BTreeMap<_, _> =
                mine.map(|s| ((s.indicator.clone(), s.level.clone()), s.may_release)).collect();
            (!shares.is_empty()).then(|| Self { lender: lender.clone(), shares })
        };
        catalogues.iter().filter_map(loan).collect()
    }

    /// What an audience of the borrower sees of it.
    pub(super) fn area(&self, audience: Audience) -> Area {
        if audience == Audience::Public && !self.lender.atlas.open {
            return Area::default();
        }
        let chosen = |indicator: &Indicator, level: &Slug| {
            let share = self.shares.get(&(indicator.slug.clone(), level.clone()));
            share.is_some_and(|may_release| audience == Audience::Internal || *may_release)
        };
        let indicators = self.lender.indicators.iter();
        let levels = self.lender.levels.iter();
        AreaBuilder {
            catalogue: &self.lender,
            audience,
            sees_restricted: false,
            takes_internal_releases: false,
            chosen: &chosen,
            editions: BTreeSet::new(),
            parents: self.public_levels(),
            indicators: indicators.filter_map(|i| Some((&i.slug, Arc::new(self.indicator(i)?)))).collect(),
            levels: levels.filter_map(|l| Some((&l.slug, Arc::new(self.level(l)?)))).collect(),
            themes: self.lender.themes.iter().filter_map(|t| self.theme(t)).collect(),
        }
        .build()
    }

    /// Levels whose borders the lender shows to everybody. They are drawn in what it lends, as are those of levels that it
    /// lends too; who belongs to whom on any other level is internal to the lender.
    fn public_levels(&self) -> BTreeSet<&Slug> {
        if !self.lender.atlas.open {
            return BTreeSet::new();
        }
        let public = public_editions(&self.lender);
        self.lender.editions.iter().filter(|e| public.contains(&e.id)).map(|e| &e.level).collect()
    }

    fn slug(&self, own: &Slug) -> Option<Slug> {
        self.lender.atlas.slug.of_lender(own)
    }

    fn indicator(&self, own: &Indicator) -> Option<Indicator> {
        let lender = &self.lender.atlas.title;
        let mut indicator = own.clone();
        indicator.slug = self.slug(&own.slug)?;
        indicator.theme = self.slug(&own.theme)?;
        // They would name indicators of the lender that were not lent.
        (indicator.part_of, indicator.numerator, indicator.denominator) = (None, None, None);
        indicator.sheet.source = followed(lender, ": ", &own.sheet.source);
        let borrowed = Text::both(
            format!("Daten des Atlas „{}“.", lender.de),
            format!("Data of the atlas “{}”.", lender.en.as_ref().unwrap_or(&lender.de)),
        );
        indicator.note =
            Some(own.note.as_ref().map_or(borrowed.clone(), |note| followed(&borrowed, " ", note)));
        Some(indicator)
    }

    fn level(&self, own: &Level) -> Option<Level> {
        Some(Level { slug: self.slug(&own.slug)?, title: self.titled(&own.title), ..own.clone() })
    }

    fn theme(&self, own: &Theme) -> Option<Theme> {
        Some(Theme { slug: self.slug(&own.slug)?, title: self.titled(&own.title) })
    }

    /// "Title (lender)".
    fn titled(&self, title: &Text) -> Text {
        let lender = &self.lender.atlas.title;
        let en = title.en.as_ref().or(lender.en.as_ref()).map(|_| {
            let en = |text: &'_ Text| text.en.clone().unwrap_or_else(|| text.de.clone());
            format!("{} ({})", en(title), en(lender))
        });
        Text { de: format!("{} ({})", title.de, lender.de), en }
    }
}

/// One text after another in each language.
fn followed(first: &Text, between: &str, second: &Text) -> Text {
    let en = |text: &Text| text.en.clone().unwrap_or_else(|| text.de.clone());
    let has_english = first.en.is_some() || second.en.is_some();
    Text {
        de: format!("{}{between}{}", first.de, second.de),
        en: has_english.then(|| format!("{}{between}{}", en(first), en(second))),
    }
}
