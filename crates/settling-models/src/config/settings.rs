//! Reading settings out of JSON, each with a message of what was expected.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};

/// The settings of a `config.json`, or of an object in it. A setting that is `null` counts as
/// absent.
pub(super) struct Settings<'a> {
    settings: &'a Map<String, Value>,
    /// What the names have before them in messages: nothing, or `rope_scaling.`.
    place: String,
}

pub(super) fn unsupported<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Unsupported, message))
}

impl<'a> Settings<'a> {
    pub(super) fn new(settings: &'a Map<String, Value>) -> Self {
        Self { settings, place: String::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.settings.get(name).filter(|value| !value.is_null())
    }

    /// Whether the setting is there, be it `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.settings.keys().map(String::as_str)
    }

    /// The setting as `read` understands it, or `None` if it is absent.
    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| {
            // A setting may be anything, as long as the file.
            let found: String = value.to_string().chars().take(60).collect();
            let message = format!("`{}{name}` is {found}: expected {expected}", self.place);
            Error::new(ErrorKind::Config, message)
        })
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| {
            let message = format!("there is no `{}{name}`, which the model needs", self.place);
            Error::new(ErrorKind::Config, message)
        })
    }

    pub(super) fn optional_size(&self, name: &str) -> Result<Option<usize>, Error> {
        let size = |value: &Value| value.as_u64().filter(|size| (1..=1 << 28).contains(size));
        let found = self.read(name, "a whole number from 1 to 2^28", size)?;
        // Fits: it is at most 2^28.
        Ok(found.map(|size| size as usize))
    }

    pub(super) fn size(&self, name: &str) -> Result<usize, Error> {
        self.required(name, self.optional_size(name)?)
    }

    pub(super) fn optional_number(&self, name: &str) -> Result<Option<f64>, Error> {
        self.read(name, "a number", Value::as_f64)
    }

    pub(super) fn number(&self, name: &str) -> Result<f64, Error> {
        self.required(name, self.optional_number(name)?)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        Ok(self.read(name, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        self.read(name, "a text", Value::as_str)
    }

    /// The object `name`, as settings of its own.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Error> {
        let settings = self.read(name, "an object", Value::as_object)?;
        let place = format!("{}{name}.", self.place);
        Ok(settings.map(|settings| Self { settings, place }))
    }

    /// Fails unless the setting is absent or one of `supported`.
    pub(super) fn expect(&self, name: &str, supported: &[&str]) -> Result<(), Error> {
        match self.text(name)? {
            Some(found) if !supported.contains(&found) => unsupported(format!(
                "`{}{name}` is `{}`: expected `{}`",
                self.place,
                found.escape_debug(),
                supported.join("` or `")
            )),
            _ => Ok(()),
        }
    }
}
