//! Fisher–Jenks: the partition of ordered values with the least sum of squared deviations inside its classes.
//!
//! The exact optimum by dynamic programming over the different values (W. D. Fisher, "On grouping for maximum
//! homogeneity", JASA 53, 1958). The cost of a class obeys the quadrangle inequality, so the best last class of a longer
//! prefix never begins earlier; each layer is therefore filled by divide and conquer in O(n log n).

use super::Distinct;

/// Upper breaks of the `k` best classes; each is the largest value of its class. Of several optima the one whose upper
/// classes are largest is taken, so the answer depends on nothing but the values.
pub(super) fn upper_breaks(distinct: &Distinct, k: usize) -> Vec<f64> {
    let n = distinct.values.len();
    if n == 0 {
        return Vec::new();
    }
    let costs = Costs::new(distinct);
    let mut best: Vec<f64> = (1..=n).map(|end| costs.of(0, end)).collect();
    // starts[layer][j]: first index of the last class when the values 0..=j make layer + 2 classes.
    let mut starts: Vec<Vec<u32>> = Vec::new();
    for layer in 1..k {
        let mut next = Layer {
            costs: &costs,
            before: &best,
            best: vec![f64::INFINITY; n],
            start: vec![0; n],
            blocks: Vec::new(),
        };
        // In the last layer only the whole of the values matters.
        let from = if layer + 1 == k { n - 1 } else { layer };
        next.fill(from, n, layer, n);
        let Layer { best: filled, start, .. } = next;
        best = filled;
        starts.push(start);
    }
    let mut uppers = Vec::with_capacity(k);
    let mut last = n - 1;
    for start in starts.iter().rev() {
        uppers.push(distinct.values[last]);
        last = start[last] as usize - 1;
    }
    uppers.push(distinct.values[last]);
    uppers.reverse();
    uppers
}

/// A power of two that brings the values near 1, so that their squares neither overflow nor vanish. Multiplying by it
/// is exact.
pub(super) fn scale(sorted: &[f64]) -> f64 {
    let greatest = sorted.first().map_or(0.0, |v| v.abs()).max(sorted.last().map_or(0.0, |v| v.abs()));
    let exponent = greatest.to_bits() >> 52;
    f64::from_bits(2046_u64.saturating_sub(exponent).max(1) << 52)
}

/// One more class: the least cost of each prefix, and where its last class begins.
struct Layer<'a> {
    costs: &'a Costs,
    before: &'a [f64],
    best: Vec<f64>,
    start: Vec<u32>,
    /// Of the prefix at hand: the least cost, in plain sums, of each block of starts.
    blocks: Vec<f64>,
}

/// Starts that are looked at together.
const BLOCK: usize = 64;

impl Layer<'_> {
    /// Fills the prefixes that end at `from..to`; their last class begins in `first..last`.
    fn fill(&mut self, from: usize, to: usize, first: usize, last: usize) {
        if from >= to {
            return;
        }
        let middle = usize::midpoint(from, to);
        let (mut best, mut best_start) = (f64::INFINITY, first);
        let last_start = last.min(middle + 1);
        self.blocks.clear();
        for start in (first..last_start).step_by(BLOCK) {
            self.blocks.push(self.least_about(start, last_start.min(start + BLOCK), middle + 1));
        }
        // Nearly all starts are worse by more than plain sums can err; only the others are worth the exact sums. The
        // exact cost of the start that seems best is less than this by one slack, and no better one seems worse than
        // its exact cost by more than another.
        let limit = self.blocks.iter().copied().fold(f64::INFINITY, f64::min) + 2.0 * self.costs.slack;
        for (block, start) in (first..last_start).step_by(BLOCK).enumerate() {
            if self.blocks[block] > limit {
                continue;
            }
            for start in start..last_start.min(start + BLOCK) {
                let before = self.before[start - 1];
                if before + self.costs.about(start, middle + 1) > limit {
                    continue;
                }
                let cost = before + self.costs.of(start, middle + 1);
                if cost < best {
                    (best, best_start) = (cost, start);
                }
            }
        }
        self.best[middle] = best;
        self.start[middle] = best_start as u32;
        self.fill(from, middle, first, best_start + 1);
        self.fill(middle + 1, to, best_start, last);
    }

    /// The least cost, in plain sums, of the prefix up to `end` with a last class that begins in `from..to`.
    fn least_about(&self, from: usize, to: usize, end: usize) -> f64 {
        const LANES: usize = 4;
        let Costs { weights, plain_sums, plain_squares, .. } = self.costs;
        let (weight, sum, square) = (weights[end], plain_sums[end], plain_squares[end]);
        let about = |before: f64, w: f64, s: f64, q: f64| {
            let sum = sum - s;
            before + ((square - q) - sum * sum / (weight - w))
        };
        // Several minima side by side, so that the compiler can calculate several starts at once.
        let mut least = [f64::INFINITY; LANES];
        let (before, _) = self.before[from - 1..to - 1].as_chunks::<LANES>();
        let (w, _) = weights[from..to].as_chunks::<LANES>();
        let (s, _) = plain_sums[from..to].as_chunks::<LANES>();
        let (q, _) = plain_squares[from..to].as_chunks::<LANES>();
        for (((before, w), s), q) in before.iter().zip(w).zip(s).zip(q) {
            for lane in 0..LANES {
                let about = about(before[lane], w[lane], s[lane], q[lane]);
                least[lane] = if about < least[lane] { about } else { least[lane] };
            }
        }
        let rest = from + (to - from) / LANES * LANES..to;
        let rest = rest.map(|start| self.before[start - 1] + self.costs.about(start, end));
        least.into_iter().chain(rest).fold(f64::INFINITY, f64::min)
    }
}

