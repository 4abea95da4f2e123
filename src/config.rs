//! Configuration: defaults < `kommunalatlas.toml` < environment `KOMMUNALATLAS_*` < flags.
//!
//! Holds the settings of a server. Must not know: what they are used for.
//!
//! Invariant: a key that nobody knows is an error that names the nearest known one.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use chrono::TimeDelta;

use crate::{
    access::{
        AccessSettings, NetworkError, OidcSettings, RoleNames, RoleNamesError, check_issuer, check_roots,
    },
    atlas::CacheSizes,
    domain::Secret,
    http::PublicUrl,
    store::Limits,
};

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// GeoPackage file or `postgres://…`.
    pub store: String,
    /// Address of the main listener.
    pub listen: SocketAddr,
    /// Where the server is reached from outside; by default `http://` and the listener's address.
    pub public_url: Option<PublicUrl>,
    /// Where what is public is written for a server in the public zone: GeoPackage file or `postgres://…`.
    pub publish_to: Option<String>,
    /// `postgres://…` of a replica of the store, for reading.
    pub read_url: Option<String>,
    /// Address of the listener for health and metrics.
    pub admin_listen: AdminListen,
    /// How the log is written.
    pub log_format: LogFormat,
    /// Between the signal to stop and the end: the server is not ready any more, and still answers.
    pub stop_delay: Duration,
    /// How long the store may keep requests waiting.
    pub limits: Limits,
    /// Budgets of the caches.
    pub caches: CacheSizes,
    /// File with the key that second factors are stored with; beside a GeoPackage by default.
    pub secret_key_file: Option<PathBuf>,
    /// How long sessions last, which proxies are believed, what is kept of people: see [`Config::access`].
    access: AccessSettings,
    oidc: Oidc,
}

/// Where the server tells those who run it how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminListen {
    /// At this address, unless another server of this machine is there.
    IfFree(SocketAddr),
    /// At this address.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self::Off),
            address => parse(address, "write an address such as 127.0.0.1:9464, or off").map(Self::At),
        }
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}

/// What is said of the identity provider.
#[derive(Debug, Clone, Default)]
struct Oidc {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    roles_claim: Option<String>,
    roles: RoleNames,
    scopes: Option<Vec<String>>,
    roots: Option<String>,
}

/// Why a configuration cannot be used. Each text says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path} is not valid TOML: {source}")]
    NoToml {
        /// The file.
        path: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Nobody knows the key.
    #[error("{place}: there is no setting '{key}'; the nearest one is '{nearest}'")]
    UnknownKey {
        /// File or `environment`.
        place: String,
        /// The key as written.
        key: String,
        /// The known key that looks most like it.
        nearest: &'static str,
    },
    /// The value cannot be used.
    #[error("{place}: '{value}' cannot be used for '{key}': {why}")]
    BadValue {
        /// File or `environment`.
        place: String,
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// Why, and what to write.
        why: String,
    },
    /// The value, which is secret, cannot be used.
    #[error("{place}: the value of '{key}' cannot be used: {why}")]
    BadSecret {
        /// File or `environment`.
        place: String,
        /// The key.
        key: &'static str,
        /// Why, and what to write.
        why: String,
    },
    /// Settings of the identity provider are there only in part.
    #[error("login by an identity provider lacks the setting '{0}'")]
    IncompleteProvider(&'static str),
}

/// Prefix of environment variables.
const PREFIX: &str = "KOMMUNALATLAS_";

/// The settings, by name, with what each takes.
const KEYS: [&str; 33] = [
    "store",
    "listen",
    "public_url",
    "publish_to",
    "read_url",
    "admin_listen",
    "log_format",
    "stop_delay_seconds",
    "database_connections",
    "database_connect_seconds",
    "database_acquire_seconds",
    "database_statement_seconds",
    "database_write_seconds",
    "cache_skeletons_mib",
    "cache_columns_mib",
    "cache_tiles_mib",
    "cache_geometry_mib",
    "session_idle_minutes",
    "session_hours",
    "require_second_factor",
    "trusted_header",
    "trusted_proxies",
    "oidc_issuer",
    "oidc_client_id",
    "oidc_client_secret",
    "oidc_client_secret_file",
    "oidc_roles_claim",
    "oidc_roles",
    "oidc_scopes",
    "oidc_ca_file",
    "secret_key_file",
    "audit_log_days",
    "unused_account_days",
];

/// Variables that tools of the project read; they are no settings.
const NOT_SETTINGS: [&str; 8] =
    ["ATLAS", "GERMANY", "GRIDS", "SHARED", "SHOTS", "STYLE_OUT", "TEST_POSTGRES", "URL"];

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "kommunalatlas.gpkg".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            publish_to: None,
            read_url: None,
            admin_listen: AdminListen::IfFree(SocketAddr::from(([127, 0, 0, 1], 9464))),
            log_format: LogFormat::Text,
            stop_delay: Duration::ZERO,
            limits: Limits::of_server(),
            caches: CacheSizes::default(),
            secret_key_file: None,
            access: AccessSettings::default(),
            oidc: Oidc::default(),
        }
    }
}

