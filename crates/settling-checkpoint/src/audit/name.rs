//! What findings are called, to allow them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// What findings of one sort are called: `zero-weights`, `changed-settings`. By it they are
/// [allowed](crate::Audit::allow_findings).
///
/// ```
/// use settling_checkpoint::{ErrorKind, FindingName};
///
/// let name: FindingName = "unknown-tensors".parse()?;
/// assert_eq!(name.to_string(), "unknown-tensors");
/// assert!(FindingName::ALL.contains(&name));
/// let error = "unknown".parse::<FindingName>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Finding);
/// # Ok::<(), settling_checkpoint::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FindingName(&'static str);

impl FindingName {
    pub(super) const fn of(name: &'static str) -> Self {
        Self(name)
    }

    /// Every name there is.
    pub const ALL: [Self; 18] = [
        Self("empty"),
        Self("missing-steps"),
        Self("unreadable"),
        Self("same-as-last"),
        Self("identical-steps"),
        Self("mixed-origin"),
        Self("constant"),
        Self("other-tensors"),
        Self("missing-weights"),
        Self("unknown-tensors"),
        Self("zero-weights"),
        Self("uniform-weights"),
        Self("repeated-weights"),
        Self("not-finite"),
        Self("changed-settings"),
        Self("unreadable-settings"),
        Self("changed-config"),
        Self("discontinuity"),
    ];
}

impl fmt::Display for FindingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl FromStr for FindingName {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::Finding`], with all names, if no finding is called so.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|one| one.0 == name).ok_or_else(|| {
            let names = Self::ALL.map(|one| one.0).join(", ");
            let message = format!("no finding is called `{name}`: expected one of {names}");
            Error::new(ErrorKind::Finding, message)
        })
    }
}
