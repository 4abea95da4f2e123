//! Classes of a thematic map as stored data. How breaks are found is `classification`'s business.

use serde::{Deserialize, Serialize};

use crate::domain::Period;

/// How class breaks are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Fisher–Jenks: least sum of squared deviations inside the classes.
    #[default]
    FisherJenks,
    /// Quantiles, type 7 of Hyndman and Fan.
    Quantile,
    /// Classes of equal width.
    EqualInterval,
    /// Head/tail breaks: the mean, the mean of what lies above it, and so on, for values with few large ones.
    HeadTail,
    /// Steps of (parts of) the sample standard deviation around the mean.
    StandardDeviation,
    /// Round numbers at equal distances.
    Pretty,
    /// Each break is the same multiple of the one before; for positive values of several magnitudes.
    Geometric,
    /// Equal deviations to both sides of a reference: a target, the value of the Kreis or of the country.
    Diverging,
    /// Breaks given by a person.
    Manual,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 9] = [
        Self::FisherJenks,
        Self::Quantile,
        Self::EqualInterval,
        Self::HeadTail,
        Self::StandardDeviation,
        Self::Pretty,
        Self::Geometric,
        Self::Diverging,
        Self::Manual,
    ];

    /// The name used in URLs and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FisherJenks => "fisher-jenks",
            Self::Quantile => "quantile",
            Self::EqualInterval => "equal-interval",
            Self::HeadTail => "head-tail",
            Self::StandardDeviation => "standard-deviation",
            Self::Pretty => "pretty",
            Self::Geometric => "geometric",
            Self::Diverging => "diverging",
            Self::Manual => "manual",
        }
    }
}

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("'{text}' is not a method: use one of {names}")
        })
    }
}

/// What an indicator asks for: method and number of classes, or breaks of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    /// How breaks are found.
    #[serde(default)]
    pub method: Method,
    /// Number of classes, 1 to 9; fewer result if there are fewer different values. For [`Method::HeadTail`] the most
    /// classes; for [`Method::StandardDeviation`] and [`Method::Pretty`] about how many, because their steps are round.
    #[serde(default = "ClassRule::default_classes")]
    pub classes: u8,
    /// For [`Method::Manual`]: the inner breaks or all k+1 of them, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<f64>,
    /// For [`Method::Diverging`]: the value that both sides are measured from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<f64>,
    /// For [`Method::HeadTail`]: the largest share that the values above a mean may have and still be called a head,
    /// 0…1; 0.4 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

impl ClassRule {
    const fn default_classes() -> u8 {
        5
    }
}

impl Default for ClassRule {
    fn default() -> Self {
        Self {
            method: Method::default(),
            classes: Self::default_classes(),
            breaks: Vec::new(),
            reference: None,
            threshold: None,
        }
    }
}

/// The stored classes of a layer: `breaks` are min, inner breaks, max (k+1 ascending numbers for k classes).
///
/// A class is closed on the right: `lower < v <= upper`; the lowest also holds the minimum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// How the breaks were found.
    pub method: Method,
    /// min, inner breaks, max. Empty when there was no value at all.
    pub breaks: Vec<f64>,
    /// Number of values in each class, over the base periods.
    pub counts: Vec<usize>,
    /// Goodness of variance fit, 0…1.
    pub gvf: f64,
    /// The periods whose values were classified.
    pub base_periods: Vec<Period>,
}

impl Classification {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.breaks.len().saturating_sub(1)
    }

    /// Class of a value, 0…k−1. Values beyond the ends (a later period) belong to the outer classes.
    /// `None` if there are no classes or the value is NaN.
    pub fn class_of(&self, value: f64) -> Option<u8> {
        let k = self.classes();
        if k == 0 || value.is_nan() {
            return None;
        }
        Some(self.breaks[1..k].iter().take_while(|upper| value > **upper).count() as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_closed_on_the_right_and_the_lowest_holds_the_minimum() {
        let classes = Classification {
            method: Method::Manual,
            breaks: vec![1.0, 2.0, 3.0, 4.0],
            counts: vec![],
            gvf: 0.0,
            base_periods: vec![],
        };
        let of = |v| classes.class_of(v);
        assert_eq!(
            [of(1.0), of(2.0), of(2.1), of(3.0), of(4.0)],
            [Some(0), Some(0), Some(1), Some(1), Some(2)]
        );
        assert_eq!([of(-5.0), of(99.0), of(f64::NAN)], [Some(0), Some(2), None]);
    }
}
