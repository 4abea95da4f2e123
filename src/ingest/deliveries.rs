//! The delivery list: reading it from a table, and how far each delivery has come.
//!
//! Must not know: what day it is, HTTP. Invariant: a row counts as arrived by what is stored, never by what somebody said.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{
    IngestError, NoProgress, Report, file_name, on_worker,
    plain_table::{self, PlainRow},
    record,
    statistics::{
        normal_header,
        row::{german_date, parse_period},
    },
};
use crate::{
    access::Editor,
    domain::{Slug, Status},
    store::{AtlasCatalogue, Delivered, Delivery, RegionRow, Store},
};

/// A delivery list is written by people.
const MAX_BYTES: u64 = 16 << 20;

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Every inhabited region has a value or a sign.
    Arrived,
    /// Some inhabited regions have.
    Partly,
    /// Nothing has come, and there is still time.
    Open,
    /// Nothing has come in time.
    Overdue,
}

impl DeliveryState {
    /// The name used in lists and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Partly => "partly",
            Self::Open => "open",
            Self::Overdue => "overdue",
        }
    }
}

/// A row of the delivery list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveryStatus {
    /// What is owed.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// How far it has come.
    pub state: DeliveryState,
    /// The day is over and not everything has come.
    pub late: bool,
    /// When the current values were imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived_at: Option<DateTime<Utc>>,
    /// Inhabited regions with a value or a sign.
    pub regions_delivered: usize,
    /// Inhabited regions of the edition of the current values; 0 if nothing has come.
    pub regions: usize,
}

/// The delivery list of an atlas with what has arrived, as of `today`.
///
/// # Errors
/// If there is no such atlas or the store fails.
pub async fn delivery_list(
    store: &Store,
    atlas: &Slug,
    today: NaiveDate,
) -> Result<Vec<DeliveryStatus>, IngestError> {
    let mut inhabited = HashMap::new();
    let mut list = Vec::new();
    for (delivery, answer) in store.deliveries(atlas).await? {
        let counts = match answer {
            Some(answer) => count(store, answer, &mut inhabited).await?,
            None => (0, 0),
        };
        list.push(status(delivery, answer, counts, today));
    }
    Ok(list)
}

/// Of a series: how many inhabited regions were delivered, and how many there are.
async fn count(
    store: &Store,
    answer: Delivered,
    inhabited: &mut HashMap<i64, Vec<bool>>,
) -> Result<(usize, usize), IngestError> {
    let column = store.column(answer.series).await?;
    let lives = match inhabited.entry(answer.edition) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => {
            let regions = store.regions(answer.edition).await?;
            new.insert(regions.iter().map(RegionRow::counts).collect())
        }
    };
    let delivered =
        column.statuses().iter().zip(lives.iter()).filter(|(s, lives)| **lives && **s != Status::Missing);
    Ok((delivered.count(), lives.iter().filter(|lives| **lives).count()))
}

fn status(
    delivery: Delivery,
    answer: Option<Delivered>,
    (delivered, regions): (usize, usize),
    today: NaiveDate,
) -> DeliveryStatus {
    let over = today > delivery.due_on;
    let state = match (delivered, over) {
        (0, true) => DeliveryState::Overdue,
        (0, false) => DeliveryState::Open,
        (some, _) if some < regions => DeliveryState::Partly,
        _ => DeliveryState::Arrived,
    };
    DeliveryStatus {
        state,
        late: over && state != DeliveryState::Arrived,
        arrived_at: answer.map(|answer| answer.at),
        regions_delivered: delivered,
        regions,
        delivery,
    }
}

/// Imports a delivery list: a table (CSV, workbook) with the columns department, indicator, level, period and due, or
/// Amt, Indikator, Ebene, Zeitraum and Frist. All or nothing.
///
/// # Errors
/// If the file cannot be read, there is no such atlas or the store fails.
pub async fn import_deliveries(
    store: &Store,
    editor: &Editor,
    atlas: &Slug,
    file: &Path,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Report, IngestError> {
    let mut report = Report::new(file_name(file));
    let catalogue = store.catalogue(atlas).await?;
    let metadata = tokio::fs::metadata(file).await.map_err(|error| IngestError::file(file, error))?;
    if metadata.len() > MAX_BYTES {
        report.error(None, None, "A delivery list has at most 16 MB; this file is larger.");
        return Ok(report);
    }
    let bytes = tokio::fs::read(file).await.map_err(|error| IngestError::file(file, error))?;
    let file_hash = blake3::hash(&bytes).to_hex().to_string();
    let (deliveries, mut report) = on_worker(&NoProgress, move |_| {
        let deliveries = read(&bytes, &catalogue, &mut report);
        (deliveries, report)
    })
    .await?;
    if report.rejected() || dry_run {
        return Ok(report);
    }
    let record = record("deliveries", file_hash, editor, now, &mut report);
    store.put_deliveries(atlas, &deliveries, Some(&record)).await?;
    Ok(report)
}

/// Names of the columns, the first as messages show it.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("department", &["department", "amt", "fachdienst", "zustaendig"]),
    ("indicator", &["indicator", "indikator"]),
    ("level", &["level", "ebene"]),
    ("period", &["period", "zeitraum", "stichtag", "jahr"]),
    ("due", &["due", "frist", "bis"]),
];

