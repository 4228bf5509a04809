//! Where the hub is, who asks, and where files are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// Where the hub is, who asks, and where files are kept.
///
/// [`from_env`](Self::from_env) reads the environment as Hugging Face's Python library does, so
/// that both share one cache and one login. Every field can be set instead.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct HubSettings {
    /// The hub's address.
    pub endpoint: String,
    /// The access token, for private and gated repositories. It is sent to the endpoint, and to no
    /// other host.
    pub token: Option<String>,
    /// The folder with one folder per repository: `models--EleutherAI--pythia-70m`, ...
    pub cache: PathBuf,
    /// Whether to use the cache alone and make no requests.
    pub offline: bool,
    /// How long a connection may be silent.
    pub timeout: Duration,
    /// How many times a request is made before it is given up, at least once. A request that brought
    /// bytes does not count.
    pub attempts: u32,
    /// How long to wait before the second attempt; each wait is twice the one before. A server that
    /// names a time is obeyed.
    pub backoff: Duration,
}

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

impl HubSettings {
    /// The settings that the environment asks for.
    ///
    /// | variable | sets |
    /// |---|---|
    /// | `HF_ENDPOINT` | the address; else `https://huggingface.co` |
    /// | `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `HF_HOME` | the cache: itself, itself, its folder `hub` |
    /// | `XDG_CACHE_HOME`, else the home folder | `HF_HOME` where that is not set: `huggingface`, `.cache/huggingface` in it |
    /// | `HF_TOKEN`, else `HUGGING_FACE_HUB_TOKEN` | the token; else the content of the file `HF_TOKEN_PATH`, else of `HF_HOME`'s file `token` |
    /// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | to 1: no token |
    /// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | to 1: offline |
    /// | `HF_HUB_DOWNLOAD_TIMEOUT` | seconds of silence; else 30 |
    ///
    /// True is `1`, `ON`, `YES` or `TRUE`, in any case. A path may begin with `~`.
    ///
    /// # Errors
    ///
    /// If the address is invalid, or there is no home folder and the cache is not set.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let user = get("HOME").or_else(|| get("USERPROFILE")).map(PathBuf::from);
        let path = |text: String| match (text.strip_prefix("~"), &user) {
            (Some(rest), Some(user)) if rest.is_empty() || rest.starts_with('/') => {
                user.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(text),
        };
        let home = get("HF_HOME").map(path).or_else(|| {
            let caches =
                get("XDG_CACHE_HOME").map(path).or_else(|| Some(user.clone()?.join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let cache = get("HF_HUB_CACHE").or_else(|| get("HUGGINGFACE_HUB_CACHE")).map(path);
        let cache = cache.or_else(|| Some(home.clone()?.join("hub"))).ok_or_else(|| {
            let message = "there is no home folder to keep files in: set HF_HOME or HF_HUB_CACHE";
            Error::new(ErrorKind::Usage, message)
        })?;
        let is_true = |name| {
            let value = get(name).map(|value| value.to_ascii_uppercase());
            value.is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.as_str()))
        };
        let token = if is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            None
        } else {
            let given = get("HF_TOKEN").or_else(|| get("HUGGING_FACE_HUB_TOKEN"));
            given.or_else(|| {
                let file = get("HF_TOKEN_PATH").map(path).or_else(|| Some(home?.join("token")));
                std::fs::read_to_string(file?).ok()
            })
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let seconds = get("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|seconds| seconds.parse().ok());
        let settings = Self {
            endpoint: get("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned()),
            token,
            offline: is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE"),
            timeout: Duration::from_secs(seconds.filter(|&seconds| seconds > 0).unwrap_or(30)),
            ..Self::new(cache)
        };
        settings.checked()
    }

    /// Settings that do not look at the environment: the public hub, no token, and `cache` for the
    /// files.
    ///
    /// ```
    /// use settling_hub::HubSettings;
    ///
    /// let mut settings = HubSettings::new("/data/hub");
    /// settings.offline = true;
    /// assert_eq!(settings.endpoint, "https://huggingface.co");
    /// ```
    #[must_use]
    pub fn new(cache: impl AsRef<Path>) -> Self {
        Self {
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            token: None,
            cache: cache.as_ref().to_path_buf(),
            offline: false,
            timeout: Duration::from_secs(30),
            attempts: 5,
            backoff: Duration::from_millis(500),
        }
    }

    /// The settings with a plain address, if it is one.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        self.endpoint.truncate(self.endpoint.trim_end_matches('/').len());
        let rest = ["https://", "http://"].iter().find_map(|way| self.endpoint.strip_prefix(way));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
            let endpoint = self.endpoint.escape_debug();
            let message = format!(
                "the hub's address `{endpoint}` is none: expected one such as {DEFAULT_ENDPOINT} (HF_ENDPOINT)"
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        // A token that cannot be sent would silently not be.
        if self
            .token
            .as_deref()
            .is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            let message =
                "the token has characters that no token has: look at HF_TOKEN or the token file";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(self)
    }
}

/// Shows all but the token.
impl fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "..."))
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .field("timeout", &self.timeout)
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        HubSettings::from_variables(&get).unwrap()
    }

