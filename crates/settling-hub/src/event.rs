//! What is being done, step by step.

use std::path::Path;
use std::time::Duration;

/// What is being done, for a program that shows progress or keeps a log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The download of a file begins.
    Download {
        /// The repository.
        repository: &'a str,
        /// The file's path in it.
        file: &'a str,
        /// Its size in bytes.
        size: u64,
        /// How many bytes are already there, from an attempt that was cut off.
        there: u64,
    },
    /// More bytes of a file have come.
    Advance {
        /// The file's path in the repository.
        file: &'a str,
        /// How many bytes more.
        bytes: u64,
    },
    /// A file is there, and has been verified.
    Done {
        /// The file's path in the repository.
        file: &'a str,
        /// Its size in bytes.
        size: u64,
    },
    /// A request failed in a way that may pass.
    Retrying {
        /// What was asked for.
        what: &'a str,
        /// Why it failed.
        reason: &'a str,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// A file of the cache was not what its name says, and was removed.
    Damaged {
        /// The file.
        path: &'a Path,
    },
    /// Another process is downloading the same file; this one waits for it.
    Waiting {
        /// The file's path in the repository.
        file: &'a str,
    },
}
