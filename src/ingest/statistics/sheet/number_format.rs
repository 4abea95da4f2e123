//! Number formats of cells: whether a number is shown as it is, as a percentage or as a date.
//!
//! Must not know: where formats are stored. Invariant: what is read is what people see in the sheet; a cell that holds
//! 0.123 and shows 12.3 % is 12.3.

use chrono::{Days, NaiveDate};

use super::super::row::SheetCell;

/// What a number is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// A number, or anything else that is none of the others.
    #[default]
    Number,
    /// A percentage.
    Percent,
    /// A day.
    Date,
}

/// The day from which a workbook counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Epoch {
    /// 1 is 1900-01-01, and there is a 1900-02-29.
    #[default]
    Year1900,
    /// 0 is 1904-01-01.
    Year1904,
}

impl Shown {
    /// By the number of a built-in format (ECMA-376 part 1, 18.8.30; the same in XLS).
    pub const fn built_in(id: u16) -> Self {
        match id {
            9 | 10 => Self::Percent,
            14..=17 | 22 | 27..=31 | 36 | 50..=54 | 57 | 58 => Self::Date,
            _ => Self::Number,
        }
    }

    /// By a format code such as `0.0%` or `dd/mm/yyyy`; its first section counts. Times without a day are numbers.
    pub fn of_code(code: &str) -> Self {
        let (mut percent, mut day, mut month, mut time) = (false, false, false, false);
        let mut letters = code.chars();
        while let Some(letter) = letters.next() {
            match letter.to_ascii_lowercase() {
                ';' => break,
                // The next character is shown, skipped or repeated as it is.
                '\\' | '_' | '*' => _ = letters.next(),
                '"' => _ = letters.find(|c| *c == '"'),
                // Colours, languages and conditions, but `[h]` counts hours beyond a day.
                '[' => {
                    let mut inside = letters.by_ref().take_while(|c| *c != ']');
                    time |= inside.next().is_some_and(|c| matches!(c, 'h' | 'H' | 'm' | 'M' | 's' | 'S'));
                    inside.for_each(drop);
                }
                '%' => percent = true,
                'd' | 'y' => day = true,
                'm' => month = true,
                'h' | 's' => time = true,
                _ => {}
            }
        }
        // "Standard" and "General" are words that some programs write for no format at all.
        let word = matches!(code.trim().to_ascii_lowercase().as_str(), "general" | "standard");
        match (percent, day || (month && !time)) {
            _ if word => Self::Number,
            (true, _) => Self::Percent,
            (false, true) => Self::Date,
            (false, false) => Self::Number,
        }
    }

    /// The cell of a number of this format.
    pub fn cell(self, value: f64, epoch: Epoch) -> SheetCell {
        match self {
            Self::Number => SheetCell::Number(value),
            // The shortest decimal digits, shifted: 0.07 × 100 would be 7.000000000000001.
            Self::Percent => SheetCell::Number(format!("{value}e2").parse().unwrap_or(value * 100.0)),
            Self::Date => day(value, epoch).map_or(SheetCell::Number(value), SheetCell::Date),
        }
    }
}

/// The day with a number; `None` for the 29 February 1900, which never was, and what no calendar has.
fn day(value: f64, epoch: Epoch) -> Option<NaiveDate> {
    if !(0.0..3_000_000.0).contains(&value) {
        return None;
    }
    let number = value.floor() as u64;
    let (year, month, first) = match (epoch, number) {
        (Epoch::Year1900, 0 | 60) => return None,
        (Epoch::Year1900, _) if number < 60 => (1899, 12, 31),
        (Epoch::Year1900, _) => (1899, 12, 30),
        (Epoch::Year1904, _) => (1904, 1, 1),
    };
    NaiveDate::from_ymd_opt(year, month, first)?.checked_add_days(Days::new(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_format_code_tells_percentages_and_dates_from_numbers() {
        for (code, shown) in [
            ("General", Shown::Number),
            ("Standard", Shown::Number),
            ("0.00", Shown::Number),
            ("#,##0.00 [$€-407];[RED]-#,##0.00 [$€-407]", Shown::Number),
            ("0.0%", Shown::Percent),
            ("0\\ %", Shown::Percent),
            ("0.0\" % der Kinder\"", Shown::Number),
            ("0.0\\%", Shown::Number),
            ("DD.MM.YYYY", Shown::Date),
            ("[$-407]d. mmmm yyyy", Shown::Date),
            ("mmm", Shown::Date),
            ("hh:mm:ss", Shown::Number),
            ("[h]:mm", Shown::Number),
            ("0;dd", Shown::Number),
        ] {
            assert_eq!(Shown::of_code(code), shown, "{code}");
        }
    }

    #[test]
    fn a_percentage_is_what_people_see() {
        for (stored, seen) in [(0.07, 7.0), (0.123, 12.3), (1.0, 100.0), (0.001, 0.1), (-0.29, -29.0)] {
            assert_eq!(Shown::Percent.cell(stored, Epoch::Year1900), SheetCell::Number(seen));
        }
    }

    #[test]
    fn days_are_counted_from_the_epoch_of_the_workbook() {
        let date = |y, m, d| SheetCell::Date(NaiveDate::from_ymd_opt(y, m, d).unwrap());
        assert_eq!(Shown::Date.cell(42_369.0, Epoch::Year1900), date(2015, 12, 31));
        assert_eq!(Shown::Date.cell(40_907.5, Epoch::Year1904), date(2015, 12, 31));
        assert_eq!(Shown::Date.cell(59.0, Epoch::Year1900), date(1900, 2, 28));
        assert_eq!(Shown::Date.cell(61.0, Epoch::Year1900), date(1900, 3, 1));
        assert_eq!(Shown::Date.cell(60.0, Epoch::Year1900), SheetCell::Number(60.0));
        assert_eq!(Shown::Date.cell(1e300, Epoch::Year1900), SheetCell::Number(1e300));
    }

    proptest! {
        #[test]
        fn any_code_and_number_give_a_cell(code in ".{0,20}", value in any::<f64>()) {
            let _ = Shown::of_code(&code).cell(value, Epoch::Year1904);
        }
    }
}
