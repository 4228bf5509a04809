//! Reading settings out of JSON, so that each is accounted for: read, known to be without effect,
//! or refused.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::json::{Kind, Object, Value};
use super::known::{Known, Neutral};
use crate::error::{Error, ErrorKind};
use crate::families::is_positive_f32;

/// The settings of a `config.json`, or of an object in it. A setting that is `null` counts as
/// absent, unless its reader says otherwise.
pub(super) struct Settings<'a> {
    object: &'a Object<'a>,
    /// What the names have before them in messages: nothing, or `rope_scaling.`.
    place: String,
    /// The names that were asked for.
    read: RefCell<BTreeSet<String>>,
}

/// A value, and the name of the setting that it is of.
pub(super) type Named<T> = (String, T);

pub(super) fn unsupported<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Unsupported, message))
}

fn wrong<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Config, message))
}

/// A text out of a file, on one line and not longer than a message may be.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for one in text.chars().take(60) {
        match one {
            '"' | '\'' | '\\' => shown.push(one),
            _ => shown.extend(one.escape_debug()),
        }
    }
    shown
}

/// The one value that all spellings of a setting have.
///
/// # Errors
///
/// If two differ: both are named.
pub(super) fn agreed<T: PartialEq + std::fmt::Debug>(
    spellings: impl IntoIterator<Item = Named<T>>,
) -> Result<Option<T>, Error> {
    let mut spellings = spellings.into_iter();
    let Some((name, value)) = spellings.next() else { return Ok(None) };
    match spellings.find(|(_, other)| *other != value) {
        None => Ok(Some(value)),
        Some((other_name, other)) => wrong(format!(
            "`{name}` and `{other_name}` are two spellings of one setting and contradict each \
             other: {value:?} and {other:?}; remove the one that is wrong"
        )),
    }
}

impl<'a> Settings<'a> {
    pub(super) fn new(value: &'a Value<'a>) -> Result<Self, Error> {
        match &value.kind {
            Kind::Object(object) => Self::of(object, String::new()),
            _ => wrong("is no JSON object"),
        }
    }

    fn of(object: &'a Object<'a>, place: String) -> Result<Self, Error> {
        match &object.repeated {
            None => Ok(Self { object, place, read: RefCell::default() }),
            Some(name) => {
                let message = "there twice: expected each setting once";
                wrong(format!("`{place}{}` is {message}", shown(name)))
            }
        }
    }

    /// The setting, be it `null`.
    pub(super) fn entry(&self, name: &str) -> Option<&'a Value<'a>> {
        self.read.borrow_mut().insert(name.to_owned());
        self.object.values.get(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value<'a>> {
        self.entry(name).filter(|value| !matches!(value.kind, Kind::Null))
    }

    fn refuse<T>(&self, name: &str, value: &Value<'_>, expected: &str) -> Result<T, Error> {
        let found = shown(value.text);
        wrong(format!("`{}{name}` is {found}: expected {expected}", self.place))
    }

    /// The value as `read` understands it.
    fn understood<T>(
        &self,
        name: &str,
        value: Option<&'a Value<'a>>,
        expected: &str,
        read: impl Fn(&'a Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = value else { return Ok(None) };
        match read(value) {
            Some(found) => Ok(Some(found)),
            None => self.refuse(name, value, expected),
        }
    }

    /// What `read` finds under each of `names`, which are spellings of one setting.
    pub(super) fn spellings<T>(
        &self,
        names: &[&str],
        read: impl Fn(&Self, &str) -> Result<Option<T>, Error>,
    ) -> Result<Vec<Named<T>>, Error> {
        let mut found = Vec::new();
        for name in names {
            found.extend(read(self, name)?.map(|value| (format!("{}{name}", self.place), value)));
        }
        Ok(found)
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| {
            let message = format!("there is no `{}{name}`, which the model needs", self.place);
            Error::new(ErrorKind::Config, message)
        })
    }

    pub(super) fn optional_size(&self, name: &str) -> Result<Option<usize>, Error> {
        let size = |value: &Value<'_>| match value.kind {
            Kind::Number => value.text.parse().ok().filter(|size| (1..=1 << 28).contains(size)),
            _ => None,
        };
        self.understood(name, self.get(name), "a whole number from 1 to 2^28", size)
    }

    pub(super) fn size(&self, name: &str) -> Result<usize, Error> {
        self.required(name, self.optional_size(name)?)
    }

    /// The size that has these names.
    pub(super) fn size_of(&self, names: &[&str]) -> Result<usize, Error> {
        let found = self.spellings(names, Self::optional_size)?;
        self.required(names[0], agreed(found)?)
    }

