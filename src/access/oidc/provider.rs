//! The identity provider: what it says about itself, and the requests to it.
//!
//! Invariant: only addresses with https, or of this machine, are asked or handed to a browser; no redirect is followed; what
//! is sent back ends at a limit. Neither log nor error repeats what was exchanged.

use std::{error::Error, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, SubjectIdentifier,
    TokenResponse as _, UserInfoClaims, UserInfoError,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
    http,
    reqwest::{self, redirect::Policy},
    url::{Host, Url},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::access::{
    ExternalIdentity,
    credentials::cookie,
    oidc::{
        LoginReturn, LoginStart, OidcError, OidcSettings, claims,
        pending::{Key, Pending, is_path},
    },
};

/// What the provider says about itself is asked for again after so long; where it says nothing then, the old counts.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// An ID token with an unknown key is a reason to ask for the keys again, but no more often than this.
const KEYS_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// A provider that did not answer is left alone for so long.
const LEFT_ALONE: TimeDelta = TimeDelta::seconds(3);

/// A request to the provider takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is only offered waits no longer than this for the provider.
const BRIEFLY: Duration = Duration::from_secs(2);

/// Longest answer of the provider, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Signatures that are accepted: those by which nobody but the provider can sign.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Claims beyond those of the standard.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Further(Map<String, Value>);

impl AdditionalClaims for Further {}

type IdFields = IdTokenFields<
    Further,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Tokens = StandardTokenResponse<IdFields, CoreTokenType>;

type ProviderClient = Client<
    Further,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider of a server.
pub(in crate::access) struct Provider {
    settings: OidcSettings,
    key: Key,
    known: Mutex<Known>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What is known of the provider.
#[derive(Default)]
struct Known {
    description: Option<Arc<Description>>,
    /// When it last did not answer.
    failed_at: Option<DateTime<Utc>>,
}

/// What the provider says about itself, its keys, and the way to it.
struct Description {
    metadata: ProviderMetadataWithLogout,
    http: HttpClient,
    at: DateTime<Utc>,
}

/// Why a request to the provider was not made or its answer not read.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the address is neither https nor of this machine")]
    Unsafe,
    #[error("the answer is too long")]
    TooLong,
    #[error(transparent)]
    Failed(#[from] reqwest::Error),
    #[error(transparent)]
    Malformed(#[from] http::Error),
}

/// Checks the address of a provider.
///
/// # Errors
/// A sentence, if it cannot be one.
pub fn check_issuer(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    if !is_safe(&url) {
        return Err("write an address with https://; http:// is for this machine only".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("write it without user, query and fragment".to_owned());
    }
    Ok(())
}

/// Checks certificates of authorities (PEM).
///
/// # Errors
/// A sentence, if there is none or one cannot be read.
pub fn check_roots(text: &str) -> Result<(), String> {
    match certificates(text) {
        Ok(found) if !found.is_empty() => Ok(()),
        Ok(_) => Err("it holds no certificate; write certificates in PEM".to_owned()),
        Err(error) => Err(format!("its certificates cannot be read ({error})")),
    }
}

fn certificates(text: &str) -> reqwest::Result<Vec<reqwest::Certificate>> {
    reqwest::Certificate::from_pem_bundle(text.as_bytes())
}

impl Provider {
    #[expect(clippy::unnecessary_wraps, reason = "a build without the feature has no provider to give")]
    pub(in crate::access) fn new(settings: OidcSettings) -> Option<Self> {
        let key = Key::derive(&settings.client_secret);
        Some(Self { settings, key, known: Mutex::default() })
    }

    pub(super) async fn begin(
        &self,
        callback: &str,
        return_to: &str,
        now: DateTime<Utc>,
    ) -> Result<LoginStart, OidcError> {
        if !is_path(return_to) {
            return Err(OidcError::ReturnTo);
        }
        let description = self.describe(now).await?;
        let client = self.client(&description, callback)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let (address, state, nonce) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        if !is_safe(&address) {
            tracing::warn!("the identity provider lets people sign in at an address that is not https");
            return Err(OidcError::Unavailable);
        }
        let pending = Pending::new(state.secret(), nonce.secret(), verifier.secret(), return_to, now);
        let cookie = pending.seal(&self.key).ok_or(OidcError::ReturnTo)?;
        Ok(LoginStart { address: address.into(), cookie })
    }

    pub(super) async fn finish(
        &self,
        callback: &str,
        cookie_name: &str,
        answer: LoginReturn<'_>,
        now: DateTime<Utc>,
    ) -> Result<(ExternalIdentity, String), OidcError> {
        let kept = answer.cookie.and_then(|header| cookie(header, cookie_name));
        let pending =
            kept.zip(answer.state).and_then(|(kept, state)| Pending::open(kept, &self.key, state, now));
        let pending = pending.ok_or(OidcError::NotBegun)?;
        if answer.issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(OidcError::Refused);
        }
        // Without a code the provider says that it did not let the person in.
        let code = answer.code.ok_or(OidcError::Refused)?;
        let description = self.describe(now).await?;
        let client = self.client(&description, callback)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .map_err(|error| unavailable("has no token endpoint", &error))?;
        let tokens = request
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
            .request_async(&description.http)
            .await
            .map_err(not_exchanged)?;
        let (subject, mut known) =
            self.verified(&description, callback, &tokens, &Nonce::new(pending.nonce), now).await?;
        if claims::at(&known, &self.settings.roles_claim).is_none()
            && let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject.clone()))
        {
            let more: UserInfoClaims<Further, CoreGenderClaim> =
                request.request_async(&description.http).await.map_err(not_told)?;
            // What was signed counts before what was only said.
            for (name, value) in as_map(&more) {
                known.entry(name).or_insert(value);
            }
        }
        Ok((claims::identity(&self.settings, subject.as_str(), &known), pending.return_to))
    }

    pub(super) async fn end_session(&self, return_to: &str, now: DateTime<Utc>) -> Option<String> {
        // Signing out does not wait for a provider that does not answer.
        let description = tokio::time::timeout(BRIEFLY, self.describe(now)).await.ok()?.ok()?;
        let end = description.metadata.additional_metadata().end_session_endpoint.clone()?;
        let return_to = PostLogoutRedirectUrl::new(return_to.to_owned()).ok()?;
        let request = LogoutRequest::from(end)
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(return_to);
        Some(request.http_get_url()).filter(is_safe).map(Into::into)
    }

    /// Subject and claims of the ID token, if the provider signed it for this client and this login. Where its key is not
    /// known, the keys are asked for again.
    async fn verified(
        &self,
        description: &Arc<Description>,
        callback: &str,
        tokens: &Tokens,
        nonce: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<(SubjectIdentifier, Map<String, Value>), OidcError> {
        let token = tokens.id_token().ok_or_else(|| refused("sent no ID token"))?;
        let check = |client: &ProviderClient| {
            let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(move || now);
            token.claims(&verifier, nonce).map(|claims| (claims.subject().clone(), as_map(claims)))
        };
        let mut checked = check(&self.client(description, callback)?);
        if matches!(checked, Err(ClaimsVerificationError::SignatureVerification(_))) {
            let again = self.describe_again(description, now).await?;
            checked = check(&self.client(&again, callback)?);
        }
        checked.map_err(|error| refused(&format!("sent an ID token that is not good: {}", kind(&error))))
    }

    fn client(&self, description: &Description, callback: &str) -> Result<ProviderClient, OidcError> {
        let metadata = &description.metadata;
        let callback = RedirectUrl::new(callback.to_owned())
            .map_err(|error| unavailable("cannot be told where to return to", &error))?;
        let posts = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        let client = Client::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.settings.client_id.clone()),
            Some(ClientSecret::new(self.settings.client_secret.expose().to_owned())),
        );
        let way = if posts { AuthType::RequestBody } else { AuthType::BasicAuth };
        Ok(client.set_redirect_uri(callback).set_auth_type(way))
    }

    /// What the provider says about itself. One request at a time asks for it; the others wait for its answer.
    async fn describe(&self, now: DateTime<Utc>) -> Result<Arc<Description>, OidcError> {
        let mut known = self.known.lock().await;
        match &known.description {
            Some(description) if now < description.at + FRESH => Ok(description.clone()),
            _ => self.ask(&mut known, now).await,
        }
    }

    /// The same, newer than what turned out not to be enough, if that is not too new.
    async fn describe_again(
        &self,
        old: &Arc<Description>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Description>, OidcError> {
        let mut known = self.known.lock().await;
        match &known.description {
            Some(present) if !Arc::ptr_eq(present, old) || now < old.at + KEYS_AGAIN => Ok(present.clone()),
            _ => self.ask(&mut known, now).await,
        }
    }

    async fn ask(&self, known: &mut Known, now: DateTime<Utc>) -> Result<Arc<Description>, OidcError> {
        let old = known.description.clone().ok_or(OidcError::Unavailable);
        if known.failed_at.is_some_and(|at| now < at + LEFT_ALONE) {
            return old;
        }
        let Ok(description) = self.fetch(now).await else {
            known.failed_at = Some(now);
            return old;
        };
        let description = Arc::new(description);
        *known = Known { description: Some(description.clone()), failed_at: None };
        Ok(description)
    }

    async fn fetch(&self, now: DateTime<Utc>) -> Result<Description, OidcError> {
        let cannot = |error: reqwest::Error| unavailable("cannot be asked", &error);
        let mut http = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE);
        for root in certificates(self.settings.roots.as_deref().unwrap_or_default()).map_err(cannot)? {
            http = http.add_root_certificate(root);
        }
        let http = HttpClient(http.build().map_err(cannot)?);
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|error| unavailable("has no address", &error))?;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http)
            .await
            .map_err(|error| unavailable("does not describe itself", &error))?;
        Ok(Description { metadata, http, at: now })
    }
}

