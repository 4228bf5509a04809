//! Why the bytes of a file cannot be read, before it is known what to call the file.

use std::fmt;

use crate::error::Error;

/// An error of the file itself, or what is wrong with its bytes.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(Error),
    Format(String),
}

impl Fault {
    /// The same, with the place in the file.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Format(message) => Self::Format(format!("{place}: {message}")),
            read @ Self::Read(_) => read,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Format(message)
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::Format(message.to_owned())
    }
}
