//! Requests that may be sent twice: what was answered to an `Idempotency-Key` is answered again, and nothing is done again.
//!
//! Invariant: a request with a key is carried out to its end even if the caller hangs up, so that its answer is known.
//! Only successes are kept: what was refused did nothing, and may be tried again. Secrets are not kept.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::Access,
    clock,
    http::{
        App,
        api::{admit::Operation, problem::Problem},
    },
    store::{AccessStore, Idempotency},
};

const HEADER: &str = "idempotency-key";

/// Longest key, in bytes.
const LONGEST_KEY: usize = 200;

/// Runs a request, or answers it as before if it carries a key that its person used already.
pub(super) async fn once(
    app: &Arc<App>,
    operation: &Operation,
    access: &Access,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = if operation.method == "POST" { key(request.headers())? } else { None };
    let (Some(key), Some(person)) = (key, access.name()) else { return Ok(next.run(request).await) };
    let store = app.gate.store()?.clone();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, operation.largest_body()).await;
    let body = body.map_err(|_| Problem::too_large(operation.largest_body()))?;
    let target = format!("{} {}", parts.method, parts.uri.path());
    let fingerprint = fingerprint(&parts.headers, &body);
    match store.begin_request(person, &key, &target, &fingerprint, clock::now()).await? {
        Idempotency::Other => Err(Problem::key_reused()),
        Idempotency::UnderWay => Err(Problem::conflict("This request is under way; ask again in a moment.")),
        Idempotency::Done { status, body } => Ok(again(status, body)),
        Idempotency::New => {
            let request = Request::from_parts(parts, Body::from(body));
            let (person, secret) = (person.to_owned(), operation.secret);
            let task =
                tokio::spawn(
                    async move { keep(&store, (&person, &key), secret, next.run(request).await).await },
                );
            task.await.map_err(|error| Problem::internal(&error))?
        }
    }
}

/// The hash of the key that a request carries.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let bytes = value.as_bytes();
    if bytes.is_empty() || bytes.len() > LONGEST_KEY || !bytes.iter().all(u8::is_ascii_graphic) {
        let advice = format!("An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters.");
        return Err(Problem::malformed(advice));
    }
    Ok(Some(blake3::hash(bytes).to_hex().to_string()))
}

/// What makes two requests the same: body, its type, and the revision that is changed.
fn fingerprint(headers: &HeaderMap, body: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    for name in [header::CONTENT_TYPE, header::IF_MATCH] {
        let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        hasher.update(&value.len().to_le_bytes()).update(value);
    }
    hasher.update(body).finalize().to_hex().to_string()
}

/// Keeps a success; forgets the key of anything else.
async fn keep(
    store: &AccessStore,
    (person, key): (&str, &str),
    secret: bool,
    response: Response,
) -> Result<Response, Problem> {
    if !response.status().is_success() {
        store.give_up_request(person, key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let (status, kept) = if secret { shown_once().await? } else { (parts.status, body.clone()) };
    store.finish_request(person, key, status.as_u16(), &kept).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// What a repeated request is told whose answer held a secret.
async fn shown_once() -> Result<(StatusCode, Bytes), Problem> {
    let problem = Problem::conflict("This was done already. Its answer held a secret, which is shown once.");
    let (parts, body) = problem.into_response().into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    Ok((parts.status, body))
}

fn again(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let media_type = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let headers = |value: &str| HeaderMap::from_iter([(HEADER.parse().unwrap(), value.parse().unwrap())]);
        assert!(key(&headers("9f0c-1")).unwrap().is_some());
        assert!(key(&HeaderMap::new()).unwrap().is_none());
        for bad in ["", "a b", &"x".repeat(201)] {
            assert!(key(&headers(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_body_or_revision_is_another_request() {
        let headers = |tag: &str| HeaderMap::from_iter([(header::IF_MATCH, tag.parse().unwrap())]);
        let one = fingerprint(&headers("\"1\""), b"{}");
        assert_eq!(one, fingerprint(&headers("\"1\""), b"{}"));
        assert_ne!(one, fingerprint(&headers("\"2\""), b"{}"));
        assert_ne!(one, fingerprint(&headers("\"1\""), b"{ }"));
    }
}
