//! The description of the API (OpenAPI 3.1), made from the handlers' own types and the table of routes.
//!
//! Types and texts come from the handlers; who may call, which headers are needed and what can go wrong come from the
//! table, so that the description cannot say something else than what the server does.

use axum::{Json, extract::State, response::IntoResponse};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::http::{
    AppState, Route,
    api::{
        admit::{Needs, Operation},
        agreements, area, atlases, audit, bundles, disclosure, leaving, oidc, people,
        problem::{Problem, ProblemDocument},
        releases,
        routes::ROUTES,
        session, shares, tokens,
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kommunalatlas",
        description = "Signing in, people and rights, releases and disclosure control of the atlases of a server."
    ),
    paths(
        description,
        session::show,
        session::sign_in,
        session::sign_out,
        session::list,
        session::sign_out_everywhere,
        session::end,
        session::change_password,
        session::enrol,
        session::confirm,
        session::redeem,
        session::first_operator,
        oidc::login,
        oidc::callback,
        tokens::list,
        tokens::add,
        tokens::revoke,
        audit::of_atlas,
        audit::of_platform,
        people::list,
        people::members,
        people::add,
        people::remove,
        people::disable,
        people::make_operator,
        people::reset_password,
        people::reset_second_factor,
        people::grant,
        people::revoke,
        people::lift_themes,
        people::tokens,
        people::revoke_token,
        atlases::list,
        atlases::create,
        leaving::export,
        leaving::remove,
        area::settings,
        area::change_settings,
        area::progress,
        area::put_public_area,
        bundles::list,
        bundles::create,
        bundles::show,
        bundles::history,
        bundles::change,
        bundles::check,
        bundles::approve,
        bundles::release,
        bundles::withdraw,
        releases::list,
        releases::certificate,
        releases::withdraw,
        releases::roll_back,
        shares::list,
        shares::grant,
        shares::end,
        agreements::list,
        agreements::add,
        agreements::file,
        disclosure::why,
        disclosure::proposals
    ),
    components(schemas(ProblemDocument))
)]
struct Description;

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "description", responses((status = 200, description = "OpenAPI 3.1", body = Value)))]
pub(super) async fn description(State(app): AppState) -> Result<impl IntoResponse, Problem> {
    document(&app.public_url.join("")).map(Json).map_err(|error| Problem::internal(&error))
}

/// The whole description, for a server at this address.
///
/// # Errors
/// If it cannot be written as JSON.
fn document(server: &str) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(Description::openapi())?;
    document["servers"] = json!([{ "url": server }]);
    document["components"]["securitySchemes"] = json!({
        "session": {"type": "apiKey", "in": "cookie", "name": "kommunalatlas", "description": "Cookie of POST /api/session; with https and without a path its name begins with __Host-."},
        "token": {"type": "http", "scheme": "bearer"},
        "tokenAsPassword": {"type": "http", "scheme": "basic", "description": "A token as the password, for programs that know no Bearer."},
    });
    for route in ROUTES {
        for operation in route.operations {
            complete(
                &mut document["paths"][route.pattern][operation.method.to_lowercase()],
                route,
                operation,
            );
        }
    }
    Ok(document)
}

/// Adds what the table knows: who may, examples, headers, problems.
fn complete(described: &mut Value, route: &Route, operation: &Operation) {
    if described.is_null() {
        return;
    }
    described["security"] = match operation.needs {
        Needs::Anybody => json!([]),
        _ => json!([{ "session": [] }, { "token": [] }, { "tokenAsPassword": [] }]),
    };
    described["x-needs"] = json!(format!("{:?}", operation.needs).to_lowercase());
    if let Some(example) =
        operation.body.filter(|_| !operation.file).and_then(|text| serde_json::from_str::<Value>(text).ok())
    {
        described["requestBody"]["content"]["application/json"]["example"] = example;
    }
    let mut headers = Vec::new();
    if operation.revision {
        headers.push(header("If-Match", true, "The ETag of what is changed."));
    }
    if operation.method == "POST" && operation.needs != Needs::Anybody {
        headers.push(header(
            "Idempotency-Key",
            false,
            "Makes it safe to send the request again, for 24 hours.",
        ));
    }
    if !headers.is_empty() {
        match described.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.append(&mut headers),
            None => described["parameters"] = headers.into(),
        }
    }
    if operation.file {
        // Bytes, as OpenAPI 3.1 says it: a media type without a schema.
        described["requestBody"]["content"] = json!({ "application/pdf": {} });
    }
    let mut responses = Map::new();
    for (status, description) in problems(route, operation) {
        let content =
            json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}});
        responses.insert(status.to_owned(), json!({"description": description, "content": content}));
    }
    if let Some(known) = described["responses"].as_object_mut() {
        for (status, response) in responses {
            known.entry(status).or_insert(response);
        }
    }
}

fn header(name: &str, required: bool, description: &str) -> Value {
    json!({"name": name, "in": "header", "required": required, "description": description, "schema": {"type": "string"}})
}

/// What can go wrong with an operation, by status.
fn problems(route: &Route, operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let mut problems = vec![("401", "Nobody is signed in, or the credentials are wrong or have expired.")];
    if operation.needs != Needs::Anybody || route.pattern.contains('{') {
        problems.push(("404", "There is no such thing, or the caller may not know of it."));
    }
    if operation.method != "GET" {
        problems.push(("403", "Sent by a page of another site."));
        problems.push(("409", "It contradicts the present state."));
    }
    if operation.body.is_some() {
        problems.extend([
            ("400", "The body is not valid JSON."),
            ("413", "The body is too large."),
            ("415", "The body is of another media type."),
            ("422", "A field cannot be used; the problem points at it."),
        ]);
    }
    if operation.revision {
        problems.extend([("412", "It was changed meanwhile."), ("428", "The revision was not named.")]);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn described() -> Value {
        document("http://localhost:8080").unwrap()
    }

    #[test]
    fn the_description_and_the_table_name_the_same_operations() {
        let document = described();
        let paths = document["paths"].as_object().unwrap();
        let in_description: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase())).collect::<Vec<_>>()
            })
            .collect();
        let in_table: BTreeSet<(String, String)> = ROUTES
            .iter()
            .flat_map(|route| {
                route.operations.iter().map(|o| (route.pattern.to_owned(), o.method.to_owned()))
            })
            .collect();
        assert_eq!(in_description, in_table);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = described();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_describes_its_path_parameters_and_success() {
        let document = described();
        let mut ids = BTreeSet::new();
        for route in ROUTES {
            for operation in route.operations {
                let described = &document["paths"][route.pattern][operation.method.to_lowercase()];
                let name = format!("{} {}", operation.method, route.pattern);
                assert!(ids.insert(described["operationId"].as_str().unwrap().to_owned()), "{name}");
                assert!(!described["summary"].as_str().unwrap_or_default().is_empty(), "{name}");
                let responses = described["responses"].as_object().unwrap();
                assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{name}");
                let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
                let in_path: BTreeSet<&str> = parameters
                    .iter()
                    .filter(|p| p["in"] == "path")
                    .filter_map(|p| p["name"].as_str())
                    .collect();
                let in_pattern: BTreeSet<&str> = route
                    .pattern
                    .split('/')
                    .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                    .collect();
                assert_eq!(in_path, in_pattern, "{name}");
                assert_eq!(described["requestBody"].is_null(), operation.body.is_none(), "{name}");
            }
        }
    }

    #[test]
    fn it_is_openapi_3_1() {
        assert_eq!(described()["openapi"], "3.1.0");
    }
}
