//! The methods whose breaks follow from a formula.
//!
//! Each takes the values in ascending order and gives the upper break of every class, or of fewer than asked for where
//! breaks would fall together; the last one is the maximum. No value gives no class.

use crate::{
    classification::{ClassifyError, Distinct, MAX_CLASSES, fisher_jenks},
    domain::ClassRule,
};

/// Upper breaks at the quantiles 1/k … k/k. Quantiles that fall on the same value are one break.
pub(super) fn quantile(sorted: &[f64], k: usize) -> Vec<f64> {
    let mut uppers: Vec<f64> = (1..=k).map(|i| quantile_type_7(sorted, i, k)).collect();
    uppers.dedup();
    uppers
}

/// The quantile `part / of` by definition 7 of Hyndman and Fan (1996), the default of R and of spreadsheets.
pub(super) fn quantile_type_7(sorted: &[f64], part: usize, of: usize) -> f64 {
    // Position (n−1)·p as whole and remainder of integers, so that a quantile on a value is that very value.
    let position = (sorted.len() - 1) * part;
    let (below, remainder) = (position / of, position % of);
    match sorted.get(below + 1) {
        Some(above) if remainder > 0 => {
            sorted[below] + (above - sorted[below]) * remainder as f64 / of as f64
        }
        _ => sorted[below],
    }
}

/// Upper breaks of k classes of the same width.
pub(super) fn equal_interval(sorted: &[f64], k: usize) -> Vec<f64> {
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let inner = (1..k).map(|i| min + (max - min) * i as f64 / k as f64);
    let mut uppers: Vec<f64> = inner.chain([max]).collect();
    // Neighbouring doubles have no number between them that could be a break.
    uppers.dedup();
    uppers
}

/// Upper breaks at equal ratios.
pub(super) fn geometric(sorted: &[f64], k: usize) -> Result<Vec<f64>, ClassifyError> {
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Ok(Vec::new()) };
    if min <= 0.0 {
        return Err(ClassifyError::NotPositive(min));
    }
    // By logarithms: the ratio itself may exceed what a double holds.
    let (low, high) = (min.ln(), max.ln());
    let inner = (1..k).map(|i| (low + (high - low) * i as f64 / k as f64).exp());
    Ok(within(inner, min, max))
}

/// A head is a minority: above this share of the values there is no head any more.
const HEAD_THRESHOLD: f64 = 0.4;

/// Head/tail breaks (B. Jiang, "Head/tail breaks: a new classification scheme for data with a heavy-tailed
/// distribution", The Professional Geographer 65, 2013): the mean divides the values; what lies above it is divided
/// again as long as it is a minority. At most `k` classes.
pub(super) fn head_tail(sorted: &[f64], k: usize, threshold: Option<f64>) -> Result<Vec<f64>, ClassifyError> {
    let threshold = threshold.unwrap_or(HEAD_THRESHOLD);
    if !(0.0..=1.0).contains(&threshold) {
        return Err(ClassifyError::Threshold(threshold));
    }
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Ok(Vec::new()) };
    let mut means = Vec::new();
    let mut head = sorted;
    while head.len() > 1 && means.len() + 1 < k {
        let mean = Moments::of(head).mean;
        means.push(mean);
        let above = &head[head.partition_point(|v| *v <= mean)..];
        if above.len() as f64 > threshold * head.len() as f64 {
            break;
        }
        head = above;
    }
    Ok(within(means.into_iter(), min, max))
}

/// Upper breaks at round multiples of the sample standard deviation from the mean.
pub(super) fn standard_deviation(sorted: &[f64], k: usize) -> Vec<f64> {
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let Moments { mean, deviation } = Moments::of(sorted);
    if deviation <= 0.0 {
        return vec![max];
    }
    let steps = round_steps((min - mean) / deviation, (max - mean) / deviation, k);
    within(steps.into_iter().map(|z| mean + z * deviation), min, max)
}

/// Upper breaks at round numbers of equal distance.
pub(super) fn pretty(sorted: &[f64], k: usize) -> Vec<f64> {
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    within(round_steps(min, max, k).into_iter(), min, max)
}

