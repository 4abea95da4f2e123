//! What atlases lend to each other. The lender's administrators grant and end; the borrower's see what they have.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::Slug,
    http::{
        AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, Document, Segments},
        },
    },
    store::{AuditEntry, ShareRow},
};

/// An indicator on a level that one atlas lends to another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShareView {
    /// The atlas that it belongs to.
    #[schema(value_type = String)]
    lender: Slug,
    /// The atlas that may show it to its members.
    #[schema(value_type = String)]
    borrower: Slug,
    /// Level of the lender.
    #[schema(value_type = String)]
    level: Slug,
    /// Indicator of the lender.
    #[schema(value_type = String)]
    indicator: Slug,
    /// The borrower may show in its public area what the lender has released.
    may_release: bool,
}

impl From<ShareRow> for ShareView {
    fn from(row: ShareRow) -> Self {
        let ShareRow { lender, borrower, indicator, level, may_release } = row;
        Self { lender, borrower, level, indicator, may_release }
    }
}

/// What an atlas lends and borrows.
#[utoipa::path(get, path = "/api/atlases/{atlas}/shares", operation_id = "list_shares", tag = "shares", params(("atlas" = String, Path)), responses((status = 200, description = "Shares in force", body = Vec<ShareView>)))]
pub(super) async fn list(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    caller.administrator(&atlas)?;
    let mut rows = app.store.shares_in_force().await?;
    rows.retain(|row| row.lender == atlas || row.borrower == atlas);
    Ok(answer::json(&rows.into_iter().map(ShareView::from).collect::<Vec<_>>()))
}

/// What the borrower may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShareBody {
    /// Show in its public area what the lender has released.
    may_release: bool,
}

/// Lender, borrower, level and indicator of an address.
type Lent = (Slug, Slug, Slug, Slug);

fn share((lender, borrower, level, indicator): Lent, may_release: bool) -> ShareRow {
    ShareRow { lender, borrower, indicator, level, may_release }
}

/// An entry of the lender's log. The borrower's administrators see the share itself.
fn entry(caller: &Caller, action: &str, share: &ShareRow) -> Result<AuditEntry, Problem> {
    let subject = format!("{}/{} to {}", share.level, share.indicator, share.borrower);
    Ok(caller.entry(action)?.of_atlas(&share.lender).about(subject))
}

/// Lends an indicator on a level to another atlas, or changes what that may do with it.
#[utoipa::path(put, path = "/api/atlases/{atlas}/shares/{borrower}/{level}/{indicator}", operation_id = "grant_share", tag = "shares", params(("atlas" = String, Path), ("borrower" = String, Path), ("level" = String, Path), ("indicator" = String, Path)), request_body = ShareBody, responses((status = 200, description = "The share", body = ShareView)))]
pub(super) async fn grant(
    State(app): AppState,
    caller: Caller,
    Segments(lent): Segments<Lent>,
    Document(body): Document<ShareBody>,
) -> Result<Response, Problem> {
    let share = share(lent, body.may_release);
    let administrator = caller.administrator(&share.lender)?;
    app.store.grant_share(&share, administrator.name(), caller.now).await?;
    let after = serde_json::json!({ "may_release": share.may_release });
    app.record(entry(&caller, "share.granted", &share)?.changing(None, Some(after))).await?;
    Ok(answer::json(&ShareView::from(share)))
}

/// Ends a share. The borrower no longer sees it within a second.
#[utoipa::path(delete, path = "/api/atlases/{atlas}/shares/{borrower}/{level}/{indicator}", operation_id = "end_share", tag = "shares", params(("atlas" = String, Path), ("borrower" = String, Path), ("level" = String, Path), ("indicator" = String, Path)), responses((status = 204, description = "It has ended")))]
pub(super) async fn end(
    State(app): AppState,
    caller: Caller,
    Segments(lent): Segments<Lent>,
) -> Result<StatusCode, Problem> {
    let share = share(lent, false);
    let administrator = caller.administrator(&share.lender)?;
    if !app.store.end_share(&share, administrator.name(), caller.now).await? {
        return Err(Problem::not_found());
    }
    app.record(entry(&caller, "share.ended", &share)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
