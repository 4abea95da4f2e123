//! Numbers and signs of statistical tables: one cell's text → number, status or nothing.
//!
//! Holds the German way of writing numbers and the signs of the official offices. Must not know: regions, files.
//!
//! Invariant: a number is accepted only if its digits stand in the cell; what could be read in two ways is returned
//! as [`Form::Ambiguous`] and never guessed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::Status;

/// Which sign separates the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Decimal {
    /// `1.234,5`, the German way.
    #[serde(rename = ",")]
    Comma,
    /// `1,234.5`.
    #[serde(rename = ".")]
    Point,
}

/// What the writing of a number says about the decimal sign of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing: no separator, or only spaces between groups of three.
    Neutral,
    /// The comma separates decimals.
    Comma,
    /// The point separates decimals.
    Point,
    /// One point before exactly three digits. The value is that of the thousands; a thousandth of it is the other
    /// reading.
    Ambiguous,
}

/// What a sign in the place of a number means; the words of `[signs]` in a mapping file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignMeaning {
    /// Exactly zero.
    Zero,
    /// No observation.
    Missing,
    /// Withheld.
    Suppressed,
    /// Cannot exist here.
    NotApplicable,
    /// Will come later.
    NotYetAvailable,
    /// Too uncertain.
    Unreliable,
    /// Unknown or secret.
    Unknown,
    /// A number would have no meaning.
    NotMeaningful,
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellValue {
    /// A number.
    Number {
        /// The number.
        value: f64,
        /// *Valid*, or what a flag or brackets say.
        status: Status,
        /// What its writing says about the decimal sign.
        form: Form,
    },
    /// `-`: exactly zero where the region exists, else not applicable.
    Nothing,
    /// A status without a number.
    Sign(Status),
}

/// The longest text that can be a number.
const MAX_LEN: usize = 48;

/// Reads the text of a value cell; `None` if it is neither a number nor a known sign. Signs of a mapping come first.
pub fn parse_cell(
    text: &str,
    decimal: Option<Decimal>,
    signs: &BTreeMap<String, SignMeaning>,
) -> Option<CellValue> {
    let text = text.trim();
    if !signs.is_empty()
        && let Some(meaning) = signs.get(text)
    {
        return Some(meaning.cell());
    }
    Some(match text {
        "" => CellValue::Sign(Status::Missing),
        "-" | "–" | "—" | "\u{2212}" => CellValue::Nothing,
        "." => CellValue::Sign(Status::Unknown),
        "..." | "…" => CellValue::Sign(Status::NotYetAvailable),
        "/" => CellValue::Sign(Status::Unreliable),
        "x" | "X" => CellValue::Sign(Status::NotMeaningful),
        "*" => CellValue::Sign(Status::Suppressed),
        _ => return parse_flagged(text, decimal),
    })
}

impl SignMeaning {
    const fn cell(self) -> CellValue {
        CellValue::Sign(match self {
            Self::Zero => {
                return CellValue::Number { value: 0.0, status: Status::Valid, form: Form::Neutral };
            }
            Self::Missing => Status::Missing,
            Self::Suppressed => Status::Suppressed,
            Self::NotApplicable => Status::NotApplicable,
            Self::NotYetAvailable => Status::NotYetAvailable,
            Self::Unreliable => Status::Unreliable,
            Self::Unknown => Status::Unknown,
            Self::NotMeaningful => Status::NotMeaningful,
        })
    }
}

/// A number, perhaps in brackets (limited value) or with one of the flags `p r s e` behind it.
fn parse_flagged(text: &str, decimal: Option<Decimal>) -> Option<CellValue> {
    let number = |text: &str, status| {
        let (value, form) = parse_number(text.trim(), decimal)?;
        Some(CellValue::Number { value, status, form })
    };
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        return number(inner, Status::Limited);
    }
    flag_status(text.chars().next_back()?)
        .map_or_else(|| number(text, Status::Valid), |status| number(&text[..text.len() - 1], status))
}

/// The status that a flag behind a number stands for.
pub fn flag_status(flag: char) -> Option<Status> {
    match flag {
        'p' => Some(Status::Preliminary),
        'r' => Some(Status::Revised),
        's' => Some(Status::Estimated),
        'e' => Some(Status::Valid),
        _ => None,
    }
}

