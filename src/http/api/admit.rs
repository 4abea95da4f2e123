//! Who may do what: the operations of a route, and the layer that holds requests to them.
//!
//! Invariant: a request reaches a handler only if its method is in the route's table and its caller meets what the table
//! asks for. Handlers that write ask [`crate::access`] once more, for the narrow type.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::{Access, AccessError, Session},
    clock,
    domain::{Audience, Slug},
    http::{
        App, Route,
        api::{
            idempotency,
            problem::Problem,
            request::{LARGEST_BODY, LARGEST_FILE},
            session::with_cookie,
        },
        caller,
    },
};

/// What a caller must be. Roles count in the atlas that the address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Anybody,
    /// A person in a session, even if the password must be changed first. A token will not do.
    Session,
    /// Somebody, whoever it is.
    SignedIn,
    /// A member of the atlas.
    Viewer,
    /// Somebody who puts data in.
    Editor,
    /// Somebody who releases.
    Publisher,
    /// Somebody who manages people and policy.
    Administrator,
    /// Somebody who manages people: an administrator of some atlas, or the operator of the platform.
    Manager,
    /// The operator of the platform.
    Operator,
}

impl Needs {
    fn met(self, access: &Access, session: bool, atlas: Option<&Slug>) -> bool {
        let in_atlas = |role: fn(&Access, &Slug) -> bool| atlas.is_some_and(|atlas| role(access, atlas));
        match self {
            Self::Anybody => true,
            Self::Session => session,
            Self::SignedIn => !access.is_anonymous(),
            Self::Viewer => in_atlas(|access, atlas| access.scope(atlas).audience() == Audience::Internal),
            Self::Editor => in_atlas(|access, atlas| access.editor(atlas).is_some()),
            Self::Publisher => in_atlas(|access, atlas| access.publisher(atlas).is_some()),
            Self::Administrator => in_atlas(|access, atlas| access.administrator(atlas).is_some()),
            Self::Manager => access.manager().is_some(),
            Self::Operator => access.operator().is_some(),
        }
    }
}

/// One method of a route.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// `GET`, `POST` …; `GET` stands for `HEAD` too.
    pub method: &'static str,
    /// Who may.
    pub needs: Needs,
    /// A body that is understood, as JSON unless it is a file; `None` where there is none.
    pub body: Option<&'static str>,
    /// The revision that is changed must be named by `If-Match`.
    pub revision: bool,
    /// The answer holds a secret that is shown once, so it is not kept to be repeated.
    pub secret: bool,
    /// The body is a file, not JSON.
    pub file: bool,
}

impl Operation {
    const fn new(method: &'static str, needs: Needs, body: Option<&'static str>) -> Self {
        Self { method, needs, body, revision: false, secret: false, file: false }
    }

    /// Reads.
    pub(in crate::http) const fn get(needs: Needs) -> Self {
        Self::new("GET", needs, None)
    }

    /// Makes or does something; with an example of its body.
    pub(super) const fn post(needs: Needs, body: &'static str) -> Self {
        Self::new("POST", needs, Some(body))
    }

    /// Does something without a body.
    pub(super) const fn act(needs: Needs) -> Self {
        Self::new("POST", needs, None)
    }

    /// Puts something in its place; with an example of its body.
    pub(super) const fn put(needs: Needs, body: &'static str) -> Self {
        Self::new("PUT", needs, Some(body))
    }

    /// Removes or ends something.
    pub(super) const fn delete(needs: Needs) -> Self {
        Self::new("DELETE", needs, None)
    }

    /// Takes a file; with an example of it.
    pub(super) const fn upload(needs: Needs, file: &'static str) -> Self {
        let mut operation = Self::post(needs, file);
        operation.file = true;
        operation
    }

    /// Largest body, in bytes.
    pub(super) const fn largest_body(&self) -> usize {
        if self.file { LARGEST_FILE } else { LARGEST_BODY }
    }

    /// The same, with `If-Match`.
    pub(super) const fn of_revision(mut self) -> Self {
        self.revision = true;
        self
    }

