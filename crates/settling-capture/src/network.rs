//! The forward pass of a decoder-only transformer. A family says of which parts one is made; how it
//! is run is here, once.

use settling_models::ModelSizes;
use tch::{Kind, TchError, Tensor};

use crate::Error;
use crate::parts::{Linear, Mlp, Norm, Rotary};
use crate::point::{Point, Tap};
use crate::tensor::as_i64;

/// A model, put together.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) sizes: ModelSizes,
    pub(crate) embedding: Tensor,
    /// Learned, `(context, width)`.
    pub(crate) position_embedding: Option<Tensor>,
    pub(crate) rotary: Option<Rotary>,
    /// How many tokens back a position attends to, itself included, if not to all.
    pub(crate) window: Option<usize>,
    /// Whether Attention and MLP read the same residual stream, or the MLP what Attention has added
    /// to.
    pub(crate) parallel: bool,
    pub(crate) layers: Vec<Layer>,
    pub(crate) final_norm: Norm,
    /// `(vocabulary, width)`.
    pub(crate) output_embedding: Tensor,
}

/// Both components of a layer, each between an optional normalisation of what it reads and one of
/// what it writes.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norms: Norms,
    pub(crate) attention: Attention,
    pub(crate) mlp_norms: Norms,
    pub(crate) mlp: Mlp,
}

#[derive(Debug)]
pub(crate) struct Norms {
    pub(crate) input: Option<Norm>,
    pub(crate) output: Option<Norm>,
}

impl Norms {
    pub(crate) fn before(norm: Norm) -> Self {
        Self { input: Some(norm), output: None }
    }

    pub(crate) fn after(norm: Norm) -> Self {
        Self { input: None, output: Some(norm) }
    }

    fn input(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match &self.input {
            Some(norm) => norm.apply(x),
            None => Ok(x.shallow_clone()),
        }
    }

    fn output(&self, x: Tensor) -> Result<Tensor, TchError> {
        match &self.output {
            Some(norm) => norm.apply(&x),
            None => Ok(x),
        }
    }
}

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
    /// Three matrices; queries and keys may be normalised, all heads together.
    Separate {
        query: Linear,
        key: Linear,
        value: Linear,
        query_norm: Option<Norm>,
        key_norm: Option<Norm>,
    },
}

/// Which positions are wanted.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Ascending.
    pub(crate) indices: Tensor,
    /// Whether it is the last position alone, which attends to every other.
    pub(crate) last_only: bool,
}

/// Who looks at a pass.
pub(crate) trait Observer {
    fn wants(&self, point: Point) -> bool;

    /// Takes `value`, `(batch, tokens, ...)`. It has the chosen positions only where the pass has
    /// narrowed to them. What it holds may be written over as soon as this returns.
    fn see(&mut self, point: Point, value: &Tensor) -> Result<(), Halt>;
}

/// Why a pass ends before its end.
pub(crate) enum Halt {
    /// Nothing more is wanted.
    Done,
    Libtorch(TchError),
    Other(Error),
}

impl From<TchError> for Halt {
    fn from(error: TchError) -> Self {
        Self::Libtorch(error)
    }
}

/// How a batch is run.
pub(crate) struct Pass<'a> {
    pub(crate) observer: Option<&'a mut dyn Observer>,
    /// All positions, if `None`.
    pub(crate) chosen: Option<&'a Chosen>,
    /// The last point that is wanted, if not the result.
    pub(crate) until: Option<Point>,
    /// Whether tensors may be written over; not where gradients are wanted.
    pub(crate) in_place: bool,
}

impl<'a> Pass<'a> {
    /// All of it, for its result.
    pub(crate) fn whole(in_place: bool) -> Self {
        Self { observer: None, chosen: None, until: None, in_place }
    }

    fn wants(&self, point: Point) -> bool {
        self.observer.as_ref().is_some_and(|observer| observer.wants(point))
    }

    fn see(&mut self, point: Point, value: &Tensor) -> Result<(), Halt> {
        if let Some(observer) = &mut self.observer
            && observer.wants(point)
        {
            observer.see(point, value)?;
        }
        if self.until == Some(point) { Err(Halt::Done) } else { Ok(()) }
    }

