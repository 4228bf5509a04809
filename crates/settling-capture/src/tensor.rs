//! The border between our data and libtorch's. tch's own constructors from raw bytes read past the end of a buffer that is
//! too short; here the lengths are known to match.

use settling_core::{Dtype, MatView, TensorData, TokenBatch};
use tch::{Device, Kind, Tensor};

use crate::error::{Context, Error, ErrorKind};

/// The tensor `name` as f32 on `device`. `TensorData` guarantees that its bytes are exactly the elements its shape asks for.
pub(crate) fn weight(name: &str, data: &TensorData<'_>, device: Device) -> Result<Tensor, Error> {
    let kind = match data.dtype() {
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
    Tensor::f_from_data_size(data.bytes(), &shape, kind)
        .and_then(|tensor| tensor.f_to_device(device))
        .and_then(|tensor| tensor.f_to_kind(Kind::Float))
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

/// The elements of `tensor`, row-major, in host memory.
pub(crate) fn to_host(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    let copy = || {
        let tensor =
            tensor.f_detach()?.f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut values = vec![0.0_f32; tensor.numel()];
        let count = values.len();
        tensor.f_copy_data(&mut values, count)?;
        Ok(values)
    };
    copy().context(|| "copying a result to host memory".to_owned())
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

fn as_usize(size: i64) -> usize {
    // libtorch never reports a negative size.
    size as usize
}
