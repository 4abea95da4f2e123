//! Legends: what the colours and circles of a map mean, for one period.

use serde::Serialize;

use crate::{
    domain::{Classification, Column, IndicatorKind, Lang, Method, Period, Polarity, Status},
    style::{
        ColourScheme, Hatch, StyleError, format_number,
        sprite::Hatches,
        symbols::{Look, Symbols},
    },
};

/// Decimals that a label may have beyond those of the indicator, when breaks lie closer together than these show.
const MORE_DECIMALS: u8 = 3;

/// The facts of one map: an indicator on a level in a period, in one language.
#[derive(Debug, Clone, Copy)]
pub struct MapInput<'a> {
    /// Name of the indicator.
    pub title: &'a str,
    /// Unit as written after a number.
    pub unit: &'a str,
    /// What the number is; counts are drawn as circles, everything else as coloured regions.
    pub kind: IndicatorKind,
    /// Decimals of the numbers shown.
    pub decimals: u8,
    /// The period shown.
    pub period: &'a Period,
    /// Classes of the map.
    pub classification: &'a Classification,
    /// How many regions each class and status has in this period.
    pub tally: &'a Tally,
    /// Name of the palette; without one, that of the polarity.
    pub palette: Option<&'a str>,
    /// What a high number means.
    pub polarity: Polarity,
    /// Who delivered the data.
    pub source: &'a str,
    /// Public remark on the numbers.
    pub note: Option<&'a str>,
    /// Language of the labels.
    pub lang: Lang,
    /// Light or dark.
    pub scheme: ColourScheme,
}

/// How many regions of a period have which class and which status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Inhabited regions in each class, ascending.
    pub classes: Vec<usize>,
    /// Inhabited regions without a number by status: those that occur, in the order of [`Status::ALL`].
    pub statuses: Vec<(Status, usize)>,
    /// Regions where nobody lives, whatever their status.
    pub uninhabited: usize,
}

impl Tally {
    /// Counts the regions of a column; `inhabited` tells of an ordinal whether somebody lives there, `None` if it is not on
    /// the map.
    pub fn of(
        column: &Column,
        classification: &Classification,
        inhabited: impl Fn(usize) -> Option<bool>,
    ) -> Self {
        let mut tally = Self { classes: vec![0; classification.classes()], ..Self::default() };
        let mut of_status = [0_usize; Status::ALL.len()];
        for ordinal in 0..column.len() {
            let Some(inhabited) = inhabited(ordinal) else { continue };
            let class = column.value(ordinal).and_then(|value| classification.class_of(value));
            if !inhabited {
                tally.uninhabited += 1;
            } else if let Some(class) = class {
                tally.classes[usize::from(class)] += 1;
            } else if let Some(at) = Status::ALL.iter().position(|s| *s == column.status(ordinal)) {
                of_status[at] += 1;
            }
        }
        let counted = Status::ALL.into_iter().zip(of_status);
        tally.statuses = counted.filter(|(status, count)| *count > 0 && !status.has_value()).collect();
        tally
    }
}

/// A legend as served in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Legend {
    /// Name of the indicator.
    pub title: String,
    /// Unit as written after a number.
    pub unit: String,
    /// What the number is.
    pub kind: IndicatorKind,
    /// How the breaks were found.
    pub method: Method,
    /// Decimals of the numbers shown.
    pub decimals: u8,
    /// The period shown.
    pub period: Period,
    /// Classes, ascending.
    pub classes: Vec<LegendClass>,
    /// What regions without a class look like; only what occurs.
    pub statuses: Vec<LegendStatus>,
    /// Public remark on the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who delivered the data.
    pub source: String,
    /// Goodness of variance fit of the stored classes, 0…1.
    pub gvf: f64,
}

/// One class of a legend.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LegendClass {
    /// Number of the class, from 0.
    pub class: u8,
    /// Values of the class are greater than this; in the lowest class also equal.
    pub lower: f64,
    /// Greatest value of the class.
    pub upper: f64,
    /// Colour of its regions or circles, `#rrggbb`.
    pub color: String,
    /// Radius of its circles in pixels; only for counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius: Option<f64>,
    /// Its limits for people, without the unit.
    pub label: String,
    /// Inhabited regions in it in this period.
    pub count: usize,
}

/// What regions without a class look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegendStatus {
    /// Name of the status, or `uninhabited`.
    pub status: &'static str,
    /// Its meaning for people.
    pub label: &'static str,
    /// Colour of the regions, `#rrggbb`.
    pub color: String,
    /// Lines over the colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hatch: Option<Hatch>,
    /// Regions with it in this period.
    pub count: usize,
}

