//! The JSON API: sessions, cross-site requests, problems, revisions, repeated requests, the way of a bundle.

use kommunalatlas::{
    access::Manager,
    clock,
    domain::{Role, Source, Status, Text},
    store::{AuditFilter, NewSeries, OpenMode, Store},
};
use serde_json::{Value, json};

use crate::{
    app::{column, internal, record, series, slug},
    staff::{PASSWORD, Staff, cookie_of},
};

const BUNDLE: &str = r#"{"title": "Zweite Freigabe", "indicators": ["i"], "levels": ["l"], "periods": ["2020"], "audience": "public"}"#;
const BUNDLES: &str = "/api/atlases/a/bundles";

#[tokio::test]
async fn a_person_signs_in_is_known_and_signs_out() {
    let staff = Staff::new().await;
    let cookie = staff.cookie("viewer").await;
    let me = staff.app.ask("GET", "/api/session", &[("cookie", &cookie)]).await.json();
    assert_eq!((&me["name"], &me["stage"]), (&json!("viewer"), &json!("full")));
    assert_eq!(me["memberships"], json!([{"atlas": "a", "roles": ["viewer"], "themes": null}]));
    let out = staff.app.ask("DELETE", "/api/session", &[("cookie", &cookie)]).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let gone = staff.app.ask("GET", "/api/session", &[("cookie", &cookie)]).await.json();
    assert_eq!(gone["name"], Value::Null);
}

#[tokio::test]
async fn a_session_that_somebody_else_chose_is_not_taken() {
    let staff = Staff::new().await;
    let planted = staff.cookie("viewer").await;
    let body = json!({"name": "publisher", "password": PASSWORD}).to_string();
    let answer = staff.post("/api/session", &[("cookie", &planted)], &body).await;
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
    assert_ne!(cookie_of(&answer), planted);
    assert_ne!(staff.cookie("publisher").await, cookie_of(&answer));
}

#[tokio::test]
async fn wrong_credentials_say_nothing_and_many_must_wait() {
    let staff = Staff::new().await;
    let mut statuses = Vec::new();
    for name in ["viewer", "nobody-of-that-name"] {
        let body = json!({"name": name, "password": "not the password"}).to_string();
        let mut last = None;
        for _ in 0..16 {
            let answer = staff.post("/api/session", &[], &body).await;
            assert!([401, 429].contains(&answer.status));
            last = Some(answer);
        }
        let last = last.unwrap();
        assert_eq!(last.status, 429);
        assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        statuses.push(staff.post("/api/session", &[], &body).await.status);
    }
    assert_eq!(statuses, [429, 429]);
}

#[tokio::test]
async fn the_second_factor_is_asked_for_once_it_is_set_up() {
    let staff = Staff::new().await;
    let cookie = staff.cookie("administrator").await;
    let enrolled = staff.app.ask("POST", "/api/session/second-factor", &[("cookie", &cookie)]).await.json();
    let bytes = totp_rs::Secret::Encoded(enrolled["secret"].as_str().unwrap().into()).to_bytes().unwrap();
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 0, 30, bytes).unwrap();
    let code = totp.generate(u64::try_from(clock::now().timestamp()).unwrap());
    let body = json!({ "code": code }).to_string();
    let confirmed = staff.json("PUT", "/api/session/second-factor", &[("cookie", &cookie)], &body).await;
    assert_eq!(confirmed.status, 200);
    assert_ne!(cookie_of(&confirmed), cookie);
    let recovery = confirmed.json()["recovery_codes"][0].as_str().unwrap().to_owned();

    let mut body = json!({"name": "administrator", "password": PASSWORD});
    let asked = staff.post("/api/session", &[], &body.to_string()).await;
    assert_eq!(
        (asked.status, &asked.json()["type"]),
        (401, &json!("urn:kommunalatlas:problem:second-factor"))
    );
    assert!(asked.header("set-cookie").is_none());
    body["code"] = json!(recovery);
    assert_eq!(staff.post("/api/session", &[], &body.to_string()).await.status, 200);
    assert_eq!(staff.post("/api/session", &[], &body.to_string()).await.status, 401, "a code is good once");
}

