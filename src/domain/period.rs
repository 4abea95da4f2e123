//! Periods: what time an observation speaks about.

use std::{fmt, str::FromStr};

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

/// What kind of time a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeriodKind {
    /// One day, a *Stichtag*: `2023-12-31`.
    Date,
    /// A calendar year: `2023`.
    Year,
    /// A quarter: `2023-Q2`.
    Quarter,
    /// A month: `2023-04`.
    Month,
    /// Months over a turn of the year, a school or day-care year: `2022-08..2023-07`.
    SchoolYear,
    /// Several calendar years taken together: `2019..2023`.
    Pool,
    /// A calendar year in the future, by a variant of a forecast: `2035-forecast-g2`.
    Forecast,
}

/// A period with its first and last day, kind and slug. Ordered by start, then end, then kind and variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    start: NaiveDate,
    end: NaiveDate,
    kind: PeriodKind,
    variant: Option<Box<str>>,
}

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a period: write 2023, 2023-12-31, 2023-Q2, 2023-04, 2022-08..2023-07, 2019..2023 or 2035-forecast-VARIANT"
)]
pub struct PeriodError(String);

impl Period {
    /// A calendar year; `None` outside the years 1000 to 2999.
    pub fn year(year: i32) -> Option<Self> {
        Self::years(year, year, PeriodKind::Year)
    }

    /// A reference date; `None` outside the years 1000 to 2999.
    pub fn date(day: NaiveDate) -> Option<Self> {
        valid_year(day.year()).then_some(Self { start: day, end: day, kind: PeriodKind::Date, variant: None })
    }

    /// First day.
    pub fn start(&self) -> NaiveDate {
        self.start
    }

    /// Last day.
    pub fn end(&self) -> NaiveDate {
        self.end
    }

    /// What kind of time it is.
    pub fn kind(&self) -> PeriodKind {
        self.kind
    }

    /// Name of the forecast's variant, if it is one.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// The same part of the calendar some years later (or earlier); `None` beyond the years 1000 to 2999 and for a 29
    /// February that does not exist there.
    #[must_use]
    pub fn years_later(&self, years: i32) -> Option<Self> {
        let slug = self.to_string();
        let shifted = |text: &str| {
            let (year, rest) = text.split_at_checked(4)?;
            Some(format!("{:04}{rest}", year.parse::<i32>().ok()?.checked_add(years)?))
        };
        let slug = match slug.split_once("..") {
            Some((first, last)) => format!("{}..{}", shifted(first)?, shifted(last)?),
            None => shifted(&slug)?,
        };
        slug.parse().ok()
    }

    fn years(first: i32, last: i32, kind: PeriodKind) -> Option<Self> {
        let start = NaiveDate::from_ymd_opt(first, 1, 1)?;
        let end = NaiveDate::from_ymd_opt(last, 12, 31)?;
        (valid_year(first) && valid_year(last) && first <= last).then_some(Self {
            start,
            end,
            kind,
            variant: None,
        })
    }

    fn months(first: NaiveDate, months: u32, kind: PeriodKind) -> Option<Self> {
        let end = first.checked_add_months(Months::new(months))?.checked_sub_days(Days::new(1))?;
        valid_year(first.year()).then_some(Self { start: first, end, kind, variant: None })
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some((first, last)) = text.split_once("..") {
            return match (parse_year(first), parse_year(last)) {
                (Some(a), Some(b)) if a < b => Self::years(a, b, PeriodKind::Pool),
                _ => {
                    let (start, end) = (parse_month(first)?, parse_month(last)?);
                    let whole = Self::months(start, 12, PeriodKind::SchoolYear)?;
                    (whole.end.year() == end.year() && whole.end.month() == end.month() && start.month() > 1)
                        .then_some(whole)
                }
            };
        }
        if let Some((year, variant)) = text.split_once("-forecast-") {
            let fits = (1..=24).contains(&variant.len())
                && variant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            let period = Self::years(parse_year(year)?, parse_year(year)?, PeriodKind::Forecast)?;
            return fits.then_some(Self { variant: Some(variant.into()), ..period });
        }
        if let Some((year, quarter)) = text.split_once("-Q") {
            let quarter: u32 = one_digit(quarter).filter(|q| (1..=4).contains(q))?;
            let first = NaiveDate::from_ymd_opt(parse_year(year)?, quarter * 3 - 2, 1)?;
            return Self::months(first, 3, PeriodKind::Quarter);
        }
        match text.len() {
            4 => Self::year(parse_year(text)?),
            7 => Self::months(parse_month(text)?, 1, PeriodKind::Month),
            10 => {
                let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                Self::date(day).filter(|p| p.to_string() == text)
            }
            _ => None,
        }
    }
}