impl Config {
    /// Reads a file, if one is given, then the environment over it.
    ///
    /// # Errors
    /// If the file cannot be read, or a key or value is wrong.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = file {
            let place = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: place.clone(), source })?;
            let table: toml::Table = text
                .parse()
                .map_err(|source| ConfigError::NoToml { path: place.clone(), source: Box::new(source) })?;
            for (key, value) in &table {
                config.set(&place, key, &plain(value))?;
            }
        }
        for (name, value) in environment {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            if !NOT_SETTINGS.contains(&key) {
                config.set("environment", &key.to_lowercase(), &value)?;
            }
        }
        config.access.oidc = config.oidc.settings()?;
        Ok(config)
    }

    fn set(&mut self, place: &str, key: &str, value: &str) -> Result<(), ConfigError> {
        let Some(key) = KEYS.into_iter().find(|k| *k == key) else {
            let near = |k: &&&str| (strsim::jaro_winkler(k, key) * 1e6) as i64;
            let nearest = KEYS.iter().max_by_key(near).copied().unwrap_or(KEYS[0]);
            return Err(ConfigError::UnknownKey { place: place.to_owned(), key: key.to_owned(), nearest });
        };
        let bad = |why: String| ConfigError::BadValue {
            place: place.to_owned(),
            key,
            value: value.to_owned(),
            why,
        };
        match key {
            "store" => value.clone_into(&mut self.store),
            "listen" => self.listen = parse(value, "write an address such as 127.0.0.1:8080").map_err(bad)?,
            "public_url" => self.public_url = Some(PublicUrl::parse(value).map_err(bad)?),
            "publish_to" => self.publish_to = Some(value.to_owned()),
            "read_url" => self.read_url = Some(value.to_owned()),
            "admin_listen" => self.admin_listen = value.parse().map_err(bad)?,
            "log_format" => {
                self.log_format = match value {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    _ => return Err(bad("write text or json".into())),
                }
            }
            "stop_delay_seconds" => {
                let seconds: u16 = parse(value, "write a whole number of seconds").map_err(bad)?;
                self.stop_delay = Duration::from_secs(seconds.into());
            }
            "database_connections" => {
                let number = positive(value, "connections").map_err(bad)?;
                self.limits.connections = u32::try_from(number).unwrap_or(u32::MAX);
            }
            limit if limit.starts_with("database_") => {
                let seconds = positive(value, "seconds").map_err(bad)?;
                let slot = match limit {
                    "database_connect_seconds" => &mut self.limits.connect,
                    "database_acquire_seconds" => &mut self.limits.acquire,
                    "database_statement_seconds" => &mut self.limits.statement,
                    _ => &mut self.limits.write,
                };
                *slot = Duration::from_secs(seconds.unsigned_abs());
            }
            "session_idle_minutes" => {
                self.access.idle = TimeDelta::minutes(positive(value, "minutes").map_err(bad)?);
            }
            "session_hours" => {
                self.access.absolute = TimeDelta::hours(positive(value, "hours").map_err(bad)?);
            }
            "require_second_factor" => {
                self.access.require_second_factor = parse(value, "write true or false").map_err(bad)?;
            }
            "trusted_header" => self.access.trusted_header = Some(header_name(value).map_err(bad)?),
            "trusted_proxies" => {
                let networks = value.split(',').map(str::parse).collect::<Result<_, NetworkError>>();
                self.access.trusted_proxies = networks.map_err(|e| bad(e.to_string()))?;
            }
            key if key.starts_with("oidc_") => self.set_oidc(place, key, value)?,
            "secret_key_file" => self.secret_key_file = Some(PathBuf::from(value)),
            "audit_log_days" => {
                self.access.keep_log = Some(TimeDelta::days(positive(value, "days").map_err(bad)?));
            }
            "unused_account_days" => {
                let days = positive(value, "days").map_err(bad)?;
                self.access.keep_unused_accounts = Some(TimeDelta::days(days));
            }
            budget => {
                let mebibytes: u32 = parse(value, "write a whole number of mebibytes").map_err(bad)?;
                let slot = match budget {
                    "cache_skeletons_mib" => &mut self.caches.skeletons,
                    "cache_columns_mib" => &mut self.caches.columns,
                    "cache_tiles_mib" => &mut self.caches.tiles,
                    _ => &mut self.caches.geometry,
                };
                *slot = u64::from(mebibytes) << 20;
            }
        }
        Ok(())
    }

    /// The settings of the identity provider.
    fn set_oidc(&mut self, place: &str, key: &'static str, value: &str) -> Result<(), ConfigError> {
        let bad = |why: String| ConfigError::BadValue {
            place: place.to_owned(),
            key,
            value: value.to_owned(),
            why,
        };
        match key {
            "oidc_client_secret" | "oidc_client_secret_file" => {
                let secret = if key == "oidc_client_secret" {
                    Ok(Secret::new(value))
                } else {
                    std::fs::read_to_string(value)
                        .map(|text| Secret::new(text.trim()))
                        .map_err(|e| e.to_string())
                };
                let long = |secret: Secret| match secret.expose().len() {
                    SHORTEST_CLIENT_SECRET.. => Ok(secret),
                    _ => Err(format!("it must have at least {SHORTEST_CLIENT_SECRET} characters")),
                };
                let bad = |why| ConfigError::BadSecret { place: place.to_owned(), key, why };
                self.oidc.client_secret = Some(secret.and_then(long).map_err(bad)?);
            }
            "oidc_issuer" => {
                check_issuer(value).map_err(bad)?;
                self.oidc.issuer = Some(value.to_owned());
            }
            "oidc_client_id" => self.oidc.client_id = Some(value.to_owned()),
            "oidc_roles_claim" => self.oidc.roles_claim = Some(value.to_owned()),
            "oidc_roles" => {
                self.oidc.roles = value.parse().map_err(|e: RoleNamesError| bad(e.to_string()))?;
            }
            "oidc_scopes" => {
                let scopes = value.split([',', ' ']).filter(|scope| !scope.is_empty());
                self.oidc.scopes = Some(scopes.map(str::to_owned).collect());
            }
            _ => {
                let roots = std::fs::read_to_string(value).map_err(|e| bad(e.to_string()))?;
                check_roots(&roots).map_err(bad)?;
                self.oidc.roots = Some(roots);
            }
        }
        Ok(())
    }

    /// Settings of the gate. Cookies are for https only where the server is reached by it.
    pub fn access(&self) -> AccessSettings {
        let secure = self.public_url.as_ref().is_some_and(|url| url.join("/").starts_with("https://"));
        AccessSettings { secure, ..self.access.clone() }
    }

    /// The configured public URL, or the one of the listener.
    ///
    /// # Errors
    /// A sentence, if the listener's address makes no URL.
    pub fn public_url(&self) -> Result<PublicUrl, String> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None if self.listen.ip().is_loopback() || self.listen.ip().is_unspecified() => {
                PublicUrl::parse(&format!("http://localhost:{}", self.listen.port()))
            }
            None => PublicUrl::parse(&format!("http://{}", self.listen)),
        }
    }
}

