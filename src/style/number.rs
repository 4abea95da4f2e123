//! Numbers as people read them.

use crate::domain::Lang;

/// Greatest number of decimals that is written.
const MAX_DECIMALS: u8 = 12;

/// A number with `decimals` decimals, rounded half away from zero as a release rounds: `1.234,5` in German, `1,234.5` in
/// English. A number that is not finite is a dash.
pub fn format_number(value: f64, decimals: u8, lang: Lang) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let decimals = decimals.min(MAX_DECIMALS);
    let factor = 10_f64.powi(i32::from(decimals));
    let scaled = (value.abs() * factor).round() / factor;
    let rounded = if scaled.is_finite() { scaled } else { value.abs() };
    let digits = format!("{rounded:.*}", usize::from(decimals));
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let (thousands, point) = match lang {
        Lang::De => ('.', ','),
        Lang::En => (',', '.'),
    };
    let mut text = String::with_capacity(digits.len() + 8);
    if value < 0.0 && rounded > 0.0 {
        text.push('−');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(thousands);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_wants_them() {
        for (value, decimals, german, english) in [
            (0.0, 0, "0", "0"),
            (-0.04, 1, "0,0", "0.0"),
            (999.0, 0, "999", "999"),
            (1000.0, 0, "1.000", "1,000"),
            (1_234_567.891, 2, "1.234.567,89", "1,234,567.89"),
            (-12_345.5, 1, "−12.345,5", "−12,345.5"),
            (0.25, 1, "0,3", "0.3"),
            (f64::NAN, 1, "–", "–"),
        ] {
            assert_eq!(format_number(value, decimals, Lang::De), german);
            assert_eq!(format_number(value, decimals, Lang::En), english);
        }
    }

    proptest! {
        #[test]
        fn any_number_can_be_written(value: f64, decimals: u8) {
            prop_assert!(!format_number(value, decimals, Lang::De).is_empty());
        }
    }
}
