//! One's own API tokens. A token cannot make another one: that takes a session.

use std::collections::BTreeSet;

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::TokenRequest,
    domain::{Role, Slug},
    http::{
        AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, Document, Segments},
        },
    },
    store::{Id, TokenRow},
};

/// Longest life of a token that has an end, in days.
const LONGEST_LIFE: u32 = 3660;

/// A token as it is listed; the token itself is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    id: Id,
    /// What it is for.
    label: String,
    /// Its first characters.
    prefix: String,
    /// The atlas that it is limited to.
    #[schema(value_type = Option<String>)]
    atlas: Option<Slug>,
    /// The roles that it is limited to.
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<BTreeSet<Role>>,
    operator: bool,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<TokenRow> for TokenView {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id,
            label: row.label,
            prefix: row.prefix,
            atlas: row.atlas,
            roles: row.roles,
            operator: row.operator,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// One's own tokens, also those that have ended.
#[utoipa::path(get, path = "/api/tokens", operation_id = "list_tokens", tag = "tokens", responses((status = 200, description = "Tokens", body = Vec<TokenView>)))]
pub(super) async fn list(State(app): AppState, caller: Caller) -> Result<Response, Problem> {
    let tokens = app.gate.tokens(&caller.owner()?).await?;
    Ok(answer::json(&tokens.into_iter().map(TokenView::from).collect::<Vec<_>>()))
}

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTokenBody {
    /// What it is for.
    label: String,
    /// Limits it to this atlas.
    #[schema(value_type = Option<String>)]
    atlas: Option<Slug>,
    /// Limits it to these roles.
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<BTreeSet<Role>>,
    /// It brings the right to operate the platform, if the person has it.
    #[serde(default)]
    operator: bool,
    /// How long it is good, 1 to 3660; until it is revoked if it is not said.
    days: Option<u32>,
}

/// A token, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownToken {
    id: Id,
    /// For `Authorization: Bearer`, or as the password of HTTP Basic.
    token: String,
}

/// Makes a token. It is shown in this answer and never again.
#[utoipa::path(post, path = "/api/tokens", operation_id = "add_token", tag = "tokens", request_body = NewTokenBody, responses((status = 201, description = "The token", body = ShownToken)))]
pub(super) async fn add(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<NewTokenBody>,
) -> Result<Response, Problem> {
    if body.days.is_some_and(|days| !(1..=LONGEST_LIFE).contains(&days)) {
        return Err(Problem::field("/days", format!("Write a number of days from 1 to {LONGEST_LIFE}.")));
    }
    let good_for = body.days.map(|days| TimeDelta::days(days.into()));
    let NewTokenBody { label, atlas, roles, operator, .. } = body;
    let request = TokenRequest { label, atlas, roles, operator, good_for };
    let (id, token) = app.gate.add_token(&caller.owner()?, &request, caller.now).await?;
    Ok(answer::with_status(StatusCode::CREATED, &ShownToken { id, token: token.expose().to_owned() }))
}

/// Revokes one of one's own tokens.
#[utoipa::path(delete, path = "/api/tokens/{token}", operation_id = "revoke_token", tag = "tokens", params(("token" = i64, Path)), responses((status = 204, description = "It is no longer good")))]
pub(super) async fn revoke(
    State(app): AppState,
    caller: Caller,
    Segments(id): Segments<Id>,
) -> Result<StatusCode, Problem> {
    app.gate.revoke_token(&caller.owner()?, id, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}
