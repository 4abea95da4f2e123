//! The numbers as tables: JSON and CSV.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    response::Response,
};
use serde_json::{Value, json};

use crate::{
    atlas::{LayerView, Row, SeriesView},
    domain::{Lang, neutralised},
    http::{
        AppState, HttpError,
        answer::{self, Keep},
        caller,
        path::{self, LayerQuery},
    },
};

/// `/{atlas}/values/{level}/{indicator}/{period}.json|csv`
pub(super) async fn period(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, level, indicator, last] = path::segments(request.uri())?;
    let (period, suffix) = path::split_suffix(last)?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let layer = path::layer(&view, (level, indicator, period), &query)?;
    let rows = layer.rows().await?;
    let keep = Keep::of(&access, false);
    match suffix {
        "json" => Ok(answer::json(keep, &period_document(atlas, &layer, &rows, query.lang))),
        "csv" => {
            csv_answer(keep, &[(layer, rows)], query.lang, &format!("{atlas}-{indicator}-{level}-{period}"))
        }
        _ => Err(HttpError::NotFound),
    }
}

/// `/{atlas}/values/{level}/{indicator}.json|csv`: all periods.
pub(super) async fn series(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, level, last] = path::segments(request.uri())?;
    let (indicator, suffix) = path::split_suffix(last)?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let series = view.all_periods(level, indicator, query.edition).ok_or(HttpError::NotFound)?;
    let tables = tables(&series).await?;
    let keep = Keep::of(&access, false);
    match suffix {
        "json" => Ok(answer::json(keep, &series_document(atlas, &tables, query.lang))),
        "csv" => csv_answer(keep, &tables, query.lang, &format!("{atlas}-{indicator}-{level}")),
        _ => Err(HttpError::NotFound),
    }
}

type Table = (LayerView, Vec<Row>);

async fn tables(series: &SeriesView) -> Result<Vec<Table>, HttpError> {
    let mut tables = Vec::with_capacity(series.layers().len());
    for layer in series.layers() {
        tables.push((layer.clone(), layer.rows().await?));
    }
    Ok(tables)
}

/// What both JSON documents begin with.
fn head(atlas: &str, view: &LayerView, lang: Lang) -> Value {
    let layer = view.layer();
    let indicator = &layer.indicator;
    let mut document = json!({
        "atlas": atlas,
        "level": layer.edition.level.slug,
        "indicator": indicator.slug,
        "title": indicator.title.get(lang),
        "unit": indicator.unit.get(lang),
        "kind": indicator.kind,
        "decimals": indicator.decimals,
        "edition": layer.edition.row.valid_on,
        "source": indicator.sheet.source.get(lang),
        "attribution": layer.edition.row.attribution,
    });
    if let Some(note) = view.note(lang) {
        document["note"] = note.into();
    }
    document
}

fn period_document(atlas: &str, view: &LayerView, rows: &[Row], lang: Lang) -> Value {
    let row = |r: &Row| json!({"key": r.key, "name": r.name, "value": r.value, "status": r.status, "class": r.class, "inhabited": r.inhabited, "reference": r.reference});
    let mut document = head(atlas, view, lang);
    document["period"] = view.layer().period.to_string().into();
    document["break_before"] = view.layer().break_before.into();
    document["rows"] = rows.iter().map(row).collect();
    document
}

fn series_document(atlas: &str, tables: &[Table], lang: Lang) -> Value {
    let (first, regions) = &tables[0];
    let row = |(i, r): (usize, &Row)| {
        let values: Vec<_> = tables.iter().map(|(_, rows)| rows[i].value).collect();
        let statuses: Vec<_> = tables.iter().map(|(_, rows)| rows[i].status).collect();
        json!({"key": r.key, "name": r.name, "inhabited": r.inhabited, "reference": r.reference, "values": values, "statuses": statuses})
    };
    let mut document = head(atlas, first, lang);
    document["periods"] =
        tables.iter().map(|(view, _)| Value::from(view.layer().period.to_string())).collect();
    document["breaks_before"] =
        tables.iter().map(|(view, _)| Value::from(view.layer().break_before)).collect();
    document["rows"] = regions.iter().enumerate().map(row).collect();
    document
}

/// A table as German (`;`, decimal comma) or international CSV, with a byte order mark so that Excel reads umlauts.
fn csv_answer(keep: Keep, tables: &[Table], lang: Lang, name: &str) -> Result<Response, HttpError> {
    let body = csv_text(tables, lang).map_err(|error| {
        tracing::error!(%error, "a table could not be written as CSV");
        HttpError::Internal
    })?;
    let mut response = answer::text("text/csv; charset=utf-8", keep, body);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn csv_text(tables: &[Table], lang: Lang) -> Result<Vec<u8>, csv::Error> {
    let delimiter = if lang == Lang::De { b';' } else { b',' };
    let mut writer =
        csv::WriterBuilder::new().delimiter(delimiter).from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record([
        "key",
        "name",
        "indicator",
        "period",
        "value",
        "status",
        "unit",
        "source",
        "note",
    ])?;
    for (view, rows) in tables {
        let layer = view.layer();
        let indicator = &layer.indicator;
        let (unit, source) = (indicator.unit.get(lang), indicator.sheet.source.get(lang));
        let (period, note) = (layer.period.to_string(), view.note(lang).unwrap_or_default());
        for row in rows {
            let value = row.value.map(|v| plain(v, indicator.decimals, lang)).unwrap_or_default();
            writer.write_record([
                row.key.as_str(),
                &neutralised(&row.name),
                indicator.slug.as_str(),
                &period,
                &value,
                row.status.as_str(),
                &neutralised(unit),
                &neutralised(source),
                &neutralised(&note),
            ])?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// A number as spreadsheets read it: without thousands separators.
fn plain(value: f64, decimals: u8, lang: Lang) -> String {
    let text = format!("{value:.*}", usize::from(decimals));
    if lang == Lang::De { text.replace('.', ",") } else { text }
}
