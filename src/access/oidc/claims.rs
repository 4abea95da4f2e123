//! What a provider's claims say about a person: name and roles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    access::{
        ExternalIdentity,
        oidc::{OidcSettings, RoleNames, roles::meaning_of},
    },
    domain::{Membership, Role, Slug},
};

impl RoleNames {
    /// What somebody with these roles at the provider is here.
    fn memberships(&self, names: &[&str]) -> Vec<Membership> {
        let mut atlases: BTreeMap<Slug, BTreeSet<Role>> = BTreeMap::new();
        let mut add = |(atlas, role): (Slug, Role)| {
            atlases.entry(atlas).or_default().insert(role);
        };
        for name in names {
            if self.0.is_empty() {
                meaning_of(name).into_iter().for_each(&mut add);
            } else {
                let meanings = self.0.iter().filter(|(known, ..)| known == name);
                meanings.map(|(_, atlas, role)| (atlas.clone(), *role)).for_each(&mut add);
            }
        }
        let membership = |(atlas, roles)| Membership { atlas, roles, themes: None };
        atlases.into_iter().map(membership).collect()
    }
}

/// The claim at a path. Names of claims may contain dots themselves (`https://example.org/roles`).
pub(super) fn at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let below = |(dot, _): (usize, &str)| {
        let (head, tail) = path.split_at(dot);
        at(claims.get(head)?.as_object()?, tail.strip_prefix('.')?)
    };
    claims.get(path).or_else(|| path.match_indices('.').find_map(below))
}

/// The person that the claims tell of. Roles that mean nothing here are passed over.
pub(super) fn identity(
    settings: &OidcSettings,
    subject: &str,
    claims: &Map<String, Value>,
) -> ExternalIdentity {
    let text = |name: &str| {
        let text = claims.get(name).and_then(Value::as_str);
        text.map(str::trim).filter(|text| !text.is_empty())
    };
    let roles = match at(claims, &settings.roles_claim) {
        Some(Value::String(role)) => vec![role.as_str()],
        Some(Value::Array(roles)) => roles.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let name = text("preferred_username").or_else(|| text("email")).unwrap_or_default();
    ExternalIdentity {
        issuer: settings.issuer.clone(),
        subject: subject.to_owned(),
        name: name.to_owned(),
        display_name: text("name").unwrap_or(name).to_owned(),
        memberships: settings.roles.memberships(&roles),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{access::RoleNamesError, domain::Secret};

    fn settings(claim: &str, roles: &str) -> OidcSettings {
        OidcSettings {
            issuer: "https://id.example".into(),
            client_id: "atlas".into(),
            client_secret: Secret::new("0123456789abcdef"),
            roles_claim: claim.into(),
            roles: roles.parse().unwrap_or_default(),
            scopes: Vec::new(),
            roots: None,
        }
    }

    fn member(atlas: &str, roles: &[Role]) -> Membership {
        Membership { atlas: atlas.parse().unwrap(), roles: roles.iter().copied().collect(), themes: None }
    }

    fn found(settings: &OidcSettings, claims: &Value) -> Vec<Membership> {
        identity(settings, "4711", claims.as_object().unwrap()).memberships
    }

    #[test]
    fn roles_are_written_as_atlas_and_role_where_there_is_no_table() {
        let roles =
            ["kreis-a:editor", "kreis-a:viewer", "b:publisher", "offline_access", "b:king", ":editor"];
        let claims = json!({ "realm_access": { "roles": roles } });
        let expected = [member("b", &[Role::Publisher]), member("kreis-a", &[Role::Viewer, Role::Editor])];
        assert_eq!(found(&settings("realm_access.roles", ""), &claims), expected);
        assert_eq!(found(&settings("roles", ""), &claims), []);
        assert_eq!(found(&settings("r", ""), &json!({ "r": "b:viewer" })), [member("b", &[Role::Viewer])]);
        for nothing in [json!({}), json!({ "r": 3 }), json!({ "r": [3, null] }), json!({ "r": {} })] {
            assert_eq!(found(&settings("r", ""), &nothing), []);
        }
    }

    #[test]
    fn with_a_table_only_what_it_names_counts() {
        let table = "CN=Statistik,OU=Amt=a:statistician; leitung=a:viewer;leitung=b:publisher";
        let claims = json!({ "groups": ["CN=Statistik,OU=Amt", "leitung", "a:administrator"] });
        let expected = [member("a", &[Role::Viewer, Role::Statistician]), member("b", &[Role::Publisher])];
        assert_eq!(found(&settings("groups", table), &claims), expected);
        for bad in ["", "x", "x=a", "x=a:king", "x=A B:viewer", ";"] {
            assert_eq!(bad.parse::<RoleNames>(), Err(RoleNamesError), "{bad}");
        }
    }

    #[test]
    fn names_of_claims_may_contain_dots() {
        let claims = json!({
            "https://example.org/roles": ["a:viewer"],
            "resource_access": { "atlas.example.org": { "roles": ["a:editor"] } },
        });
        let roles = |claim: &str| found(&settings(claim, ""), &claims);
        assert_eq!(roles("https://example.org/roles"), [member("a", &[Role::Viewer])]);
        assert_eq!(roles("resource_access.atlas.example.org.roles"), [member("a", &[Role::Editor])]);
        assert_eq!(roles("resource_access.atlas.roles"), []);
    }

    #[test]
    fn a_person_is_called_as_the_provider_says() {
        let named = |claims: Value| {
            let identity = identity(&settings("r", ""), "4711", claims.as_object().unwrap());
            (identity.name, identity.display_name)
        };
        let pair = |name: &str, display: &str| (name.to_owned(), display.to_owned());
        let all = json!({ "preferred_username": "anna", "email": "a@b", "name": "Anna M." });
        assert_eq!(named(all), pair("anna", "Anna M."));
        assert_eq!(named(json!({ "email": "a@b", "name": " " })), pair("a@b", "a@b"));
        assert_eq!(named(json!({})), pair("", ""));
    }

    proptest! {
        #[test]
        fn any_path_is_looked_for(path in "[a.]{0,12}") {
            let claims = json!({ "a": { "a": { "a": 1 } }, "": { "": 2 } });
            let _ = at(claims.as_object().unwrap(), &path);
        }

        #[test]
        fn any_table_is_read_or_refused(text in ".{0,60}") {
            let _ = text.parse::<RoleNames>();
        }
    }
}