    #[test]
    fn the_cache_is_where_the_python_library_has_it() {
        let cache = |variables: &[(&str, &str)]| settings(variables).cache;
        assert_eq!(cache(&[("HOME", "/h")]), Path::new("/h/.cache/huggingface/hub"));
        assert_eq!(
            cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]),
            Path::new("/x/huggingface/hub")
        );
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "~/hf")]), Path::new("/h/hf/hub"));
        let both = [("HF_HOME", "/a"), ("HF_HUB_CACHE", "/b"), ("HUGGINGFACE_HUB_CACHE", "/c")];
        assert_eq!(cache(&both), Path::new("/b"));
        assert_eq!(cache(&both[1..]), Path::new("/b"));
        assert_eq!(cache(&both[2..]), Path::new("/c"));
        let nowhere = HubSettings::from_variables(&|_| None).unwrap_err();
        assert!(nowhere.to_string().contains("HF_HOME"), "{nowhere}");
    }

    #[test]
    fn the_token_is_found_where_the_python_library_finds_it_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let token = |variables: &[(&str, &str)]| settings(variables).token;
        assert_eq!(token(&[("HF_HOME", home)]).as_deref(), Some("hf_file"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_TOKEN", "hf_env")]).as_deref(), Some("hf_env"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        let elsewhere = format!("{home}/token");
        assert_eq!(
            token(&[("HOME", "/h"), ("HF_TOKEN_PATH", &elsewhere)]).as_deref(),
            Some("hf_file")
        );
        let shown = format!("{:?}", settings(&[("HF_HOME", home)]));
        assert!(!shown.contains("hf_file"), "{shown}");
    }

    #[test]
    fn offline_is_what_the_python_library_takes_for_true() {
        for (value, offline) in
            [("1", true), ("yes", true), ("True", true), ("0", false), ("no", false)]
        {
            assert_eq!(
                settings(&[("HOME", "/h"), ("HF_HUB_OFFLINE", value)]).offline,
                offline,
                "{value}"
            );
        }
        assert!(settings(&[("HOME", "/h"), ("TRANSFORMERS_OFFLINE", "on")]).offline);
    }

    #[test]
    fn an_address_or_token_that_is_none_is_an_error() {
        for endpoint in ["huggingface.co", "https://", "ftp://a", "http://a b"] {
            let get = |name: &str| match name {
                "HF_ENDPOINT" => Some(endpoint.to_owned()),
                "HOME" => Some("/h".to_owned()),
                _ => None,
            };
            let error = HubSettings::from_variables(&get).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
        }
        assert_eq!(
            settings(&[("HOME", "/h"), ("HF_ENDPOINT", "http://a:1/")]).endpoint,
            "http://a:1"
        );
        let mut settings = HubSettings::new("/c");
        settings.token = Some("a b".to_owned());
        assert!(settings.checked().unwrap_err().to_string().contains("HF_TOKEN"));
    }
}
