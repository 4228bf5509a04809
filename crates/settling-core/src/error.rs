//! The one error of this crate, and the box in which the errors of others travel.

use std::fmt;

/// Any error: what the traits of this crate ask the errors of their implementors to convert into.
///
/// A caller that holds implementors of several traits can so report all of their errors alike. The
/// standard library converts every `std::error::Error + Send + Sync` and every `String` into it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a value of this crate could not be made. The message says what was expected and found.
///
/// ```
/// use settling_core::{ErrorKind, Site};
///
/// let error = "layer0.mlp.ov".parse::<Site>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Parse);
/// assert!(error.to_string().contains("`layer0.mlp.ov` names no site"), "{error}");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A text that names no value of its type, such as a step or a site.
    Parse,
    /// A buffer that does not hold what its shape asks for.
    Shape,
    /// Elements of another type than the operation takes.
    Dtype,
    /// A number that cannot be what it is said to be, such as a negative singular value.
    Value,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