/// Weighted prefix sums of the values and their squares, in double-double arithmetic: a class of tiny spread beside far
/// larger values would drown in the rounding of plain sums.
struct Costs {
    weights: Vec<f64>,
    sums: Vec<Double>,
    squares: Vec<Double>,
    plain_sums: Vec<f64>,
    plain_squares: Vec<f64>,
    /// More than [`Costs::about`] and its sum with another cost can differ from the exact ones. With T the sum of all
    /// squares and W that of all weights, each sum of values is at most √(W T) and a class weighs at least 1, so the
    /// rounding of two sums moves s²/w by at most 4 ε T √W; all other roundings are a few ε T.
    slack: f64,
}

impl Costs {
    fn new(distinct: &Distinct) -> Self {
        let n = distinct.values.len();
        let scale = scale(&distinct.values);
        // Around the middle value the sums stay small; the difference is kept whole, as two doubles.
        let middle = distinct.values[n / 2] * scale;
        let mut costs = Self {
            weights: Vec::with_capacity(n + 1),
            sums: Vec::with_capacity(n + 1),
            squares: Vec::with_capacity(n + 1),
            plain_sums: Vec::with_capacity(n + 1),
            plain_squares: Vec::with_capacity(n + 1),
            slack: 0.0,
        };
        let (mut weight, mut sum, mut square) = (0.0, Double::default(), Double::default());
        costs.push(weight, sum, square);
        for (value, times) in distinct.values.iter().zip(&distinct.weights) {
            let x = Double::sum_of(value * scale, -middle);
            let weighted = x.times(Double::from(*times));
            weight += times;
            sum = sum.plus(weighted);
            square = square.plus(weighted.times(x));
            costs.push(weight, sum, square);
        }
        costs.slack = 64.0 * f64::EPSILON * square.high * weight.max(1.0).sqrt();
        costs
    }

    fn push(&mut self, weight: f64, sum: Double, square: Double) {
        self.weights.push(weight);
        self.sums.push(sum);
        self.squares.push(square);
        self.plain_sums.push(sum.high);
        self.plain_squares.push(square.high);
    }

    /// [`Costs::of`] in plain sums, wrong by less than the slack.
    fn about(&self, start: usize, end: usize) -> f64 {
        let sum = self.plain_sums[end] - self.plain_sums[start];
        let square = self.plain_squares[end] - self.plain_squares[start];
        square - sum * sum / (self.weights[end] - self.weights[start])
    }

    /// Sum of squared deviations from their mean of the values `start..end`.
    fn of(&self, start: usize, end: usize) -> f64 {
        if end - start < 2 {
            return 0.0;
        }
        let weight = self.weights[end] - self.weights[start];
        let sum = self.sums[end].minus(self.sums[start]);
        let square = self.squares[end].minus(self.squares[start]);
        square.minus(sum.times(sum).over(weight)).high.max(0.0)
    }
}

/// An unevaluated sum of two doubles with about 106 bits (T. J. Dekker, "A floating-point technique for extending the
/// available precision", Numerische Mathematik 18, 1971).
#[derive(Debug, Clone, Copy, Default)]
struct Double {
    high: f64,
    low: f64,
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl Double {
    /// The exact sum of two doubles.
    fn sum_of(a: f64, b: f64) -> Self {
        let high = a + b;
        let part = high - a;
        Self { high, low: (a - (high - part)) + (b - part) }
    }

    /// The same for `|a| >= |b|`, which is what a result and its correction are.
    fn renormalised(a: f64, b: f64) -> Self {
        let high = a + b;
        Self { high, low: b - (high - a) }
    }

    /// The exact product of two doubles.
    fn product_of(a: f64, b: f64) -> Self {
        let split = |x: f64| {
            let scaled = 134_217_729.0 * x; // 2^27 + 1
            let high = scaled - (scaled - x);
            (high, x - high)
        };
        let high = a * b;
        let ((a1, a2), (b1, b2)) = (split(a), split(b));
        Self { high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2 }
    }

    fn plus(self, other: Self) -> Self {
        let high = Self::sum_of(self.high, other.high);
        let low = Self::sum_of(self.low, other.low);
        let first = Self::renormalised(high.high, high.low + low.high);
        Self::renormalised(first.high, first.low + low.low)
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self { high: -other.high, low: -other.low })
    }

    fn times(self, other: Self) -> Self {
        let product = Self::product_of(self.high, other.high);
        let cross = self.high * other.low + self.low * other.high;
        Self::renormalised(product.high, product.low + cross)
    }

    fn over(self, divisor: f64) -> Self {
        let quotient = self.high / divisor;
        let rest = self.minus(Self::product_of(quotient, divisor));
        Self::renormalised(quotient, rest.high / divisor)
    }
}