/// Shortest secret of this server at the identity provider, in bytes: cookies are authenticated by it too.
const SHORTEST_CLIENT_SECRET: usize = 16;

impl Oidc {
    /// The settings of the provider, if it is configured.
    fn settings(&self) -> Result<Option<OidcSettings>, ConfigError> {
        let said = [
            ("oidc_issuer", self.issuer.is_some()),
            ("oidc_client_id", self.client_id.is_some()),
            ("oidc_client_secret", self.client_secret.is_some()),
        ];
        match (&self.issuer, &self.client_id, &self.client_secret) {
            (Some(issuer), Some(client_id), Some(client_secret)) => Ok(Some(OidcSettings {
                issuer: issuer.clone(),
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                roles_claim: self.roles_claim.clone().unwrap_or_else(|| "roles".to_owned()),
                roles: self.roles.clone(),
                scopes: self.scopes.clone().unwrap_or_else(|| vec!["profile".to_owned()]),
                roots: self.roots.clone(),
            })),
            (None, None, None) => Ok(None),
            _ => {
                let missing = said.into_iter().find(|(_, there)| !there);
                missing.map_or(Ok(None), |(key, _)| Err(ConfigError::IncompleteProvider(key)))
            }
        }
    }
}

/// A value as it is written in the environment; a list is separated by commas, a table by semicolons.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        toml::Value::Table(table) => {
            let entry = |(name, value): (&String, &toml::Value)| match value {
                toml::Value::Array(list) => {
                    list.iter().map(|value| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(";")
                }
                value => format!("{name}={}", plain(value)),
            };
            table.iter().map(entry).collect::<Vec<_>>().join(";")
        }
        other => other.to_string(),
    }
}

