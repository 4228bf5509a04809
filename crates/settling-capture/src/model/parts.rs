//! What the families are put together from. Each part computes as Hugging Face transformers does,
//! up to rounding.
//!
//! Where gradients are not wanted, the parts write over tensors that nothing needs any more. On a
//! CPU that is not for memory alone: a fresh tensor of a few megabytes is made of pages that the
//! kernel has to clear first, which costs as much as filling it.

use settling_models::Activation;
use tch::{Device, Kind, TchError, Tensor};

use crate::model::activation;
use crate::model::parameters::Parameters;
use crate::tensor::as_i64;

/// A linear map.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Tensor,
    /// Whether the weight is stored as `(inputs, outputs)`.
    pub(crate) transposed: bool,
    pub(crate) bias: Option<Tensor>,
}

/// The matrix, `(outputs, inputs)`, that is stored so or transposed: a view.
pub(crate) fn oriented(stored: &Tensor, transposed: bool) -> Result<Tensor, TchError> {
    if transposed { stored.f_transpose(0, 1) } else { Ok(stored.shallow_clone()) }
}

impl Linear {
    /// The map of this name, whose bias is optional.
    pub(crate) fn of(weights: &Parameters, name: &str, transposed: bool) -> Self {
        Self {
            weight: weights.of(&format!("{name}.weight")),
            transposed,
            bias: weights.get(&format!("{name}.bias")),
        }
    }

    /// `(outputs, inputs)`, a view.
    pub(crate) fn matrix(&self) -> Result<Tensor, TchError> {
        oriented(&self.weight, self.transposed)
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.matrix()?, self.bias.as_ref())
    }

    /// Writes the result for `x`, `(rows, inputs)`, into `out`, `(rows, outputs)` and contiguous.
    fn apply_into(&self, x: &Tensor, out: &Tensor) -> Result<(), TchError> {
        x.f_linear_out(out, &self.matrix()?, self.bias.as_ref()).map(drop)
    }
}

/// A normalization of the last dimension.
#[derive(Debug)]
pub(crate) enum Norm {
    Layer { width: usize, weight: Option<Tensor>, bias: Option<Tensor>, eps: f64 },
    RootMeanSquare { weight: Tensor, eps: f64 },
}

impl Norm {
    /// The LayerNorm of this name.
    pub(crate) fn layer(weights: &Parameters, name: &str, width: usize, eps: f64) -> Self {
        let [weight, bias] = ["weight", "bias"].map(|end| weights.get(&format!("{name}.{end}")));
        Self::Layer { width, weight, bias, eps }
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Layer { width, weight, bias, eps } => {
                x.f_layer_norm([as_i64(*width)], weight.as_ref(), bias.as_ref(), *eps, true)
            }
            Self::RootMeanSquare { weight, eps } => x.f_rms_norm(weight.size(), Some(weight), *eps),
        }
    }
}

/// Rotary position embedding: of leading dimensions of each head, in pairs.
#[derive(Debug)]
pub(crate) struct Rotary {
    /// Of the pairs, in radians a position, `(dims / 2)` in f32.
    pub(crate) frequencies: Tensor,
    pub(crate) neighbors: bool,
}

impl Rotary {
    /// The turns at the first `tokens` positions, which all layers share. The angles are computed
    /// in f32 in any precision, as in the reference implementation, and not read from the rounded
    /// buffers of old files.
    pub(crate) fn turns(&self, tokens: i64, kind: Kind) -> Result<Turns, TchError> {
        let positions = Tensor::f_arange(tokens, (Kind::Float, self.frequencies.device()))?;
        let angles = positions.f_outer(&self.frequencies)?.f_unsqueeze(1)?;
        let sin = angles.f_sin()?.f_to_kind(kind)?;
        Ok(Turns {
            dims: 2 * self.frequencies.size()[0],
            neighbors: self.neighbors,
            cos: angles.f_cos()?.f_to_kind(kind)?,
            minus_sin: sin.f_neg()?,
            sin,
        })
    }
}

/// The turns of the positions that are fed.
#[derive(Debug)]
pub(crate) struct Turns {
    dims: i64,
    neighbors: bool,
    /// The cosine of the angle of each position and pair, `(tokens, 1, dims / 2)`.
    cos: Tensor,
    sin: Tensor,
    minus_sin: Tensor,
}

impl Turns {
    /// The first and the second of each pair of `x`, `(..., heads, head_dim)`: views,
    /// `(..., heads, dims / 2)`.
    fn pairs(&self, x: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        if self.neighbors {
            Ok((x.f_slice(-1, 0, self.dims, 2)?, x.f_slice(-1, 1, self.dims, 2)?))
        } else {
            let half = self.dims / 2;
            Ok((x.f_narrow(-1, 0, half)?, x.f_narrow(-1, half, half)?))
        }
    }