    /// The same, with a secret in its answer.
    pub(super) const fn with_secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A route and the server it belongs to.
pub(super) type Gateway = (Arc<App>, &'static Route);

/// Lets a request through to its handler if the table of its route says so.
pub(super) async fn admit(
    State((app, route)): State<Gateway>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(operation) = operation(route, request.method()) else { return Ok(not_allowed(route)) };
    let (access, session) = (caller(&request), request.extensions().get::<Session>().cloned());
    if !operation.needs.met(&access, session.is_some(), atlas(route, &request).as_ref()) {
        // Somebody who is signed in does not learn whether there is something.
        return Err(if access.is_anonymous() { Problem::unauthorized() } else { Problem::not_found() });
    }
    if operation.revision && !request.headers().contains_key(header::IF_MATCH) {
        return Err(Problem::revision_needed());
    }
    let writes = operation.method != "GET";
    if writes && app.atlases.is_cut_off() {
        return Err(Problem::no_store());
    }
    let response = idempotency::once(&app, operation, &access, request, next).await?;
    if writes && response.status().is_success() {
        // Whoever wrote reads what was written. If it fails, those who look all the time see it a moment later.
        let _ = app.atlases.refresh().await;
    }
    renewed(&app, session, response).await
}

/// An answer with a new secret for the session, if it is time for one.
async fn renewed(app: &App, session: Option<Session>, response: Response) -> Result<Response, Problem> {
    let Some(session) = session.filter(|_| !response.headers().contains_key(header::SET_COOKIE)) else {
        return Ok(response);
    };
    let secret = match app.gate.renew(&session, clock::now()).await {
        // It can wait until the store of people answers again.
        Err(AccessError::Store(error)) if error.is_passing() => None,
        renewed => renewed?,
    };
    Ok(match secret {
        Some(secret) => with_cookie(app, response, &secret),
        None => response,
    })
}

/// The operation of a route for a method, if it has it.
pub(super) fn operation(route: &Route, method: &Method) -> Option<&'static Operation> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    route.operations.iter().find(|o| o.method == method.as_str())
}

/// The atlas that the address names. A name that cannot be one is no atlas.
fn atlas(route: &Route, request: &Request) -> Option<Slug> {
    let named = route.pattern.starts_with("/api/atlases/{atlas}");
    named.then(|| request.uri().path().split('/').nth(3)?.parse().ok()).flatten()
}

fn not_allowed(route: &Route) -> Response {
    let mut response = Problem::method_not_allowed().into_response();
    let mut methods: Vec<&str> = route.operations.iter().map(|o| o.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// Holds the caller to the revision that it read.
///
/// # Errors
/// If `If-Match` names other tags. Tags are compared strongly (RFC 9110, 13.1.1); `*` matches whatever there is.
pub(super) fn same_revision(headers: &HeaderMap, tag: &str) -> Result<(), Problem> {
    let named = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = named.flat_map(|value| value.split(',')).map(str::trim);
    if tags.any(|named| named == tag || named == "*") { Ok(()) } else { Err(Problem::stale()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_revision_is_compared_strongly() {
        for (value, same) in
            [("\"3\"", true), ("\"2\", \"3\"", true), ("*", true), ("W/\"3\"", false), ("\"4\"", false)]
        {
            assert_eq!(same_revision(&headers(value), "\"3\"").is_ok(), same, "{value}");
        }
        assert!(same_revision(&HeaderMap::new(), "\"3\"").is_err());
    }

    #[test]
    fn the_command_line_meets_every_need_and_nobody_only_the_least() {
        let atlas: Slug = "a".parse().unwrap();
        let all = [Needs::SignedIn, Needs::Viewer, Needs::Editor, Needs::Publisher, Needs::Administrator];
        for needs in all.into_iter().chain([Needs::Manager, Needs::Operator]) {
            assert!(needs.met(&Access::local("root"), false, Some(&atlas)), "{needs:?}");
            assert!(!needs.met(&Access::public(), false, Some(&atlas)), "{needs:?}");
        }
        assert!(Needs::Anybody.met(&Access::public(), false, None));
    }
}
