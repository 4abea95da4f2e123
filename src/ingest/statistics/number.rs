//! Numbers and signs of statistical tables: one cell's text → number, status or nothing.
//!
//! Holds the German way of writing numbers. Must not know: regions, files, whose legend a sign is from.
//!
//! Invariant: a number is accepted only if its digits stand in the cell; what could be read in two ways is returned
//! as [`Form::Ambiguous`] and never guessed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::signs::{Sign, SignProfile};
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

/// How the numbers of a table are written: what the mapping says of it.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// The decimal sign, if it is known.
    pub decimal: Option<Decimal>,
    /// The legend.
    pub profile: SignProfile,
    /// Signs of the mapping; they come before those of the legend.
    pub own: &'a BTreeMap<String, SignMeaning>,
}

impl Writing<'_> {
    /// What a text without white space around it means as a sign.
    pub fn sign(&self, text: &str) -> Option<CellValue> {
        if !self.own.is_empty()
            && let Some(meaning) = self.own.get(text)
        {
            return Some(meaning.cell());
        }
        // No sign of any legend begins with a digit; most cells do.
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        Some(match self.profile.sign(text)? {
            Sign::Nothing => CellValue::Nothing,
            Sign::Means(meaning) => meaning.cell(),
        })
    }
}

/// Reads the text of a value cell; `None` if it is neither a number nor a known sign.
pub fn parse_cell(text: &str, writing: &Writing<'_>) -> Option<CellValue> {
    let text = text.trim();
    writing.sign(text).or_else(|| parse_flagged(text, writing))
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

/// A number, perhaps in brackets (limited value) or with a flag of the legend behind it.
fn parse_flagged(text: &str, writing: &Writing<'_>) -> Option<CellValue> {
    let number = |text: &str, status| {
        let (value, form) = parse_number(text.trim(), writing.decimal)?;
        Some(CellValue::Number { value, status, form })
    };
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        return number(text, Status::Valid);
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        return (writing.profile != SignProfile::None).then(|| number(inner, Status::Limited)).flatten();
    }
    // A flag is one letter, or a letter in square brackets.
    let at = text.rfind('[').unwrap_or(text.len() - text.chars().next_back()?.len_utf8());
    let (before, flag) = text.split_at(at);
    writing.profile.flag(flag).map_or_else(|| number(text, Status::Valid), |status| number(before, status))
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
    if let Some((value, form)) = plain_decimal(digits, decimal) {
        return Some((signed(value, negative), form));
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

/// A number of at most fifteen digits with one point or comma that can only separate decimals, as most are written. Its
/// digits and the power of ten are exact doubles, so their quotient is the nearest double.
fn plain_decimal(digits: &str, decimal: Option<Decimal>) -> Option<(f64, Form)> {
    const POWERS: [f64; 15] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
    let bytes = digits.as_bytes();
    if bytes.len() > 16 {
        return None;
    }
    let (mut number, mut separator) = (0_u64, None);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' | b',' if separator.is_none() => separator = Some((at, *byte)),
            _ => return None,
        }
    }
    let (whole, byte) = separator?;
    let decimals = bytes.len() - whole - 1;
    let form = match (byte, decimal) {
        (b',', None | Some(Decimal::Comma)) => Form::Comma,
        // One that could also separate thousands is left to those who look closer.
        (b'.', Some(Decimal::Point)) => Form::Point,
        (b'.', None) if decimals != 3 => Form::Point,
        _ => return None,
    };
    let power = POWERS.get(decimals).filter(|_| whole > 0 && decimals > 0)?;
    Some((number as f64 / power, form))
}

/// `-0` is zero: no trace of a vanished number.
fn signed(value: f64, negative: bool) -> f64 {
    if negative { 0.0 - value } else { value }
}

/// Minus signs as they are typed: hyphen, minus, en dash.
const MINUS: [char; 3] = ['-', '\u{2212}', '–'];

/// The minus stands in front, or behind the last digit, as SAP writes it.
fn strip_sign(text: &str) -> (bool, &str) {
    if let Some(rest) = text.strip_prefix(MINUS) {
        return (true, rest.trim_start());
    }
    if let Some(rest) = text.strip_suffix(MINUS).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        return (true, rest);
    }
    (false, text.strip_prefix('+').unwrap_or(text))
}

