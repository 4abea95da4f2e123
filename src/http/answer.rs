//! Caching headers, entity tags and encodings: the rules of `interfaces.md`, in one place.

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version as HttpVersion, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use crate::{access::Access, tile::Encoding};

/// On what every public answer may depend.
pub(super) const VARY: HeaderValue = HeaderValue::from_static("accept-encoding, authorization, cookie");

/// Media type of vector tiles.
pub(super) const MVT: HeaderValue = HeaderValue::from_static("application/vnd.mapbox-vector-tile");

/// What every answer has, errors included: other sites may read it, and its type is not guessed.
pub(super) fn open(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The contrary: only pages of this server may read it.
pub(super) fn close(headers: &mut HeaderMap) {
    headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The answer to a browser that asks whether another site may ask.
pub(super) async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    open(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, if-none-match"),
    );
    response
}

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The address names its content.
    Forever,
    /// Ask each time whether it is still right.
    Revalidate,
    /// Not at all: the answer depends on who asks.
    Never,
}

impl Keep {
    /// The rule for a caller; `named` says that the address names the content that is served.
    pub(super) fn of(access: &Access, named: bool) -> Self {
        match (access.is_anonymous(), named) {
            (false, _) => Self::Never,
            (true, true) => Self::Forever,
            (true, false) => Self::Revalidate,
        }
    }

    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Forever => "public, max-age=31536000, immutable",
            Self::Revalidate => "no-cache",
            Self::Never => "private, no-store",
        })
    }
}

/// A JSON document, or another text: with an entity tag made from its bytes.
pub(super) fn text(media_type: &'static str, keep: Keep, body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let etag = format!("\"{}\"", &blake3::hash(&body).to_hex()[..16]);
    let mut response = body.into_response();
    let headers = response.headers_mut();
    open(headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, keep.header());
    headers.insert(header::VARY, VARY);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// A JSON document.
pub(super) fn json(keep: Keep, document: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(body) => text("application/json", keep, body),
        Err(error) => {
            tracing::error!(%error, "a document could not be written as JSON");
            super::HttpError::Internal.into_response()
        }
    }
}

/// The entity tag of a tile: layer version and encoding. The address says which tile it is.
pub(super) fn tile_etag(version: crate::atlas::Version, encoding: Encoding) -> HeaderValue {
    let suffix = match encoding {
        Encoding::Identity => "",
        Encoding::Gzip => "-gzip",
    };
    HeaderValue::from_str(&format!("\"{version}{suffix}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A tile, or 204 if it is empty.
pub(super) fn tile(body: Bytes, encoding: Encoding, etag: HeaderValue, keep: Keep) -> Response {
    let empty = body.is_empty();
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.reserve(12);
    open(headers);
    headers.insert(header::CACHE_CONTROL, keep.header());
    headers.insert(header::VARY, VARY);
    if empty {
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, MVT);
    headers.insert(header::ETAG, etag);
    if encoding == Encoding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// 304 with the headers that a 200 would have had.
pub(super) fn unchanged(etag: HeaderValue, keep: Keep) -> Response {
    let headers = [(header::ETAG, etag), (header::CACHE_CONTROL, keep.header()), (header::VARY, VARY)];
    let mut response = (StatusCode::NOT_MODIFIED, headers).into_response();
    open(response.headers_mut());
    response
}

/// True if the caller holds this entity tag. Weak comparison, as RFC 9110 wants for `If-None-Match`.
pub(super) fn holds(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let tag = etag.as_bytes();
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let mut listed = value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
        listed.any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag)
    })
}

/// The encoding of a tile that the caller accepts: gzip unless refused, because that is what is stored.
pub(super) fn tile_encoding(headers: &HeaderMap) -> Encoding {
    let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let gzip = accepted.any(|v| v.split(',').any(accepts_gzip));
    if gzip { Encoding::Gzip } else { Encoding::Identity }
}

/// Reads one item of `Accept-Encoding`, such as `gzip;q=0.5`.
fn accepts_gzip(item: &str) -> bool {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let refused = parts.filter_map(|p| p.strip_prefix("q=")).any(|q| q.parse().is_ok_and(|q: f32| q <= 0.0));
    (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
}

/// Compress what is text and not tiny.
pub(super) fn worth_compressing(_: StatusCode, _: HttpVersion, headers: &HeaderMap, _: &Extensions) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(u64::MAX);
    length > 256 && !media_type.starts_with("image/png") && !media_type.starts_with("font/woff2")
}

/// Gives each encoding of a text its own entity tag.
pub(super) async fn tag_encoding(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let tag = headers.get(header::ETAG).and_then(|v| v.to_str().ok());
    if let (Some(encoding), Some(tag)) = (encoding, tag)
        && let Ok(tag) = HeaderValue::from_str(&format!("{}-{encoding}\"", tag.trim_end_matches('"')))
    {
        headers.insert(header::ETAG, tag);
    }
    // The compression layer adds its own; one list is enough.
    if headers.contains_key(header::VARY) {
        headers.insert(header::VARY, VARY);
    }
    response
}

/// Answers 304 where the caller holds the very text that would be sent.
pub(super) async fn not_modified(request: Request, next: Next) -> Response {
    let asked = matches!(*request.method(), Method::GET | Method::HEAD).then(|| request.headers().clone());
    let response = next.run(request).await;
    let (Some(asked), Some(etag)) = (asked, response.headers().get(header::ETAG)) else { return response };
    if response.status() != StatusCode::OK || !holds(&asked, etag) {
        return response;
    }
    let mut unchanged = StatusCode::NOT_MODIFIED.into_response();
    open(unchanged.headers_mut());
    for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
        if let Some(value) = response.headers().get(&name) {
            unchanged.headers_mut().insert(name, value.clone());
        }
    }
    unchanged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_tile_is_gzipped_only_for_callers_who_take_it() {
        for (value, encoding) in [
            ("gzip, br", Encoding::Gzip),
            ("br;q=1.0, GZIP;q=0.5", Encoding::Gzip),
            ("*", Encoding::Gzip),
            ("gzip;q=0", Encoding::Identity),
            ("br", Encoding::Identity),
        ] {
            assert_eq!(tile_encoding(&headers(header::ACCEPT_ENCODING, value)), encoding, "{value}");
        }
        assert_eq!(tile_encoding(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn an_entity_tag_is_found_in_a_list_weak_or_strong() {
        let tag = HeaderValue::from_static("\"abc\"");
        for (value, found) in [("\"x\", W/\"abc\"", true), ("*", true), ("\"abcd\"", false)] {
            assert_eq!(holds(&headers(header::IF_NONE_MATCH, value), &tag), found, "{value}");
        }
    }
}
