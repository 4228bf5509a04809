//! Tensors as they are stored, and the checkpoints that hold them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::error::{BoxError, Error, ErrorKind};

/// The element type of a stored tensor. Values are little-endian.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 64-bit integer.
    U64,
    /// Signed 64-bit integer.
    I64,
    /// IEEE 754 half precision.
    F16,
    /// bfloat16: the upper half of an f32.
    Bf16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

impl Dtype {
    /// The size of one element in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether elements are floating-point numbers, which weights are.
    ///
    /// ```
    /// use settling_core::Dtype;
    ///
    /// assert!(Dtype::Bf16.is_float() && !Dtype::I8.is_float());
    /// ```
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// What is known of a tensor before it is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TensorMeta {
    /// Its full name, such as `gpt_neox.layers.0.attention.dense.weight`.
    pub name: String,
    /// Its element type.
    pub dtype: Dtype,
    /// Its dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
}

/// The elements of one tensor: row-major, contiguous, little-endian.
///
/// ```
/// use settling_core::{Dtype, TensorData};
///
/// // 1.5 and -2.0 in half precision.
/// let tensor = TensorData::new(Dtype::F16, vec![2], vec![0x00, 0x3e, 0x00, 0xc0])?;
/// assert_eq!(tensor.to_f32()?, [1.5, -2.0]);
/// // Three halves need six bytes.
/// assert!(TensorData::new(Dtype::F16, vec![3], vec![0; 4]).is_err());
/// # Ok::<(), settling_core::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TensorData<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> TensorData<'a> {
    /// A tensor of this type and shape over `bytes`.
    ///
    /// # Errors
    ///
    /// If `bytes` does not hold exactly the elements that `shape` asks for.
    pub fn new(
        dtype: Dtype,
        shape: Vec<usize>,
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self, Error> {
        let bytes = bytes.into();
        let expected = shape.iter().try_fold(dtype.size(), |size, &dim| size.checked_mul(dim));
        if expected != Some(bytes.len()) {
            let found = bytes.len();
            let message = format!(
                "{found} bytes are not the elements of a {dtype} tensor of shape {shape:?}"
            );
            return Err(Error::new(ErrorKind::Shape, message));
        }
        Ok(Self { dtype, shape, bytes })
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The dimensions, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements as bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The elements as f32: exact from f16, bf16 and f32. From f64 they are rounded to the nearest
    /// f32, which beyond its range is an infinity; [`to_f64`](Self::to_f64) rounds nothing.
    ///
    /// # Errors
    ///
    /// If the element type is not a floating-point type.
    pub fn to_f32(&self) -> Result<Vec<f32>, Error> {
        floats(self.dtype, &self.bytes)
    }

    /// The elements as f64: exact from every floating-point type.
    ///
    /// ```
    /// use settling_core::{Dtype, TensorData};
    ///
    /// let tensor = TensorData::new(Dtype::F64, vec![1], 1e300_f64.to_le_bytes().to_vec())?;
    /// assert_eq!(tensor.to_f64()?, [1e300]);
    /// assert_eq!(tensor.to_f32()?, [f32::INFINITY]);
    /// # Ok::<(), settling_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the element type is not a floating-point type.
    pub fn to_f64(&self) -> Result<Vec<f64>, Error> {
        if self.dtype == Dtype::F64 {
            let (elements, _) = self.bytes.as_chunks::<8>();
            return Ok(elements.iter().map(|&element| f64::from_le_bytes(element)).collect());
        }
        Ok(self.to_f32()?.into_iter().map(f64::from).collect())
    }

    /// Some of the elements, counted in row-major order, as [`to_f32`](Self::to_f32) has them: a
    /// row of a matrix, or part of one.
    ///
    /// # Errors
    ///
    /// If the element type is not a floating-point type.
    ///
    /// # Panics
    ///
    /// If the range ends after the last element.
    pub fn to_f32_range(&self, elements: Range<usize>) -> Result<Vec<f32>, Error> {
        let size = self.dtype.size();
        floats(self.dtype, &self.bytes[elements.start * size..elements.end * size])
    }
}

/// Elements of a floating-point type, as f32.
fn floats(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, Error> {
    Ok(match dtype {
        Dtype::F16 => halves(bytes),
        Dtype::Bf16 => convert(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        Dtype::F32 => convert(bytes, f32::from_le_bytes),
        Dtype::F64 => convert(bytes, |b| f64::from_le_bytes(b) as f32),
        dtype => {
            let message =
                format!("expected floating-point elements (f16, bf16, f32 or f64), found {dtype}");
            return Err(Error::new(ErrorKind::Dtype, message));
        }
    })
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|&element| value(element)).collect()
}

/// Half precision to single, exactly. A block without infinities and NaN, and almost every block is
/// one, takes few instructions per element: a loop that LLVM vectorizes for any processor, as fast
/// as memory is on most.
fn halves(bytes: &[u8]) -> Vec<f32> {
    /// The shortest length that is vectorized well; longer ones gain nothing.
    const BLOCK: usize = 64;
    let (blocks, rest) = bytes.as_chunks::<2>().0.as_chunks::<BLOCK>();
    let mut values = Vec::with_capacity(bytes.len() / 2);
    for block in blocks {
        // The sum has its highest bit set if, and only if, the exponent is that of infinities and
        // NaN.
        let sums = block.iter().map(|&half| (u16::from_le_bytes(half) & 0x7fff) + 0x0400);
        if sums.fold(0, |all, sum| all | sum) & 0x8000 == 0 {
            values.extend(block.iter().map(|&half| finite_half(u16::from_le_bytes(half))));
        } else {
            values.extend(block.iter().map(|&half| half_to_f32(u16::from_le_bytes(half))));
        }
    }
    values.extend(rest.iter().map(|&half| half_to_f32(u16::from_le_bytes(half))));
    values
}

/// Half precision to single, of a finite number.
fn finite_half(half: u16) -> f32 {
    // Sign and magnitude in place. The exponent is 112 too small then; a multiplication by 2^112
    // corrects it and normalizes subnormals at the same time, exactly.
    let bits = (i32::from(half.cast_signed()) << 13).cast_unsigned() & 0x8fff_e000;
    f32::from_bits(bits) * f32::from_bits(0x7780_0000)
}

/// Half precision to single, of any number; the bits of a NaN are kept.
fn half_to_f32(half: u16) -> f32 {
    if half & 0x7c00 == 0x7c00 {
        let sign = u32::from(half & 0x8000) << 16;
        f32::from_bits(sign | 0x7f80_0000 | (u32::from(half & 0x03ff) << 13))
    } else {
        finite_half(half)
    }
}

/// A checkpoint: named tensors that are read one at a time.
pub trait TensorSource {
    /// Why a tensor could not be read.
    type Error: Into<BoxError>;

    /// Every tensor, in a stable order.
    fn tensors(&self) -> &[TensorMeta];

    /// Reads the tensor `name`.
    ///
    /// # Errors
    ///
    /// If there is no such tensor, or it cannot be read.
    fn read(&self, name: &str) -> Result<TensorData<'_>, Self::Error>;
}

impl<S: TensorSource + ?Sized> TensorSource for &S {
    type Error = S::Error;

    fn tensors(&self) -> &[TensorMeta] {
        (**self).tensors()
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, S::Error> {
        (**self).read(name)
    }
}

impl<S: TensorSource + ?Sized> TensorSource for Box<S> {
    type Error = S::Error;

    fn tensors(&self) -> &[TensorMeta] {
        (**self).tensors()
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, S::Error> {
        (**self).read(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same bits, but that the half crate makes every NaN a quiet one.
    #[track_caller]
    fn assert_same(ours: f32, theirs: f32, half: u16) {
        let quiet = if ours.is_nan() { 0x0040_0000 } else { 0 };
        assert_eq!(ours.to_bits() | quiet, theirs.to_bits(), "{half:#06x}");
    }

    fn converted(dtype: Dtype, halves: impl Iterator<Item = u16>) -> Vec<f32> {
        let bytes: Vec<u8> = halves.flat_map(u16::to_le_bytes).collect();
        TensorData::new(dtype, vec![bytes.len() / 2], bytes).unwrap().to_f32().unwrap()
    }

    #[test]
    fn every_half_converts_as_the_half_crate_does() {
        // One after the other, most blocks are finite; in strides of 2^10 + 1, every block has
        // infinities or NaN among the others. The two more are no whole block.
        for stride in [1, 1025] {
            let order = (0..65_538_u32).map(|place| (place * stride) as u16);
            let ours = converted(Dtype::F16, order.clone());
            assert_eq!(ours.len(), 65_538);
            for (half, ours) in order.zip(ours) {
                assert_same(ours, half::f16::from_bits(half).to_f32(), half);
            }
        }
    }

    #[test]
    fn every_bf16_converts_as_the_half_crate_does() {
        for (half, ours) in (0..=u16::MAX).zip(converted(Dtype::Bf16, 0..=u16::MAX)) {
            assert_same(ours, half::bf16::from_bits(half).to_f32(), half);
        }
    }

    #[test]
    fn nothing_is_rounded_to_f64() {
        let values = [0.1_f64, -1e300, 5e-324, f64::NEG_INFINITY];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = TensorData::new(Dtype::F64, vec![4], bytes).unwrap();
        assert_eq!(tensor.to_f64().unwrap(), values);
        assert_ne!(f64::from(tensor.to_f32().unwrap()[0]), values[0]);
        let halves = TensorData::new(Dtype::F16, vec![2], vec![0x00, 0x3e, 0x01, 0x00]).unwrap();
        assert_eq!(halves.to_f64().unwrap(), [1.5, 2_f64.powi(-24)]);
        assert!(TensorData::new(Dtype::I8, vec![1], vec![1]).unwrap().to_f64().is_err());
    }

    #[test]
    fn integers_are_refused_as_floats() {
        let mask = TensorData::new(Dtype::U8, vec![2], vec![0, 1]).unwrap();
        let error = mask.to_f32().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dtype);
        assert!(error.to_string().ends_with("found u8"), "{error}");
    }

    #[test]
    fn a_shape_that_overflows_is_an_error() {
        assert!(TensorData::new(Dtype::F64, vec![usize::MAX, 2], vec![0; 8]).is_err());
    }
}
