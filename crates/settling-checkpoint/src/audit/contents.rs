//! What the values of one step's weights are, seen in the pass that hashes them.

use std::collections::HashMap;

use settling_core::{Dtype, TensorData, TensorMeta, TensorSource};

use super::weights::{is_matrix, is_weight};

/// What is odd about the values of the weights of one step.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// How many of how many elements are zero, where that is more than half.
    zeros: Vec<(String, [usize; 2])>,
    /// Matrices of one value that is not zero.
    pub(super) uniform: Vec<String>,
    /// Weights with infinities or NaN.
    pub(super) not_finite: Vec<String>,
    /// Pairs of matrices of layers with the same values.
    pub(super) repeated: Vec<[String; 2]>,
    /// Every weight that was looked at.
    names: Vec<String>,
    /// Matrices of layers that may be the same: by type, shape and a checksum.
    alike: HashMap<(Dtype, Vec<usize>, u32), Vec<String>>,
}

impl Contents {
    /// Looks at a tensor, if it is a weight.
    pub(super) fn look(&mut self, meta: &TensorMeta, data: &TensorData<'_>) {
        let elements = data.bytes().len() / meta.dtype.size();
        if !is_weight(meta) || elements == 0 {
            return;
        }
        self.names.push(meta.name.clone());
        let Values { zeros, finite, uniform } = Values::of(meta.dtype, data.bytes());
        if !finite {
            self.not_finite.push(meta.name.clone());
        }
        if 2 * zeros > elements {
            // Those start at zero, and a few may stay there.
            if meta.name.rsplit('.').next() != Some("bias") {
                self.zeros.push((meta.name.clone(), [zeros, elements]));
            }
        } else if is_matrix(meta) && uniform && elements > 1 {
            self.uniform.push(meta.name.clone());
        } else if is_matrix(meta) && role(&meta.name) != meta.name {
            let checksum = crc32fast::hash(data.bytes());
            let alike = self.alike.entry((meta.dtype, meta.shape.clone(), checksum));
            alike.or_default().push(meta.name.clone());
        }
    }

    /// Reads what may be the same again, to be sure.
    pub(super) fn compare<S: TensorSource>(&mut self, source: &S) -> Result<(), S::Error> {
        for names in std::mem::take(&mut self.alike).into_values() {
            let Some((first, others)) = names.split_first().filter(|(_, rest)| !rest.is_empty())
            else {
                continue;
            };
            let values = source.read(first)?;
            for other in others {
                if source.read(other)?.bytes() == values.bytes() {
                    self.repeated.push([first.clone(), other.clone()]);
                }
            }
        }
        self.repeated.sort();
        Ok(())
    }

    /// Forgets the tensors of which this is not so.
    pub(super) fn retain(&mut self, counts: impl Fn(&str) -> bool) {
        self.zeros.retain(|(name, _)| counts(name));
        for names in [&mut self.uniform, &mut self.not_finite, &mut self.names] {
            names.retain(|name| counts(name));
        }
        self.repeated.retain(|[a, b]| counts(a) && counts(b));
    }

    /// The weights that are zero or half zero: those whose whole sort is zero, and all others.
    pub(super) fn zeros(&self) -> [Vec<String>; 2] {
        let is_zero =
            |name: &str| self.zeros.iter().any(|(other, [zeros, of])| other == name && zeros == of);
        let (mut by_sort, mut others) = (Vec::new(), Vec::new());
        for (name, [zeros, of]) in &self.zeros {
            let mut sort = self.names.iter().filter(|other| role(other) == role(name));
            let list = if sort.all(|other| is_zero(other)) { &mut by_sort } else { &mut others };
            list.push(match zeros == of {
                true => name.clone(),
                false => format!("{name} ({zeros} of {of} elements)"),
            });
        }
        [by_sort, others]
    }
}

/// The name with every number in it replaced: what the same weights of all layers share.
fn role(name: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.split('.').map(|part| if is_number(part) { "#" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

/// What was seen in the elements of a tensor.
struct Values {
    zeros: usize,
    finite: bool,
    uniform: bool,
}

impl Values {
    /// Of floating-point numbers of this type, little-endian.
    fn of(dtype: Dtype, bytes: &[u8]) -> Self {
        // All bits of the exponent: infinite, or no number.
        match dtype {
            Dtype::F16 => Self::of_bits(bytes, |bytes: [u8; 2]| u16::from_le_bytes(bytes), 0x7c00),
            Dtype::Bf16 => Self::of_bits(bytes, |bytes: [u8; 2]| u16::from_le_bytes(bytes), 0x7f80),
            Dtype::F64 => Self::of_bits(bytes, u64::from_le_bytes, 0x7ff0_0000_0000_0000),
            _ => Self::of_bits(bytes, u32::from_le_bytes, 0x7f80_0000),
        }
    }

    fn of_bits<const SIZE: usize, B: Into<u64>>(
        bytes: &[u8],
        from: impl Fn([u8; SIZE]) -> B,
        exponent: u64,
    ) -> Self {
        let sign = 1_u64 << (8 * SIZE - 1);
        let (elements, _) = bytes.as_chunks::<SIZE>();
        let mut seen = Self { zeros: 0, finite: true, uniform: true };
        for &element in elements {
            let bits: u64 = from(element).into();
            seen.zeros += usize::from(bits & !sign == 0);
            seen.finite &= bits & exponent != exponent;
            seen.uniform &= element == elements[0];
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dtype: Dtype, values: &[f64]) -> (usize, bool, bool) {
        let bytes: Vec<u8> = match dtype {
            Dtype::F64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            // The upper half of an f32.
            Dtype::Bf16 => {
                let upper = |value: &f64| (*value as f32).to_le_bytes()[2..].to_vec();
                values.iter().flat_map(upper).collect()
            }
            _ => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
        };
        let Values { zeros, finite, uniform } = Values::of(dtype, &bytes);
        (zeros, finite, uniform)
    }

    #[test]
    fn elements_are_zero_finite_or_all_the_same_in_every_type() {
        for dtype in [Dtype::F64, Dtype::F32, Dtype::Bf16] {
            assert_eq!(of(dtype, &[0.0, -0.0, 1.0]), (2, true, false), "{dtype}");
            assert_eq!(of(dtype, &[2.0, 2.0]), (0, true, true), "{dtype}");
            assert_eq!(of(dtype, &[1.0, f64::INFINITY]), (0, false, false), "{dtype}");
            assert_eq!(of(dtype, &[f64::NAN, 0.0]), (1, false, false), "{dtype}");
        }
        // 1, -0, the largest number, infinity.
        let halves: Vec<u8> =
            [0x3c00_u16, 0x8000, 0x7bff, 0x7c00].iter().flat_map(|one| one.to_le_bytes()).collect();
        let seen = |bytes: &[u8]| {
            let Values { zeros, finite, uniform } = Values::of(Dtype::F16, bytes);
            (zeros, finite, uniform)
        };
        assert_eq!(seen(&halves[..6]), (1, true, false));
        assert_eq!(seen(&halves), (1, false, false));
    }

    #[test]
    fn weights_of_all_layers_have_one_role() {
        assert_eq!(role("model.layers.12.mlp.weight"), "model.layers.#.mlp.weight");
        assert_eq!(role("embed_in.weight"), "embed_in.weight");
    }
}
