//! Classification: values → class breaks.
//!
//! Holds the methods. Must not know: regions, indicators, colours.
//!
//! Invariant: breaks are the minimum, the upper break of each class and the maximum. They ascend strictly, except that
//! the lowest class may hold nothing but the minimum (`[0, 0, 3, 9]`) and, with breaks given by a person, the highest may
//! be empty. Diverging breaks reach equally far to both sides of their reference, on one of them beyond the values. A
//! class is closed on the right; the lowest also holds the minimum.

mod fisher_jenks;
mod methods;

use serde::Serialize;

use crate::domain::{ClassRule, Classification, Method, Period};

/// Most classes that a map can show apart, and that a palette has colours for.
pub const MAX_CLASSES: u8 = 9;

/// Greatest absolute value that is classified: sums and ranges of such numbers stay finite.
const MAX_VALUE: f64 = 1e300;

/// Why values cannot be classified.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClassifyError {
    /// No class, or more than [`MAX_CLASSES`].
    #[error("{0} classes cannot be shown: ask for 1 to {MAX_CLASSES}")]
    Classes(usize),
    /// A value beyond what can be calculated with.
    #[error("the value {0} is too large to be classified")]
    TooLarge(f64),
    /// The manual method without breaks.
    #[error(
        "manual classes need their breaks: give the inner ones, or all of them from the lowest to the highest"
    )]
    NoBreaks,
    /// Manual breaks that do not ascend.
    #[error("breaks must ascend, but {1} follows {0}")]
    NotAscending(f64, f64),
    /// Geometric classes of values that are not all positive.
    #[error("geometric classes need positive values, but the lowest is {0}: choose another method")]
    NotPositive(f64),
    /// The diverging method without a reference, or with one that is no number.
    #[error("diverging classes need a reference: the value that both sides are measured from")]
    NoReference,
    /// A threshold of head/tail breaks that is no share.
    #[error("the threshold {0} is not a share: give a number between 0 and 1, such as 0.4")]
    Threshold(f64),
}

/// Finds the classes of `values`; NaN stands for "no value" and is left out.
///
/// There are fewer classes than asked for when there are fewer different values, and when quantiles fall on the same
/// value. No value at all gives no classes, whatever the method. For [`Method::Manual`], `rule.breaks` are taken as all
/// k+1 breaks if there are just `rule.classes` + 1 of them, else as the inner breaks; the outer classes are stretched to
/// the minimum and maximum of the values.
///
/// # Errors
/// If the number of classes is not 1 to [`MAX_CLASSES`], a value is infinite or above 10³⁰⁰, or manual breaks are
/// missing or do not ascend.
pub fn classify(
    values: &[f64],
    rule: &ClassRule,
    base_periods: Vec<Period>,
) -> Result<Classification, ClassifyError> {
    let sorted = sorted_numbers(values)?;
    let breaks = if rule.method == Method::Manual {
        manual(&sorted, rule)?
    } else {
        check_class_count(usize::from(rule.classes))?;
        breaks_by_method(&sorted, rule)?
    };
    let mut found =
        Classification { method: rule.method, breaks, counts: Vec::new(), gvf: 0.0, base_periods };
    found.counts = count_per_class(&sorted, &found);
    found.gvf = goodness_of_variance_fit(&sorted, &found.counts);
    Ok(found)
}

/// All breaks by a method that finds them from the values.
fn breaks_by_method(sorted: &[f64], rule: &ClassRule) -> Result<Vec<f64>, ClassifyError> {
    let distinct = Distinct::of(sorted);
    let k = usize::from(rule.classes).min(distinct.values.len());
    let uppers = match rule.method {
        Method::FisherJenks => fisher_jenks::upper_breaks(&distinct, k),
        Method::Quantile => methods::quantile(sorted, k),
        Method::EqualInterval | Method::Manual => methods::equal_interval(sorted, k),
        Method::HeadTail => methods::head_tail(sorted, k, rule.threshold)?,
        Method::StandardDeviation => methods::standard_deviation(sorted, k),
        Method::Pretty => methods::pretty(sorted, k),
        Method::Geometric => methods::geometric(sorted, k)?,
        Method::Diverging => return methods::diverging(sorted, rule),
    };
    Ok(sorted.first().copied().into_iter().chain(uppers).collect())
}

