//! Reading requests of the API: who calls, path, parameters and JSON bodies, each with a problem document where it cannot
//! be read.

use std::net::IpAddr;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    access::{Access, Administrator, Manager, Operator, Owner, Publisher, Session},
    clock,
    domain::{Secret, Slug},
    http::{
        ClientAddress,
        api::problem::{Problem, sentence},
    },
    release::MAX_AGREEMENT,
    store::AuditEntry,
};

/// Largest JSON body, in bytes.
pub(super) const LARGEST_BODY: usize = 64 << 10;

/// Largest file, in bytes.
pub(super) const LARGEST_FILE: usize = MAX_AGREEMENT;

/// Entries of a page where none are asked for, and the most that may be.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 500;

/// Who calls, when and from where.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) access: Access,
    pub(super) session: Option<Session>,
    pub(super) now: DateTime<Utc>,
    pub(super) address: Option<IpAddr>,
}

/// The narrower types that writes take. Who is not entitled finds nothing at the address.
impl Caller {
    /// The session that calls.
    pub(super) fn session(&self) -> Result<&Session, Problem> {
        self.session.as_ref().ok_or_else(Problem::unauthorized)
    }

    pub(super) fn owner(&self) -> Result<Owner, Problem> {
        self.session()?.owner().ok_or_else(Problem::unauthorized)
    }

    pub(super) fn publisher(&self, atlas: &Slug) -> Result<Publisher, Problem> {
        self.access.publisher(atlas).ok_or_else(Problem::not_found)
    }

    pub(super) fn administrator(&self, atlas: &Slug) -> Result<Administrator, Problem> {
        self.access.administrator(atlas).ok_or_else(Problem::not_found)
    }

    pub(super) fn manager(&self) -> Result<Manager, Problem> {
        self.access.manager().ok_or_else(Problem::not_found)
    }

    pub(super) fn operator(&self) -> Result<Operator, Problem> {
        self.access.operator().ok_or_else(Problem::not_found)
    }

    /// An entry for the audit log in the name of the caller.
    pub(super) fn entry(&self, action: &str) -> Result<AuditEntry, Problem> {
        let name = self.access.name().ok_or_else(Problem::unauthorized)?;
        Ok(AuditEntry::new(self.now, name, action))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self {
            access: parts.extensions.get().cloned().unwrap_or(Access::public()),
            session: parts.extensions.get().cloned(),
            now: clock::now(),
            address: parts.extensions.get::<ClientAddress>().map(|address| address.0),
        })
    }
}

/// Variable segments of the path. What cannot be read cannot exist.
pub(super) struct Segments<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Problem::not_found())
    }
}

/// Parameters of the address.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|error| Problem::malformed(sentence(&error.body_text())))
    }
}

/// Which part of a long list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// At most so many entries, 1 to 500; 50 if it is not said.
    pub(super) limit: Option<u32>,
    /// Only entries before this one: the `next` of the page before.
    pub(super) before: Option<i64>,
}

impl PageParams {
    /// The number of entries of a page.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let limit = self.limit.unwrap_or(PAGE);
        if (1..=LARGEST_PAGE).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::field("?limit", format!("Write a number from 1 to {LARGEST_PAGE}.")))
        }
    }
}

/// A JSON body.
pub(super) struct Document<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Document<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::media_type("application/json"));
        }
        parse(&read(request, LARGEST_BODY).await?).map(Self)
    }
}

/// Reads a text that must not be printed.
pub(super) fn secret<'de, D: Deserializer<'de>>(reader: D) -> Result<Secret, D::Error> {
    String::deserialize(reader).map(Secret::new)
}

/// The same, if there is one.
pub(super) fn secret_if_any<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(reader).map(|text| text.map(Secret::new))
}

/// A body, up to a limit in bytes.
pub(super) async fn read(request: Request, limit: usize) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), limit).await.map_err(|_| Problem::too_large(limit))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    value
        .split(';')
        .next()
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads JSON; an error names the field by a pointer.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() {
            Problem::field(pointer(error.path()), sentence(&inner.to_string()))
        } else {
            Problem::malformed(format!("The body is not valid JSON: {inner}."))
        }
    })?;
    reader.end().map_err(|error| Problem::malformed(format!("The body is not valid JSON: {error}.")))?;
    Ok(value)
}

/// A path into a document as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => "/?".to_owned(),
    };
    path.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        #[serde(default)]
        list: Vec<u8>,
    }

    fn wrong(body: &str) -> serde_json::Value {
        let response =
            axum::response::IntoResponse::into_response(parse::<Sample>(body.as_bytes()).unwrap_err());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(to_bytes(response.into_body(), LARGEST_BODY)).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_problem_points_at_the_wrong_field() {
        for (body, status, pointer) in [
            (r#"{"name": 3}"#, 422, "/name"),
            (r#"{"name": "a", "list": [1, 300]}"#, 422, "/list/1"),
            (r#"{"name": "a", "a/b": 1}"#, 422, "/a~1b"),
            (r#"{"list": []}"#, 422, ""),
        ] {
            let problem = wrong(body);
            assert_eq!(
                (&problem["status"], &problem["errors"][0]["pointer"]),
                (&status.into(), &pointer.into())
            );
        }
        for body in ["", "{", r#"{"name": "a"} x"#] {
            assert_eq!(wrong(body)["status"], 400, "{body}");
        }
    }

    #[test]
    fn only_json_is_json() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(is_json(&headers), json, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<Sample>(&bytes);
        }
    }
}
