//! The files of a person: boundaries, catalogues and tables, made for the tests.

use std::fmt::Write as _;

use rust_xlsxwriter::{Formula, Workbook};
use serde_json::{Value, json};

/// What the person types about the file of Gemeinden, after its name.
pub const GEMEINDEN_FLAGS: &str = "--atlas a --level gemeinde --level-title Gemeinden --key AGS --name GEN \
    --edition 2019-12-31 --parent-level kreis --parent-prefix 5 --attribution Vermessungsamt";

/// Columns and rows of squares; the western half of the columns belongs to the first Kreis.
const SIZE: (usize, usize) = (4, 2);

/// A rectangle of the grid as a feature.
fn feature(key: &str, west: usize, south: usize, width: usize, height: usize) -> Value {
    let at = |c: usize, r: usize| json!([11.0 + 0.05 * c as f64, 53.0 + 0.03 * r as f64]);
    let ring = [
        at(west, south),
        at(west + width, south),
        at(west + width, south + height),
        at(west, south + height),
        at(west, south),
    ];
    json!({
        "type": "Feature",
        "properties": { "AGS": key, "GEN": format!("Gebiet {key}") },
        "geometry": { "type": "Polygon", "coordinates": [ring] },
    })
}

fn collection(features: &[Value]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string()
}

/// Squares of a grid with their keys, the western half of the columns in Kreis 03354, the eastern in 03355.
pub fn grid((columns, rows): (usize, usize)) -> String {
    let squares = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    let half = columns / 2;
    let squares = squares.map(|(column, row)| feature(&key((columns, rows), column, row), column, row, 1, 1));
    assert!(half * rows < 1000, "a Kreis has three digits for its Gemeinden");
    collection(&squares.collect::<Vec<_>>())
}

/// The key of a square.
fn key((columns, _): (usize, usize), column: usize, row: usize) -> String {
    let half = columns / 2;
    let kreis = if column < half { "03354" } else { "03355" };
    format!("{kreis}{:03}", row * half + column % half + 1)
}

/// All keys of a grid in the order of its file.
pub fn keys_of(size: (usize, usize)) -> Vec<String> {
    (0..size.1).flat_map(|row| (0..size.0).map(move |column| key(size, column, row))).collect()
}

/// The two Kreise.
pub fn kreise() -> String {
    let (columns, rows) = SIZE;
    let half = columns / 2;
    collection(&[feature("03354", 0, 0, half, rows), feature("03355", half, 0, half, rows)])
}

/// The eight Gemeinden.
pub fn gemeinden() -> String {
    grid(SIZE)
}

/// A place in the middle of the first Gemeinde, in degrees.
pub const INSIDE: (f64, f64) = (11.025, 53.015);

/// Their keys.
pub fn keys() -> Vec<String> {
    keys_of(SIZE)
}

/// Boundaries in metres of UTM zone 32, without a word about it.
pub fn utm() -> String {
    let ring = [[600_000, 5_870_000], [610_000, 5_870_000], [610_000, 5_880_000], [600_000, 5_870_000]];
    json!({ "type": "FeatureCollection", "features": [{
        "type": "Feature", "properties": { "AGS": "03354001", "GEN": "Gebiet" },
        "geometry": { "type": "Polygon", "coordinates": [ring] },
    }] })
    .to_string()
}

/// Two complete indicators, `population` and `day-care-rate`, and `draft`, whose sheet has gaps.
pub fn catalogue() -> String {
    let mut text = String::from(
        "[[themes]]\nslug = \"leben\"\ntitle = \"Leben\"\n[[sources]]\nslug = \"amt\"\ntitle = \"Amt\"\n",
    );
    let sheet = "definition = \"x\"\ncalculation = \"x\"\nsource = \"x\"\nreference_date = \"x\"\n";
    let rest = "contact = \"x\"\nlicence = \"x\"\nnumerator = \"x\"\ndenominator = \"x\"\n";
    // The shares come without the counts behind them: disclosure control lets them pass because they speak of nobody.
    for (slug, kind, sensitive, rest) in [
        ("population", "count", true, rest),
        ("day-care-rate", "share", false, rest),
        ("draft", "count", true, ""),
    ] {
        write!(
            text,
            "[[indicators]]\nslug = \"{slug}\"\ntitle = \"{slug}\"\ntheme = \"leben\"\nkind = \"{kind}\"\nunit = \"x\"\n\
             decimals = 1\nsensitive = {sensitive}\n[indicators.classification]\nmethod = \"quantile\"\nclasses = 3\n[indicators.sheet]\n{sheet}{rest}"
        )
        .unwrap();
    }
    text
}

/// The header of a long table.
pub const HEADER: &str = "key;indicator;period;value";

/// A long table of an indicator for two years.
pub fn long(indicator: &str) -> String {
    let mut text = format!("{HEADER}\n");
    for period in [2019, 2020] {
        for (index, key) in keys().iter().enumerate() {
            writeln!(text, "{key};{indicator};{period};{}", 1000 + 100 * index + (period - 2000) as usize)
                .unwrap();
        }
    }
    text
}

/// A wide workbook, with headings that only [`wide_mapping`] explains and a formula in each row.
pub fn wide() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("Quoten").unwrap();
    sheet.write(0, 0, "Betreuungsquoten").unwrap();
    for (column, header) in ["Schlüssel", "Quote alt", "Quote neu"].into_iter().enumerate() {
        sheet.write(2, column as u16, header).unwrap();
    }
    for (index, key) in keys().iter().enumerate() {
        let row = index as u32 + 3;
        let value = 30.5 + index as f64;
        sheet.write(row, 0, key).unwrap();
        sheet.write(row, 1, value).unwrap();
        let formula = Formula::new(format!("=B{}+5", row + 1)).set_result((value + 5.0).to_string());
        sheet.write(row, 2, formula).unwrap();
    }
    book.save_to_buffer().unwrap()
}

/// What the columns of [`wide`] mean.
pub fn wide_mapping() -> &'static str {
    r#"layout = "wide"
sheet = "Quoten"
header_row = 3
key = "Schlüssel"
source = "amt"
indicator = "day-care-rate"
[[columns]]
column = "Quote alt"
period = "2019-03-01"
[[columns]]
column = "Quote neu"
period = "2020-03-01"
"#
}

/// A long workbook with a formula that divides by zero in row 3.
pub fn faulty_formula() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, header) in HEADER.split(';').enumerate() {
        sheet.write(0, column as u16, header).unwrap();
    }
    for (row, key) in (1..).zip(keys()) {
        sheet.write(row, 0, key).unwrap();
        sheet.write(row, 1, "population").unwrap();
        sheet.write(row, 2, 2020).unwrap();
        sheet.write(row, 3, 100 * row).unwrap();
    }
    sheet.write(2, 3, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    book.save_to_buffer().unwrap()
}

/// Numbers that look random and are the same in every run (`SplitMix64`, Steele, Lea and Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number from 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Bytes without any meaning.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut dice = Dice(7);
    (0..bytes / 8).flat_map(|_| dice.throw().to_le_bytes()).collect()
}