/// The legend of a map.
///
/// # Errors
/// If the palette is unknown, or there are more classes than it has colours for.
pub fn legend(map: &MapInput<'_>) -> Result<Legend, StyleError> {
    let classification = map.classification;
    let symbols = Symbols::new(map.kind, classification, map.palette, map.polarity, map.scheme)?;
    let labels = class_labels(&classification.breaks, map.decimals, map.lang);
    let limits = classification.breaks.windows(2).zip(labels).zip(symbols.colours);
    let classes = limits.enumerate().map(|(class, ((limits, label), color))| LegendClass {
        class: class as u8,
        lower: limits[0],
        upper: limits[1],
        color,
        radius: symbols.radii.as_ref().map(|radii| radii[class]),
        label,
        count: map.tally.classes.get(class).copied().unwrap_or_default(),
    });
    Ok(Legend {
        title: map.title.to_owned(),
        unit: map.unit.to_owned(),
        kind: map.kind,
        method: classification.method,
        decimals: map.decimals,
        period: map.period.clone(),
        classes: classes.collect(),
        statuses: statuses(map, &Look::of(map.scheme)?, &Hatches::read()?),
        note: map.note.map(str::to_owned),
        source: map.source.to_owned(),
        gvf: classification.gvf,
    })
}

fn statuses(map: &MapInput<'_>, look: &Look, hatches: &Hatches) -> Vec<LegendStatus> {
    let of_status = map.tally.statuses.iter().map(|(status, count)| LegendStatus {
        status: status.as_str(),
        label: status_label(*status, map.lang),
        color: look.status(*status).to_owned(),
        hatch: hatches.of(status.as_str(), look),
        count: *count,
    });
    let uninhabited = LegendStatus {
        status: "uninhabited",
        label: match map.lang {
            Lang::De => "unbewohnt",
            Lang::En => "uninhabited",
        },
        color: look.uninhabited().to_owned(),
        hatch: None,
        count: map.tally.uninhabited,
    };
    of_status.chain([uninhabited].into_iter().filter(|status| status.count > 0)).collect()
}

/// What a status means, for people.
pub const fn status_label(status: Status, lang: Lang) -> &'static str {
    let (german, english) = match status {
        Status::Valid => ("Wert liegt vor", "value available"),
        Status::Missing => ("keine Angabe", "no data"),
        Status::Suppressed => ("aus Datenschutzgründen nicht ausgewiesen", "withheld to protect privacy"),
        Status::NotApplicable => ("trifft hier nicht zu", "not applicable here"),
        Status::NotYetAvailable => ("liegt noch nicht vor", "not yet available"),
        Status::Unreliable => ("nicht sicher genug", "not reliable enough"),
        Status::Unknown => ("unbekannt oder geheim", "unknown or confidential"),
        Status::NotMeaningful => ("Aussage nicht sinnvoll", "not meaningful"),
        Status::Estimated => ("geschätzt", "estimated"),
        Status::Preliminary => ("vorläufig", "preliminary"),
        Status::Revised => ("berichtigt", "revised"),
        Status::Limited => ("Aussagewert eingeschränkt", "of limited informative value"),
        Status::Derived => ("aus Teilgebieten abgeleitet", "derived from parts of the region"),
        Status::Pooled => ("über Jahre zusammengefasst", "pooled over years"),
    };
    match lang {
        Lang::De => german,
        Lang::En => english,
    }
}

/// Labels of the classes between these breaks. The outer classes are open, since a later period may have values beyond
/// the ends of the stored classes.
fn class_labels(breaks: &[f64], decimals: u8, lang: Lang) -> Vec<String> {
    let (up_to, over) = match lang {
        Lang::De => ("bis", "über"),
        Lang::En => ("up to", "over"),
    };
    let to = if lang == Lang::De { "bis" } else { "to" };
    let k = breaks.len().saturating_sub(1);
    let inner = inner_labels(breaks.get(1..k).unwrap_or_default(), decimals, lang);
    (0..k)
        .map(|class| match (class.checked_sub(1).and_then(|i| inner.get(i)), inner.get(class)) {
            (None, Some(upper)) => format!("{up_to} {upper}"),
            (Some(lower), Some(upper)) => format!("{over} {lower} {to} {upper}"),
            (Some(lower), None) => format!("{over} {lower}"),
            (None, None) => {
                let [lowest, highest] = [breaks[0], breaks[k]].map(|b| format_number(b, decimals, lang));
                if lowest == highest { lowest } else { format!("{lowest} {to} {highest}") }
            }
        })
        .collect()
}

/// The inner breaks as text, with as many more decimals as it takes to tell them apart.
fn inner_labels(breaks: &[f64], decimals: u8, lang: Lang) -> Vec<String> {
    let written = |decimals: u8| -> Vec<String> {
        breaks.iter().map(|b| format_number(rounded_down(*b, decimals), decimals, lang)).collect()
    };
    let all_differ = |labels: &[String]| labels.windows(2).all(|pair| pair[0] != pair[1]);
    (decimals..=decimals.saturating_add(MORE_DECIMALS))
        .map(written)
        .find(|labels| all_differ(labels))
        .unwrap_or_else(|| written(decimals))
}