    /// Rotates `x`, `(batch, tokens, heads, head_dim)`, in place, the token at place i by the
    /// angles of position i, or of `positions[i]`.
    pub(crate) fn rotate_in_place(
        &self,
        x: &Tensor,
        positions: Option<&Tensor>,
    ) -> Result<(), TchError> {
        let [cos, sin, minus_sin] = self.tables(positions)?;
        let (mut first, mut second) = self.pairs(x)?;
        let turned_first = first.f_mul(&cos)?.f_addcmul_(&second, &minus_sin)?;
        let _ = second.f_mul_(&cos)?.f_addcmul_(&first, &sin)?;
        first.f_copy_(&turned_first)
    }

    /// The same of a tensor that gradients flow through.
    pub(crate) fn rotate(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let [cos, sin, minus_sin] = self.tables(None)?;
        let (first, second) = self.pairs(x)?;
        let turned_first = first.f_mul(&cos)?.f_addcmul(&second, &minus_sin)?;
        let turned_second = second.f_mul(&cos)?.f_addcmul(&first, &sin)?;
        let turned = if self.neighbors {
            Tensor::f_stack(&[turned_first, turned_second], -1)?.f_flatten(-2, -1)?
        } else {
            Tensor::f_cat(&[turned_first, turned_second], -1)?
        };
        let head_dim = x.size()[3];
        if self.dims == head_dim {
            return Ok(turned);
        }
        Tensor::f_cat(&[turned, x.f_narrow(-1, self.dims, head_dim - self.dims)?], -1)
    }

    fn tables(&self, positions: Option<&Tensor>) -> Result<[Tensor; 3], TchError> {
        let of = |table: &Tensor| match positions {
            Some(positions) => table.f_index_select(0, positions),
            None => Ok(table.shallow_clone()),
        };
        Ok([of(&self.cos)?, of(&self.sin)?, of(&self.minus_sin)?])
    }
}

/// The two-matrix or gated block that every layer ends with.
#[derive(Debug)]
pub(crate) struct Mlp {
    pub(crate) up: Up,
    pub(crate) down: Linear,
}

/// What leads to the hidden activation of an MLP.
#[derive(Debug)]
pub(crate) enum Up {
    /// A function of a linear map.
    Plain { up: Linear, function: Activation },
    /// A function of one linear map, times another.
    Gated { gate: Linear, function: Activation, up: Linear },
}

/// About how many elements of the hidden activation are computed at a time where nothing else wants
/// them: few enough to stay in a cache until they are read again, many enough that the products are
/// as fast as larger ones.
const HIDDEN_ELEMENTS: i64 = 1 << 21;

impl Mlp {
    pub(crate) fn hidden(&self, x: &Tensor, in_place: bool) -> Result<Tensor, TchError> {
        match &self.up {
            Up::Plain { up, function } => activation::apply(*function, up.apply(x)?, in_place),
            Up::Gated { gate, function, up } => {
                let mut gate = activation::apply(*function, gate.apply(x)?, in_place)?;
                let up = up.apply(x)?;
                if in_place { gate.f_mul_(&up) } else { gate.f_mul(&up) }
            }
        }
    }

    /// The result for `x`, `(..., width)`, without a hidden activation for all of its rows at once.
    pub(crate) fn apply_in_pieces(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let width = *x.size().last().unwrap_or(&0);
        let rows = x.f_reshape([-1, width])?;
        let (count, wide) = (rows.size()[0], self.down.matrix()?.size()[1]);
        let out = rows.f_empty_like()?;
        let piece = (HIDDEN_ELEMENTS / wide).max(64);
        let mut start = 0;
        while start < count {
            let length = piece.min(count - start);
            let hidden = self.hidden(&rows.f_narrow(0, start, length)?, true)?;
            self.down.apply_into(&hidden, &out.f_narrow(0, start, length)?)?;
            start += length;
        }
        out.f_reshape(x.size())
    }
}

/// `base^(-2 i / dims)` for every pair i of `dims` dimensions, in f32.
pub(crate) fn inverse_frequencies(
    base: f64,
    dims: usize,
    device: Device,
) -> Result<Tensor, TchError> {
    let options = (Kind::Float, device);
    let exponents =
        Tensor::f_arange_start_step(0, as_i64(dims), 2, options)?.f_div_scalar(dims as f64)?;
    Tensor::f_full([1], base, options)?.f_pow(&exponents)?.f_reciprocal()
}