/// A number without flags: sign, groups of digits, decimals. `None` if it is none.
pub fn parse_number(text: &str, decimal: Option<Decimal>) -> Option<(f64, Form)> {
    if text.len() > MAX_LEN {
        return None;
    }
    let (negative, digits) = strip_sign(text);
    if (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        let whole = digits.bytes().fold(0_u64, |n, b| n * 10 + u64::from(b - b'0'));
        return Some((signed(whole as f64, negative), Form::Neutral));
    }
    let (form, fraction_at) = separators(digits, decimal)?;
    let mut plain = String::with_capacity(digits.len());
    for (at, c) in digits.char_indices() {
        if c.is_ascii_digit() {
            plain.push(c);
        } else if fraction_at == Some(at) {
            plain.push('.');
        }
    }
    let value: f64 = plain.parse().ok()?;
    value.is_finite().then(|| (signed(value, negative), form))
}

/// `-0` is zero: no trace of a vanished number.
fn signed(value: f64, negative: bool) -> f64 {
    if negative { 0.0 - value } else { value }
}

fn strip_sign(text: &str) -> (bool, &str) {
    for minus in ['-', '\u{2212}', '–'] {
        if let Some(rest) = text.strip_prefix(minus) {
            return (true, rest.trim_start());
        }
    }
    (false, text.strip_prefix('+').unwrap_or(text))
}

/// A space that separates groups of three, all its kinds taken as one.
fn kind_of_separator(c: char) -> Option<char> {
    match c {
        '.' | ',' => Some(c),
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' => Some(' '),
        _ => None,
    }
}

/// Checks the separators of an unsigned number and says what they mean and where the decimals begin.
fn separators(digits: &str, decimal: Option<Decimal>) -> Option<(Form, Option<usize>)> {
    let mut groups = vec![0_usize];
    let mut kinds: Vec<(usize, char)> = Vec::new();
    for (at, c) in digits.char_indices() {
        if c.is_ascii_digit() {
            *groups.last_mut()? += 1;
        } else {
            kinds.push((at, kind_of_separator(c)?));
            groups.push(0);
        }
    }
    let whole_groups =
        |upto: usize, allowed: &[char]| grouped(digits, &groups[..=upto], &kinds[..upto], allowed);
    let count = kinds.len();
    if groups.contains(&0) {
        return None;
    }
    let Some(&(last_at, last)) = kinds.last() else {
        return Some((Form::Neutral, None));
    };
    match (last, decimal) {
        (' ', _) => whole_groups(count, &[' ']).then_some((Form::Neutral, None)),
        (',', Some(Decimal::Point)) => whole_groups(count, &[',']).then_some((Form::Point, None)),
        (',', _) => whole_groups(count - 1, &['.', ' ']).then_some((Form::Comma, Some(last_at))),
        (_, Some(Decimal::Comma)) => whole_groups(count, &['.']).then_some((Form::Comma, None)),
        (_, Some(Decimal::Point)) => {
            whole_groups(count - 1, &[',', ' ']).then_some((Form::Point, Some(last_at)))
        }
        (_, None) if whole_groups(count, &['.']) => {
            Some((if count == 1 { Form::Ambiguous } else { Form::Comma }, None))
        }
        (_, None) => whole_groups(count - 1, &[',', ' ']).then_some((Form::Point, Some(last_at))),
    }
}