/// The break rounded down: a value of that many decimals exceeds it exactly when it exceeds the break itself, so the
/// label never claims a region for the wrong class.
fn rounded_down(value: f64, decimals: u8) -> f64 {
    let factor = 10_f64.powi(i32::from(decimals));
    let scaled = value * factor;
    let nearest = scaled.round();
    // A break that is meant to have these decimals may lie a rounding error below them.
    let meant = (scaled - nearest).abs() <= 1e-9 * nearest.abs().max(1.0);
    (if meant { nearest } else { scaled.floor() }) / factor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classification(breaks: &[f64]) -> Classification {
        Classification {
            method: Method::FisherJenks,
            breaks: breaks.to_vec(),
            counts: vec![1; breaks.len().saturating_sub(1)],
            gvf: 0.9,
            base_periods: Vec::new(),
        }
    }

    #[test]
    fn labels_are_open_at_the_ends_and_say_on_which_side_a_break_lies() {
        let breaks = [1.0, 4.35, 1200.5, 2000.0];
        assert_eq!(
            class_labels(&breaks, 2, Lang::De),
            ["bis 4,35", "über 4,35 bis 1.200,50", "über 1.200,50"]
        );
        assert_eq!(class_labels(&breaks, 1, Lang::En), ["up to 4.3", "over 4.3 to 1,200.5", "over 1,200.5"]);
    }

    #[test]
    fn a_break_between_two_possible_values_is_labelled_with_the_lower_one() {
        assert_eq!(class_labels(&[0.0, 33.88, 99.0], 1, Lang::De), ["bis 33,8", "über 33,8"]);
        assert_eq!(class_labels(&[-9.0, -1.25, 9.0], 1, Lang::De), ["bis −1,3", "über −1,3"]);
    }

    #[test]
    fn breaks_that_look_alike_get_more_decimals() {
        assert_eq!(
            class_labels(&[0.0, 0.12, 0.14, 1.0], 1, Lang::De),
            ["bis 0,12", "über 0,12 bis 0,14", "über 0,14"]
        );
    }

    #[test]
    fn a_single_class_is_labelled_with_its_ends() {
        assert_eq!(class_labels(&[7.0, 7.0], 0, Lang::De), ["7"]);
        assert_eq!(class_labels(&[1.0, 7.0], 0, Lang::En), ["1 to 7"]);
        assert!(class_labels(&[], 0, Lang::De).is_empty());
    }

    #[test]
    fn a_tally_counts_inhabited_regions_by_class_and_status() {
        let mut column = Column::missing(6);
        for (ordinal, value) in [(0, 1.0), (1, 5.0), (2, 99.0), (5, 1.0)] {
            column.set(ordinal, Some(value), Status::Valid);
        }
        column.set(3, None, Status::Suppressed);
        let tally = Tally::of(&column, &classification(&[1.0, 2.0, 6.0]), |ordinal| Some(ordinal != 5));
        assert_eq!(tally.classes, [1, 2]);
        assert_eq!(tally.statuses, [(Status::Missing, 1), (Status::Suppressed, 1)]);
        assert_eq!(tally.uninhabited, 1);
    }

    #[test]
    fn a_legend_has_the_shape_that_the_viewer_reads() {
        let classes = classification(&[10.0, 20.0, 40.0]);
        let tally = Tally { classes: vec![3, 4], statuses: vec![(Status::Suppressed, 2)], uninhabited: 1 };
        let map = MapInput {
            title: "Einwohner",
            unit: "Personen",
            kind: IndicatorKind::Count,
            decimals: 0,
            period: &"2023".parse().unwrap(),
            classification: &classes,
            tally: &tally,
            palette: None,
            polarity: Polarity::Neutral,
            source: "Amt",
            note: None,
            lang: Lang::De,
            scheme: ColourScheme::Light,
        };
        let expected = serde_json::json!({
            "title": "Einwohner", "unit": "Personen", "kind": "count", "method": "fisher-jenks", "decimals": 0,
            "period": "2023",
            "classes": [
                {"class": 0, "lower": 10.0, "upper": 20.0, "color": "#0570b0", "radius": 18.4,
                 "label": "bis 20", "count": 3},
                {"class": 1, "lower": 20.0, "upper": 40.0, "color": "#0570b0", "radius": 26.0,
                 "label": "über 20", "count": 4},
            ],
            "statuses": [
                {"status": "suppressed", "label": "aus Datenschutzgründen nicht ausgewiesen", "color": "#8c9196",
                 "hatch": {"size": 8, "width": 1, "path": "M-2,2 L2,-2 M-2,10 L10,-2 M6,10 L10,6", "color": "#4a5157"},
                 "count": 2},
                {"status": "uninhabited", "label": "unbewohnt", "color": "#edeeeb", "count": 1},
            ],
            "source": "Amt", "gvf": 0.9,
        });
        assert_eq!(serde_json::to_value(legend(&map).unwrap()).unwrap(), expected);
        let shares = legend(&MapInput { kind: IndicatorKind::Share, ..map }).unwrap();
        assert!(shares.classes.iter().all(|class| class.radius.is_none()));
        assert_ne!(shares.classes[0].color, shares.classes[1].color);
    }
}
