//! The only place that reads the clock. Everything else is given the time as a value.

use chrono::{DateTime, Utc};

/// The present time.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the clock is read")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