/// True if the groups are a whole number: one group, or groups of three behind a first one of one to three digits that
/// does not begin with zero, all separated by the same one of the `allowed` separators.
fn grouped(digits: &str, groups: &[usize], kinds: &[(usize, char)], allowed: &[char]) -> bool {
    let Some((&(_, first), rest)) = kinds.split_first() else {
        return true;
    };
    allowed.contains(&first)
        && rest.iter().all(|(_, kind)| *kind == first)
        && !digits.starts_with('0')
        && groups[0] <= 3
        && groups[1..].iter().all(|len| *len == 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Option<(f64, Form)> {
        parse_number(text, None)
    }

    fn cell(text: &str) -> Option<CellValue> {
        parse_cell(text, None, &BTreeMap::new())
    }

    #[test]
    fn the_comma_separates_decimals_and_points_or_spaces_separate_groups_of_three() {
        for (text, value) in [
            ("50128", 50_128.0),
            ("357385,71", 357_385.71),
            ("1.234,5", 1234.5),
            ("1.234.567", 1_234_567.0),
            ("1 234 567,25", 1_234_567.25),
            ("1\u{a0}234", 1234.0),
            ("1\u{202f}234,5", 1234.5),
            ("-0,3", -0.3),
            ("\u{2212}12", -12.0),
            ("+7", 7.0),
            ("0,0", 0.0),
            ("12345678901234567890", 12_345_678_901_234_567_890.0),
        ] {
            assert_eq!(number(text).map(|n| n.0), Some(value), "{text}");
        }
    }

    #[test]
    fn one_point_before_three_digits_is_ambiguous_unless_it_cannot_be_a_thousand() {
        assert_eq!(number("1.234"), Some((1234.0, Form::Ambiguous)));
        assert_eq!(number("0.234"), Some((0.234, Form::Point)));
        assert_eq!(number("1234.567"), Some((1234.567, Form::Point)));
        assert_eq!(number("12.5"), Some((12.5, Form::Point)));
        assert_eq!(parse_number("1.234", Some(Decimal::Comma)), Some((1234.0, Form::Comma)));
        assert_eq!(parse_number("1.234", Some(Decimal::Point)), Some((1.234, Form::Point)));
        assert_eq!(parse_number("1,234", Some(Decimal::Point)), Some((1234.0, Form::Point)));
        assert_eq!(parse_number("12.5", Some(Decimal::Comma)), None);
    }

    #[test]
    fn wrong_groups_and_words_are_no_numbers() {
        for bad in [
            "1.23.456",
            "1,2,3",
            "1 23",
            "1,234,567",
            ",5",
            "5,",
            "1..2",
            "12a",
            "1e5",
            "NaN",
            "inf",
            "0x1",
            "--1",
            "1.234 567",
            "٣",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn signs_and_flags_are_told_from_numbers() {
        assert_eq!(cell("-"), Some(CellValue::Nothing));
        for (sign, status) in [
            ("", Status::Missing),
            (".", Status::Unknown),
            ("...", Status::NotYetAvailable),
            ("/", Status::Unreliable),
            ("x", Status::NotMeaningful),
            ("*", Status::Suppressed),
        ] {
            assert_eq!(cell(sign), Some(CellValue::Sign(status)), "{sign}");
        }
        for (text, value, status) in [
            ("12,5p", 12.5, Status::Preliminary),
            ("12 r", 12.0, Status::Revised),
            ("7s", 7.0, Status::Estimated),
            ("7 e", 7.0, Status::Valid),
            ("(3,5)", 3.5, Status::Limited),
        ] {
            let Some(CellValue::Number { value: v, status: s, .. }) = cell(text) else { panic!("{text}") };
            assert_eq!((v, s), (value, status), "{text}");
        }
        assert_eq!(cell("k.A."), None);
    }

    #[test]
    fn a_mapping_gives_signs_of_its_own() {
        let signs =
            BTreeMap::from([("k.A.".to_owned(), SignMeaning::Missing), ("-".into(), SignMeaning::Zero)]);
        assert_eq!(parse_cell(" k.A. ", None, &signs), Some(CellValue::Sign(Status::Missing)));
        let zero = CellValue::Number { value: 0.0, status: Status::Valid, form: Form::Neutral };
        assert_eq!(parse_cell("-", None, &signs), Some(zero));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,60}") {
            let _ = cell(&text);
        }

        #[test]
        fn the_digits_of_an_accepted_number_are_those_of_the_text(text in "[-+(]?[0-9., \u{a0}]{1,20}[prse)]?") {
            if let Some(CellValue::Number { value, .. }) = cell(&text) {
                let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
                let stripped = |t: String| t.trim_start_matches('0').trim_end_matches('0').to_owned();
                if digits(&text).len() <= 15 {
                    prop_assert_eq!(stripped(digits(&value.to_string())), stripped(digits(&text)));
                }
            }
        }

        #[test]
        fn a_number_written_the_german_way_comes_back(value in -1_000_000_000_i64..1_000_000_000, decimals in 0_u32..5) {
            let number = value as f64 / 10_f64.powi(decimals as i32);
            let text = format!("{number}").replace('.', ",");
            prop_assert_eq!(parse_number(&text, None).map(|n| n.0), Some(number + 0.0));
        }
    }
}
