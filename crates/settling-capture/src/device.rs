//! Where a model runs, and whether it can.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use tch::Tensor;

use crate::error::{Error, ErrorKind};
use crate::failure::{self, Context as _};
use crate::precision::Precision;

/// Where a model runs. Parses from and displays as `cpu`, `cuda:N` or `mps`; `auto` parses as
/// [`Device::auto`].
///
/// ```no_run
/// use settling_capture::Device;
///
/// assert_eq!("cuda:1".parse::<Device>()?, Device::Cuda(1));
/// assert_eq!(Device::Cpu.to_string(), "cpu");
/// assert!("gpu".parse::<Device>().is_err());
/// # Ok::<(), settling_capture::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
    /// The GPU of an Apple processor.
    Mps,
}

impl Device {
    /// The first CUDA device if this libtorch sees one, else Apple's GPU, else the CPU.
    #[must_use]
    pub fn auto() -> Self {
        if tch::Cuda::is_available() {
            Self::Cuda(0)
        } else if tch::utils::has_mps() {
            Self::Mps
        } else {
            Self::Cpu
        }
    }

    /// How fast matrix products are here: floating-point operations per second, a multiplication
    /// and an addition being two. Measured for about a fifth of a second, so that it can be said
    /// beforehand how long something will take.
    ///
    /// # Errors
    ///
    /// If there is no such device, or it has no such arithmetic or not the 64 MB for it.
    pub fn product_speed(self, precision: Precision) -> Result<f64, Error> {
        // A processor without the arithmetic (f16, on many) needs a second for a product that takes
        // a GPU microseconds.
        let size: i64 = if self == Self::Cpu { 256 } else { 2048 };
        let device = self.check(precision)?;
        let run = || -> Result<f64, tch::TchError> {
            let _guard = tch::no_grad_guard();
            let matrix = Tensor::f_ones([size, size], (precision.kind(), device))?;
            // What was asked of a GPU is done when a number of the result is there.
            let wait = |product: &Tensor| product.f_double_value(&[0, 0]);
            wait(&matrix.f_matmul(&matrix)?)?;
            let (started, mut products, mut at_once) = (Instant::now(), 0, 1);
            while started.elapsed() < Duration::from_millis(200) {
                for _ in 1..at_once {
                    let _ = matrix.f_matmul(&matrix)?;
                }
                wait(&matrix.f_matmul(&matrix)?)?;
                products += at_once;
                at_once = (2 * at_once).min(64);
            }
            let operations = 2.0 * (size as f64).powi(3) * f64::from(products);
            Ok(operations / started.elapsed().as_secs_f64())
        };
        run().context(|| format!("multiplying matrices on {self}"))
    }

    /// libtorch's name of this device, if there is one that can be used.
    pub(crate) fn check(self, precision: Precision) -> Result<tch::Device, Error> {
        self.still_usable()?;
        let missing = |why: &str| {
            Err(Error::new(ErrorKind::Device, format!("there is no device {self}: {why}")))
        };
        match self {
            Self::Cpu => Ok(tch::Device::Cpu),
            Self::Mps if !tch::utils::has_mps() => {
                missing("this libtorch has no support for Apple's GPUs, or there is none")
            }
            Self::Mps if precision == Precision::F64 => {
                let message = "mps has no f64: use f32, or the device `cpu`";
                Err(Error::new(ErrorKind::Device, message))
            }
            Self::Mps => Ok(tch::Device::Mps),
            Self::Cuda(index) => {
                let found = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
                match why_no_gpu(index, tch::utils::has_cuda(), found) {
                    None => Ok(tch::Device::Cuda(index)),
                    Some(why) => missing(&why),
                }
            }
        }
    }

    /// libtorch's name of a device that computes in f64, which matrices are dealt with in.
    pub(crate) fn check_f64(self) -> Result<tch::Device, Error> {
        if self == Self::Mps {
            let message = "mps has no f64, in which matrices are dealt with: use the device `cpu`, or settling-rank and \
                           settling-cka, which need none";
            return Err(Error::new(ErrorKind::Device, message));
        }
        self.check(Precision::F64)
    }

