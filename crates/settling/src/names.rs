//! Names that become folders.

use crate::error::{Error, ErrorKind};

/// What lies beside the folders of models.
const TAKEN: [&str; 11] = [
    "records.csv",
    "records.parquet",
    "mcc.csv",
    "settling.csv",
    "summary.csv",
    "manifest.json",
    "report.html",
    "main.svg",
    "main.png",
    "tokens.npy",
    "figures",
];

/// Whether a model can be called so in a study: as a folder can be called that is not hidden, and
/// not as a file that lies beside it in the output folder.
///
/// ```
/// use settling::check_model_name;
///
/// assert!(check_model_name("pythia-70m").is_ok());
/// assert!(check_model_name("../pythia-70m").is_err());
/// assert!(check_model_name("manifest.json").is_err());
/// ```
///
/// # Errors
///
/// [`ErrorKind::Usage`], with the name.
pub fn check_model_name(name: &str) -> Result<(), Error> {
    if !is_plain(name) {
        let message =
            format!("`{name}` cannot name a model: it must be usable as the name of a folder");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    if TAKEN.contains(&name.to_lowercase().as_str()) {
        let message = format!(
            "`{name}` cannot name a model: a file of the results is called so beside its folder"
        );
        return Err(Error::new(ErrorKind::Usage, message));
    }
    Ok(())
}

/// Whether a folder can have this name, and is not hidden.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_a_folder_can_be_and_as_no_file_of_the_results() {
        assert!(check_model_name("pythia-70m").is_ok() && check_model_name("me--tiny").is_ok());
        for name in ["", ".", "..", ".m", "a/b", "a\\b", "records.csv", "Manifest.json", "figures"]
        {
            let error = check_model_name(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{name}");
            assert!(error.to_string().contains("cannot name a model"), "{error}");
        }
    }
}
