//! Asking a registry for something, within limits.
//!
//! Everything that comes from a registry comes through here, because the client of the library
//! that knows its documents reads whole answers into memory, however long they are.

use std::sync::Mutex;
use std::time::Duration;

use http_auth::parse_challenges;
use oci_client::errors::OciDistributionError;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RANGE, WWW_AUTHENTICATE};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use crate::registry::{CONNECT, Credentials, READ};
use crate::{Limits, Reference, RegistryError};

/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// Bytes of an answer that gives a token, and of one that says what went wrong.
const MAX_TOKEN: u64 = 64 << 10;
const MAX_REASON: u64 = 8 << 10;

/// Talks to one registry as one user of it.
pub(crate) struct Fetch {
    pub(crate) http: Client,
    base: String,
    credentials: Credentials,
    limits: Limits,
    /// What the registry wants to see for which leave, once it has said so.
    authorization: Mutex<Option<(String, HeaderValue)>>,
}

/// The answer to a request for a token; registries use either name.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Fetch {
    pub(crate) fn new(
        host: &str,
        plain: bool,
        credentials: Credentials,
        roots: &[Vec<u8>],
        limits: Limits,
    ) -> Result<Fetch, RegistryError> {
        let setup = |error: reqwest::Error| RegistryError::Setup(error.to_string());
        let mut certificates = Vec::new();
        for pem in roots {
            certificates.push(Certificate::from_pem(pem).map_err(setup)?);
        }
        let redirects = reqwest::redirect::Policy::custom(move |attempt| {
            // Storage elsewhere is usual; the way there must not be less safe.
            if attempt.previous().len() > REDIRECTS {
                attempt.error(format!("it redirects more than {REDIRECTS} times"))
            } else if !plain && attempt.url().scheme() != "https" {
                attempt.error("it redirects to an address without TLS")
            } else {
                attempt.follow()
            }
        });
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .redirect(redirects)
            .tls_certs_merge(certificates)
            .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(setup)?;
        Ok(Fetch {
            http,
            base: format!("{}://{host}/v2", if plain { "http" } else { "https" }),
            credentials,
            limits,
            authorization: Mutex::new(None),
        })
    }

    /// A whole small answer: its status and at most so many bytes.
    ///
    /// # Errors
    /// When the registry does not answer in time, refuses, or sends more.
    pub(crate) async fn small(
        &self,
        repository: &Reference,
        path: &str,
        accept: &'static str,
        limit: u64,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let all = async {
            let response = self.get(repository, path, accept, None, what).await?;
            self.body(response, limit, what).await
        };
        self.in_time(what, all).await
    }

    /// Begins to fetch a blob from this offset on; the answer may begin at 0 all the same.
    ///
    /// # Errors
    /// When the registry does not answer in time, or refuses.
    pub(crate) async fn blob(
        &self,
        repository: &Reference,
        digest: &str,
        from: u64,
        what: &str,
    ) -> Result<Response, RegistryError> {
        let path = format!("blobs/{digest}");
        let get = self.get(repository, &path, "*/*", Some(from), what);
        self.in_time(what, get).await
    }

    pub(crate) async fn in_time<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        match tokio::time::timeout(self.limits.answer, work).await {
            Ok(done) => done,
            Err(_) => Err(self.slow(what, self.limits.answer)),
        }
    }

    pub(crate) fn slow(&self, what: &str, limit: Duration) -> RegistryError {
        RegistryError::Slow {
            what: what.to_owned(),
            registry: self.host().to_owned(),
            limit,
        }
    }

    /// That something ended before its end.
    pub(crate) fn cut_off(&self, what: &str) -> RegistryError {
        let early = std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "it ended before the size that its manifest gives",
        );
        self.failed(what, OciDistributionError::IoError(early))
    }

    pub(crate) fn host(&self) -> &str {
        let after = self.base.split("://").nth(1).unwrap_or_default();
        after.trim_end_matches("/v2")
    }

    /// The answer to a request for something of a repository, if it is a success.
    async fn get(
        &self,
        repository: &Reference,
        path: &str,
        accept: &'static str,
        from: Option<u64>,
        what: &str,
    ) -> Result<Response, RegistryError> {
        let url = self.url(repository, path);
        let request = || {
            let request = self.http.get(&url).header(ACCEPT, accept);
            match from {
                Some(from) => request.header(RANGE, format!("bytes={from}-")),
                None => request,
            }
        };
        let accepted = [
            StatusCode::OK,
            StatusCode::PARTIAL_CONTENT,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ];
        let response = self
            .ask(repository, "pull", what, &accepted, request)
            .await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(self.cut_off(what));
        }
        Ok(response)
    }

    /// Where something of a repository is.
    pub(crate) fn url(&self, repository: &Reference, path: &str) -> String {
        format!("{}/{}/{path}", self.base, repository.repository())
    }

    /// The answer to a request that needs leave for these acts, if it has one of these statuses;
    /// what else it is becomes an error.
    pub(crate) async fn ask(
        &self,
        repository: &Reference,
        acts: &'static str,
        what: &str,
        accepted: &[StatusCode],
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let send = || async {
            let mut request = request().build()?;
            // What was shown to the registry is nobody else's to see.
            if let Some(authorization) = self.known(repository, acts)
                && self.is_here(request.url())
            {
                request.headers_mut().insert(AUTHORIZATION, authorization);
            }
            self.http.execute(request).await
        };
        let mut response = send().await.map_err(|e| self.failed(what, e.into()))?;
        // A token may be missing, or have run out.
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(challenge) = response.headers().get(WWW_AUTHENTICATE)
        {
            let challenge = challenge.to_str().unwrap_or_default().to_owned();
            if self.log_in(repository, acts, &challenge, what).await? {
                response = send().await.map_err(|e| self.failed(what, e.into()))?;
            }
        }
        if accepted.contains(&response.status()) {
            return Ok(response);
        }
        let url = response.url().to_string();
        Err(self.failed(
            what,
            match response.status() {
                StatusCode::UNAUTHORIZED => OciDistributionError::UnauthorizedError { url },
                StatusCode::NOT_FOUND => OciDistributionError::ImageManifestNotFoundError(url),
                status => OciDistributionError::ServerError {
                    code: status.as_u16(),
                    url,
                    message: self.reason(response).await,
                },
            },
        ))
    }

    /// Whether an address is the registry's own.
    fn is_here(&self, url: &Url) -> bool {
        Url::parse(&self.base).is_ok_and(|base| base.origin() == url.origin())
    }

    /// What the registry says of a failure, as far as it is of use.
    async fn reason(&self, mut response: Response) -> String {
        let mut bytes = Vec::new();
        while let Ok(Some(part)) = response.chunk().await {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > MAX_REASON {
                break;
            }
        }
        bytes.truncate(MAX_REASON as usize);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn body(
        &self,
        mut response: Response,
        limit: u64,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let over = |size| RegistryError::TooLarge {
            what: format!("the answer to `{what}`"),
            registry: self.host().to_owned(),
            size,
            limit,
        };
        // A length that is stated may be a lie; one that is too large need not be read to know.
        if let Some(size) = response.content_length().filter(|size| *size > limit) {
            return Err(over(size));
        }
        let mut bytes = Vec::new();
        let failed = |e: reqwest::Error| self.failed(what, e.into());
        while let Some(part) = response.chunk().await.map_err(failed)? {
            let size = (bytes.len() + part.len()) as u64;
            if size > limit {
                return Err(over(size));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    fn known(&self, repository: &Reference, acts: &str) -> Option<HeaderValue> {
        let known = self.authorization.lock().ok()?;
        let (of, value) = known.as_ref()?;
        (*of == leave(repository, acts)).then(|| value.clone())
    }

    /// Does what a challenge asks for; whether there is something new to show.
    async fn log_in(
        &self,
        repository: &Reference,
        acts: &'static str,
        challenge: &str,
        what: &str,
    ) -> Result<bool, RegistryError> {
        let failed = |text: &str| {
            let text = text.to_owned();
            self.failed(what, OciDistributionError::AuthenticationFailure(text))
        };
        let challenges =
            parse_challenges(challenge).map_err(|_| failed("it asks for nothing that is known"))?;
        let asked = |scheme: &str| {
            let of = |c: &&http_auth::ChallengeRef<'_>| c.scheme.eq_ignore_ascii_case(scheme);
            challenges.iter().find(of)
        };
        let value = if let Credentials::Token(token) = &self.credentials {
            format!("Bearer {token}")
        } else if let Some((realm, service)) = bearer(&challenges) {
            let token = self.token(repository, acts, &realm, service, what).await?;
            format!("Bearer {token}")
        } else if let (Some(_), Credentials::Password { user, password }) =
            (asked("Basic"), &self.credentials)
        {
            use base64::Engine as _;
            let both =
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            format!("Basic {both}")
        } else {
            return Ok(false);
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| failed("its token is no text"))?;
        value.set_sensitive(true);
        if self.known(repository, acts).as_ref() == Some(&value) {
            return Ok(false);
        }
        if let Ok(mut known) = self.authorization.lock() {
            *known = Some((leave(repository, acts), value));
        }
        Ok(true)
    }

    /// A token for these acts on a repository. The registry says where it is; the password goes
    /// there, so that must not be less safe than the registry itself.
    async fn token(
        &self,
        repository: &Reference,
        acts: &str,
        realm: &str,
        service: Option<String>,
        what: &str,
    ) -> Result<String, RegistryError> {
        let failed =
            |text: String| self.failed(what, OciDistributionError::AuthenticationFailure(text));
        let mut url = Url::parse(realm)
            .map_err(|_| failed("the place where it says tokens are is no address".into()))?;
        let safe = url.scheme() == "https" || self.base.starts_with("http://");
        if !safe {
            return Err(failed("it sends for tokens to a place without TLS".into()));
        }
        let service = service.unwrap_or_default();
        let mut asked = vec![("scope", leave(repository, acts)), ("service", service)];
        asked.retain(|(_, value)| !value.is_empty());
        let request = if let Credentials::Identity(token) = &self.credentials {
            asked.push(("grant_type", "refresh_token".to_owned()));
            asked.push(("client_id", "palisade".to_owned()));
            asked.push(("refresh_token", token.clone()));
            // In the body, where no log of addresses has it.
            let mut form = url.clone();
            form.query_pairs_mut().clear().extend_pairs(&asked);
            let form = form.query().unwrap_or_default().to_owned();
            let kind = "application/x-www-form-urlencoded";
            self.http.post(url).header(CONTENT_TYPE, kind).body(form)
        } else {
            url.query_pairs_mut().extend_pairs(&asked);
            let request = self.http.get(url);
            match &self.credentials {
                Credentials::Password { user, password } => {
                    request.basic_auth(user, Some(password))
                }
                _ => request,
            }
        };
        let response = request
            .send()
            .await
            .map_err(|e| self.failed(what, e.into()))?;
        if response.status() != StatusCode::OK {
            return Err(failed(self.reason(response).await));
        }
        let bytes = self.body(response, MAX_TOKEN, what).await?;
        let token: Token = serde_json::from_slice(&bytes)
            .map_err(|error| failed(format!("its token cannot be read: {error}")))?;
        let token = token.token.or(token.access_token);
        token
            .filter(|token| HeaderValue::from_str(token).is_ok())
            .ok_or_else(|| failed("it gives no token, or one that is no text".into()))
    }

    pub(crate) fn failed(&self, what: &str, source: OciDistributionError) -> RegistryError {
        RegistryError::Registry {
            what: what.to_owned(),
            registry: self.host().to_owned(),
            source: Box::new(source),
        }
    }
}

/// What a token is leave for, as registries write it.
fn leave(repository: &Reference, acts: &str) -> String {
    format!("repository:{}:{acts}", repository.repository())
}

/// Where a challenge says that tokens are, and for which service.
fn bearer(challenges: &[http_auth::ChallengeRef<'_>]) -> Option<(String, Option<String>)> {
    let mut of_scheme = challenges.iter();
    let bearer = of_scheme.find(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer"))?;
    let get = |name: &str| {
        let mut of = bearer.params.iter();
        let found = of.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    Some((get("realm")?, get("service")))
}