    /// Refuses a GPU after one has failed in this process.
    pub(crate) fn still_usable(self) -> Result<(), Error> {
        match failure::first_of_a_gpu() {
            Some(failure) if self != Self::Cpu => {
                let message = format!(
                    "a GPU has failed in this process and cannot be used again: start a new one. It failed with: {failure}"
                );
                Err(Error::new(ErrorKind::DeviceFailed, message))
            }
            _ => Ok(()),
        }
    }
}

/// Why there is no CUDA device with this index, where libtorch has its CUDA part or not and finds
/// so many.
fn why_no_gpu(index: usize, has_cuda: bool, found: usize) -> Option<String> {
    match found {
        _ if !has_cuda => Some(
            "libtorch's CUDA part, libtorch_cuda.so, is not loaded: this is a CPU build, or that file is missing. \
             docs/LIBTORCH.md says how to use a CUDA one"
                .to_owned(),
        ),
        0 => Some(
            "libtorch has its CUDA part but sees no GPU: there is none, its driver is not installed or too old for CUDA 13, or \
             CUDA_VISIBLE_DEVICES hides it. nvidia-smi tells which"
                .to_owned(),
        ),
        _ if index < found => None,
        _ => Some(format!("libtorch sees {found}, counted from cuda:0")),
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Mps => f.write_str("mps"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match (text, text.strip_prefix("cuda:").map(str::parse)) {
            ("auto", _) => Ok(Self::auto()),
            ("cpu", _) => Ok(Self::Cpu),
            ("mps", _) => Ok(Self::Mps),
            (_, Some(Ok(index))) => Ok(Self::Cuda(index)),
            _ => {
                let message =
                    format!("`{text}` names no device: expected `auto`, `cpu`, `cuda:N` or `mps`");
                Err(Error::new(ErrorKind::Config, message))
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use tch::TchError;

    use super::*;

    #[test]
    fn no_libtorch_for_gpus_no_gpu_and_no_such_gpu_are_told_apart() {
        let why = |index, has_cuda, found| why_no_gpu(index, has_cuda, found).unwrap_or_default();
        assert!(why(0, false, 0).contains("libtorch_cuda.so, is not loaded"));
        assert!(why(0, true, 0).contains("sees no GPU"));
        assert!(why(2, true, 2).contains("libtorch sees 2"));
        assert_eq!(why_no_gpu(1, true, 2), None);
    }

    #[test]
    fn products_have_a_speed_in_every_arithmetic_of_the_cpu() {
        for precision in Precision::ALL {
            let speed = Device::Cpu.product_speed(precision).unwrap();
            // From an arithmetic that is emulated to more than any processor has.
            assert!((1e6..1e15).contains(&speed), "{precision}: {speed}");
        }
    }

    /// One test, in this order: a failure is remembered until the process ends.
    #[test]
    fn a_gpu_that_failed_is_not_used_again() {
        let far = Device::Cuda(4096);
        let before = far.check(Precision::F32).unwrap_err();
        assert_eq!(before.kind(), ErrorKind::Device, "{before}");
        assert!(before.to_string().contains("cuda:4096"), "{before}");

        let fail = |text: &str| {
            let failed = Err::<(), _>(TchError::Torch(text.to_owned()));
            failed.context(|| "running a model on cuda:0".to_owned()).unwrap_err()
        };
        // Neither of these is for ever.
        assert_eq!(fail("CUDA out of memory").kind(), ErrorKind::OutOfMemory);
        assert_eq!(fail("shapes do not match").kind(), ErrorKind::Libtorch);
        assert!(far.still_usable().is_ok());

        let failure = fail("CUDA error: device-side assert triggered\nand a stack trace");
        assert_eq!(failure.kind(), ErrorKind::DeviceFailed);
        fail("CUDA error: an illegal memory access was encountered");
        for device in [far, Device::Cuda(0), Device::Mps] {
            let error = device.check(Precision::F32).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DeviceFailed);
            // The first one, which is the cause of the others.
            assert!(error.to_string().contains("device-side assert"), "{error}");
            assert!(error.to_string().contains("start a new"), "{error}");
        }
        assert!(Device::Cpu.check(Precision::F32).is_ok());
    }
}
