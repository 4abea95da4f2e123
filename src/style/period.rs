//! Periods as people read them: the same words as in the viewer (`web/src/format.ts`).

use chrono::{Datelike, NaiveDate};

use crate::domain::{Lang, Period, PeriodKind};

const MONTHS: [(&str, &str, &str); 12] = [
    ("Januar", "January", "Jan"),
    ("Februar", "February", "Feb"),
    ("März", "March", "Mar"),
    ("April", "April", "Apr"),
    ("Mai", "May", "May"),
    ("Juni", "June", "Jun"),
    ("Juli", "July", "Jul"),
    ("August", "August", "Aug"),
    ("September", "September", "Sept"),
    ("Oktober", "October", "Oct"),
    ("November", "November", "Nov"),
    ("Dezember", "December", "Dec"),
];

/// A period in words: `2023-Q2` is "2. Quartal 2023", a school year `2022/23`, a pool of years `2019–2021`.
pub fn format_period(period: &Period, lang: Lang) -> String {
    let (start, end) = (period.start(), period.end());
    let year = start.year();
    match (period.kind(), lang) {
        (PeriodKind::Year, _) => year.to_string(),
        (PeriodKind::Pool, _) => format!("{year}–{}", end.year()),
        (PeriodKind::SchoolYear, _) => format!("{year}/{:02}", end.year() % 100),
        (PeriodKind::Quarter, Lang::De) => format!("{}. Quartal {year}", start.month().div_ceil(3)),
        (PeriodKind::Quarter, Lang::En) => format!("Q{} {year}", start.month().div_ceil(3)),
        (PeriodKind::Month, _) => format!("{} {year}", month(start, lang)),
        (PeriodKind::Date, Lang::De) => start.format("%d.%m.%Y").to_string(),
        (PeriodKind::Date, Lang::En) => {
            format!("{} {} {year}", start.day(), MONTHS[start.month0() as usize].2)
        }
        (PeriodKind::Forecast, lang) => {
            let variant = period.variant().unwrap_or_default().to_uppercase();
            match lang {
                Lang::De => format!("{year} (Prognose {variant})"),
                Lang::En => format!("{year} (forecast {variant})"),
            }
        }
    }
}

fn month(day: NaiveDate, lang: Lang) -> &'static str {
    let (german, english, _) = MONTHS[day.month0() as usize];
    match lang {
        Lang::De => german,
        Lang::En => english,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_period_has_its_words() {
        for (slug, german, english) in [
            ("2023", "2023", "2023"),
            ("2019..2021", "2019–2021", "2019–2021"),
            ("2022-08..2023-07", "2022/23", "2022/23"),
            ("2023-Q2", "2. Quartal 2023", "Q2 2023"),
            ("2023-04", "April 2023", "April 2023"),
            ("2023-03-01", "01.03.2023", "1 Mar 2023"),
            ("2035-forecast-g2", "2035 (Prognose G2)", "2035 (forecast G2)"),
        ] {
            let period: Period = slug.parse().unwrap();
            assert_eq!(format_period(&period, Lang::De), german);
            assert_eq!(format_period(&period, Lang::En), english);
        }
    }
}