/// Where each of [`COLUMNS`] stands.
fn plan(headers: &[String]) -> Option<[usize; 5]> {
    let headers: Vec<String> = headers.iter().map(|header| normal_header(header)).collect();
    let place = |names: &[&str]| headers.iter().position(|header| names.contains(&header.as_str()));
    let mut columns = [0; 5];
    for (column, (_, names)) in columns.iter_mut().zip(COLUMNS) {
        *column = place(names)?;
    }
    Some(columns)
}

/// Reads a delivery list. Problems are reported.
fn read(bytes: &[u8], catalogue: &AtlasCatalogue, report: &mut Report) -> Vec<Delivery> {
    let Some((columns, rows)) = plain_table::read(bytes, plan, report, &NoProgress) else {
        return Vec::new();
    };
    let mut lines = HashMap::new();
    let mut deliveries = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(delivery) = delivery(row, columns, catalogue, report) else { continue };
        let what = (delivery.indicator.clone(), delivery.level.clone(), delivery.period.to_string());
        if let Some(first) = lines.insert(what, row.line) {
            let sentence = format!("The same delivery stands in line {first}; an indicator is owed once.");
            report.error(Some(row.line), None, sentence);
        }
        deliveries.push(delivery);
    }
    if deliveries.is_empty() && !report.rejected() {
        report.error(None, None, "There is no delivery in the file.");
    }
    report.fact("deliveries", deliveries.len());
    deliveries
}

/// A row as a delivery; what is wrong with it is reported.
fn delivery(
    row: &PlainRow,
    columns: [usize; 5],
    catalogue: &AtlasCatalogue,
    report: &mut Report,
) -> Option<Delivery> {
    let [department, indicator, level, period, due] = columns.map(|column| row.text(column).trim());
    let mut wrong = |column: &str, sentence: String| report.error(Some(row.line), Some(column), sentence);
    if department.is_empty() {
        wrong("department", "Nobody is named who owes the indicator.".into());
    }
    let found = parse_period(period);
    if found.is_none() {
        wrong("period", format!("'{}' is no period; write 2023, 31.12.2023 or 2023/24.", shown(period)));
    }
    let due_on = due.parse().ok().or_else(|| german_date(due));
    if due_on.is_none() {
        wrong("due", format!("'{}' is no date; write 31.05.2024 or 2024-05-31.", shown(due)));
    }
    let mut slug = |column: &str, text: &str, known: Vec<&Slug>| {
        let found = known.into_iter().find(|slug| slug.as_str() == text).cloned();
        if found.is_none() {
            wrong(column, format!("The atlas has no {column} '{}'.", shown(text)));
        }
        found
    };
    let indicator = slug("indicator", indicator, catalogue.indicators.iter().map(|i| &i.slug).collect());
    let level = slug("level", level, catalogue.levels.iter().map(|l| &l.slug).collect());
    Some(Delivery {
        department: Some(department.to_owned()).filter(|name| !name.is_empty())?,
        indicator: indicator?,
        level: level?,
        period: found?,
        due_on: due_on?,
    })
}

/// The beginning of a text for a message.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owed(due: &str) -> Delivery {
        Delivery {
            department: "Amt".into(),
            indicator: "quote".parse().unwrap(),
            level: "gemeinde".parse().unwrap(),
            period: "2023".parse().unwrap(),
            due_on: due.parse().unwrap(),
        }
    }

    #[test]
    fn a_delivery_is_overdue_only_after_its_day() {
        let state = |due: &str, counts| {
            let today = "2024-06-01".parse().unwrap();
            let status = status(owed(due), None, counts, today);
            (status.state, status.late)
        };
        assert_eq!(state("2024-06-01", (0, 0)), (DeliveryState::Open, false));
        assert_eq!(state("2024-05-31", (0, 0)), (DeliveryState::Overdue, true));
        assert_eq!(state("2024-05-31", (0, 3)), (DeliveryState::Overdue, true));
        assert_eq!(state("2024-05-31", (2, 3)), (DeliveryState::Partly, true));
        assert_eq!(state("2024-06-01", (2, 3)), (DeliveryState::Partly, false));
        assert_eq!(state("2024-05-31", (3, 3)), (DeliveryState::Arrived, false));
    }
}
