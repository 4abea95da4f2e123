//! People, what they are in atlases, and letting them in again. Operators see everybody, administrators the people of
//! their atlases; who else is named does not exist.

use std::collections::BTreeSet;

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{Account, Membership, NewAccount},
    domain::{PersonName, Role, Slug},
    http::{
        AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, Document, Segments},
            tokens::TokenView,
        },
    },
    store::Id,
};

/// What a person is in one atlas.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MembershipBody {
    /// Slug of the atlas.
    #[schema(value_type = String)]
    atlas: Slug,
    /// `viewer`, `editor`, `statistician`, `publisher`, `administrator`.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// Slugs of the themes that it is limited to; `null` = all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    themes: Option<BTreeSet<Slug>>,
}

impl From<Membership> for MembershipBody {
    fn from(Membership { atlas, roles, themes }: Membership) -> Self {
        Self { atlas, roles, themes }
    }
}

impl From<MembershipBody> for Membership {
    fn from(MembershipBody { atlas, roles, themes }: MembershipBody) -> Self {
        Self { atlas, roles, themes }
    }
}

/// A person as those see it who manage it.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "four facts about an account, each on its own")]
pub(super) struct PersonView {
    /// What the person signs in with.
    #[schema(value_type = String)]
    name: PersonName,
    display_name: String,
    operator: bool,
    /// Cannot sign in.
    disabled: bool,
    /// Has set up a second factor.
    second_factor: bool,
    /// An identity provider vouches for the person.
    external: bool,
    created_at: DateTime<Utc>,
    /// When the person last came in.
    used_at: DateTime<Utc>,
    /// What the person is, in the atlases of who asks.
    memberships: Vec<MembershipBody>,
}

impl From<Account> for PersonView {
    fn from(account: Account) -> Self {
        Self {
            name: account.name,
            display_name: account.display_name,
            operator: account.operator,
            disabled: account.disabled,
            second_factor: account.second_factor,
            external: account.external,
            created_at: account.created_at,
            used_at: account.used_at,
            memberships: account.memberships.into_iter().map(Into::into).collect(),
        }
    }
}

/// The people that the caller manages, by name.
#[utoipa::path(get, path = "/api/people", operation_id = "list_people", tag = "people", responses((status = 200, description = "People", body = Vec<PersonView>)))]
pub(super) async fn list(State(app): AppState, caller: Caller) -> Result<Response, Problem> {
    let people = app.gate.people(&caller.manager()?).await?;
    Ok(answer::json(&people.into_iter().map(PersonView::from).collect::<Vec<_>>()))
}

/// The members of an atlas, by name.
#[utoipa::path(get, path = "/api/atlases/{atlas}/members", operation_id = "list_members", tag = "people", params(("atlas" = String, Path)), responses((status = 200, description = "People", body = Vec<PersonView>)))]
pub(super) async fn members(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    caller.administrator(&atlas)?;
    let mut people = app.gate.people(&caller.manager()?).await?;
    for person in &mut people {
        person.memberships.retain(|m| m.atlas == atlas);
    }
    people.retain(|person| !person.memberships.is_empty());
    Ok(answer::json(&people.into_iter().map(PersonView::from).collect::<Vec<_>>()))
}

/// A person to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPersonBody {
    /// What the person signs in with: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-` and `@`.
    #[schema(value_type = String)]
    name: PersonName,
    display_name: String,
    /// Operates the platform; only an operator may say so.
    #[serde(default)]
    operator: bool,
    /// What the person is from the beginning. Administrators name at least one of their atlases.
    #[serde(default)]
    memberships: Vec<MembershipBody>,
}

/// A token that is good once and shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OneTimeBody {
    /// To be handed to the person, who sets a password with it at `POST /api/password` within 24 hours.
    one_time_token: Option<String>,
}

/// Adds a person.
#[utoipa::path(post, path = "/api/people", operation_id = "add_person", tag = "people", request_body = NewPersonBody, responses((status = 201, description = "The one-time token, shown once", body = OneTimeBody)))]
pub(super) async fn add(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<NewPersonBody>,
) -> Result<Response, Problem> {
    let account = NewAccount {
        name: body.name,
        display_name: body.display_name,
        password: None,
        keeps_password: false,
        operator: body.operator,
        memberships: body.memberships.into_iter().map(Into::into).collect(),
    };
    let token = app.gate.add_person(&caller.manager()?, &account, caller.now).await?;
    let one_time_token = token.map(|token| token.expose().to_owned());
    Ok(answer::with_status(StatusCode::CREATED, &OneTimeBody { one_time_token }))
}