fn valid_year(year: i32) -> bool {
    (1000..=2999).contains(&year)
}

fn parse_year(text: &str) -> Option<i32> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|y| valid_year(*y))
}

fn parse_month(text: &str) -> Option<NaiveDate> {
    let (year, month) = text.split_once('-')?;
    let digits = month.len() == 2 && month.bytes().all(|b| b.is_ascii_digit());
    NaiveDate::from_ymd_opt(parse_year(year)?, digits.then(|| month.parse().ok()).flatten()?, 1)
}

fn one_digit(text: &str) -> Option<u32> {
    (text.len() == 1).then(|| text.parse().ok()).flatten()
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        Self::parse(text).ok_or_else(|| PeriodError(text.chars().take(60).collect()))
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

/// Writes the slug.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        match self.kind {
            PeriodKind::Date => write!(f, "{}", start.format("%Y-%m-%d")),
            PeriodKind::Year => write!(f, "{}", start.year()),
            PeriodKind::Quarter => write!(f, "{}-Q{}", start.year(), start.month0() / 3 + 1),
            PeriodKind::Month => write!(f, "{}", start.format("%Y-%m")),
            PeriodKind::SchoolYear => write!(f, "{}..{}", start.format("%Y-%m"), end.format("%Y-%m")),
            PeriodKind::Pool => write!(f, "{}..{}", start.year(), end.year()),
            PeriodKind::Forecast => {
                write!(f, "{}-forecast-{}", start.year(), self.variant.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_is_read_with_its_first_and_last_day() {
        for (slug, kind, start, end) in [
            ("2023", PeriodKind::Year, "2023-01-01", "2023-12-31"),
            ("2023-12-31", PeriodKind::Date, "2023-12-31", "2023-12-31"),
            ("2023-Q2", PeriodKind::Quarter, "2023-04-01", "2023-06-30"),
            ("2024-02", PeriodKind::Month, "2024-02-01", "2024-02-29"),
            ("2022-08..2023-07", PeriodKind::SchoolYear, "2022-08-01", "2023-07-31"),
            ("2019..2023", PeriodKind::Pool, "2019-01-01", "2023-12-31"),
            ("2035-forecast-g2", PeriodKind::Forecast, "2035-01-01", "2035-12-31"),
        ] {
            let period: Period = slug.parse().unwrap();
            assert_eq!(period.kind(), kind, "{slug}");
            assert_eq!((period.start().to_string(), period.end().to_string()), (start.into(), end.into()));
            assert_eq!(period.to_string(), slug);
        }
    }

    #[test]
    fn a_period_some_years_later_is_of_the_same_kind() {
        let later = |slug: &str, years| {
            slug.parse::<Period>().unwrap().years_later(years).map(|later| later.to_string())
        };
        assert_eq!(later("2023", 1).as_deref(), Some("2024"));
        assert_eq!(later("2023-03-01", -3).as_deref(), Some("2020-03-01"));
        assert_eq!(later("2022-08..2023-07", 2).as_deref(), Some("2024-08..2025-07"));
        assert_eq!(later("2019..2023", 1).as_deref(), Some("2020..2024"));
        assert_eq!(later("2024-02-29", 1), None);
        assert_eq!(later("2023", 1000), None);
        assert_eq!(later("2023", i32::MAX), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "23",
            "2023-13",
            "2023-02-30",
            "2023-Q5",
            "2023..2019",
            "2023-1-1",
            "+023",
            "2022-08..2023-06",
            "all",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_comes_back_as_it_was(text in "[0-9Qafcort.-]{0,20}") {
            if let Ok(period) = text.parse::<Period>() {
                prop_assert_eq!(period.to_string(), text);
            }
        }
    }
}
