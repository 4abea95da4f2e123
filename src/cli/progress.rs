//! A bar on the terminal for anything that takes longer than a second.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ingest::Progress;

/// Shows steps on standard error, if it is a terminal.
pub(super) struct Bar(ProgressBar);

/// Parts of the bar.
const PARTS: u64 = 1000;

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{elapsed:>4} {msg:24} {wide_bar} {percent:>3} %");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, step: &str) {
        self.0.set_position(0);
        self.0.set_message(step.to_owned());
    }

    fn done(&self, part: f64) {
        self.0.set_position((part.clamp(0.0, 1.0) * PARTS as f64) as u64);
    }
}
