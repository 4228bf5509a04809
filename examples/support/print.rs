//! `print!` and `println!` for programs whose reader may go away, as `head -1` does.
//!
//! The standard ones panic when nobody reads any more. These go on: results are in files, and a
//! study that nobody watches is still one. Declared before the modules that print, they take the
//! place of the standard ones; but not in tests, which collect what is printed.

use std::fmt;
use std::io::{self, Write};

#[cfg(not(test))]
#[allow(unused_macros, reason = "most examples print whole lines only")]
macro_rules! print {
    ($($text:tt)*) => {
        $crate::print::print(format_args!($($text)*))
    };
}

#[cfg(not(test))]
#[allow(unused_macros, reason = "not every example prints lines itself")]
macro_rules! println {
    () => {
        $crate::print::print(format_args!("\n"))
    };
    ($($line:tt)*) => {
        $crate::print::print(format_args!("{}\n", format_args!($($line)*)))
    };
}

/// # Panics
///
/// As the standard ones do: if the text cannot be written for another reason, such as a disk that
/// is full.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    match io::stdout().write_fmt(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            panic!("cannot write to stdout: {error}")
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    const PRINTS: &str = "SETTLING_TEST_PRINTS";

    /// What the next test starts: it prints more than a pipe holds.
    #[test]
    #[ignore = "only for a_reader_that_goes_away_ends_nothing"]
    fn printing() {
        if std::env::var_os(PRINTS).is_some() {
            for line in 0..100_000 {
                super::print(format_args!("line {line}\n"));
            }
            // Before the test harness prints, which does mind.
            std::process::exit(7);
        }
    }

    #[test]
    fn a_reader_that_goes_away_ends_nothing() {
        let name = format!("{}::printing", module_path!().split_once("::").unwrap().1);
        let mut printing = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--ignored", "--nocapture"])
            .env(PRINTS, "")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(printing.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("line 0")));
        drop(lines);
        assert_eq!(printing.wait().unwrap().code(), Some(7));
    }
}
