//! The pages and their files, embedded into the binary from `web/dist`.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    response::Response,
};
use rust_embed::RustEmbed;

use crate::{
    access::Access,
    http::{
        AppState, HttpError,
        answer::{self, Keep},
        caller, path,
    },
    style::{GlyphError, Glyphs},
};

/// What `npm run build` made of `web/`. Empty until then.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Web;

/// Nothing but what this server gives itself: no third-party host is ever contacted.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; base-uri 'self'; form-action 'self'; \
     frame-ancestors 'self'";

/// Fonts of the map labels.
const FONTS: [&str; 3] =
    ["fonts/NotoSans-Regular.ttf", "fonts/NotoSans-SemiBold.ttf", "fonts/NotoSans-Bold.ttf"];

/// Stands in the pages where the path of the server's root belongs, with a slash at its end.
const ROOT_PLACEHOLDER: &str = "__ROOT__";

/// A file of the viewer's build, if it was built.
pub fn web_file(path: &str) -> Option<Vec<u8>> {
    Web::get(path).map(|file| file.data.into_owned())
}

/// The fonts of the map labels, from the same build; none where it is missing.
///
/// # Errors
/// If an embedded file is no font.
pub fn embedded_glyphs() -> Result<Glyphs, GlyphError> {
    Glyphs::new(embedded_fonts().iter().map(Vec::as_slice))
}

/// The files of these fonts.
pub(super) fn embedded_fonts() -> Vec<Vec<u8>> {
    FONTS.iter().filter_map(|name| web_file(name)).collect()
}

/// `/`: the open atlases.
pub(super) async fn start(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    page("start.html", app.public_url.prefix(), &access)
}

/// `/{atlas}`: the viewer.
pub(super) async fn viewer(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas] = path::segments(request.uri())?;
    path::view(&app.atlases, &access, atlas)?;
    page("index.html", app.public_url.prefix(), &access)
}

fn page(name: &str, prefix: &str, access: &Access) -> Result<Response, HttpError> {
    let Some(html) = web_file(name).and_then(|bytes| String::from_utf8(bytes).ok()) else {
        tracing::error!(name, "the pages are not in this binary: run `make build`");
        return Err(HttpError::Internal);
    };
    let html = html.replace(ROOT_PLACEHOLDER, &format!("{prefix}/"));
    let mut response = answer::text("text/html; charset=utf-8", Keep::of(access, false), html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// `/assets/…`: scripts, styles and fonts, whose names change with their content.
pub(super) async fn asset(request: Request) -> Result<Response, HttpError> {
    let name = request.uri().path().trim_start_matches('/');
    let file = Web::get(name).ok_or(HttpError::NotFound)?;
    Ok(answer::text(media_type(name), Keep::Forever, file.data.into_owned()))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, suffix)| suffix) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ttf" => "font/ttf",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