/// A whole number of at least 1 and at most a million.
fn positive(value: &str, unit: &str) -> Result<i64, String> {
    let advice = format!("write a whole number of {unit}");
    parse(value, &advice).and_then(|n| if (1..=1_000_000).contains(&n) { Ok(n) } else { Err(advice) })
}

fn header_name(value: &str) -> Result<String, String> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = !value.is_empty() && value.bytes().all(known);
    if fits {
        Ok(value.to_ascii_lowercase())
    } else {
        Err("write a header's name such as X-Remote-User".into())
    }
}

fn parse<T: FromStr>(value: &str, advice: &str) -> Result<T, String> {
    value.trim().parse().map_err(|_| advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kommunalatlas.toml");
        std::fs::write(&file, "store = \"a.gpkg\"\ncache_tiles_mib = 7\n").unwrap();
        let config =
            Config::load(Some(&file), environment(&[("KOMMUNALATLAS_STORE", "b.gpkg"), ("HOME", "x")]))
                .unwrap();
        assert_eq!(config.store, "b.gpkg");
        assert_eq!(config.caches.tiles, 7 << 20);
        assert_eq!(config.listen.port(), 8080);
        assert_eq!(config.public_url().unwrap().join("/"), "http://localhost:8080/");
    }

    #[test]
    fn settings_of_people_are_read_and_a_list_of_proxies_may_be_a_list_of_toml() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kommunalatlas.toml");
        let text = "trusted_header = \"X-Remote-User\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n\
                    public_url = \"https://a\"\nrequire_second_factor = true\nsession_hours = 8\n";
        std::fs::write(&file, text).unwrap();
        let access = Config::load(Some(&file), environment(&[])).unwrap().access();
        assert_eq!(access.trusted_header.as_deref(), Some("x-remote-user"));
        assert_eq!(access.trusted_proxies.len(), 2);
        assert!(access.secure && access.require_second_factor && access.absolute == TimeDelta::hours(8));
        for (key, value) in [("SESSION_HOURS", "0"), ("TRUSTED_PROXIES", "all"), ("TRUSTED_HEADER", "a b")] {
            let name = format!("KOMMUNALATLAS_{key}");
            assert!(Config::load(None, environment(&[(&name, value)])).is_err(), "{key}");
        }
    }

    #[cfg(feature = "oidc")]
    #[test]
    fn an_identity_provider_is_configured_as_a_whole_and_its_secret_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kommunalatlas.toml");
        let kept = dir.path().join("secret");
        std::fs::write(&kept, "ein sehr geheimes Wort\n").unwrap();
        let text = "oidc_issuer = \"https://id.example/realms/a\"\noidc_client_id = \"atlas\"\n\
                    oidc_roles_claim = \"realm_access.roles\"\noidc_scopes = [\"profile\", \"roles\"]\n\
                    [oidc_roles]\n\"CN=Leitung,OU=Amt\" = [\"a:viewer\", \"a:publisher\"]\nstat = \"a:statistician\"\n";
        std::fs::write(&file, text).unwrap();
        let load = |pairs: &[(&str, &str)]| Config::load(Some(&file), environment(pairs));
        assert_eq!(
            load(&[]).unwrap_err().to_string(),
            "login by an identity provider lacks the setting 'oidc_client_secret'"
        );
        let by_file = ("KOMMUNALATLAS_OIDC_CLIENT_SECRET_FILE", kept.to_str().unwrap());
        let config = load(&[by_file]).unwrap();
        let oidc = config.access().oidc.unwrap();
        assert_eq!(oidc.client_secret, Secret::new("ein sehr geheimes Wort"));
        assert_eq!((oidc.roles_claim.as_str(), oidc.scopes.len()), ("realm_access.roles", 2));
        let expected = "CN=Leitung,OU=Amt=a:viewer;CN=Leitung,OU=Amt=a:publisher;stat=a:statistician";
        assert_eq!(oidc.roles, expected.parse().unwrap());
        assert!(!format!("{config:?}").contains("geheim"));
        let error = load(&[("KOMMUNALATLAS_OIDC_CLIENT_SECRET", "zu kurz")]).unwrap_err();
        assert!(!error.to_string().contains("zu kurz") && !format!("{error:?}").contains("zu kurz"));
        for (key, value) in
            [("ISSUER", "http://id.example"), ("ROLES", "x=y"), ("CLIENT_SECRET_FILE", "none")]
        {
            let name = format!("KOMMUNALATLAS_OIDC_{key}");
            assert!(load(&[by_file, (&name, value)]).is_err(), "{key}");
        }
        assert!(Config::load(None, environment(&[])).unwrap().access().oidc.is_none());
    }

    #[test]
    fn limits_and_listeners_of_a_server_are_read_and_nonsense_is_refused() {
        let config = Config::load(
            None,
            environment(&[
                ("KOMMUNALATLAS_DATABASE_STATEMENT_SECONDS", "3"),
                ("KOMMUNALATLAS_DATABASE_CONNECTIONS", "5"),
                ("KOMMUNALATLAS_ADMIN_LISTEN", "off"),
                ("KOMMUNALATLAS_LOG_FORMAT", "json"),
                ("KOMMUNALATLAS_STOP_DELAY_SECONDS", "0"),
            ]),
        )
        .unwrap();
        let expected = Limits { connections: 5, statement: Duration::from_secs(3), ..Limits::of_server() };
        assert_eq!(config.limits, expected);
        assert_eq!((config.admin_listen, config.log_format), (AdminListen::Off, LogFormat::Json));
        for (key, value) in [
            ("DATABASE_WRITE_SECONDS", "0"),
            ("ADMIN_LISTEN", "on"),
            ("LOG_FORMAT", "xml"),
            ("STOP_DELAY_SECONDS", "-1"),
        ] {
            let name = format!("KOMMUNALATLAS_{key}");
            assert!(Config::load(None, environment(&[(&name, value)])).is_err(), "{key}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = Config::load(None, environment(&[("KOMMUNALATLAS_PUBLIC_ULR", "x")])).unwrap_err();
        assert!(matches!(error, ConfigError::UnknownKey { nearest: "public_url", .. }), "{error}");
    }

    #[test]
    fn a_bad_value_is_named_with_its_key() {
        let error = Config::load(None, environment(&[("KOMMUNALATLAS_LISTEN", "8080")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment: '8080' cannot be used for 'listen': write an address such as 127.0.0.1:8080"
        );
    }
}
