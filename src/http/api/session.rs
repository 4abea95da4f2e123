//! Signing in and out, and one's own account: password, second factor, sessions.
//!
//! The cookie holds a secret that only the server makes; it changes when somebody signs in or changes rights, and from
//! time to time. So nobody can hand a person a session that is known beforehand.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{SignIn, SignInAttempt, Stage},
    domain::{PersonName, Secret},
    http::{
        App, AppState,
        api::{
            answer,
            people::MembershipBody,
            problem::Problem,
            request::{Caller, Document, Segments, secret, secret_if_any},
        },
    },
    store::Id,
};

/// Name of the server in authenticator apps.
const ISSUER: &str = "Kommunalatlas";

/// What is to be done before a session has the person's rights.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StageBody {
    /// Nothing.
    Full,
    /// The password must be changed.
    PasswordDue,
    /// A second factor must be set up.
    SecondFactorDue,
}

impl From<Stage> for StageBody {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Full => Self::Full,
            Stage::PasswordDue => Self::PasswordDue,
            Stage::SecondFactorDue => Self::SecondFactorDue,
        }
    }
}

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionBody {
    /// Name of the person; `null` for a caller who is not signed in.
    name: Option<String>,
    /// Name for people, in a session.
    display_name: Option<String>,
    /// What is to be done first; `null` without a session.
    stage: Option<StageBody>,
    /// When the session ends, however much it is used.
    expires_at: Option<DateTime<Utc>>,
    /// Makes atlases and their administrators.
    operator: bool,
    /// What the person is, within the limits of the token if there is one.
    memberships: Vec<MembershipBody>,
}

/// Who is asking.
#[utoipa::path(get, path = "/api/session", operation_id = "show_session", tag = "session", responses((status = 200, description = "Who is asking", body = SessionBody)))]
pub(super) async fn show(caller: Caller) -> Json<SessionBody> {
    let session = caller.session.as_ref();
    let name = session.map(|session| session.name().as_str()).or(caller.access.name());
    Json(SessionBody {
        name: name.map(str::to_owned),
        display_name: session.map(|session| session.display_name().to_owned()),
        stage: session.map(|session| session.stage().into()),
        expires_at: session.map(crate::access::Session::expires_at),
        operator: caller.access.operator().is_some(),
        memberships: caller.access.memberships().iter().cloned().map(Into::into).collect(),
    })
}

/// Name, password, and the code of the second factor if there is one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInBody {
    name: String,
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// A code of the authenticator app, or a recovery code.
    #[serde(default, deserialize_with = "secret_if_any")]
    #[schema(value_type = Option<String>)]
    code: Option<Secret>,
}

/// What somebody who signed in has to do first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignedInBody {
    stage: StageBody,
}

/// Signs in. The answer sets the session's cookie.
#[utoipa::path(post, path = "/api/session", operation_id = "sign_in", tag = "session", request_body = SignInBody, responses((status = 200, description = "Signed in", body = SignedInBody), (status = 429, description = "Too many attempts; Retry-After says how long to wait")))]
pub(super) async fn sign_in(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<SignInBody>,
) -> Result<Response, Problem> {
    let attempt = SignInAttempt {
        name: &body.name,
        password: &body.password,
        factor: body.code.as_ref(),
        address: caller.address,
    };
    let outcome = app.gate.sign_in(&attempt, caller.now).await?;
    signed_in(&app, outcome)
}

/// The answer to somebody who came in, or did not.
fn signed_in(app: &App, outcome: SignIn) -> Result<Response, Problem> {
    match outcome {
        SignIn::SignedIn { secret, stage } => {
            let body = SignedInBody { stage: stage.into() };
            Ok(with_cookie(app, Json(body).into_response(), &secret))
        }
        SignIn::SecondFactorNeeded => Err(Problem::second_factor()),
        SignIn::Refused => Err(Problem::refused("Name, password or code are wrong.")),
        SignIn::TooMany { retry_after } => Err(Problem::too_many(retry_after)),
    }
}

/// Where somebody who came by the identity provider is still signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignedOutBody {
    /// A page of the provider that ends the session there, too, and leads back.
    provider_sign_out: String,
}

/// Ends this session.
#[utoipa::path(delete, path = "/api/session", operation_id = "sign_out", tag = "session", responses((status = 200, description = "Signed out here, but not yet at the identity provider", body = SignedOutBody), (status = 204, description = "Signed out")))]
pub(super) async fn sign_out(State(app): AppState, caller: Caller) -> Result<Response, Problem> {
    let session = caller.session()?;
    app.gate.sign_out(session, caller.now).await?;
    let elsewhere = if session.is_external() {
        app.gate.provider_sign_out(&app.public_url.join("/"), caller.now).await
    } else {
        None
    };
    let mut response = match elsewhere {
        Some(provider_sign_out) => answer::json(&SignedOutBody { provider_sign_out }),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    set_cookie(&mut response, &format!("{}; Max-Age=0", cookie(&app, "")));
    Ok(response)
}

/// A session of one's own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwnSession {
    id: Id,
    created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    seen_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// It is the one that asks.
    current: bool,
}

/// One's own sessions, the latest first.
#[utoipa::path(get, path = "/api/session/all", operation_id = "list_sessions", tag = "session", responses((status = 200, description = "Sessions", body = Vec<OwnSession>)))]
pub(super) async fn list(State(app): AppState, caller: Caller) -> Result<Response, Problem> {
    let sessions = app.gate.sessions(caller.session()?, caller.now).await?;
    let views = sessions.into_iter().map(|s| OwnSession {
        id: s.id,
        created_at: s.created_at,
        seen_at: s.seen_at,
        expires_at: s.expires_at,
        current: s.current,
    });
    Ok(answer::json(&views.collect::<Vec<_>>()))
}

