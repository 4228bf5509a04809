//! What the examples show at a terminal: progress, and why they failed.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use settling::ErrorKind;

/// A failure of an example itself, with the exit code of its class.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    /// Wrong usage.
    #[allow(dead_code, reason = "not every example has options of its own")]
    pub(crate) fn usage(message: String) -> Self {
        Self { code: 2, message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Prints the error and tells its class by the exit code: 2 usage, 3 bad input, 4 compute or
/// device, 5 output or network, 1 anything else.
pub(crate) fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    // Nobody may be reading, and the exit code is worth more.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(code_of(error))
}

fn code_of(error: &(dyn Error + 'static)) -> u8 {
    use settling::{capture, hub};
    if let Some(error) = error.downcast_ref::<settling::Error>() {
        return match error.kind() {
            ErrorKind::Usage => 2,
            // A checkpoint that cannot be read because it cannot be fetched, or not be loaded
            // because there is no such device, is not a bad one.
            ErrorKind::Input => match error.source() {
                Some(cause) if cause.is::<hub::Error>() || cause.is::<capture::Error>() => {
                    code_of(cause)
                }
                _ => 3,
            },
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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use settling::capture::{Device, Options, Transformer};
    use settling::checkpoint::{Checkpoint, StepDirectories};
    use settling::core::{CheckpointSeries as _, Positions, Step, TokenBatch};
    use settling::models::parse_config;
    use settling::tokens::{NpyTokens, write_npy};
    use settling::{Protocol, Settings, Store, TransformerSubject, study_model};

    use super::*;

    /// A model that Hugging Face transformers wrote.
    fn golden(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates/settling-capture/tests/golden/parallel")
            .join(file)
    }

    /// A device that no machine has.
    fn no_such_device() -> settling::capture::Error {
        let checkpoint = Checkpoint::open(golden("")).unwrap();
        let architecture = checkpoint.architecture().unwrap();
        let options = Options { device: Device::Cuda(999), ..Options::default() };
        Transformer::load(&architecture, &checkpoint, &options).err().unwrap()
    }

    /// Activations behind the end of the rows, which only the model finds.
    fn no_such_position(folder: &Path) -> settling::Error {
        let step = folder.join("suite/step0");
        std::fs::create_dir_all(&step).unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(golden(file), step.join(file)).unwrap();
        }
        let rows = folder.join("rows.npy");
        write_npy(&rows, &TokenBatch::new(vec![1; 8], 4).unwrap()).unwrap();
        let mut protocol = Protocol::corrected();
        protocol.rows.positions = Positions::Index(50);
        let settings = Settings {
            protocols: vec![protocol],
            training: None,
            steps: None,
            shard: None,
            reference_memory: 1 << 20,
            engine: "test".to_owned(),
        };
        let series = StepDirectories::open(folder.join("suite")).unwrap();
        let architecture = series.open(Step(0)).unwrap().architecture().unwrap();
        let subject = TransformerSubject { architecture, options: Options::default() };
        let tokens = NpyTokens::open(&rows).unwrap();
        let store = Store::open(folder.join("out")).unwrap();
        study_model("m", &series, &tokens, &subject, &settings, &store, &mut |_| {}).unwrap_err()
    }

    /// Scripts and schedulers decide by it.
    #[test]
    fn the_exit_code_is_that_of_the_class() {
        let code = |error: Box<dyn Error>| code_of(error.as_ref());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "not a tensor").unwrap();

        assert_eq!(code("0/2".parse::<settling::Shard>().unwrap_err().into()), 2);
        assert_eq!(code(Protocol::read(&file).unwrap_err().into()), 2);
        assert_eq!(code(NpyTokens::open(&file).unwrap_err().into()), 3);
        assert_eq!(code(Checkpoint::open_file(&file).unwrap_err().into()), 3);
        assert_eq!(code(parse_config("{").unwrap_err().into()), 3);
        assert_eq!(code(settling_figures::main_figure(&[]).unwrap_err().into()), 3);
        assert_eq!(code(no_such_device().into()), 4);
        assert_eq!(code(no_such_position(folder.path()).into()), 4);
        assert_eq!(code(Store::open(&file).unwrap_err().into()), 5);
        let failure = Failure { code: 6, message: String::new() };
        assert_eq!(code(failure.into()), 6);
        assert_eq!(code("anything else".into()), 1);
    }
}
