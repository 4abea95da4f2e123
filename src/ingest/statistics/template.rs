//! Prefilled templates that come back filled: the workbook itself says what its columns are.
//!
//! Must not know: how a template is made, what its pages look like. Invariant: only what the template asked for is read;
//! an indicator of which nothing was filled in changes nothing.

use std::path::Path;

use chrono::NaiveDate;
use tokio::io::AsyncReadExt as _;

use super::{
    ColumnRef, ColumnRule, KeyRef, LayoutKind, Mapping, ProfileOptions, ValuesOptions,
    import::{import_bytes, read_file},
    row::{Row, SheetCell},
    sheet::{Sheet, is_compound, is_zip, read_sheet},
};
use crate::{
    domain::{Period, Slug, TEMPLATE_KEY, TEMPLATE_SHEET, TemplateHead, TemplatePart},
    ingest::{IngestError, Report, Severity, Target, file_name, on_worker},
    store::AtlasCatalogue,
};

/// What the caller says about a template; what is absent the template says, what is there must be the same.
#[derive(Debug, Clone, Default)]
pub struct TemplateOptions {
    /// Level of the regions.
    pub level: Option<Slug>,
    /// Date of the boundaries.
    pub edition: Option<NaiveDate>,
    /// The only indicator that is wanted.
    pub indicator: Option<Slug>,
    /// Period.
    pub period: Option<Period>,
}

/// Imports a filled template; `None` if the file is none. Whatever is wrong with it stands in the report; then, or in a
/// dry run, nothing is stored.
///
/// # Errors
/// If the file cannot be read or the store fails.
pub async fn import_template(
    target: &Target<'_>,
    file: &Path,
    options: &TemplateOptions,
) -> Result<Option<Report>, IngestError> {
    let Target { store, atlas, progress, .. } = *target;
    if !is_workbook(file).await? {
        return Ok(None);
    }
    let mut report = Report::new(file_name(file));
    let Some(bytes) = read_file(file, &mut report).await? else { return Ok(Some(report)) };
    let catalogue = store.catalogue(atlas).await.map_err(IngestError::store)?;
    let asked = Asked { atlas: atlas.clone(), options: options.clone(), catalogue };
    let (bytes, report, found) = on_worker(progress, move |_| {
        let found = understand(&bytes, &asked, &mut report);
        (bytes, report, found)
    })
    .await?;
    let options = match found {
        Found::NoTemplate => return Ok(None),
        Found::Unusable => return Ok(Some(report)),
        Found::Template(options) => options,
    };
    Ok(Some(import_bytes(target, bytes, &options, report).await?))
}

/// True if a file begins like a workbook; no other file need be read for that.
async fn is_workbook(file: &Path) -> Result<bool, IngestError> {
    let failed = |error| IngestError::file(file, error);
    let mut start = Vec::new();
    tokio::fs::File::open(file)
        .await
        .map_err(failed)?
        .take(8)
        .read_to_end(&mut start)
        .await
        .map_err(failed)?;
    Ok(is_zip(&start) || is_compound(&start))
}

struct Asked {
    atlas: Slug,
    options: TemplateOptions,
    catalogue: AtlasCatalogue,
}

enum Found {
    NoTemplate,
    /// Its problems are in the report.
    Unusable,
    Template(Box<ValuesOptions>),
}

fn understand(bytes: &[u8], asked: &Asked, report: &mut Report) -> Found {
    // Of a file that is no workbook, or is damaged, the ordinary way says what is wrong.
    let Ok(sheet) = read_sheet(bytes, Some(TEMPLATE_SHEET)) else { return Found::NoTemplate };
    let text = |cells: &[SheetCell], column: usize| Row::Sheet(cells).cell(column).text().into_owned();
    let rows: Vec<_> = sheet.rows.iter().map(|(_, cells)| (text(cells, 0), text(cells, 1))).collect();
    let head = match TemplateHead::read(&rows) {
        Ok(head) => head,
        Err(error) => {
            report.error(None, None, error.to_string());
            return Found::Unusable;
        }
    };
    report.fact("template", format!("{} {}", head.level, head.period));
    check(&head, asked, report);
    if report.rejected() {
        return Found::Unusable;
    }
    let mapping = match read_sheet(bytes, Some(&head.sheet)) {
        Ok(sheet) => mapping(&head, &sheet, report),
        Err(error) => {
            report.error(None, None, error.to_string());
            None
        }
    };
    let Some(mapping) = mapping else { return Found::Unusable };
    Found::Template(Box::new(ValuesOptions {
        level: head.level,
        edition: Some(head.edition),
        mapping: Some(mapping),
        indicator: asked.options.indicator.clone(),
        period: None,
        drafts: None,
        profile: ProfileOptions::default(),
    }))
}

