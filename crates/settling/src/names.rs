//! Names that become folders.

use crate::error::{Error, ErrorKind};

/// Refuses names that would leave the output folder.
pub(crate) fn check_model_name(name: &str) -> Result<(), Error> {
    if is_plain(name) {
        return Ok(());
    }
    let message =
        format!("`{name}` cannot name a model: it must be usable as the name of a folder");
    Err(Error::new(ErrorKind::Usage, message))
}

/// Whether a folder can have this name, and is not hidden.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}
