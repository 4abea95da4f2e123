//! The agreement on use between municipality and operator, kept with its atlas.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::Slug,
    http::{
        AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, LARGEST_FILE, Params, Segments, read},
        },
    },
    release,
    store::{Agreement, AgreementRow, Id},
};

/// Media types of agreements.
const MEDIA_TYPES: [&str; 3] = ["application/pdf", "application/octet-stream", "image/jpeg"];

/// An agreement as listed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgreementView {
    id: Id,
    /// Its version, as written on it.
    version: String,
    signed_on: NaiveDate,
    /// Who signed it.
    signatory: String,
    file_name: String,
    /// BLAKE3 of the file's bytes, hexadecimal.
    file_hash: String,
    /// When it was put here, and by whom.
    recorded_at: DateTime<Utc>,
    recorded_by: String,
}

impl From<AgreementRow> for AgreementView {
    fn from(AgreementRow { id, file_hash, agreement }: AgreementRow) -> Self {
        let Agreement { version, signed_on, signatory, file_name, at, by } = agreement;
        Self { id, version, signed_on, signatory, file_name, file_hash, recorded_at: at, recorded_by: by }
    }
}

/// What is known of a file that is put here.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AgreementParams {
    /// Its version, as written on it.
    version: String,
    signed_on: NaiveDate,
    /// Who signed it.
    signatory: String,
    /// Name of the file, without its folder.
    file_name: String,
}

/// The agreements of an atlas, the latest first.
#[utoipa::path(get, path = "/api/atlases/{atlas}/agreements", operation_id = "list_agreements", tag = "agreements", params(("atlas" = String, Path)), responses((status = 200, description = "Agreements", body = Vec<AgreementView>)))]
pub(super) async fn list(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    caller.administrator(&atlas)?;
    let rows = app.store.agreements(&atlas).await?;
    Ok(answer::json(&rows.into_iter().map(AgreementView::from).collect::<Vec<_>>()))
}

/// Keeps a signed agreement. The body is the file, of at most 10 MiB.
#[utoipa::path(post, path = "/api/atlases/{atlas}/agreements", operation_id = "add_agreement", tag = "agreements", params(("atlas" = String, Path), AgreementParams), request_body(content = Vec<u8>, content_type = "application/pdf"), responses((status = 201, description = "It is kept", body = AgreementView)))]
pub(super) async fn add(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Params(params): Params<AgreementParams>,
    request: Request,
) -> Result<Response, Problem> {
    let administrator = caller.administrator(&atlas)?;
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media_type.is_some_and(|media_type| MEDIA_TYPES.contains(&media_type)) {
        return Err(Problem::media_type("application/pdf, image/jpeg or application/octet-stream"));
    }
    let file = read(request, LARGEST_FILE).await?;
    let AgreementParams { version, signed_on, signatory, file_name } = params;
    let by = administrator.name().to_owned();
    let agreement = Agreement { version, signed_on, signatory, file_name, at: caller.now, by };
    let id = release::keep_agreement(&app.store, &administrator, &atlas, &agreement, &file).await?;
    let view = AgreementView::from(app.store.agreement(&atlas, id).await?.0);
    let entry = caller.entry("agreement.kept")?.of_atlas(&atlas).about(id.to_string());
    app.record(entry.changing(None, Some(answer::value(&view)?))).await?;
    Ok(answer::with_status(StatusCode::CREATED, &view))
}

/// The file of an agreement.
#[utoipa::path(get, path = "/api/atlases/{atlas}/agreements/{agreement}/file", operation_id = "agreement_file", tag = "agreements", params(("atlas" = String, Path), ("agreement" = i64, Path)), responses((status = 200, description = "The file", body = String, content_type = "application/octet-stream")))]
pub(super) async fn file(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, id)): Segments<(Slug, Id)>,
) -> Result<Response, Problem> {
    caller.administrator(&atlas)?;
    let (_, file) = app.store.agreement(&atlas, id).await?;
    // Never shown in the page's own origin: anybody who administers may have put anything into it.
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
    ];
    Ok((headers, file).into_response())
}
