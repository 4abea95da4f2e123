//! Facilities: tables and `GeoJSON` points → facilities of categories.
//!
//! Holds what columns mean, where coordinates lie, who consented to what, and sums per region. Must not know: HTTP,
//! styles, how facilities are drawn.
//!
//! Invariant: a facility is publishable only if consent is recorded: in its own row, or by the editor for a whole file;
//! never the latter for persons at home (child minders). A file with any error changes nothing.
//!
//! # Columns
//!
//! By German or English header, in any order: category (`Kategorie`, `Art`), `category_title`, id (`Nr`, `Schlüssel`),
//! name (`Bezeichnung`), operator (`Träger`), places (`Plätze`), address (or street, house number, postcode and town),
//! lon/lat (`Länge`/`Breite`) or east/north (`Rechtswert`/`Hochwert`, `x`/`y`), `valid_from` (`gültig ab`),
//! `valid_until` (`gültig bis`), consent (`Zustimmung`, `Veröffentlichung erlaubt`: ja/nein, yes/no, 1/0, x). Of a
//! `GeoJSON` file the same names are properties. Other columns are passed over and named in the report.
//!
//! # Dates
//!
//! What had ended on the day of its import is kept but never public. What ends or begins later is served with its
//! dates: the server does not look at the clock, and equal versions mean equal bytes. The next import settles it.

mod columns;
mod compare;
mod coordinates;
mod entry;
mod geojson;
mod import;
mod sums;
mod tables;

pub use import::{FacilityOptions, import_facilities};
pub use sums::{SumOptions, sum_facilities};