/// Ends all of one's own sessions, this one too.
#[utoipa::path(delete, path = "/api/session/all", operation_id = "sign_out_everywhere", tag = "session", responses((status = 204, description = "Signed out everywhere")))]
pub(super) async fn sign_out_everywhere(State(app): AppState, caller: Caller) -> Result<StatusCode, Problem> {
    app.gate.sign_out_everywhere(caller.session()?, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/session/all/{session}", operation_id = "end_session", tag = "session", params(("session" = i64, Path)), responses((status = 204, description = "It has ended")))]
pub(super) async fn end(
    State(app): AppState,
    caller: Caller,
    Segments(id): Segments<Id>,
) -> Result<StatusCode, Problem> {
    app.gate.end_session(caller.session()?, id, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The present password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    present: Secret,
    /// At least 12 characters, not the name, none of the commonest.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Changes one's own password. All other sessions end.
#[utoipa::path(put, path = "/api/session/password", operation_id = "change_password", tag = "session", request_body = PasswordBody, responses((status = 204, description = "It is changed"), (status = 429, description = "Too many attempts")))]
pub(super) async fn change_password(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<PasswordBody>,
) -> Result<Response, Problem> {
    let session = caller.session()?;
    let secret = app.gate.change_password(session, &body.present, &body.password, caller.now).await?;
    Ok(with_cookie(&app, StatusCode::NO_CONTENT.into_response(), &secret))
}

/// A second factor that is being set up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnrolmentBody {
    /// The secret in base 32, for typing it.
    secret: String,
    /// The same as `otpauth://` URL, for a QR code.
    url: String,
}

/// Begins to set up a second factor; it is in force once it is confirmed.
#[utoipa::path(post, path = "/api/session/second-factor", operation_id = "enrol_second_factor", tag = "session", responses((status = 200, description = "The secret, shown once", body = EnrolmentBody)))]
pub(super) async fn enrol(State(app): AppState, caller: Caller) -> Result<Response, Problem> {
    let enrolment = app.gate.enrol_second_factor(caller.session()?, ISSUER).await?;
    let body = EnrolmentBody {
        secret: enrolment.secret.expose().to_owned(),
        url: enrolment.url.expose().to_owned(),
    };
    Ok(answer::json(&body))
}

/// A code of the authenticator app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    code: Secret,
}

/// Codes for the day on which the authenticator app is lost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecoveryBody {
    /// Each is good once.
    recovery_codes: Vec<String>,
}

/// Puts the second factor in force.
#[utoipa::path(put, path = "/api/session/second-factor", operation_id = "confirm_second_factor", tag = "session", request_body = CodeBody, responses((status = 200, description = "Recovery codes, shown once", body = RecoveryBody), (status = 429, description = "Too many attempts")))]
pub(super) async fn confirm(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<CodeBody>,
) -> Result<Response, Problem> {
    let session = caller.session()?;
    let (codes, secret) = app.gate.confirm_second_factor(session, &body.code, caller.now).await?;
    let recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    Ok(with_cookie(&app, answer::json(&RecoveryBody { recovery_codes }), &secret))
}

/// A one-time token and the password to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeemBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    token: Secret,
    /// At least 12 characters, not the name, none of the commonest.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Whose password was set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RedeemedBody {
    name: String,
}

/// Sets a password with a one-time token, of a new account or after a reset.
#[utoipa::path(post, path = "/api/password", operation_id = "redeem_token", tag = "session", request_body = RedeemBody, responses((status = 200, description = "Sign in with it now", body = RedeemedBody)))]
pub(super) async fn redeem(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<RedeemBody>,
) -> Result<Response, Problem> {
    let name = app.gate.set_password_by_token(&body.token, &body.password, caller.now).await?;
    Ok(answer::json(&RedeemedBody { name: name.to_string() }))
}

/// The token of the server's first start, and who becomes the first operator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstOperatorBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    token: Secret,
    #[schema(value_type = String)]
    name: PersonName,
    display_name: String,
    /// At least 12 characters, not the name, none of the commonest.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Makes the first operator and signs in.
#[utoipa::path(post, path = "/api/first-operator", operation_id = "claim_first_operator", tag = "session", request_body = FirstOperatorBody, responses((status = 200, description = "Signed in", body = SignedInBody)))]
pub(super) async fn first_operator(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<FirstOperatorBody>,
) -> Result<Response, Problem> {
    let named = (&body.name, body.display_name.as_str());
    let outcome = app.gate.claim_first_operator(&body.token, named, &body.password, caller.now).await?;
    signed_in(&app, outcome)
}

/// An answer that gives the session its secret.
pub(super) fn with_cookie(app: &App, mut response: Response, secret: &Secret) -> Response {
    set_cookie(&mut response, &cookie(app, secret.expose()));
    response
}

pub(super) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The session's cookie. Over https it is good for the whole host: browsers want that of a name that begins with `__Host-`.
fn cookie(app: &App, value: &str) -> String {
    cookie_named(app, app.gate.settings().cookie_name(), value)
}

/// A cookie that reaches this server only and no script.
pub(super) fn cookie_named(app: &App, name: &str, value: &str) -> String {
    if app.gate.settings().secure {
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Secure")
    } else {
        format!("{name}={value}; Path={}/; HttpOnly; SameSite=Lax", app.public_url.prefix())
    }
}
