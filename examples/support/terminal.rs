//! What the examples show at a terminal: progress, and why they failed.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use settling::ErrorKind;

/// A failure of an example itself, with the exit code of its class.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Prints the error and tells its class by the exit code: 2 usage, 3 bad input, 4 compute or device, 5 output, 1 anything else.
pub(crate) fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code_of(error))
}

fn code_of(error: &(dyn Error + 'static)) -> u8 {
    use settling::{capture, hub};
    if let Some(error) = error.downcast_ref::<settling::Error>() {
        return match error.kind() {
            ErrorKind::Usage => 2,
            ErrorKind::Input => 3,
            ErrorKind::Compute => 4,
            ErrorKind::Output => 5,
            _ => 1,
        };
    }
    if let Some(error) = error.downcast_ref::<capture::Error>() {
        return match error.kind() {
            capture::ErrorKind::Config => 2,
            capture::ErrorKind::Weights | capture::ErrorKind::Tokens => 3,
            _ => 4,
        };
    }
    if let Some(error) = error.downcast_ref::<hub::Error>() {
        return match error.kind() {
            hub::ErrorKind::Usage => 2,
            hub::ErrorKind::Cache | hub::ErrorKind::Network => 5,
            _ => 3,
        };
    }
    if let Some(error) = error.downcast_ref::<settling_figures::Error>() {
        return match error.kind() {
            settling_figures::ErrorKind::NoData | settling_figures::ErrorKind::InvalidRecords => 3,
            _ => 5,
        };
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.code;
    }
    let input = error.is::<settling::checkpoint::Error>() || error.is::<settling::tokens::Error>();
    if input { 3 } else { 1 }
}

/// A progress bar on a terminal, nothing elsewhere.
pub(crate) fn bar(doing: &'static str) -> ProgressBar {
    // The template is fixed and valid; the default style is the fallback.
    let style = ProgressStyle::with_template("{prefix} {bar:32} {pos}/{len}  {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_prefix(doing)
}
