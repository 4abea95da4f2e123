//! What the public reads about a derived series, in German and English.

use chrono::NaiveDate;

use crate::domain::{Column, DenominatorRule, Indicator, IndicatorKind, Lang, Level, Status, Text};

/// Values of one edition on the boundaries of another.
pub(super) fn edition(from: NaiveDate, to: NaiveDate, column: &Column) -> Text {
    let mut text = Text::both(
        format!("Auf den Gebietsstand {} umgerechnet aus dem Gebietsstand {}.", german(to), german(from)),
        format!("Converted to the boundaries of {to} from those of {from}."),
    );
    if column.statuses().contains(&Status::Estimated) {
        text =
            and(text, "Werte geteilter Gebiete sind geschätzt.", "Values of divided regions are estimates.");
    }
    text
}

/// Values of regions from those of their parts.
pub(super) fn parents(indicator: &Indicator, from: &Level) -> Text {
    let (de, en) = (&from.title.de, from.title.get(Lang::En));
    if indicator.kind == IndicatorKind::Count {
        return Text::both(
            format!("Summe vollständiger Werte der Ebene {de}."),
            format!("Sum of complete values of the level {en}."),
        );
    }
    Text::both(
        format!("Aus vollständigen Zählern und Nennern der Ebene {de} berechnet."),
        format!("Calculated from complete numerators and denominators of the level {en}."),
    )
}

/// Values of a delivered series beside which missing ones were derived.
pub(super) fn filled(how: Text) -> Text {
    Text::both(
        format!("Fehlende Werte ergänzt: {}", how.de),
        format!("Missing values filled in: {}", how.en.unwrap_or_default()),
    )
}

/// Several years.
pub(super) fn pooled(years: u32, first: i32, last: i32) -> Text {
    const GERMAN: [&str; 11] =
        ["Zwei", "Drei", "Vier", "Fünf", "Sechs", "Sieben", "Acht", "Neun", "Zehn", "Elf", "Zwölf"];
    const ENGLISH: [&str; 11] =
        ["Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"];
    let word = |words: [&str; 11]| {
        let at = (years as usize).checked_sub(2).and_then(|at| words.get(at).copied());
        at.map_or_else(|| years.to_string(), str::to_owned)
    };
    Text::both(
        format!("{} Jahre zusammengefasst ({first} bis {last}).", word(GERMAN)),
        format!("{} years taken together ({first} to {last}).", word(ENGLISH)),
    )
}

/// A quotient of two indicators.
pub(super) fn ratio(numerator: &Indicator, denominator: &Indicator, rule: DenominatorRule) -> Text {
    let english = |indicator: &Indicator| indicator.title.get(Lang::En).to_owned();
    let text = Text::both(
        format!("Berechnet aus „{}“ und „{}“.", numerator.title.de, denominator.title.de),
        format!("Calculated from “{}” and “{}”.", english(numerator), english(denominator)),
    );
    match rule {
        DenominatorRule::SameDate => text,
        DenominatorRule::PreviousYearEnd => and(
            text,
            "Nenner: Stand am 31. Dezember des Vorjahres.",
            "Denominator: as at 31 December of the year before.",
        ),
        DenominatorRule::MeanOfTwo => and(
            text,
            "Nenner: Mittel der Stände am 31. Dezember davor und danach.",
            "Denominator: mean of 31 December before and after.",
        ),
    }
}

/// The notes of what a series was made from, then how.
pub(super) fn joined(before: &[Text], how: Text) -> Text {
    before.iter().rev().fold(how, |text, first| Text {
        de: format!("{} {}", first.de.trim_end(), text.de),
        en: text.en.map(|en| format!("{} {en}", first.get(Lang::En).trim_end())),
    })
}

fn and(text: Text, de: &str, en: &str) -> Text {
    Text::both(format!("{} {de}", text.de), format!("{} {en}", text.en.unwrap_or_default()))
}

fn german(date: NaiveDate) -> String {
    date.format("%d.%m.%Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_words_as_long_as_there_are_short_ones() {
        assert_eq!(pooled(5, 2019, 2023).de, "Fünf Jahre zusammengefasst (2019 bis 2023).");
        assert_eq!(pooled(15, 2009, 2023).de, "15 Jahre zusammengefasst (2009 bis 2023).");
    }

    #[test]
    fn what_was_said_before_stays_in_front() {
        let before = [Text::german("Vorläufig."), Text::both("Gerundet.", "Rounded.")];
        let text = joined(&before, Text::both("Summe.", "Sum."));
        assert_eq!(text, Text::both("Vorläufig. Gerundet. Summe.", "Vorläufig. Rounded. Sum."));
    }
}
