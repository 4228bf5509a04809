use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// Where a model runs. Parses from and displays as `cpu` or `cuda:N`; `auto` parses as [`Device::auto`].
///
/// ```no_run
/// use settling_capture::Device;
///
/// assert_eq!("cuda:1".parse(), Ok(Device::Cuda(1)));
/// assert_eq!(Device::Cpu.to_string(), "cpu");
/// assert!("gpu".parse::<Device>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
}

impl Device {
    /// The first CUDA device if this libtorch sees one, else the CPU.
    #[must_use]
    pub fn auto() -> Self {
        if tch::Cuda::is_available() { Self::Cuda(0) } else { Self::Cpu }
    }

    pub(crate) fn check(self) -> Result<tch::Device, Error> {
        let Self::Cuda(index) = self else { return Ok(tch::Device::Cpu) };
        let found = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
        if index < found {
            return Ok(tch::Device::Cuda(index));
        }
        let why = if tch::utils::has_cuda() {
            format!("this libtorch supports CUDA and sees {found} devices")
        } else {
            "this is a CPU build of libtorch; docs/LIBTORCH.md says how to use a CUDA one"
                .to_owned()
        };
        Err(Error::new(ErrorKind::Device, format!("there is no device {self}: {why}")))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = ParseDeviceError;

    fn from_str(text: &str) -> Result<Self, ParseDeviceError> {
        match (text, text.strip_prefix("cuda:").map(str::parse)) {
            ("auto", _) => Ok(Self::auto()),
            ("cpu", _) => Ok(Self::Cpu),
            (_, Some(Ok(index))) => Ok(Self::Cuda(index)),
            _ => Err(ParseDeviceError { text: text.to_owned() }),
        }
    }
}

/// The error of parsing a [`Device`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParseDeviceError {
    text: String,
}

impl fmt::Display for ParseDeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names no device: expected `auto`, `cpu` or `cuda:N`", self.text)
    }
}

impl std::error::Error for ParseDeviceError {}

/// Sets how many threads libtorch uses inside one operation, for calls made from this thread.
///
/// # Panics
///
/// If `threads` is 0.
#[track_caller]
pub fn set_threads(threads: usize) {
    assert!(threads > 0, "an operation needs at least one thread");
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}
