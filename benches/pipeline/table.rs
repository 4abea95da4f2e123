//! The table that the benchmarks print: one line per figure, with its yardstick, its bar and a verdict.
//!
//! A missed bar is a word in the table and in the summary, never a failure: a machine under load is no defect.

use std::time::{Duration, Instant};

/// What a figure should reach.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// Nobody promised anything; the figure is for comparison between versions.
    None,
    /// The ratio must not be smaller.
    RatioAtLeast(f64),
    /// The ratio must not be larger.
    RatioAtMost(f64),
    /// The figure itself must not be smaller, in its own unit.
    FigureAtLeast(f64),
}

/// A number with its unit.
#[derive(Debug, Clone)]
pub struct Amount {
    value: f64,
    unit: &'static str,
}

impl Amount {
    /// Any unit.
    pub fn new(value: f64, unit: &'static str) -> Self {
        Self { value, unit }
    }

    /// A duration in the unit in which it is easiest to read.
    pub fn time(seconds: f64) -> Self {
        match seconds {
            s if s < 1e-3 => Self::new(s * 1e6, "µs"),
            s if s < 1.0 => Self::new(s * 1e3, "ms"),
            s => Self::new(s, "s"),
        }
    }

    fn text(&self) -> String {
        let decimals = match self.value {
            v if v < 10.0 => 2,
            v if v < 1000.0 => 1,
            _ => 0,
        };
        format!("{} {}", grouped(self.value, decimals), self.unit)
    }
}

/// A number with commas between thousands.
fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// One figure.
pub struct Line<'a> {
    /// What is measured.
    pub name: &'a str,
    /// How it came out.
    pub figure: Amount,
    /// What it is compared with, and how that came out.
    pub yardstick: Option<(&'a str, Amount)>,
    /// Figure and yardstick as a ratio; the name of the yardstick says of what.
    pub ratio: Option<f64>,
    /// What was promised.
    pub bar: Bar,
}

/// Prints lines as they are measured and counts the bars.
pub struct Table {
    input: String,
    bars: u32,
    missed: Vec<String>,
}

impl Table {
    /// An empty table; prints its head.
    pub fn new() -> Self {
        println!(
            "{:<9} {:<36} {:>22}   {:<50} {:>8}  {:<18} verdict",
            "input", "what", "figure", "yardstick", "ratio", "bar"
        );
        Self { input: String::new(), bars: 0, missed: Vec::new() }
    }

    /// All lines that follow are about this input.
    pub fn begin(&mut self, input: &str, description: &str) {
        input.clone_into(&mut self.input);
        println!("# {input}: {description}");
    }

    /// A remark between the lines.
    pub fn remark(&self, text: &str) {
        println!("# {}: {text}", self.input);
    }

    /// Prints a line.
    pub fn line(&mut self, line: &Line<'_>) {
        let ratio = line.ratio.unwrap_or(f64::NAN);
        let (bar, met) = match line.bar {
            Bar::None => ("–".to_owned(), None),
            Bar::RatioAtLeast(bar) => (format!("at least {bar}×"), Some(ratio >= bar)),
            Bar::RatioAtMost(bar) => (format!("at most {bar}×"), Some(ratio <= bar)),
            Bar::FigureAtLeast(bar) => {
                (format!("at least {}", grouped(bar, 0)), Some(line.figure.value >= bar))
            }
        };
        let verdict = match met {
            None => "–",
            Some(true) => "ok",
            Some(false) => "over",
        };
        self.bars += u32::from(met.is_some());
        if met == Some(false) {
            self.missed.push(format!("{} ({})", line.name, self.input));
        }
        let yardstick = line
            .yardstick
            .as_ref()
            .map_or("–".to_owned(), |(name, amount)| format!("{}: {name}", amount.text()));
        let ratio = line.ratio.map_or("–".to_owned(), |r| format!("{r:.2}×"));
        println!(
            "{:<9} {:<36} {:>22}   {yardstick:<50} {ratio:>8}  {bar:<18} {verdict}",
            self.input,
            line.name,
            line.figure.text()
        );
    }

    /// Prints how many bars were missed.
    pub fn summary(&self) {
        println!("{} of {} bars missed", self.missed.len(), self.bars);
        for missed in &self.missed {
            println!("  over: {missed}");
        }
    }
}

/// The middle of some numbers; of an even count the upper one of the two.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Seconds that a call takes: the median of three, or of fewer if they already took long.
pub fn seconds(mut call: impl FnMut()) -> f64 {
    const ENOUGH: Duration = Duration::from_secs(4);
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.is_empty() || (times.len() < 3 && begin.elapsed() < ENOUGH) {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64());
    }
    median(times)
}

/// Seconds that one of many calls takes: the median of rounds that last a fifth of a second each.
pub fn seconds_each(mut call: impl FnMut()) -> f64 {
    const ROUND: f64 = 0.2;
    let start = Instant::now();
    call();
    let first = start.elapsed().as_secs_f64().max(1e-9);
    let calls = (ROUND / first).clamp(1.0, 1e6) as u32;
    seconds(|| (0..calls).for_each(|_| call())) / f64::from(calls)
}
