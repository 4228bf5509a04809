//! How the program ends: one table of exit codes, and which error has which.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use settling::{ErrorKind, figures};

/// How a command ended. Scripts and schedulers decide by its number.
///
/// ```
/// use settling_cli::Exit;
///
/// assert_eq!((Exit::Done.code(), Exit::Input.code()), (0, 3));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Exit {
    /// 0: what was asked for is done.
    Done,
    /// 1: anything that has no class of its own; a check of `gpu-check` that does not hold.
    Other,
    /// 2: the command line, a protocol or a setting is wrong, or this build lacks the part.
    Usage,
    /// 3: a checkpoint, token rows or a table cannot be read, or are not what they should be.
    Input,
    /// 4: a model could not be run: no such device, not enough memory, a device that fails.
    Compute,
    /// 5: results could not be written, or the network failed.
    Output,
}

/// The same for the long help of the program.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  what was asked for is done
  1  anything that has no class of its own; a check of `gpu-check` that does not hold
  2  the command line, a protocol or a setting is wrong, or this build lacks the part
  3  a checkpoint, token rows or a table cannot be read, or are not what they should be
  4  a model could not be run: no such device, not enough memory, a device that fails
  5  results could not be written, or the network failed";

impl Exit {
    /// The exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Compute => 4,
            Self::Output => 5,
        }
    }

    /// The class of an error.
    pub(crate) fn from_error(error: &(dyn Error + 'static)) -> Self {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return failure.exit;
        }
        if let Some(error) = error.downcast_ref::<settling::Error>() {
            return match error.kind() {
                ErrorKind::Usage => Self::Usage,
                // A checkpoint that cannot be read because it cannot be fetched, or not be loaded
                // because there is no such device, is not a bad one.
                ErrorKind::Input => {
                    let cause = error.get_ref();
                    cause.and_then(|cause| of_parts(cause)).unwrap_or(Self::Input)
                }
                ErrorKind::Compute => Self::Compute,
                ErrorKind::Output => Self::Output,
                _ => Self::Other,
            };
        }
        if let Some(error) = error.downcast_ref::<figures::Error>() {
            return match error.kind() {
                figures::ErrorKind::NoData | figures::ErrorKind::InvalidRecords => Self::Input,
                _ => Self::Output,
            };
        }
        let is_of_input = error.is::<settling::core::Error>()
            || error.is::<settling::analysis::Error>()
            || error.is::<settling::checkpoint::Error>()
            || error.is::<settling::tokens::Error>()
            || error.is::<settling::models::Error>()
            || error.is::<settling::records::Error>()
            || error.is::<settling::cka::Error>()
            || error.is::<settling::rank::Error>();
        of_parts(error).unwrap_or(if is_of_input { Self::Input } else { Self::Other })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The class of an error of a part that not every build has.
fn of_parts(error: &(dyn Error + 'static)) -> Option<Exit> {
    #[cfg(feature = "capture")]
    if let Some(error) = error.downcast_ref::<settling::capture::Error>() {
        use settling::capture::ErrorKind;
        return Some(match error.kind() {
            ErrorKind::Config => Exit::Usage,
            ErrorKind::Weights | ErrorKind::Tokens => Exit::Input,
            _ => Exit::Compute,
        });
    }
    #[cfg(feature = "hub")]
    if let Some(error) = error.downcast_ref::<settling::hub::Error>() {
        use settling::hub::ErrorKind;
        return Some(match error.kind() {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Cache | ErrorKind::Network => Exit::Output,
            _ => Exit::Input,
        });
    }
    let _ = error;
    None
}

/// A result, or why there is none.
pub(crate) type Fallible<T> = Result<T, Box<dyn Error>>;

/// How a command ended, or why it could not do what it was asked for.
pub(crate) type Outcome = Fallible<Exit>;

/// A failure of a command itself, with its class.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    /// Wrong usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// Bad input.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { exit: Exit::Input, message: message.into() }
    }

    /// A file that cannot be written.
    pub(crate) fn output(path: &std::path::Path, error: &dyn Error) -> Self {
        let message = format!("cannot write {}: {error}", path.display());
        Self { exit: Exit::Output, message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use settling::checkpoint::Checkpoint;
    use settling::models::parse_config;
    use settling::tokens::NpyTokens;
    use settling::{Protocol, Shard, Store};

    use super::*;

    fn code(error: impl Into<Box<dyn Error>>) -> u8 {
        Exit::from_error(error.into().as_ref()).code()
    }

    /// Scripts and schedulers decide by it.
    #[test]
    fn the_exit_code_is_that_of_the_class() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "not a tensor").unwrap();

        assert_eq!(code("0/2".parse::<Shard>().unwrap_err()), 2);
        assert_eq!(code(Protocol::read(&file).unwrap_err()), 2);
        assert_eq!(code(NpyTokens::open(&file).unwrap_err()), 3);
        assert_eq!(code(Checkpoint::open_file(&file).unwrap_err()), 3);
        assert_eq!(code(parse_config("{").unwrap_err()), 3);
        assert_eq!(code(settling::records::read_records(&b"no,table"[..]).unwrap_err()), 3);
        assert_eq!(code(crate::draw::mcc(&[], Path::new("none")).unwrap_err()), 3);
        assert_eq!(code(Store::open(&file).unwrap_err()), 5);
        assert_eq!(code(Failure::usage("")), 2);
        assert_eq!(code("anything else"), 1);
    }

    #[test]
    fn the_help_has_every_code() {
        let all = [Exit::Done, Exit::Other, Exit::Usage, Exit::Input, Exit::Compute, Exit::Output];
        let lines: Vec<&str> = TABLE.lines().skip(1).collect();
        assert_eq!(lines.len(), all.len());
        for (line, exit) in lines.iter().zip(all) {
            assert!(line.starts_with(&format!("  {}  ", exit.code())), "{line}");
        }
    }

    #[cfg(feature = "capture")]
    mod of_models {
        use std::path::{Path, PathBuf};

        use settling::capture::{Device, Engine, Options, Transformer};
        use settling::checkpoint::{Checkpoint, StepDirectories};
        use settling::core::{Positions, TokenBatch};
        use settling::tokens::{NpyTokens, write_npy};
        use settling::{Protocol, Store, Study, TransformerAdapter};

        use super::code;

        /// A model that Hugging Face transformers wrote.
        fn golden(file: &str) -> PathBuf {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../settling-capture/tests/golden/parallel")
                .join(file)
        }

        /// A device that no machine has.
        fn no_such_device() -> settling::capture::Error {
            let checkpoint = Checkpoint::open(golden("")).unwrap();
            let architecture = checkpoint.architecture().unwrap();
            let engine = Engine { device: Device::Cuda(999), ..Engine::default() };
            let options = Options { engine, ..Options::default() };
            Transformer::load(&architecture, &checkpoint, &options).err().unwrap()
        }

        /// A study of activations after the end of the rows, which only the model finds, on
        /// `engine`.
        fn no_such_position(folder: &Path, engine: Engine) -> settling::Error {
            let step = folder.join("suite/step0");
            std::fs::create_dir_all(&step).unwrap();
            for file in ["config.json", "model.safetensors"] {
                std::fs::copy(golden(file), step.join(file)).unwrap();
            }
            let rows = folder.join("rows.npy");
            write_npy(&rows, &TokenBatch::new(vec![1; 8], 4).unwrap()).unwrap();
            let mut protocol = Protocol::corrected();
            protocol.rows.positions = Positions::Index(50);
            let series = StepDirectories::open(folder.join("suite")).unwrap();
            let adapter = TransformerAdapter::new(engine);
            let tokens = NpyTokens::open(&rows).unwrap();
            let store = Store::open(folder.join("out")).unwrap();
            let study = Study::new(store, [protocol]).unwrap();
            let plan = study.plan("m", &series, &adapter, Some(&tokens)).unwrap();
            plan.run(&mut |_| {}).unwrap_err()
        }

        #[test]
        fn the_exit_code_of_a_model_is_that_of_the_class() {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(code(no_such_device()), 4);
            assert_eq!(code(no_such_position(folder.path(), Engine::default())), 4);
            // Found while the checkpoint is loaded, which is sound.
            let engine = Engine { device: Device::Cuda(999), ..Engine::default() };
            assert_eq!(code(no_such_position(folder.path(), engine)), 4);
        }
    }
}
