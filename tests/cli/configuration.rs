//! Settings of file, environment and flags, and stores that this program must not open.

use sqlx::Connection as _;

use crate::{person::Person, server::Server};

#[test]
fn an_unknown_setting_of_the_file_names_the_nearest_known_one() {
    Person::with_file(|person| {
        person.write("kommunalatlas.toml", "public_ulr = \"https://atlas.example.org\"\n");
        for line in ["serve", "check", "atlas list"] {
            person.fails(line, 1, &["kommunalatlas.toml", "'public_ulr'", "nearest one is 'public_url'"]);
        }
        person.write("kommunalatlas.toml", "listen = \"8080\"\n");
        person.fails("check", 1, &["kommunalatlas.toml", "'8080'", "'listen'", "127.0.0.1:8080"]);
        person.write("kommunalatlas.toml", "listen = \n");
        person.fails("check", 1, &["kommunalatlas.toml is not valid TOML", "line 1"]);
        person.fails("serve --config none.toml", 1, &["cannot read the configuration none.toml"]);
    });
}

#[test]
fn an_unknown_variable_of_the_environment_names_the_nearest_setting() {
    Person::with_file(|person| {
        let output = person.command(&["check"]).env("KOMMUNALATLAS_CACHE_TILE_MIB", "7").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("environment: there is no setting 'cache_tile_mib'"), "{said}");
        assert!(said.contains("'cache_tiles_mib'"), "{said}");
    });
}

#[test]
fn a_server_behind_a_path_answers_below_it_only() {
    Person::with_file(|person| {
        person.succeeds("atlas create a");
        person.write("kommunalatlas.toml", "public_url = \"https://example.org/karten/\"\n");
        let server = Server::start(person, "");
        assert_eq!(server.get("/karten").status, 200);
        assert_eq!(server.get("/").status, 404);
        drop(server);
        let server = Server::start(person, "--public-url https://example.org");
        assert_eq!(server.get("/").status, 200, "a flag goes over the file");
        assert_eq!(server.get("/karten").status, 404);
    });
}

#[test]
fn an_address_in_use_is_refused_with_advice() {
    Person::with_file(|person| {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let done = person.types(&format!("serve --listen {address}"));
        assert_eq!(done.status, Some(1), "{done:?}");
        assert!(
            done.err.contains(&format!("cannot listen at {address}; choose another address with --listen")),
            "{done:?}"
        );
    });
}

/// Makes a store as a later program would: with a schema that this one does not know.
fn later_schema(person: &Person) {
    person.succeeds("atlas create a");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if person.store.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(&person.store).await.unwrap();
            let sql = "UPDATE kommunalatlas.state SET schema_version = 999";
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let url = format!("sqlite://{}?mode=rw", person.store);
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql("UPDATE state SET schema_version = 999").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    });
}

crate::on_both_stores! {
    fn a_store_of_a_later_program_is_refused(person: &Person) {
        later_schema(person);
        for line in ["serve --listen 127.0.0.1:0", "check", "migrate", "import catalogue starter --atlas a", "atlas open a"] {
            person.fails(line, 1, &["cannot open the store", "schema 999", "use the newer program"]);
        }
    }
}

#[test]
fn something_else_is_not_taken_for_a_store() {
    Person::with_file(|person| {
        std::fs::write(&person.store, "key;value\n".repeat(500)).unwrap();
        for line in ["serve --listen 127.0.0.1:0", "check", "atlas create a"] {
            person.fails(line, 1, &["is not a store of Kommunalatlas"]);
        }
        assert_eq!(std::fs::read(&person.store).unwrap(), "key;value\n".repeat(500).as_bytes());
    });
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    Person::with_file(|person| {
        let done = person.types("check --store postgres://anna:geheim@127.0.0.1:1/x");
        assert_eq!(done.status, Some(1), "{done:?}");
        assert!(done.err.contains("cannot be reached") && !done.err.contains("geheim"), "{}", done.err);
    });
}

#[test]
fn a_lost_or_broken_key_of_second_factors_stops_the_server_with_a_sentence_and_is_not_replaced() {
    Person::with_file(|person| {
        person.succeeds("atlas create a");
        let added = person.pipes("user add anna --operator", "vier bunte esel\n");
        assert_eq!(added.status, Some(0), "{added:?}");
        let beside = |end: &str| std::path::Path::new(&person.store).with_extension(end);
        let key = beside("access.key");
        let starts = || assert_eq!(Server::start(person, "").get("/health/live").status, 200);
        starts();
        let made = std::fs::read_to_string(&key).unwrap();
        assert_eq!(made.trim().len(), 64, "it is made at the first start");
        starts();
        assert_eq!(std::fs::read_to_string(&key).unwrap(), made);

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = format!("sqlite://{}?mode=rw", beside("access.sqlite").display());
            let mut people = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql("UPDATE person SET totp_secret = 'x1:AAAA'").execute(&mut people).await.unwrap();
            people.close().await.unwrap();
        });
        let line = "serve --listen 127.0.0.1:0";
        let words = ["key of second factors", "secret_key_file", "user reset-second-factor"];
        person.fails(line, 1, &words);
        std::fs::remove_file(&key).unwrap();
        person.fails(line, 1, &words);
        assert!(!key.exists(), "a lost key is not replaced by another one");
        std::fs::write(&key, "no key").unwrap();
        person.fails(line, 1, &["access.key holds no key", "openssl rand -hex 32"]);
        std::fs::write(&key, made).unwrap();
        person.succeeds("user reset-second-factor anna");
        starts();
    });
}