/// Removes a person with sessions, tokens and memberships; records keep the name.
#[utoipa::path(delete, path = "/api/people/{person}", operation_id = "remove_person", tag = "people", params(("person" = String, Path)), responses((status = 204, description = "Removed")))]
pub(super) async fn remove(
    State(app): AppState,
    caller: Caller,
    Segments(name): Segments<PersonName>,
) -> Result<StatusCode, Problem> {
    app.gate.remove_person(&caller.manager()?, &name, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Yes or no.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchBody {
    value: bool,
}

/// Locks a person out, or lets them in again.
#[utoipa::path(put, path = "/api/people/{person}/disabled", operation_id = "disable_person", tag = "people", params(("person" = String, Path)), request_body = SwitchBody, responses((status = 204, description = "It is so")))]
pub(super) async fn disable(
    State(app): AppState,
    caller: Caller,
    Segments(name): Segments<PersonName>,
    Document(body): Document<SwitchBody>,
) -> Result<StatusCode, Problem> {
    app.gate.set_disabled(&caller.manager()?, &name, body.value, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a person an operator of the platform, or no longer.
#[utoipa::path(put, path = "/api/people/{person}/operator", operation_id = "make_operator", tag = "people", params(("person" = String, Path)), request_body = SwitchBody, responses((status = 204, description = "It is so")))]
pub(super) async fn make_operator(
    State(app): AppState,
    caller: Caller,
    Segments(name): Segments<PersonName>,
    Document(body): Document<SwitchBody>,
) -> Result<StatusCode, Problem> {
    app.gate.set_operator(&caller.manager()?, &name, body.value, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the password of a person away, who sets a new one with the token in the answer.
#[utoipa::path(post, path = "/api/people/{person}/password-reset", operation_id = "reset_password", tag = "people", params(("person" = String, Path)), responses((status = 200, description = "The one-time token, shown once", body = OneTimeBody)))]
pub(super) async fn reset_password(
    State(app): AppState,
    caller: Caller,
    Segments(name): Segments<PersonName>,
) -> Result<Response, Problem> {
    let token = app.gate.reset_password(&caller.manager()?, &name, caller.now).await?;
    Ok(answer::json(&OneTimeBody { one_time_token: Some(token.expose().to_owned()) }))
}

/// Takes the second factor of a person away, who lost the device and the recovery codes.
#[utoipa::path(delete, path = "/api/people/{person}/second-factor", operation_id = "reset_second_factor", tag = "people", params(("person" = String, Path)), responses((status = 204, description = "It is gone")))]
pub(super) async fn reset_second_factor(
    State(app): AppState,
    caller: Caller,
    Segments(name): Segments<PersonName>,
) -> Result<StatusCode, Problem> {
    app.gate.reset_second_factor(&caller.manager()?, &name, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The tokens of a person that the caller may revoke, also those that have ended.
#[utoipa::path(get, path = "/api/people/{person}/tokens", operation_id = "list_tokens_of_person", tag = "people", params(("person" = String, Path)), responses((status = 200, description = "Tokens", body = Vec<TokenView>)))]
pub(super) async fn tokens(
    State(app): AppState,
    caller: Caller,
    Segments(name): Segments<PersonName>,
) -> Result<Response, Problem> {
    let tokens = app.gate.tokens_of(&caller.manager()?, &name).await?;
    Ok(answer::json(&tokens.into_iter().map(TokenView::from).collect::<Vec<_>>()))
}

/// Revokes a token of a person.
#[utoipa::path(delete, path = "/api/people/{person}/tokens/{token}", operation_id = "revoke_token_of_person", tag = "people", params(("person" = String, Path), ("token" = i64, Path)), responses((status = 204, description = "It is no longer good")))]
pub(super) async fn revoke_token(
    State(app): AppState,
    caller: Caller,
    Segments((name, token)): Segments<(PersonName, Id)>,
) -> Result<StatusCode, Problem> {
    app.gate.revoke_token_of(&caller.manager()?, &name, token, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a role is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantBody {
    /// Limits the whole membership to these themes; `null` leaves a limit as it is.
    #[schema(value_type = Option<Vec<String>>)]
    themes: Option<BTreeSet<Slug>>,
}

/// Gives a person a role in an atlas. Operators give that of administrators only.
#[utoipa::path(put, path = "/api/atlases/{atlas}/members/{person}/roles/{role}", operation_id = "grant_role", tag = "people", params(("atlas" = String, Path), ("person" = String, Path), ("role" = String, Path)), request_body = GrantBody, responses((status = 204, description = "The person has it")))]
pub(super) async fn grant(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, name, role)): Segments<(Slug, PersonName, Role)>,
    Document(body): Document<GrantBody>,
) -> Result<StatusCode, Problem> {
    app.gate.grant(&caller.manager()?, &name, (&atlas, role), body.themes, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a role of a person in an atlas; without a role the person is nothing there any more.
#[utoipa::path(delete, path = "/api/atlases/{atlas}/members/{person}/roles/{role}", operation_id = "revoke_role", tag = "people", params(("atlas" = String, Path), ("person" = String, Path), ("role" = String, Path)), responses((status = 204, description = "The person has it no longer")))]
pub(super) async fn revoke(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, name, role)): Segments<(Slug, PersonName, Role)>,
) -> Result<StatusCode, Problem> {
    app.gate.revoke(&caller.manager()?, &name, (&atlas, role), caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the limit to themes of a membership away.
#[utoipa::path(delete, path = "/api/atlases/{atlas}/members/{person}/themes", operation_id = "lift_themes", tag = "people", params(("atlas" = String, Path), ("person" = String, Path)), responses((status = 204, description = "It is not limited any more")))]
pub(super) async fn lift_themes(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, name)): Segments<(Slug, PersonName)>,
) -> Result<StatusCode, Problem> {
    app.gate.lift_themes(&caller.manager()?, &name, &atlas, caller.now).await?;
    Ok(StatusCode::NO_CONTENT)
}