/// The template must be one of this atlas, for boundaries and indicators that it still has.
fn check(head: &TemplateHead, asked: &Asked, report: &mut Report) {
    let Asked { atlas, options, catalogue } = asked;
    if head.atlas != *atlas {
        let sentence = format!("The template was made for the atlas '{}', not for '{atlas}'.", head.atlas);
        report.error(None, None, sentence);
        return;
    }
    let mut same = |what: &str, of_template: String, given: Option<String>| {
        if let Some(given) = given.filter(|given| *given != of_template) {
            let sentence = format!("The template is for the {what} {of_template}, not for {given}.");
            report.error(None, None, sentence);
        }
    };
    same("level", head.level.to_string(), options.level.as_ref().map(Slug::to_string));
    same("edition", head.edition.to_string(), options.edition.map(|date| date.to_string()));
    same("period", head.period.to_string(), options.period.as_ref().map(Period::to_string));
    let editions = catalogue.editions.iter().filter(|edition| edition.level == head.level);
    if let Some(newest) = editions.map(|edition| edition.valid_on).max().filter(|date| *date != head.edition)
    {
        report.error(
            None,
            None,
            format!(
                "The template was made for the boundaries of {}, but those of {newest} are in force; make it anew and copy the values.",
                head.edition
            ),
        );
    }
    for (slug, _) in &head.indicators {
        if !catalogue.indicators.iter().any(|indicator| indicator.slug == *slug) {
            report.error(None, None, format!("The catalogue has no longer the indicator '{slug}'."));
        }
    }
}

/// What the columns of the filled sheet are, by the row of names for the program.
fn mapping(head: &TemplateHead, sheet: &Sheet, report: &mut Report) -> Option<Mapping> {
    let is_header = |cells: &[SheetCell]| Row::Sheet(cells).texts().iter().any(|text| text == TEMPLATE_KEY);
    let Some(at) = sheet.rows.iter().position(|(_, cells)| is_header(cells)) else {
        let sentence = format!(
            "The row with '{TEMPLATE_KEY}' is gone from the sheet '{}'; copy the values into a fresh template.",
            sheet.name
        );
        report.error(None, None, sentence);
        return None;
    };
    let (line, cells) = &sheet.rows[at];
    let header = Header { line: *line, names: Row::Sheet(cells).texts() };
    let key = header.column(TEMPLATE_KEY, report)?;
    let body = &sheet.rows[at + 1..];
    let filled = |columns: &[usize], cells: &[SheetCell]| {
        columns.iter().any(|column| !Row::Sheet(cells).cell(*column).is_blank())
    };
    let mut columns = Vec::new();
    for (indicator, ratio) in &head.indicators {
        let asked = TemplatePart::asked(*ratio).iter().map(|part| part.column(indicator));
        let places: Vec<usize> = asked.filter_map(|name| header.column(&name, report)).collect();
        let rows = body.iter().filter(|(_, cells)| filled(&[key], cells));
        let (full, empty): (Vec<_>, Vec<_>) = rows.partition(|(_, cells)| filled(&places, cells));
        let mut note = |sentence| report.problem(Severity::Notice, None, None, sentence);
        if full.is_empty() {
            note(format!("Nothing was filled in for '{indicator}'; it is left out."));
            continue;
        }
        if !empty.is_empty() {
            note(format!("{} regions are empty for '{indicator}' and count as missing.", empty.len()));
        }
        let place = |at: usize| places.get(at).map(|column| ColumnRef::Number(column + 1));
        columns.extend(place(0).map(|column| ColumnRule {
            column,
            indicator: Some(indicator.clone()),
            period: Some(head.period.clone()),
            numerator: place(1),
            denominator: place(2),
            status: None,
            row: None,
        }));
    }
    if columns.is_empty() && !report.rejected() {
        report.error(None, None, "Nothing was filled in; the template is empty.");
    }
    (!report.rejected()).then(|| Mapping {
        layout: Some(LayoutKind::Wide),
        sheet: Some(sheet.name.clone()),
        header_row: Some(header.line),
        key: Some(KeyRef::One(ColumnRef::Number(key + 1))),
        columns,
        ..Mapping::default()
    })
}

/// The row of names for the program.
struct Header {
    line: u64,
    names: Vec<String>,
}

impl Header {
    fn column(&self, name: &str, report: &mut Report) -> Option<usize> {
        let mut found = self.names.iter().enumerate().filter(|(_, present)| *present == name);
        match (found.next(), found.next()) {
            (Some((column, _)), None) => Some(column),
            (None, _) => {
                let sentence = format!("The column '{name}' is gone; copy the values into a fresh template.");
                report.error(Some(self.line), None, sentence);
                None
            }
            (Some(_), Some(_)) => {
                report.error(Some(self.line), None, format!("There are two columns '{name}'; remove one."));
                None
            }
        }
    }
}
