//! Attention: from what a layer reads to queries, keys and values, and what every head mixes.

use settling_models::ModelSizes;
use tch::{Kind, TchError, Tensor};

use crate::model::parts::{Linear, Norm, Turns};
use crate::model::pass::Chosen;
use crate::tensor::as_i64;

/// The attention of one layer.
#[derive(Debug)]
pub(crate) struct Attention {
    pub(crate) projections: Projections,
    /// The absolute value at which queries, keys and values are clipped.
    pub(crate) clip: Option<f64>,
    /// What the products of queries and keys are multiplied by.
    pub(crate) scale: f64,
    pub(crate) output: Linear,
}

/// Where queries, keys and values come from.
#[derive(Debug)]
pub(crate) enum Projections {
    /// One matrix; for each head its queries, its keys, its values.
    PerHead(Linear),
    /// One matrix; all queries, all keys, all values.
    Blocks(Linear),
    /// Three matrices; queries and keys may be normalized, all heads together.
    Separate {
        query: Linear,
        key: Linear,
        value: Linear,
        query_norm: Option<Norm>,
        key_norm: Option<Norm>,
    },
}

impl Attention {
    /// The queries, keys and values of `x`, `(batch, tokens, width)`; the queries at the positions
    /// of `narrow` alone, if there are any.
    pub(crate) fn project(
        &self,
        sizes: &ModelSizes,
        x: &Tensor,
        narrow: Option<&Chosen>,
    ) -> Result<Heads, TchError> {
        let [heads, key_value_heads, head_dim] =
            [sizes.heads, sizes.key_value_heads, sizes.head_dim].map(as_i64);
        let (batch, tokens, _) = x.size3()?;
        let narrowed = |x: Tensor| match narrow {
            Some(chosen) => x.f_index_select(1, &chosen.indices),
            None => Ok(x),
        };
        let fused = |linear: &Linear, shape: [i64; 5], dim: i64| {
            let all = linear.apply(x)?;
            let parts = all.f_view(shape)?;
            Ok(Heads {
                query: narrowed(parts.f_select(dim, 0)?)?,
                key: parts.f_select(dim, 1)?,
                value: parts.f_select(dim, 2)?,
                fused: Some(all),
            })
        };
        match &self.projections {
            Projections::PerHead(linear) => fused(linear, [batch, tokens, heads, 3, head_dim], 3),
            Projections::Blocks(linear) => fused(linear, [batch, tokens, 3, heads, head_dim], 2),
            Projections::Separate { query, key, value, query_norm, key_norm } => {
                let normed = |x: Tensor, norm: &Option<Norm>| match norm {
                    Some(norm) => norm.apply(&x),
                    None => Ok(x),
                };
                let split = |x: Tensor, heads: i64| {
                    let tokens = x.size()[1];
                    x.f_view([batch, tokens, heads, head_dim])
                };
                let query = query.apply(&narrowed(x.shallow_clone())?)?;
                Ok(Heads {
                    query: split(normed(query, query_norm)?, heads)?,
                    key: split(normed(key.apply(x)?, key_norm)?, key_value_heads)?,
                    value: split(value.apply(x)?, key_value_heads)?,
                    fused: None,
                })
            }
        }
    }
}

/// What attention is computed from, `(batch, tokens, heads, head_dim)` each.
pub(crate) struct Heads {
    pub(crate) query: Tensor,
    pub(crate) key: Tensor,
    pub(crate) value: Tensor,
    /// What one matrix has made of all three, as it gives it. They are views of it.
    pub(crate) fused: Option<Tensor>,
}

impl Heads {
    /// Clips every element to `-limit..=limit`.
    pub(crate) fn clip(&mut self, limit: f64, in_place: bool) -> Result<(), TchError> {
        for part in [&mut self.query, &mut self.key, &mut self.value] {
            *part =
                if in_place { part.f_clamp_(-limit, limit)? } else { part.f_clamp(-limit, limit)? };
        }
        Ok(())
    }

    /// Rotates queries and keys by their positions; those of the queries are the chosen ones.
    pub(crate) fn rotate(
        &mut self,
        turns: &Turns,
        narrow: Option<&Chosen>,
        in_place: bool,
    ) -> Result<(), TchError> {
        if in_place {
            turns.rotate_in_place(&self.query, narrow.map(|chosen| &chosen.indices))?;
            turns.rotate_in_place(&self.key, None)?;
        } else {
            (self.query, self.key) = (turns.rotate(&self.query)?, turns.rotate(&self.key)?);
        }
        Ok(())
    }

    /// The values as every head mixes them, `(batch, tokens, heads * head_dim)`.
    pub(crate) fn mix(
        &self,
        mask: Option<&Tensor>,
        causal: bool,
        scale: f64,
    ) -> Result<Tensor, TchError> {
        let grouped = self.query.size()[2] != self.value.size()[2];
        let mixed = Tensor::f_scaled_dot_product_attention(
            &self.query.f_transpose(1, 2)?,
            &self.key.f_transpose(1, 2)?,
            &self.value.f_transpose(1, 2)?,
            mask,
            0.0,
            causal,
            scale,
            grouped,
        )?;
        mixed.f_transpose(1, 2)?.f_flatten(2, 3)
    }
}

/// Which of `tokens` positions each of `positions` attends to: `(positions, tokens)` of bool.
pub(crate) fn attended(
    positions: &Tensor,
    tokens: i64,
    window: Option<usize>,
) -> Result<Tensor, TchError> {
    let keys = Tensor::f_arange(tokens, (Kind::Int64, positions.device()))?;
    let back = positions.f_unsqueeze(1)?.f_sub(&keys)?;
    let seen = back.f_ge(0)?;
    match window {
        Some(window) => seen.f_logical_and(&back.f_lt(as_i64(window))?),
        None => Ok(seen),
    }
}
