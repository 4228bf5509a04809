//! On a device what settling-rank and settling-cka do on one core of a CPU: singular values and
//! CKA, in f64.

mod cka;
mod gram;
mod moments;
mod spectra;

pub use cka::DeviceCka;
pub use spectra::DeviceSpectra;

use crate::{Device, Error, ErrorKind, Precision};

/// libtorch's name of a device that computes in f64.
fn with_f64(device: Device) -> Result<tch::Device, Error> {
    if device == Device::Mps {
        let message = "mps has no f64, in which matrices are dealt with: use the device `cpu`, or settling-rank and \
                       settling-cka, which need none";
        return Err(Error::new(ErrorKind::Device, message));
    }
    device.check(Precision::F64)
}

/// The error of a matrix that another crate refused.
fn refused<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::new(ErrorKind::Matrix, error.to_string())
}