#[tokio::test]
async fn a_page_of_another_site_does_nothing_with_the_cookie() {
    let staff = Staff::new().await;
    let cookie = staff.cookie("publisher").await;
    for evil in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
    ] {
        let answer = staff.post(BUNDLES, &[("cookie", &cookie), evil], BUNDLE).await;
        assert_eq!(answer.status, 403, "{evil:?}");
        assert_eq!(answer.json()["type"], "urn:kommunalatlas:problem:cross-site");
    }
    let form = [("cookie", cookie.as_str()), ("content-type", "text/plain")];
    assert_eq!(staff.app.send("POST", BUNDLES, &form, BUNDLE).await.status, 415);
    let own = [("cookie", cookie.as_str()), ("origin", "http://localhost:8080")];
    assert_eq!(staff.post(BUNDLES, &own, BUNDLE).await.status, 201);
}

#[tokio::test]
async fn no_answer_of_the_api_may_be_kept_or_read_by_other_sites() {
    let staff = Staff::new().await;
    let token = staff.bearer("viewer", 60).await;
    for path in ["/api/openapi.json", "/api/atlases", "/api/atlases/a/bundles", "/api/nothing", "/api/people"]
    {
        for headers in
            [vec![], vec![("authorization", token.as_str())], vec![("authorization", "Bearer wrong")]]
        {
            let answer = staff.app.ask("GET", path, &headers).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
            assert_eq!(answer.header("cache-control"), Some("private, no-store"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            if answer.status >= 400 {
                assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
                for field in ["type", "title", "status", "detail"] {
                    assert!(!answer.json()[field].is_null(), "{path} {field}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_field_is_pointed_at() {
    let staff = Staff::new().await;
    let token = staff.bearer("publisher", 60).await;
    let token = [("authorization", token.as_str())];
    for (body, status, pointer) in [
        (BUNDLE.replace("\"i\"", "\"ä\""), 422, "/indicators/0"),
        (BUNDLE.replace("public", "all"), 422, "/audience"),
        (BUNDLE.replace("title", "titel"), 422, "/titel"),
        (BUNDLE.replace("\"i\"", "\"unknown\""), 422, "/indicators"),
    ] {
        let answer = staff.post(BUNDLES, &token, &body).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["pointer"]),
            (status, &json!(pointer)),
            "{body}"
        );
    }
    assert_eq!(staff.post(BUNDLES, &token, "{").await.status, 400);
    assert_eq!(staff.post(BUNDLES, &token, &" ".repeat(70_000)).await.status, 413);
    assert_eq!(staff.app.ask("GET", "/api/atlases/a/bundles?limit=0", &token).await.status, 422);
    assert_eq!(staff.app.ask("GET", "/api/atlases/a/bundles?page=2", &token).await.status, 400);
}

#[tokio::test]
async fn a_bundle_goes_its_way_on_the_revision_that_was_seen() {
    let staff = Staff::new().await;
    let token = staff.bearer("publisher", 60).await;
    let bearer = ("authorization", token.as_str());
    let made = staff.post(BUNDLES, &[bearer], BUNDLE).await;
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("draft")));
    let (path, mut tag) =
        (format!("{BUNDLES}/{}", made.json()["id"]), made.header("etag").unwrap().to_owned());
    assert_eq!(staff.json("PUT", &path, &[bearer], BUNDLE).await.status, 428);
    assert_eq!(staff.json("PUT", &path, &[bearer, ("if-match", "\"99\"")], BUNDLE).await.status, 412);
    assert_eq!(staff.post(&format!("{path}/release"), &[bearer, ("if-match", &tag)], "{}").await.status, 409);
    for (step, state) in [("check", "checked"), ("approve", "approved"), ("release", "released")] {
        let answer = staff.post(&format!("{path}/{step}"), &[bearer, ("if-match", &tag)], "{}").await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!(state)), "{}", answer.json());
        let stale = staff.post(&format!("{path}/{step}"), &[bearer, ("if-match", &tag)], "{}").await;
        assert_eq!(stale.status, 412, "{step}");
        answer.header("etag").unwrap().clone_into(&mut tag);
    }
    let releases = staff.app.ask("GET", "/api/atlases/a/releases?in_force=true", &[bearer]).await.json();
    assert_eq!(releases["entries"][0]["number"], 2);
    let history = staff.app.ask("GET", &format!("{path}/history"), &[bearer]).await.json();
    assert_eq!(history.as_array().unwrap().len(), 4);

    let withdraw = format!("{path}/withdraw");
    let headers = [bearer, ("if-match", tag.as_str())];
    assert_eq!(
        staff.post(&withdraw, &headers, r#"{"decision": null}"#).await.status,
        409,
        "a decision is needed"
    );
    let decision = r#"{"decision": {"kind": "close-public-area"}}"#;
    let withdrawn = staff.post(&withdraw, &headers, decision).await.json();
    assert_eq!(withdrawn["state"], "withdrawn");
    let progress = staff.app.ask("GET", "/api/atlases/a/progress", &[bearer]).await.json();
    assert_eq!((&progress["open"], &progress["count"]), (&json!(false), &json!(0)));

    let administrator = staff.bearer("administrator", 60).await;
    let log = staff
        .app
        .ask("GET", "/api/atlases/a/audit?limit=500", &[("authorization", &administrator)])
        .await
        .json();
    let actions: Vec<&str> =
        log["entries"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    for action in
        ["bundle.created", "bundle.checked", "bundle.approved", "bundle.released", "bundle.withdrawn"]
    {
        assert!(actions.contains(&action), "{action} in {actions:?}");
    }
}

#[tokio::test]
async fn settings_are_changed_on_the_revision_that_was_seen() {
    let staff = Staff::new().await;
    let token = staff.bearer("administrator", 60).await;
    let bearer = ("authorization", token.as_str());
    let path = "/api/atlases/a/settings";
    let seen = staff.app.ask("GET", path, &[bearer]).await;
    let tag = ("if-match", seen.header("etag").unwrap());
    let mut settings = seen.json();
    settings["four_eyes"] = json!(true);
    settings["policies"]["public"]["threshold"] = json!(5);
    assert_eq!(staff.json("PUT", path, &[bearer, tag], &settings.to_string()).await.json(), settings);
    assert_eq!(staff.json("PUT", path, &[bearer, tag], &settings.to_string()).await.status, 412);
    settings["policies"]["public"]["threshold"] = json!(0);
    assert_eq!(
        staff.json("PUT", path, &[bearer, ("if-match", "*")], &settings.to_string()).await.status,
        422
    );
}

#[tokio::test]
async fn a_request_that_is_sent_again_does_nothing_again() {
    let staff = Staff::new().await;
    let (publisher, session) = (staff.bearer("publisher", 60).await, staff.cookie("publisher").await);
    let headers = [("authorization", publisher.as_str()), ("idempotency-key", "k-1")];
    let first = staff.post(BUNDLES, &headers, BUNDLE).await;
    let again = staff.post(BUNDLES, &headers, BUNDLE).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    let list = staff.app.ask("GET", BUNDLES, &headers[..1]).await.json();
    assert_eq!(
        list["entries"].as_array().unwrap().iter().filter(|b| b["title"] == "Zweite Freigabe").count(),
        1
    );
    let other = staff.post(BUNDLES, &headers, &BUNDLE.replace("Zweite", "Dritte")).await;
    assert_eq!((other.status, &other.json()["type"]), (422, &json!("urn:kommunalatlas:problem:key-reused")));
    let refused = [headers[0], ("idempotency-key", "k-2")];
    assert_eq!(staff.post(BUNDLES, &refused, "{}").await.status, 422);
    assert_eq!(
        staff.post(BUNDLES, &refused, BUNDLE).await.status,
        201,
        "what was refused may be tried again"
    );
    assert_eq!(staff.post(BUNDLES, &[headers[0], ("idempotency-key", "a b")], BUNDLE).await.status, 400);

    let (path, body) = ("/api/tokens", r#"{"label": "QGIS", "days": 1}"#);
    let headers = [("cookie", session.as_str()), ("idempotency-key", "k-3")];
    let token = staff.post(path, &headers, body).await.json()["token"].as_str().unwrap().to_owned();
    let again = staff.post(path, &headers, body).await;
    assert_eq!(again.status, 409);
    assert!(!String::from_utf8_lossy(&again.body).contains(&token), "a token is shown once");
    let list = staff.app.ask("GET", path, &headers[..1]).await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&token));
}

#[tokio::test]
async fn an_operator_makes_an_atlas_and_its_first_administrator_who_sets_a_password() {
    let staff = Staff::new().await;
    let operator = staff.bearer("operator", 60).await;
    let bearer = ("authorization", operator.as_str());
    let atlas = r#"{"slug": "kreis", "title": "Kreis", "required_indicators": 10, "attribution": "© Amt"}"#;
    assert_eq!(staff.post("/api/atlases", &[bearer], atlas).await.status, 201);
    assert_eq!(staff.post("/api/atlases", &[bearer], atlas).await.status, 409);
    let person = r#"{"name": "berta", "display_name": "Berta", "memberships": [{"atlas": "kreis", "roles": ["administrator"]}]}"#;
    let added = staff.post("/api/people", &[bearer], person).await;
    assert_eq!(added.status, 201);
    let token = added.json()["one_time_token"].as_str().unwrap().to_owned();
    let redeem = |password: &str| json!({"token": token, "password": password}).to_string();
    let short = staff.post("/api/password", &[], &redeem("kurz")).await;
    assert_eq!((short.status, &short.json()["errors"][0]["pointer"]), (422, &json!("/password")));
    assert_eq!(staff.post("/api/password", &[], &redeem(PASSWORD)).await.json()["name"], "berta");
    assert_eq!(
        staff.post("/api/password", &[], &redeem(PASSWORD)).await.status,
        422,
        "the token is good once"
    );
    let cookie = staff.cookie("berta").await;
    let members = staff.app.ask("GET", "/api/atlases/kreis/members", &[("cookie", &cookie)]).await.json();
    assert_eq!(members[0]["name"], "berta");
    assert_eq!(staff.app.ask("GET", "/api/atlases/a/members", &[("cookie", &cookie)]).await.status, 404);
}

#[tokio::test]
async fn the_first_operator_comes_in_with_the_token_of_the_first_start() {
    let staff = Staff::new().await;
    assert!(
        staff.gate.first_operator_token(clock::now()).await.unwrap().is_none(),
        "there is an operator already"
    );
    let body = json!({"token": "guessed", "name": "eve", "display_name": "Eve", "password": PASSWORD});
    let answer = staff.post("/api/first-operator", &[], &body.to_string()).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/token")));
}

#[tokio::test]
async fn a_role_that_is_taken_is_gone_with_the_next_request() {
    let staff = Staff::new().await;
    staff.hire("temp", false, &[("a", Role::Publisher, None)]).await;
    let (administrator, temp) = (staff.bearer("administrator", 60).await, staff.cookie("temp").await);
    assert_eq!(staff.app.ask("GET", BUNDLES, &[("cookie", &temp)]).await.status, 200);
    let role = "/api/atlases/a/members/temp/roles/publisher";
    assert_eq!(staff.app.ask("DELETE", role, &[("authorization", &administrator)]).await.status, 204);
    assert_eq!(staff.app.ask("GET", BUNDLES, &[("cookie", &temp)]).await.status, 404);
}

#[tokio::test]
async fn no_secret_is_in_the_audit_log() {
    let staff = Staff::new().await;
    let cookie = staff.cookie("administrator").await;
    let headers = [("cookie", cookie.as_str())];
    let token = staff.post("/api/tokens", &headers, r#"{"label": "QGIS"}"#).await.json()["token"].to_string();
    let operator = staff.bearer("operator", 60).await;
    for path in ["/api/atlases/a/audit?limit=500", "/api/audit?limit=500"] {
        for credentials in [("cookie", cookie.as_str()), ("authorization", operator.as_str())] {
            let log = staff.app.ask("GET", path, &[credentials]).await;
            let text = String::from_utf8_lossy(&log.body);
            for secret in
                [PASSWORD, token.trim_matches('"'), cookie.split('=').nth(1).unwrap(), &operator[7..]]
            {
                assert!(!text.contains(secret), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn an_administrator_sees_and_ends_tokens_of_the_people_of_the_atlas() {
    let staff = Staff::new().await;
    let (chef, other) = (staff.bearer("administrator", 60).await, staff.bearer("other", 60).await);
    let token = staff.bearer("editor", 60).await;
    let path = "/api/people/editor/tokens";
    let list = staff.app.ask("GET", path, &[("authorization", &chef)]).await.json();
    let id = list[0]["id"].as_i64().unwrap();
    assert!(!list.to_string().contains(&token[7..]), "the token itself is not shown");
    assert_eq!(staff.app.ask("GET", path, &[("authorization", &other)]).await.status, 404);
    let one = format!("{path}/{id}");
    assert_eq!(staff.app.ask("DELETE", &one, &[("authorization", &other)]).await.status, 404);
    assert_eq!(staff.app.ask("GET", "/api/atlases", &[("authorization", &token)]).await.status, 200);
    assert_eq!(staff.app.ask("DELETE", &one, &[("authorization", &chef)]).await.status, 204);
    assert_eq!(staff.app.ask("GET", "/api/atlases", &[("authorization", &token)]).await.status, 401);
    assert_eq!(staff.app.ask("DELETE", &one, &[("authorization", &chef)]).await.status, 404);
}

#[tokio::test]
async fn an_atlas_leaves_with_all_that_it_has_by_the_hash_of_its_export_only() {
    let staff = Staff::new().await;
    let chef = staff.bearer("administrator", 60).await;
    let chef = ("authorization", chef.as_str());
    let export = staff.app.ask("POST", "/api/atlases/a/export", &[chef]).await;
    assert_eq!((export.status, export.header("content-type")), (200, Some("application/zip")));
    let tag = export.header("etag").unwrap().to_owned();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&export.body)).unwrap();
    let mut text = |name: &str| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_name(name).unwrap(), &mut bytes).unwrap();
        bytes
    };
    let protocol: Value = serde_json::from_slice(&text("protocol.json")).unwrap();
    assert_eq!(tag, format!("\"{}\"", protocol["content_hash"].as_str().unwrap()));
    assert!(String::from_utf8(text("people.json")).unwrap().contains("\"editor\""));
    assert!(String::from_utf8(text("audit.jsonl")).unwrap().contains("release.published"));
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("a.gpkg");
    std::fs::write(&copy, text("a.gpkg")).unwrap();
    let copy = Store::open(copy.to_str().unwrap(), OpenMode::ReadOnly, clock::now()).await.unwrap();
    let content = copy.atlas_content(&slug("a")).await.unwrap();
    assert_eq!(format!("\"{}\"", content.hash()), tag);

    for wrong in ["*", "\"0000\""] {
        let refused = staff.app.ask("DELETE", "/api/atlases/a", &[chef, ("if-match", wrong)]).await;
        assert_eq!(refused.status, 412, "{wrong}");
    }
    let publisher = staff.bearer("publisher", 60).await;
    staff.post(BUNDLES, &[("authorization", publisher.as_str())], BUNDLE).await;
    let changed = staff.app.ask("DELETE", "/api/atlases/a", &[chef, ("if-match", &tag)]).await;
    assert_eq!(changed.status, 412, "it was changed since the export");
    let tag =
        staff.app.ask("POST", "/api/atlases/a/export", &[chef]).await.header("etag").unwrap().to_owned();
    let removed = staff.app.ask("DELETE", "/api/atlases/a", &[chef, ("if-match", &tag)]).await;
    assert_eq!((removed.status, &removed.json()["removed"]), (200, &json!(true)));
    assert!(staff.app.store.atlases().await.unwrap().is_empty());
    let operator = staff.bearer("operator", 60).await;
    let people = staff.app.ask("GET", "/api/people", &[("authorization", &operator)]).await.json();
    let named = |person: &&Value| person["name"] == "editor";
    assert_eq!(people.as_array().unwrap().iter().find(named).unwrap()["memberships"], json!([]));
    let removals = AuditFilter { action: Some("atlas.removed".into()), ..AuditFilter::default() };
    let entries = staff.gate.store().unwrap().audit_log(&removals, 9, None).await.unwrap();
    assert_eq!((entries.len(), entries[0].actor.as_str()), (1, "administrator"));
}

#[tokio::test]
async fn who_does_not_see_all_of_an_atlas_does_not_take_it_out() {
    let staff = Staff::new().await;
    staff.hire("themed", false, &[("a", Role::Administrator, Some("t"))]).await;
    let source = Source { slug: slug("bund"), title: Text::german("Bund"), restricted: true, policies: None };
    let themed = staff.bearer("themed", 60).await;
    let refused = staff.app.ask("POST", "/api/atlases/a/export", &[("authorization", &themed)]).await;
    assert_eq!(refused.status, 409, "{}", refused.json());
    staff.app.store.put_catalogue(&slug("a"), &[], &[source], &[], &record("catalogue")).await.unwrap();
    let chef = staff.bearer("administrator", 60).await;
    for (method, path) in [("POST", "/api/atlases/a/export"), ("DELETE", "/api/atlases/a")] {
        let refused = staff.app.ask(method, path, &[("authorization", &chef), ("if-match", "*")]).await;
        assert_eq!(refused.status, 409, "{}", refused.json());
        assert!(refused.json()["detail"].as_str().unwrap().contains("restricted sources"));
    }
}

#[tokio::test]
async fn a_publisher_limited_to_themes_sees_nothing_of_the_others() {
    let staff = Staff::new().await;
    staff.hire("themed", false, &[("a", Role::Publisher, Some("another-theme"))]).await;
    let (whole, themed) = (staff.bearer("publisher", 60).await, staff.bearer("themed", 60).await);
    let whole = ("authorization", whole.as_str());
    let themed = ("authorization", themed.as_str());
    let made = staff.post(BUNDLES, &[whole], BUNDLE).await.json();
    let seen = staff.app.ask("GET", "/api/atlases/a/progress", &[whole]).await.json();
    let limited = staff.app.ask("GET", "/api/atlases/a/progress", &[themed]).await.json();
    assert_eq!((seen["indicators"].as_array().unwrap().len(), &seen["waiting"]), (2, &json!(1)));
    assert_eq!((&limited["indicators"], &limited["waiting"]), (&json!([]), &json!(0)));
    assert_eq!((&limited["count"], &limited["required"]), (&seen["count"], &seen["required"]));
    assert!(staff.app.ask("GET", BUNDLES, &[themed]).await.json()["entries"].as_array().unwrap().is_empty());
    let path = format!("{BUNDLES}/{}", made["id"]);
    for (method, path) in [
        ("GET", path.clone()),
        ("GET", format!("{path}/history")),
        ("POST", format!("{path}/check")),
        ("POST", format!("{path}/approve")),
        ("GET", "/api/atlases/a/disclosure/l/i".into()),
        ("GET", "/api/atlases/a/disclosure/l/i/proposals".into()),
    ] {
        let answer = staff.app.ask(method, &path, &[themed, ("if-match", "*")]).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    let area = staff.json("PUT", "/api/atlases/a/public-area", &[themed], r#"{"open": false}"#).await;
    assert_eq!(area.status, 404, "the area is the whole atlas");
}

#[tokio::test]
async fn the_api_says_why_numbers_are_closed_and_what_would_open_more() {
    let staff = Staff::new().await;
    let publisher = staff.bearer("publisher", 60).await;
    let bearer = [("authorization", publisher.as_str())];
    let mut small = column(0.0);
    small.set(4, Some(0.02), Status::Valid);
    let classes = [internal("i", &[&small])];
    let added = vec![series("i", "2022", small)];
    staff.app.store.insert_series(&slug("a"), added, &record("values"), &classes).await.unwrap();
    let path = "/api/atlases/a/disclosure/l/i";
    let why = staff.app.ask("GET", &format!("{path}?period=2022"), &bearer).await;
    assert_eq!(why.status, 200, "{}", why.json());
    let why = why.json();
    assert_eq!(why["closed"], json!([{"region": "05", "period": "2022", "rule": "R1"}]), "{why}");
    assert_eq!(why["shown"], 6, "{why}");
    let all = staff.app.ask("GET", path, &bearer).await.json();
    assert!(all["shown"].as_u64() > why["shown"].as_u64(), "all periods: {all}");
    let internal =
        staff.app.ask("GET", &format!("{path}?period=2022&audience=internal"), &bearer).await.json();
    assert!(internal["shown"].as_u64() >= why["shown"].as_u64(), "{internal}");

    let ways = staff.app.ask("GET", &format!("{path}/proposals"), &bearer).await;
    assert_eq!(ways.status, 200, "{}", ways.json());
    let ways = ways.json();
    let pool = ways.as_array().unwrap().iter().find(|way| way.to_string().contains("pool"));
    assert!(pool.is_some_and(|way| way["open"].as_u64() > Some(0)), "{ways}");
    for (path, status) in [
        ("/api/atlases/a/disclosure/l/nothing", 404),
        ("/api/atlases/a/disclosure/nothing/i/proposals", 404),
        ("/api/atlases/a/disclosure/l/i?period=x", 400),
        ("/api/atlases/a/disclosure/l/i?audience=all", 400),
        ("/api/atlases/a/disclosure/l/i?more=1", 400),
    ] {
        let answer = staff.app.ask("GET", path, &bearer).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.json());
    }
}

#[tokio::test]
async fn what_is_small_in_a_restricted_source_is_told_to_statisticians_only() {
    let staff = Staff::new().await;
    staff.hire("both", false, &[("a", Role::Publisher, None)]).await;
    let both = staff.bearer("both", 3600).await;
    let source = Source { slug: slug("bund"), title: Text::german("Bund"), restricted: true, policies: None };
    let a = slug("a");
    staff.app.store.put_catalogue(&a, &[], &[source], &[], &record("catalogue")).await.unwrap();
    let numbers = column(50.0);
    let classes = [internal("i", &[&numbers])];
    let restricted = NewSeries { source: Some(slug("bund")), ..series("i", "2022", numbers) };
    staff.app.store.insert_series(&a, vec![restricted], &record("values"), &classes).await.unwrap();
    let path = "/api/atlases/a/disclosure/l/i";
    assert_eq!(staff.app.ask("GET", path, &[("authorization", &both)]).await.status, 404);
    let (root, both_name) = (Manager::local("test"), "both".parse().unwrap());
    staff.gate.grant(&root, &both_name, (&a, Role::Statistician), None, clock::now()).await.unwrap();
    assert_eq!(staff.app.ask("GET", path, &[("authorization", &both)]).await.status, 200);
}
