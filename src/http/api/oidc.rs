//! Coming in by the identity provider: away to its page, and back from it.
//!
//! Must not know: what the provider says, how it is checked. Whatever goes wrong there, the person reads one sentence of
//! ours; the log knows more.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    access::{LoginReturn, SignIn},
    domain::Secret,
    http::{
        App, AppState,
        api::{
            problem::Problem,
            request::{Caller, Params, secret_if_any},
            session::{cookie_named, set_cookie, with_cookie},
        },
    },
};

/// Seconds for which a browser keeps a login that is under way.
const UNDER_WAY: u32 = 600;

/// Where to be in the end.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LoginParams {
    /// Path on this server, with its query; the start page if it is not said.
    return_to: Option<String>,
}

/// Begins a login by the identity provider: sends the browser there.
#[utoipa::path(get, path = "/api/oidc/login", operation_id = "begin_login", tag = "session", params(LoginParams), responses((status = 303, description = "To the provider's page"), (status = 404, description = "No identity provider is configured"), (status = 422, description = "The address to return to is not on this server"), (status = 503, description = "The provider does not answer")))]
pub(super) async fn login(
    State(app): AppState,
    caller: Caller,
    Params(params): Params<LoginParams>,
) -> Result<Response, Problem> {
    let return_to = params.return_to.unwrap_or_else(|| format!("{}/", app.public_url.prefix()));
    let start = app.gate.begin_login(&callback_address(&app), &return_to, caller.now).await?;
    let mut response = see_other(start.address);
    let cookie = cookie_named(&app, app.gate.settings().login_cookie_name(), start.cookie.expose());
    set_cookie(&mut response, &format!("{cookie}; Max-Age={UNDER_WAY}"));
    Ok(response)
}

/// What the provider sends along. It may send more, which is passed over.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackParams {
    state: Option<String>,
    /// Missing if the provider did not let the person in.
    #[serde(default, deserialize_with = "secret_if_any")]
    #[param(value_type = Option<String>)]
    code: Option<Secret>,
    iss: Option<String>,
}

/// Ends a login by the identity provider. The answer sets the session's cookie.
#[utoipa::path(get, path = "/api/oidc/callback", operation_id = "finish_login", tag = "session", params(CallbackParams), responses((status = 303, description = "Signed in; to the page where the person wanted to be"), (status = 400, description = "This browser began no such login, or too long ago"), (status = 404, description = "No identity provider is configured"), (status = 503, description = "The provider does not answer")))]
pub(super) async fn callback(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<CallbackParams>,
) -> Result<Response, Problem> {
    let answer = LoginReturn {
        cookie: headers.get(header::COOKIE).map(HeaderValue::as_bytes),
        state: params.state.as_deref(),
        code: params.code.as_ref(),
        issuer: params.iss.as_deref(),
    };
    let address = callback_address(&app);
    let outcome = app.gate.finish_login(&address, answer, caller.address, caller.now).await?;
    let (SignIn::SignedIn { secret, .. }, return_to) = outcome else {
        return Err(Problem::refused("This account may not sign in here."));
    };
    // Nothing of the address is taken from the request: the path was checked when the login began.
    let response = see_other(format!("{}{return_to}", app.public_url.origin()));
    let mut response = with_cookie(&app, response, &secret);
    let cookie = cookie_named(&app, app.gate.settings().login_cookie_name(), "");
    set_cookie(&mut response, &format!("{cookie}; Max-Age=0"));
    Ok(response)
}

/// Where the provider sends the browser back to. It is registered there exactly so.
fn callback_address(app: &App) -> String {
    app.public_url.join("/api/oidc/callback")
}

fn see_other(address: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}