    /// The chosen positions, if nothing behind the queries of this layer is needed of the others:
    /// no later layer reads them.
    fn narrow_to(&self, layer: usize, layers: usize) -> Option<&'a Chosen> {
        let last = match self.until? {
            Point::Layer(last, tap) if tap >= Tap::Query => last,
            Point::Layer(..) => return None,
            Point::FinalNorm => layers - 1,
        };
        self.chosen.filter(|_| layer == last)
    }

    /// x + y, in place of x where that is allowed.
    fn add(&self, x: &mut Tensor, y: &Tensor) -> Result<Tensor, TchError> {
        if self.in_place { x.f_add_(y) } else { x.f_add(y) }
    }
}

impl Network {
    /// What the output embedding reads, `(batch, tokens, width)`, for `ids` `(batch, tokens)`.
    pub(crate) fn run(&self, ids: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor, Halt> {
        let mut x = Tensor::f_embedding(&self.embedding, ids, -1, false, false)?;
        let tokens = ids.size()[1];
        if let Some(positions) = &self.position_embedding {
            x = pass.add(&mut x, &positions.f_narrow(0, 0, tokens)?)?;
        }
        let window = match self.window {
            Some(window) if as_i64(window) < tokens => {
                let all = Tensor::f_arange(tokens, (Kind::Int64, ids.device()))?;
                Some(attended(&all, tokens, Some(window))?)
            }
            _ => None,
        };
        for (index, layer) in self.layers.iter().enumerate() {
            x = self.layer(index, layer, x, window.as_ref(), pass)?;
        }
        let x = self.final_norm.apply(&x)?;
        pass.see(Point::FinalNorm, &x)?;
        Ok(x)
    }

    fn layer(
        &self,
        index: usize,
        layer: &Layer,
        mut x: Tensor,
        window: Option<&Tensor>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor, Halt> {
        let at = |tap| Point::Layer(index, tap);
        pass.see(at(Tap::Input), &x)?;

        let read = layer.attention_norms.input(&x)?;
        pass.see(at(Tap::AttentionInput), &read)?;
        let mixed = self.mix(index, &layer.attention, &read, window, pass)?;
        drop(read);
        pass.see(at(Tap::Mixed), &mixed)?;
        let attention = layer.attention_norms.output(layer.attention.output.apply(&mixed)?)?;
        drop(mixed);
        pass.see(at(Tap::AttentionWrite), &attention)?;

        if let Some(chosen) = pass.narrow_to(index, self.layers.len()) {
            x = x.f_index_select(1, &chosen.indices)?;
        }
        if !self.parallel {
            x = pass.add(&mut x, &attention)?;
        }
        let read = layer.mlp_norms.input(&x)?;
        pass.see(at(Tap::MlpInput), &read)?;
        let mlp = if pass.in_place && !pass.wants(at(Tap::Hidden)) {
            layer.mlp.apply_in_pieces(&read)?
        } else {
            let hidden = layer.mlp.hidden(&read, pass.in_place)?;
            pass.see(at(Tap::Hidden), &hidden)?;
            layer.mlp.down.apply(&hidden)?
        };
        drop(read);
        let mlp = layer.mlp_norms.output(mlp)?;
        pass.see(at(Tap::MlpWrite), &mlp)?;

        if self.parallel {
            x = pass.add(&mut x, &attention)?;
        }
        x = pass.add(&mut x, &mlp)?;
        pass.see(at(Tap::Output), &x)?;
        Ok(x)
    }

    /// The values as every head mixes them, heads side by side: what the output projection reads.
    fn mix(
        &self,
        index: usize,
        attention: &Attention,
        x: &Tensor,
        window: Option<&Tensor>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor, Halt> {
        let at = |tap| Point::Layer(index, tap);
        let ModelSizes { heads, key_value_heads, head_dim, .. } = self.sizes;
        let (heads, key_value_heads, head_dim) =
            (as_i64(heads), as_i64(key_value_heads), as_i64(head_dim));
        let (batch, tokens, _) = x.size3()?;
        let narrow = pass.narrow_to(index, self.layers.len());
        let narrowed = |x: Tensor| match narrow {
            Some(chosen) => x.f_index_select(1, &chosen.indices),
            None => Ok(x),
        };
        let split = |x: Tensor, heads: i64| {
            let tokens = x.size()[1];
            x.f_view([batch, tokens, heads, head_dim])
        };
        // (batch, tokens, heads, head_dim) each.
        let mut fused = None;
        let [mut query, mut key, mut value] = match &attention.projections {
            Projections::PerHead(linear) => {
                let all = &*fused.insert(linear.apply(x)?);
                let parts = all.f_view([batch, tokens, heads, 3, head_dim])?;
                [parts.f_select(3, 0)?, parts.f_select(3, 1)?, parts.f_select(3, 2)?]
            }
            Projections::Blocks(linear) => {
                let all = &*fused.insert(linear.apply(x)?);
                let parts = all.f_view([batch, tokens, 3, heads, head_dim])?;
                [parts.f_select(2, 0)?, parts.f_select(2, 1)?, parts.f_select(2, 2)?]
            }
            Projections::Separate { query, key, value, query_norm, key_norm } => {
                let normed = |x: Tensor, norm: &Option<Norm>| match norm {
                    Some(norm) => norm.apply(&x),
                    None => Ok(x),
                };
                let query = query.apply(&narrowed(x.shallow_clone())?)?;
                [
                    split(normed(query, query_norm)?, heads)?,
                    split(normed(key.apply(x)?, key_norm)?, key_value_heads)?,
                    split(value.apply(x)?, key_value_heads)?,
                ]
            }
        };
        if let Some(fused) = &fused {
            query = narrowed(query)?;
            pass.see(at(Tap::Fused), fused)?;
        }
        if let Some(limit) = attention.clip {
            for part in [&mut query, &mut key, &mut value] {
                *part = if pass.in_place {
                    part.f_clamp_(-limit, limit)?
                } else {
                    part.f_clamp(-limit, limit)?
                };
            }
        }
        if let Some(rotary) = &self.rotary {
            if pass.in_place {
                rotary.rotate_in_place(&query, narrow.map(|chosen| &chosen.indices))?;
                rotary.rotate_in_place(&key, None)?;
            } else {
                (query, key) = (rotary.rotate(&query)?, rotary.rotate(&key)?);
            }
        }
        let mask = match narrow {
            None => window.map(Tensor::shallow_clone),
            Some(chosen) if chosen.last_only && window.is_none() => None,
            Some(chosen) => Some(attended(&chosen.indices, tokens, self.window)?),
        };
        let causal = narrow.is_none() && mask.is_none();
        pass.see(at(Tap::Key), &key)?;
        pass.see(at(Tap::Value), &value)?;
        pass.see(at(Tap::Query), &query)?;
        let mixed = Tensor::f_scaled_dot_product_attention(
            &query.f_transpose(1, 2)?,
            &key.f_transpose(1, 2)?,
            &value.f_transpose(1, 2)?,
            mask.as_ref(),
            0.0,
            causal,
            attention.scale,
            key_value_heads != heads,
        )?;
        Ok(mixed.f_transpose(1, 2)?.f_flatten(2, 3)?)
    }

    /// `(rows, vocabulary)` for what [`run`](Self::run) returns, as `(rows, width)`.
    pub(crate) fn logits(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.output_embedding, None::<&Tensor>)
    }
}

/// Which of `tokens` positions each of `positions` attends to: `(positions, tokens)` of bool.
fn attended(positions: &Tensor, tokens: i64, window: Option<usize>) -> Result<Tensor, TchError> {
    let keys = Tensor::f_arange(tokens, (Kind::Int64, positions.device()))?;
    let back = positions.f_unsqueeze(1)?.f_sub(&keys)?;
    let seen = back.f_ge(0)?;
    match window {
        Some(window) => seen.f_logical_and(&back.f_lt(as_i64(window))?),
        None => Ok(seen),
    }
}
