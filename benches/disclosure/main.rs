//! `cargo bench --bench disclosure`: how long the gate takes: protection and audit together.
//!
//! Two shapes: a Landkreis with 27 Gemeinden in five Samtgemeinden, three age groups of two sexes over six years; Germany
//! with 11,000 Gemeinden in 400 Kreise in 16 Länder, a numerator with its known denominator over ten years. The numbers are
//! made up without chance. Errors end the program.

use std::{ops::Range, time::Instant};

use anyhow::{Result, ensure};
use kommunalatlas::{
    disclosure::{Cell, CellId, Form, Ratio, Show, Table, Which, audit, primary, protect},
    domain::Policy,
};

fn main() -> Result<()> {
    measure("27 Gemeinden x 3 ages x 2 sexes x 6 years", &landkreis())?;
    if std::env::args().any(|argument| argument == "germany") {
        measure("11,000 Gemeinden, numerator and denominator, 10 years", &germany())?;
    } else {
        println!("# Germany is measured with: cargo bench --bench disclosure -- germany");
    }
    Ok(())
}

fn measure(name: &str, table: &Table) -> Result<()> {
    let start = Instant::now();
    let secret: Vec<CellId> = primary(table).iter().map(|p| p.cell).collect();
    let pattern = protect(table, &secret)?;
    let protected = start.elapsed();
    let start = Instant::now();
    let result = audit(table, &secret, &pattern.suppressed, Which::Primary)?;
    ensure!(result.safe, "the audit refuses: {:?}", result.reasons.first());
    println!(
        "{name}: {} cells, {} primary, {} closed; protected in {:.2?}, audited in {:.2?}; {}",
        table.cells.len(),
        secret.len(),
        pattern.suppressed.len(),
        protected,
        start.elapsed(),
        used()
    );
    Ok(())
}

/// The most memory that this program held so far, and the processor time that it took, as Linux tells them: on a busy machine
/// that is less than the time that passed.
fn used() -> String {
    let read = |name| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let (status, stat) = (read("status"), read("stat"));
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    // Behind the name, which may hold blanks: the 12th field is hundredths of a second.
    let time = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(11)?.parse::<f64>().ok());
    format!("so far {:.1} s of processor time and {most} at most", time.unwrap_or(f64::NAN) / 100.0)
}

/// Small numbers without chance.
fn number(seed: u64, most: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) % most
}

/// All sums over some of age, sex, region and year.
fn landkreis() -> Table {
    const GEMEINDEN: u32 = 27;
    const GROUPS: u32 = 6;
    const YEARS: u32 = 6;
    let base = |gemeinde: u32, group: u32, year: u32| (gemeinde * GROUPS + group) * YEARS + year;
    let counts = (0..GEMEINDEN * GROUPS * YEARS).map(|at| {
        let size = 4 + 3 * u64::from(at / (GROUPS * YEARS) % 9);
        number(at.into(), size)
    });
    let regions: Vec<(u32, Range<u32>)> = std::iter::once((0, 0..GEMEINDEN))
        .chain((0..5).map(|s| (1, s * 6..((s + 1) * 6).min(GEMEINDEN))))
        .chain((0..GEMEINDEN).map(|g| (2, g..g + 1)))
        .collect();
    // Groups are age × 2 + sex: all, each age, each sex, each of both.
    let mut groups: Vec<Vec<u32>> = vec![(0..GROUPS).collect()];
    groups.extend((0..3).map(|age| vec![2 * age, 2 * age + 1]));
    groups.extend((0..2).map(|sex| vec![sex, 2 + sex, 4 + sex]));
    groups.extend((0..GROUPS).map(|group| vec![group]));
    let mut cells = Vec::new();
    for (level, region) in &regions {
        for group in &groups {
            let spans = (0..YEARS).map(|year| year..year + 1).chain([0..3, 3..6]);
            for years in spans {
                let all = region.clone().flat_map(|g| {
                    let years = years.clone();
                    group.iter().flat_map(move |k| years.clone().map(move |year| (base(g, *k, year), 1)))
                });
                let rank = 10 * level + 6 - group.len() as u32;
                cells.push(Cell { form: Form::new(all), rank, ..Cell::default() });
            }
        }
    }
    Table { base: counts.collect(), cells, ratios: Vec::new(), policy: Policy::default() }
}

/// Numerators and complements of known denominators in a tree of four levels.
fn germany() -> Table {
    const GEMEINDEN: u32 = 11_000;
    const YEARS: u32 = 10;
    let mut table = Table::default();
    for year in 0..YEARS {
        let first = table.base.len() as u32;
        for gemeinde in 0..GEMEINDEN {
            let whole = 5 + number(u64::from(gemeinde), 400);
            let part = number(u64::from(gemeinde * YEARS + year) + 7, whole / 2 + 1);
            table.base.extend([part, whole - part]);
        }
        let mut add = |gemeinden: Range<u32>, rank: u32| {
            let parts = gemeinden.clone().map(|g| (first + 2 * g, 1));
            let wholes = gemeinden.flat_map(|g| [(first + 2 * g, 1), (first + 2 * g + 1, 1)]);
            let numerator = table.cells.len();
            table.cells.push(Cell { form: Form::new(parts), rank, ..Cell::default() });
            table.cells.push(Cell { form: Form::new(wholes), show: Show::Known, rank, ..Cell::default() });
            table.ratios.push(Ratio { numerator, denominator: numerator + 1, shown: None });
        };
        add(0..GEMEINDEN, 0);
        (0..16).for_each(|land| add(land * GEMEINDEN / 16..(land + 1) * GEMEINDEN / 16, 1));
        (0..400).for_each(|kreis| add(kreis * GEMEINDEN / 400..(kreis + 1) * GEMEINDEN / 400, 2));
        (0..GEMEINDEN).for_each(|gemeinde| add(gemeinde..gemeinde + 1, 3));
    }
    table
}