/// What separates groups of three; all kinds of spaces are taken as one, and so are apostrophes.
fn kind_of_separator(c: char) -> Option<char> {
    match c {
        '.' | ',' => Some(c),
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' => Some(' '),
        '\'' | '’' => Some('\''),
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
        (' ' | '\'', _) => whole_groups(count, &[last]).then_some((Form::Neutral, None)),
        (',', Some(Decimal::Point)) => whole_groups(count, &[',']).then_some((Form::Point, None)),
        (',', _) => whole_groups(count - 1, &['.', ' ', '\'']).then_some((Form::Comma, Some(last_at))),
        (_, Some(Decimal::Comma)) => whole_groups(count, &['.']).then_some((Form::Comma, None)),
        (_, Some(Decimal::Point)) => {
            whole_groups(count - 1, &[',', ' ', '\'']).then_some((Form::Point, Some(last_at)))
        }
        (_, None) if whole_groups(count, &['.']) => {
            Some((if count == 1 { Form::Ambiguous } else { Form::Comma }, None))
        }
        (_, None) => whole_groups(count - 1, &[',', ' ', '\'']).then_some((Form::Point, Some(last_at))),
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

    fn cell_by(text: &str, profile: SignProfile, own: &BTreeMap<String, SignMeaning>) -> Option<CellValue> {
        parse_cell(text, &Writing { decimal: None, profile, own })
    }

    fn cell(text: &str) -> Option<CellValue> {
        cell_by(text, SignProfile::Din, &BTreeMap::new())
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
            ("1'234'567", 1_234_567.0),
            ("1’234,5", 1234.5),
            ("1'234.5", 1234.5),
            ("1\u{2009}234", 1234.0),
            ("–12", -12.0),
            ("12-", -12.0),
            ("1.234,5-", -1234.5),
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
            "-1-",
            "1'23",
            "1'234 567",
            "5,-",
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
        for unknown in ["k.A.", "12b", "g", "(x)", "p", "12 [p]", "[p]", "[", "12]"] {
            assert_eq!(cell(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_mapping_gives_signs_of_its_own() {
        let signs =
            BTreeMap::from([("k.A.".to_owned(), SignMeaning::Missing), ("-".into(), SignMeaning::Zero)]);
        assert_eq!(cell_by(" k.A. ", SignProfile::Din, &signs), Some(CellValue::Sign(Status::Missing)));
        let zero = CellValue::Number { value: 0.0, status: Status::Valid, form: Form::Neutral };
        assert_eq!(cell_by("-", SignProfile::Din, &signs), Some(zero));
    }

    #[test]
    fn a_legend_gives_flags_of_its_own() {
        let by = |text, profile| cell_by(text, profile, &BTreeMap::new());
        let limited = CellValue::Number { value: 12.5, status: Status::Limited, form: Form::Comma };
        assert_eq!((by("12,5u", SignProfile::Lsn), by("12,5u", SignProfile::Din)), (Some(limited), None));
        let preliminary = CellValue::Number { value: 12.0, status: Status::Preliminary, form: Form::Neutral };
        assert_eq!(by("12 [p]", SignProfile::Lsn), Some(preliminary));
        assert_eq!((by("(12)", SignProfile::None), by("12p", SignProfile::None)), (None, None));
        assert_eq!(by("-9999", SignProfile::Database), Some(CellValue::Sign(Status::Missing)));
    }

    /// Groups of three digits, separated.
    fn grouped_by(digits: &str, separator: &str) -> String {
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
        groups.join(separator)
    }

    proptest! {
        #[test]
        fn a_number_written_in_any_habit_comes_back(
            whole in 0_u64..1_000_000_000_000,
            fraction in prop::option::of(0_u32..1000),
            (separator, decimal) in prop::sample::select(vec![
                ("", ","), (".", ","), (" ", ","), ("\u{a0}", ","), ("\u{202f}", ","), ("\u{2009}", ","),
                ("'", ","), ("’", ","), ("", "."), (",", "."), (" ", "."), ("'", "."), ("’", "."),
            ]),
            (before, behind) in prop::sample::select(vec![
                ("", ""), ("-", ""), ("\u{2212}", ""), ("– ", ""), ("", "-"), ("+", ""),
            ]),
        ) {
            let digits = grouped_by(&whole.to_string(), separator);
            let part = fraction.map_or_else(String::new, |part| format!("{decimal}{part:03}"));
            let text = format!("{before}{digits}{part}{behind}");
            let plain = fraction.map_or_else(|| whole.to_string(), |part| format!("{whole}.{part:03}"));
            let negative = !matches!((before, behind), ("" | "+", ""));
            let number = plain.parse::<f64>().unwrap() * if negative { -1.0 } else { 1.0 } + 0.0;
            let sign = if decimal == "," { Decimal::Comma } else { Decimal::Point };
            prop_assert_eq!(parse_number(&text, Some(sign)).map(|n| n.0), Some(number), "{}", text);
            // Without being told, it is read rightly, asked about, or refused; never read otherwise.
            match parse_number(&text, None) {
                Some((_, Form::Ambiguous)) | None => {}
                // A single comma is the German decimal sign; whoever writes thousands so must say it.
                Some(_) if separator == "," && text.contains(',') && !text.contains('.') => {}
                Some((found, _)) => prop_assert_eq!(found.to_bits(), number.to_bits(), "{}", text),
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,60}") {
            let _ = cell(&text);
        }

        #[test]
        fn the_digits_of_an_accepted_number_are_those_of_the_text(text in "[-+(]?[0-9., \u{a0}'’]{1,20}[-prse)]?") {
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
