//! Facilities: places such as day-care centres and schools, by category.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Slug, Text};

/// A kind of facility, such as day-care centres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacilityCategory {
    /// Name in URLs.
    pub slug: Slug,
    /// Name for people.
    pub title: Text,
    /// The public may see those of its facilities whose publication is consented to.
    pub public: bool,
    /// Its facilities are persons at home (child minders): their addresses are personal data.
    pub personal: bool,
}

/// One facility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facility {
    /// Its category.
    pub category: Slug,
    /// Its own key, stable over the years, once in its category.
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Who runs it.
    pub operator: Option<String>,
    /// Street, house number, postcode and town in one line.
    pub address: Option<String>,
    /// How many places it offers.
    pub places: Option<u32>,
    /// First day on which it exists; `None` if nobody said.
    pub valid_from: Option<NaiveDate>,
    /// Last day on which it exists; `None` if its end is not known.
    pub valid_until: Option<NaiveDate>,
    /// Consent to publication is recorded. Without it a facility is never public.
    pub publishable: bool,
    /// Longitude in degrees (WGS 84).
    pub lon: f64,
    /// Latitude in degrees (WGS 84).
    pub lat: f64,
}

impl Facility {
    /// True if it exists on a day, as far as its dates say.
    pub fn exists_on(&self, day: NaiveDate) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_until.is_none_or(|until| day <= until)
    }
}
