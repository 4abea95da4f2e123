//! The server through its router: what the public sees, and status codes, headers and documents.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod api;
mod app;
mod audience;
mod documents;
mod facilities;
mod hidden;
mod matrix;
mod oidc;
mod public_only;
mod scopes;
mod staff;
