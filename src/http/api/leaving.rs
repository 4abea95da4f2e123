//! An atlas leaves the platform: everything of it is taken out as one file, and what was taken out may be removed.
//!
//! Invariant: an atlas is removed only by who names the hash that its export told, and only while it is exactly that.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::Path,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use tokio_util::io::ReaderStream;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    access::Administrator,
    domain::Slug,
    http::{
        App, AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, Segments},
        },
    },
    release::{self, Beside, Protocol},
};

/// The caller as administrator of an atlas who may see all of it: an export holds every theme and restricted sources too.
async fn of_the_whole(app: &App, caller: &Caller, atlas: &Slug) -> Result<Administrator, Problem> {
    let administrator = caller.administrator(atlas)?;
    let scope = caller.access.scope(atlas);
    let restricted = app.store.catalogue(atlas).await?.sources.iter().any(|source| source.restricted);
    if scope.is_limited() || (restricted && !scope.sees_restricted()) {
        return Err(Problem::conflict(
            "The export holds all themes and restricted sources: it is for an administrator who is a statistician too, \
             without a limit to themes.",
        ));
    }
    Ok(administrator)
}

/// Everything of an atlas as a ZIP: a GeoPackage, members, audit log and a protocol. Its `ETag` is the hash of the content.
#[utoipa::path(post, path = "/api/atlases/{atlas}/export", operation_id = "export_atlas", tag = "atlases", params(("atlas" = String, Path)), responses((status = 200, description = "The export", body = Vec<u8>, content_type = "application/zip")))]
pub(super) async fn export(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    let administrator = of_the_whole(&app, &caller, &atlas).await?;
    let stores = (&app.store, app.gate.store()?);
    let folder = tempfile::tempdir().map_err(|error| Problem::internal(&error))?;
    let file = folder.path().join(format!("{atlas}.gpkg"));
    let (protocol, beside) = release::take_out(stores, &administrator, &atlas, &file, caller.now).await?;
    let entry = caller.entry("atlas.exported")?.of_atlas(&atlas);
    app.record(entry.changing(None, Some(answer::value(&protocol)?))).await?;
    let tag = format!("\"{}\"", protocol.content_hash);
    let packed = tokio::task::spawn_blocking(move || pack(&file, &protocol, &beside)).await;
    let packed =
        packed.map_err(|error| Problem::internal(&error))?.map_err(|error| Problem::internal(&error))?;
    // The file is read to its end though its name is gone.
    let body = Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(packed)));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    for (name, value) in
        [(header::ETAG, tag), (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{atlas}.zip\""))]
    {
        headers.insert(name, HeaderValue::from_str(&value).map_err(|error| Problem::internal(&error))?);
    }
    Ok(response)
}

/// All files of an export in one, which has no name.
fn pack(geopackage: &Path, protocol: &Protocol, beside: &Beside) -> std::io::Result<File> {
    let mut zip = ZipWriter::new(tempfile::tempfile()?);
    let options = SimpleFileOptions::default().large_file(true);
    zip.start_file(&protocol.export, options)?;
    std::io::copy(&mut File::open(geopackage)?, &mut zip)?;
    for (name, text) in [
        ("people.json", serde_json::to_vec_pretty(&beside.people)?),
        ("audit.jsonl", beside.log.clone().into_bytes()),
        ("protocol.json", serde_json::to_vec_pretty(protocol)?),
    ] {
        zip.start_file(name, options)?;
        zip.write_all(&text)?;
    }
    let mut file = zip.finish()?;
    file.rewind()?;
    Ok(file)
}

/// Removes an atlas that was exported, physically, with all rights in it. `If-Match` is the `ETag` of the export; `*` will
/// not do. The answer is the protocol.
#[utoipa::path(delete, path = "/api/atlases/{atlas}", operation_id = "remove_atlas", tag = "atlases", params(("atlas" = String, Path)), responses((status = 200, description = "The protocol of the removal", body = serde_json::Value)))]
pub(super) async fn remove(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    let administrator = of_the_whole(&app, &caller, &atlas).await?;
    let named = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let hash = named.trim_matches('"');
    let stores = (&app.store, app.gate.store()?);
    let protocol = release::remove_exported(stores, &administrator, (&atlas, hash), caller.now).await?;
    let entry = caller.entry("atlas.removed")?.of_atlas(&atlas);
    app.record(entry.changing(None, Some(answer::value(&protocol)?))).await?;
    Ok(answer::json(&protocol))
}
