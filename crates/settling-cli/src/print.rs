//! `print!`, `println!` and `eprintln!` for a program whose reader may go away, as `head -1` does.
//!
//! The standard ones panic when nobody reads any more. These go on: results are in files, and a
//! study that nobody watches is still one. Declared before the modules that print, they take the
//! place of the standard ones.

use std::fmt;
use std::io::{self, Write};

macro_rules! print {
    ($($text:tt)*) => {
        $crate::print::print(format_args!($($text)*))
    };
}

macro_rules! println {
    () => {
        $crate::print::print(format_args!("\n"))
    };
    ($($line:tt)*) => {
        $crate::print::print(format_args!("{}\n", format_args!($($line)*)))
    };
}

macro_rules! eprintln {
    ($($line:tt)*) => {
        $crate::print::complain(format_args!($($line)*))
    };
}

/// A p-value to three digits; of one below them it says so, as none is 0.
pub(crate) fn p_value(p: f64) -> String {
    if p < 5e-4 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// In unit tests the harness collects what is printed.
///
/// # Panics
///
/// As the standard ones do: if the text cannot be written for another reason, such as a disk that
/// is full.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    #[cfg(test)]
    #[expect(clippy::print_stdout, reason = "the harness collects it")]
    {
        std::print!("{text}");
    }
    #[cfg(not(test))]
    write(text);
}

fn write(text: fmt::Arguments<'_>) {
    match io::stdout().write_fmt(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            panic!("cannot write to stdout: {error}")
        }
        _ => {}
    }
}

/// Says something on the standard error, to whoever may be reading.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    const PRINTS: &str = "SETTLING_TEST_PRINTS";

    #[test]
    fn no_p_value_is_printed_as_0() {
        assert_eq!([0.0004, 0.0006, 0.25].map(super::p_value), ["<0.001", "0.001", "0.250"]);
    }

    /// What the next test starts: it prints more than a pipe holds.
    #[test]
    #[ignore = "only for a_reader_that_goes_away_ends_nothing"]
    fn printing() {
        if std::env::var_os(PRINTS).is_some() {
            for line in 0..100_000 {
                super::write(format_args!("line {line}\n"));
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
