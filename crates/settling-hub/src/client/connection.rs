//! Requests, tried again where that can help, from a place that is not asynchronous.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hf_hub::{HFClient, HFError};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::settings::HubSettings;

/// A server that asks for more patience than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

type Listener = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// What every handle to the hub shares.
pub(crate) struct Connection {
    pub(crate) settings: HubSettings,
    pub(crate) http: reqwest::Client,
    pub(crate) hf: HFClient,
    /// Always there until it is dropped.
    runtime: Option<Runtime>,
    listener: Option<Listener>,
}

/// Why a request failed, and whether another one may not.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// `None` for never, else how long the server asked to wait, if it did.
    pub(crate) again: Option<Option<Duration>>,
    /// Whether some of what was asked for came before it failed.
    pub(crate) advanced: bool,
}

impl Failure {
    pub(crate) fn last(error: Error) -> Self {
        Self { error, again: None, advanced: false }
    }

    pub(crate) fn passing(error: Error) -> Self {
        Self { error, again: Some(None), advanced: false }
    }
}

impl Connection {
    pub(crate) fn new(settings: HubSettings, listener: Option<Listener>) -> Result<Self, Error> {
        let settings = settings.checked()?;
        let setup = |error: &dyn fmt::Display| {
            Error::new(ErrorKind::Network, format!("cannot set up a client: {error}"))
        };
        let http = reqwest::Client::builder()
            .user_agent(concat!("settling-hub/", env!("CARGO_PKG_VERSION"), "; hf-hub/1.0.0"))
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout)
            .build()
            .map_err(|error| setup(&error))?;
        // Without a token hf-hub looks for one in the environment, which the settings have done or
        // were told not to do. One that no header can carry is not sent.
        let token = settings.token.clone().unwrap_or_else(|| "\n".to_owned());
        let hf = HFClient::builder()
            .endpoint(&settings.endpoint)
            .token(token)
            .cache_dir(&settings.cache)
            .cache_enabled(false)
            .client(http.clone())
            .retry_max_attempts(0)
            .build()
            .map_err(|error| setup(&error))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("settling-hub")
            .enable_all()
            .build()
            .map_err(|error| setup(&error))?;
        Ok(Self { settings, http, hf, runtime: Some(runtime), listener })
    }

    /// Waits for `future`, also where the caller is itself within a runtime.
    pub(crate) fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let Some(runtime) = &self.runtime else { unreachable!("the runtime lives until the drop") };
        if Handle::try_current().is_err() {
            return runtime.block_on(future);
        }
        let result = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }

    /// Makes a request until it succeeds or cannot.
    pub(crate) async fn persist<T, F>(
        &self,
        what: &str,
        mut request: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        if self.settings.offline {
            let message = format!("{what}: the settings forbid requests (HF_HUB_OFFLINE)");
            return Err(Error::new(ErrorKind::Offline, message));
        }
        let mut failed = 0;
        loop {
            let failure = match request().await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            // One that brought something has not failed: the next goes on after it.
            failed = if failure.advanced { 0 } else { failed + 1 };
            let Some(asked) = failure.again else { return Err(failure.error) };
            let wait = asked.unwrap_or(self.settings.backoff * 2_u32.pow(failed.clamp(1, 5) - 1));
            if failed >= self.settings.attempts.max(1) || wait > LONGEST_WAIT {
                return Err(failure.error.and(&if wait > LONGEST_WAIT {
                    format!("it asks to wait {} s, try again then", wait.as_secs())
                } else {
                    format!("given up after {failed} attempts")
                }));
            }
            self.tell(&Event::Retrying { what, reason: &failure.error.to_string(), wait });
            tokio::time::sleep(wait).await;
        }
    }

    /// What a failed request of hf-hub means; `what` says what was asked for.
    pub(crate) fn failure(&self, what: &str, error: HFError) -> Failure {
        let fail = |kind, why: String| Error::new(kind, format!("{what}: {why}"));
        match error {
            HFError::Http { context }
            | HFError::AuthRequired { context }
            | HFError::Forbidden { context } => {
                let message = context.server_message.unwrap_or_default();
                self.refused(
                    what,
                    context.status.as_u16(),
                    context.error_code.as_deref(),
                    &message,
                    None,
                )
            }
            HFError::RateLimited { retry_after, context } => {
                let message = context.server_message.unwrap_or_default();
                self.refused(what, 429, None, &message, retry_after)
            }
            HFError::RepoNotFound { context, .. }
            | HFError::RevisionNotFound { context, .. }
            | HFError::EntryNotFound { context, .. } => {
                let code = context.as_ref().and_then(|context| context.error_code.clone());
                let message = context.and_then(|context| context.server_message);
                self.refused(what, 404, code.as_deref(), &message.unwrap_or_default(), None)
            }
            HFError::Request { source, .. } => self.interrupted(what, &source),
            HFError::Xet { .. } => Failure::passing(fail(ErrorKind::Network, error.to_string())),
            error => Failure::last(fail(ErrorKind::Protocol, error.to_string())),
        }
    }

    /// What a status other than of success means.
    pub(crate) fn refused(
        &self,
        what: &str,
        status: u16,
        code: Option<&str>,
        message: &str,
        retry_after: Option<Duration>,
    ) -> Failure {
        let token = match self.settings.token {
            Some(_) => "the token may not see it: ask for access on the repository's page",
            None => "set HF_TOKEN to a token that may see it",
        };
        // The hub does not tell strangers whether a private repository exists.
        let (kind, hint) = match (status, code) {
            (_, Some("GatedRepo")) => {
                (ErrorKind::Access, format!("the repository is gated; {token}"))
            }
            (401, Some("RepoNotFound") | None) => (
                ErrorKind::Access,
                format!("there is no such repository, or it is private; {token}"),
            ),
            (401 | 403, _) => (ErrorKind::Access, token.to_owned()),
            (404, Some("RevisionNotFound")) => {
                (ErrorKind::NotFound, "there is no such revision".to_owned())
            }
            (404, Some("EntryNotFound")) => {
                (ErrorKind::NotFound, "there is no such file".to_owned())
            }
            (404, Some("RepoNotFound")) => {
                (ErrorKind::NotFound, "there is no such repository".to_owned())
            }
            (404, _) => (ErrorKind::NotFound, "it is not there".to_owned()),
            (429, _) => (ErrorKind::Network, "too many requests".to_owned()),
            (408 | 500.., _) => (ErrorKind::Network, "an error of the server".to_owned()),
            _ => (ErrorKind::Protocol, "an answer that the hub does not give".to_owned()),
        };
        let said = if message.is_empty() {
            String::new()
        } else {
            format!(" (`{}`)", message.escape_debug())
        };
        let error = Error::new(
            kind,
            format!("{what}: {hint}; {} said {status}{said}", self.settings.endpoint),
        );
        match (kind, status) {
            (ErrorKind::Network, _) => Failure { again: Some(retry_after), ..Failure::last(error) },
            _ => Failure::last(error),
        }
    }

    /// What a request without a whole answer means.
    pub(crate) fn interrupted(&self, what: &str, error: &reqwest::Error) -> Failure {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason = format!("{reason}: {inner}");
            cause = inner.source();
        }
        let kind = if error.is_decode() { ErrorKind::Protocol } else { ErrorKind::Network };
        let hint = match error {
            error if error.is_timeout() => "no answer in time",
            error if error.is_connect() => "no connection",
            error if error.is_decode() => "an answer that cannot be read",
            _ => "the answer broke off",
        };
        Failure::passing(Error::new(kind, format!("{what}: {hint} ({reason})")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Waiting for a runtime is not allowed within another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("settings", &self.settings).finish_non_exhaustive()
    }
}