    /// A positive number that f32 has.
    fn understood_number(
        &self,
        name: &str,
        value: Option<&'a Value<'a>>,
    ) -> Result<Option<f64>, Error> {
        let number = |value: &Value<'_>| match value.kind {
            Kind::Number => value.text.parse().ok().filter(|&number| is_positive_f32(number)),
            _ => None,
        };
        self.understood(name, value, "a positive number in the range of f32", number)
    }

    pub(super) fn optional_number(&self, name: &str) -> Result<Option<f64>, Error> {
        self.understood_number(name, self.get(name))
    }

    pub(super) fn number(&self, name: &str) -> Result<f64, Error> {
        self.required(name, self.optional_number(name)?)
    }

    /// A number that may be absent, for which `null` does not stand.
    pub(super) fn given_number(&self, name: &str) -> Result<Option<f64>, Error> {
        self.understood_number(name, self.entry(name))
    }

    pub(super) fn number_or(&self, name: &str, default: f64) -> Result<f64, Error> {
        Ok(self.given_number(name)?.unwrap_or(default))
    }

    /// A number from 0 to 1.
    pub(super) fn share(&self, name: &str) -> Result<Option<f64>, Error> {
        let share = |value: &Value<'_>| match value.kind {
            Kind::Number => value.text.parse().ok().filter(|share| (0.0..=1.0).contains(share)),
            _ => None,
        };
        self.understood(name, self.get(name), "a number from 0 to 1", share)
    }

    /// A setting that is on or off. To Python `null` is off.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        let value = if default { self.entry(name) } else { self.get(name) };
        let flag = |value: &Value<'_>| match value.kind {
            Kind::Bool(flag) => Some(flag),
            _ => None,
        };
        Ok(self.understood(name, value, "true or false", flag)?.unwrap_or(default))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        self.understood(name, self.get(name), "a text", text)
    }

    /// The texts in the list `name`.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Error> {
        let texts = |value: &'a Value<'a>| match &value.kind {
            Kind::List(values) => values.iter().map(text).collect(),
            _ => None,
        };
        self.understood(name, self.get(name), "a list of texts", texts)
    }

    /// The object `name`, as settings of its own.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Error> {
        let object = |value: &'a Value<'a>| match &value.kind {
            Kind::Object(object) => Some(object),
            _ => None,
        };
        let object = self.understood(name, self.get(name), "an object", object)?;
        object.map(|object| Self::of(object, format!("{}{name}.", self.place))).transpose()
    }

    /// What `name` chooses by its text, be it `null`; `default` if it is absent.
    pub(super) fn choice<T>(
        &self,
        name: &str,
        default: T,
        choose: impl Fn(&str) -> Option<T>,
        choices: &[&str],
    ) -> Result<T, Error> {
        let Some(found) = self.understood(name, self.entry(name), "a text", text)? else {
            return Ok(default);
        };
        match choose(found) {
            Some(chosen) => Ok(chosen),
            None => unsupported(format!(
                "`{}{name}` is `{}`: expected `{}`",
                self.place,
                shown(found),
                choices.join("`, `")
            )),
        }
    }

    /// Fails if a setting is left that was not read, is not known to be without effect, and does
    /// not have the value that is the same as none.
    pub(super) fn nothing_left(&self, known: &[&Known], what: &str) -> Result<(), Error> {
        let read = self.read.borrow();
        let mut unknown = Vec::new();
        for (name, value) in &self.object.values {
            let without_effect =
                known.iter().any(|known| known.without_effect.contains(&name.as_ref()));
            if read.contains(name.as_ref()) || without_effect || matches!(value.kind, Kind::Null) {
                continue;
            }
            let mut neutral = known.iter().flat_map(|known| known.neutral);
            match neutral.find(|(neutral, _)| neutral == name) {
                Some((_, neutral)) if is(value, *neutral) => {}
                Some((_, neutral)) => {
                    let found = format!("`{}{name}` is {}", self.place, shown(value.text));
                    return unsupported(match neutral {
                        Neutral::Unquantized => format!(
                            "{found}: the weights are quantized; use the model that it was made \
                             from, or save model.dequantize(); if the files have the weights \
                             themselves, remove the setting from a copy of the file"
                        ),
                        _ => format!(
                            "{found}: expected {neutral}, as what other values stand for is not \
                             part of {what} here; if it is wrong, correct it in a copy of the file"
                        ),
                    });
                }
                None => unknown.push(format!("`{}{}`", self.place, shown(name))),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let more = unknown.len().saturating_sub(4);
        unknown.truncate(4);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        unsupported(format!(
            "{}{more}: no setting of {what} that is known here, and it may change what the model \
             computes; if it does not, remove it from a copy of the file",
            unknown.join(", ")
        ))
    }
}

fn text<'a>(value: &'a Value<'a>) -> Option<&'a str> {
    match &value.kind {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether the value is this one.
fn is(value: &Value<'_>, neutral: Neutral) -> bool {
    match (&value.kind, neutral) {
        (Kind::Bool(found), Neutral::Flag(flag)) => *found == flag,
        (Kind::Number, Neutral::One) => value.text.parse() == Ok(1.0),
        (Kind::List(list), Neutral::Nothing) => list.is_empty(),
        (Kind::Object(object), Neutral::Nothing | Neutral::Unquantized) => object.values.is_empty(),
        _ => false,
    }
}