/// Sends requests to the provider.
struct HttpClient(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + Sync + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(&self.0, request))
    }
}

/// Sends a request, if its address is safe.
async fn send(client: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, SendError> {
    let request: reqwest::Request = request.try_into()?;
    if !is_safe(request.url()) {
        return Err(SendError::Unsafe);
    }
    let mut answer = client.execute(request).await?;
    let mut response = http::Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(SendError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(response.body(body)?)
}

/// True for https, and for http to this machine.
fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => loopback,
        _ => false,
    }
}

/// Claims as they are written in JSON.
fn as_map(claims: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn unavailable(what: &str, error: &(dyn Error + 'static)) -> OidcError {
    tracing::warn!(error, "the identity provider {what}");
    OidcError::Unavailable
}

fn refused(what: &str) -> OidcError {
    tracing::info!("the identity provider {what}");
    OidcError::Refused
}

/// Why a code was not exchanged. Errors of reading are not repeated: they may quote a token.
fn not_exchanged(
    error: RequestTokenError<SendError, StandardErrorResponse<CoreErrorResponseType>>,
) -> OidcError {
    match error {
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            CoreErrorResponseType::InvalidGrant => refused("does not know the code, or not any more"),
            error => {
                tracing::warn!(%error, "the identity provider does not accept this server");
                OidcError::Unavailable
            }
        },
        RequestTokenError::Request(error) => unavailable("does not exchange the code", &error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            tracing::warn!("the identity provider sent tokens that cannot be read");
            OidcError::Unavailable
        }
    }
}

/// Why the provider does not tell of a person. Errors of reading are not repeated: they may quote what it told.
fn not_told(error: UserInfoError<SendError>) -> OidcError {
    if let UserInfoError::Request(error) = error {
        return unavailable("does not tell of the person", &error);
    }
    tracing::warn!("what the identity provider tells of the person cannot be read");
    OidcError::Unavailable
}

/// What is wrong with an ID token, without its content.
fn kind(error: &ClaimsVerificationError) -> &'static str {
    use ClaimsVerificationError as E;
    match error {
        E::Expired(_) => "it has expired",
        E::InvalidAudience(_) => "it is for somebody else",
        E::InvalidIssuer(_) => "it comes from somebody else",
        E::InvalidNonce(_) => "it is of another login",
        E::SignatureVerification(_) => "its signature is wrong or its key unknown",
        _ => "it is malformed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_reached_by_https_or_on_this_machine() {
        for good in
            ["https://id.example/realms/a", "http://localhost:3000", "http://127.0.0.1/x", "http://[::1]:1"]
        {
            assert_eq!(check_issuer(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "id.example",
            "http://id.example",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "ftp://a",
            "file:///etc/passwd",
            "https://anna@id.example",
            "https://id.example/?a",
            "http://169.254.169.254/",
        ] {
            assert!(check_issuer(bad).is_err(), "{bad}");
        }
    }
}
