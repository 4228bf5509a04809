//! The border between our data and libtorch's. tch's own constructors from raw bytes read past the
//! end of a buffer that is too short; here the lengths are known to match.

use settling_core::{Dtype, MatView, TensorData, TokenBatch};
use tch::kind::Element;
use tch::{Device, Kind, TchError, Tensor};

use crate::error::{Error, ErrorKind};
use crate::failure::Context;

/// The tensor `name` as `kind` on `device`.
#[expect(
    clippy::disallowed_methods,
    reason = "`TensorData` guarantees that its bytes are exactly the elements its shape asks for"
)]
pub(crate) fn weight(
    name: &str,
    data: &TensorData<'_>,
    kind: Kind,
    device: Device,
) -> Result<Tensor, Error> {
    let stored = match data.dtype() {
        Dtype::F16 => Kind::Half,
        Dtype::Bf16 => Kind::BFloat16,
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        other => {
            let message =
                format!("weight `{name}`: expected floating-point elements, found {other}");
            return Err(Error::new(ErrorKind::Weights, message));
        }
    };
    let shape: Vec<i64> = data.shape().iter().map(|&dim| as_i64(dim)).collect();
    Tensor::f_from_data_size(data.bytes(), &shape, stored)
        .and_then(|tensor| tensor.f_to_device(device))
        .and_then(|tensor| tensor.f_to_kind(kind))
        .context(|| format!("moving weight `{name}` to {device:?}"))
}

/// The first `tokens` ids of the rows `start..end`, as int64 of shape `(end - start, tokens)`.
pub(crate) fn ids(
    batch: &TokenBatch,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    device: Device,
) -> Result<Tensor, Error> {
    let shape = [as_i64(rows.len()), as_i64(columns.len())];
    let ids: Vec<i64> =
        rows.flat_map(|row| &batch.row(row)[columns.clone()]).map(|&id| i64::from(id)).collect();
    Tensor::f_from_slice(&ids)
        .and_then(|tensor| tensor.f_reshape(shape))
        .and_then(|tensor| tensor.f_to_device(device))
        .context(|| "moving tokens to the device".to_owned())
}

/// `(rows, features)` of `(batch, tokens, features)`.
pub(crate) fn flatten_rows(tensor: &Tensor) -> Result<Tensor, Error> {
    tensor.f_flatten(0, -2).context(|| "flattening a result into rows".to_owned())
}

/// The elements of `tensor`, row-major, in host memory.
pub(crate) fn to_host(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    elements(tensor, Kind::Float).context(|| "copying a result to host memory".to_owned())
}

/// The same in f64.
pub(crate) fn to_host_f64(tensor: &Tensor) -> Result<Vec<f64>, Error> {
    elements(tensor, Kind::Double).context(|| "copying a result to host memory".to_owned())
}

/// `kind` is that of `T`.
fn elements<T: Element + Clone + Default>(tensor: &Tensor, kind: Kind) -> Result<Vec<T>, TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(kind)?.f_contiguous()?;
    let mut values = vec![T::default(); tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

/// A copy to host memory that the host need not wait for.
pub(crate) struct Host {
    copy: Tensor,
    /// An element of the original.
    last: Tensor,
}

impl Host {
    /// Starts to copy `values`, a vector of at least one element.
    pub(crate) fn start(values: &Tensor) -> Result<Self, TchError> {
        // libtorch puts such a copy into pinned memory, without which it would not be asynchronous.
        let copy = values.f_to_device_(Device::Cpu, Kind::Float, true, false)?;
        Ok(Self { copy, last: values.f_narrow(0, 0, 1)? })
    }

    /// The elements, when they have arrived.
    pub(crate) fn finish(self) -> Result<Vec<f32>, Error> {
        // A copy that blocks comes after the other one in the device's queue. Unlike tch's
        // `synchronize`, it does not panic.
        let arrived = || {
            let _ = self.last.f_to_device(Device::Cpu)?;
            elements(&self.copy, Kind::Float)
        };
        arrived().context(|| "copying activations to host memory".to_owned())
    }
}

/// Hands a two-dimensional tensor to `take` as a matrix.
pub(crate) fn with_rows<R>(
    tensor: &Tensor,
    take: impl FnOnce(MatView<'_>) -> R,
) -> Result<R, Error> {
    let (rows, cols) = tensor.size2().context(|| "reading the shape of a result".to_owned())?;
    let values = to_host(tensor)?;
    Ok(take(MatView::new(&values, as_usize(rows), as_usize(cols))))
}

pub(crate) fn as_i64(size: usize) -> i64 {
    // Sizes of things in memory fit.
    size as i64
}

pub(crate) fn as_usize(size: i64) -> usize {
    // libtorch never reports a negative size.
    size as usize
}