/// All breaks: those deviations from the reference that divide the deviations best (Fisher–Jenks), to both sides. An
/// even number of classes has the reference as a break, an odd one a middle class around it. Colours of the same
/// strength so stand for deviations of the same size.
pub(super) fn diverging(sorted: &[f64], rule: &ClassRule) -> Result<Vec<f64>, ClassifyError> {
    let reference = rule.reference.filter(|r| r.is_finite()).ok_or(ClassifyError::NoReference)?;
    if sorted.is_empty() {
        return Ok(Vec::new());
    }
    let mut deviations: Vec<f64> =
        sorted.iter().map(|v| (v - reference).abs()).filter(|deviation| *deviation > 0.0).collect();
    deviations.sort_unstable_by(f64::total_cmp);
    if deviations.is_empty() {
        return Ok(vec![reference, reference]);
    }
    let asked = usize::from(rule.classes);
    let distinct = Distinct::of(&deviations);
    let steps = fisher_jenks::upper_breaks(&distinct, asked.div_ceil(2).min(distinct.values.len()));
    let middle = (asked.is_multiple_of(2) || (steps.len() == 1 && asked > 1)).then_some(reference);
    let below = steps.iter().rev().map(|step| reference - step);
    let above = steps.iter().map(|step| reference + step);
    let mut breaks: Vec<f64> = below.chain(middle).chain(above).collect();
    // A tiny deviation from a large reference is lost in rounding.
    breaks.dedup();
    Ok(breaks)
}

/// The breaks that lie between the ends, strictly ascending, and then the maximum.
fn within(inner: impl Iterator<Item = f64>, min: f64, max: f64) -> Vec<f64> {
    let mut uppers: Vec<f64> = inner.filter(|b| min < *b && *b < max).chain([max]).collect();
    uppers.dedup();
    uppers
}

/// Multiples of 1, 2 or 5 times a power of ten that cover `min..=max` in about `k` steps, never in more than a map can
/// show (the rule of `pretty` in S and R: J. M. Chambers, "Programming with Data", 1998).
fn round_steps(min: f64, max: f64, k: usize) -> Vec<f64> {
    let span = max - min;
    if span <= 0.0 || k == 0 {
        return Vec::new();
    }
    (1..=k)
        .rev()
        .map(|parts| multiples(min, max, round_unit(span / parts as f64)))
        .find(|steps| steps.iter().filter(|s| min < **s && **s < max).count() < usize::from(MAX_CLASSES))
        .unwrap_or_default()
}

/// The round number that the width of a step is nearest to; a larger one is preferred to a smaller one.
fn round_unit(width: f64) -> f64 {
    /// How much more a larger unit may differ than the one before it; more for 5, which makes few round numbers.
    const BIAS: f64 = 1.5;
    const BIAS_OF_FIVE: f64 = 0.5 + 1.5 * BIAS;
    let base = 10_f64.powf(width.log10().floor());
    let mut unit = base;
    for (times, bias) in [(2.0, BIAS), (5.0, BIAS_OF_FIVE), (10.0, BIAS)] {
        if times * base - width >= bias * (width - unit) {
            break;
        }
        unit = times * base;
    }
    unit
}

/// The multiples of a unit from the last one not above `min` to the first one not below `max`.
fn multiples(min: f64, max: f64, unit: f64) -> Vec<f64> {
    /// A value this near to a multiple, in units, lies on it.
    const NEAR: f64 = 1e-10;
    let first = (min / unit + NEAR).floor();
    let last = (max / unit - NEAR).ceil();
    // A span that is tiny beside its values has no multiples that doubles can tell apart.
    if first.abs().max(last.abs()) >= 1e15 {
        return Vec::new();
    }
    (0..=(last - first) as usize).map(|i| (first + i as f64) * unit).collect()
}

/// Mean and standard deviation of a sample (divided by n − 1).
struct Moments {
    mean: f64,
    deviation: f64,
}

impl Moments {
    fn of(sorted: &[f64]) -> Self {
        let n = sorted.len() as f64;
        let scale = fisher_jenks::scale(sorted);
        let mean = sorted.iter().map(|v| v * scale).sum::<f64>() / n;
        let squares = sorted.iter().map(|v| (v * scale - mean).powi(2)).sum::<f64>();
        let variance = if n > 1.0 { squares / (n - 1.0) } else { 0.0 };
        Self { mean: mean / scale, deviation: variance.sqrt() / scale }
    }
}