/// A classification as the command line prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary<'a> {
    method: Method,
    breaks: &'a [f64],
    counts: &'a [usize],
    gvf: f64,
}

impl<'a> From<&'a Classification> for Summary<'a> {
    fn from(found: &'a Classification) -> Self {
        Self { method: found.method, breaks: &found.breaks, counts: &found.counts, gvf: found.gvf }
    }
}

/// The different values in ascending order, and how often each occurs.
struct Distinct {
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Distinct {
    fn of(sorted: &[f64]) -> Self {
        let (values, weights) = sorted
            .chunk_by(|a, b| a.total_cmp(b).is_eq())
            .map(|equal| (equal[0], equal.len() as f64))
            .unzip();
        Self { values, weights }
    }
}

/// The numbers among `values`, ascending, with −0 as 0.
fn sorted_numbers(values: &[f64]) -> Result<Vec<f64>, ClassifyError> {
    let mut sorted: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let huge = [sorted.first(), sorted.last()].into_iter().flatten().find(|v| v.abs() > MAX_VALUE).copied();
    huge.map_or(Ok(sorted), |huge| Err(ClassifyError::TooLarge(huge)))
}

fn check_class_count(k: usize) -> Result<(), ClassifyError> {
    if (1..=usize::from(MAX_CLASSES)).contains(&k) { Ok(()) } else { Err(ClassifyError::Classes(k)) }
}

/// All breaks of classes that a person has fixed, stretched to the ends of the values.
fn manual(sorted: &[f64], rule: &ClassRule) -> Result<Vec<f64>, ClassifyError> {
    let given = &rule.breaks;
    let (Some(&first), Some(&last)) = (given.first(), given.last()) else {
        return Err(ClassifyError::NoBreaks);
    };
    if let Some(huge) = given.iter().find(|b| b.is_nan() || b.abs() > MAX_VALUE) {
        return Err(ClassifyError::TooLarge(*huge));
    }
    let all = given.len() == usize::from(rule.classes) + 1 && given.len() > 1;
    check_class_count(if all { given.len() - 1 } else { given.len() + 1 })?;
    check_ascending(given, all)?;
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Ok(Vec::new()) };
    let inner = if all { &given[1..given.len() - 1] } else { &given[..] };
    Ok([first.min(min)].into_iter().chain(inner.iter().copied()).chain([last.max(max)]).collect())
}

/// Inner breaks ascend strictly; the outer ones may repeat their neighbour, as in breaks that were found by a method.
fn check_ascending(given: &[f64], all: bool) -> Result<(), ClassifyError> {
    let steps = given.len() - 1;
    for (i, pair) in given.windows(2).enumerate() {
        let outer = all && (i == 0 || i + 1 == steps);
        if pair[1] < pair[0] || (pair[1] <= pair[0] && !outer) {
            return Err(ClassifyError::NotAscending(pair[0], pair[1]));
        }
    }
    Ok(())
}

fn count_per_class(sorted: &[f64], found: &Classification) -> Vec<usize> {
    let k = found.classes();
    let mut below = 0;
    (1..=k)
        .map(|class| {
            let upper = found.breaks[class];
            let up_to = if class == k { sorted.len() } else { sorted.partition_point(|v| *v <= upper) };
            up_to - std::mem::replace(&mut below, up_to)
        })
        .collect()
}

/// 1 − (squared deviations from the class means) / (squared deviations from the mean); 1 if all values are equal.
fn goodness_of_variance_fit(sorted: &[f64], counts: &[usize]) -> f64 {
    let scale = fisher_jenks::scale(sorted);
    let deviations = |part: &[f64]| {
        let mean = part.iter().map(|v| v * scale).sum::<f64>() / part.len().max(1) as f64;
        part.iter().map(|v| (v * scale - mean).powi(2)).sum::<f64>()
    };
    let mut rest = sorted;
    let mut inside = 0.0;
    for &count in counts {
        let (part, after) = rest.split_at(count);
        inside += deviations(part);
        rest = after;
    }
    let total = deviations(sorted);
    if sorted.is_empty() {
        0.0
    } else if total > 0.0 {
        (1.0 - inside / total).clamp(0.0, 1.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests;
