//! The forward pass of a decoder-only transformer. A family says of which parts one is made; how it
//! is run is here, once.

use settling_models::ModelSizes;
use tch::{Kind, TchError, Tensor};

use crate::model::attention::{Attention, attended};
use crate::model::parts::{Mlp, Norm, Rotary, Turns};
use crate::model::pass::{Halt, Pass};
use crate::model::point::{Point, Tap};
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
    /// `(vocabulary, width)`; none if the checkpoint is of the body alone.
    pub(crate) output_embedding: Option<Tensor>,
}

/// What all layers of a pass share, for the positions that are fed.
struct Places {
    turns: Option<Turns>,
    /// The positions within the window of each, if that is not all before it.
    window: Option<Tensor>,
}

/// Both components of a layer, each between an optional normalization of what it reads and one of
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

impl Network {
    /// What the output embedding reads, `(batch, tokens, width)`, for `ids` `(batch, tokens)`.
    pub(crate) fn run(&self, ids: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor, Halt> {
        let mut x = Tensor::f_embedding(&self.embedding, ids, -1, false, false)?;
        let tokens = ids.size()[1];
        if let Some(positions) = &self.position_embedding {
            x = pass.add(&mut x, &positions.f_narrow(0, 0, tokens)?)?;
        }
        let turns = self.rotary.as_ref().map(|rotary| rotary.turns(tokens, x.kind()));
        let window = match self.window {
            Some(window) if as_i64(window) < tokens => {
                let all = Tensor::f_arange(tokens, (Kind::Int64, ids.device()))?;
                Some(attended(&all, tokens, Some(window))?)
            }
            _ => None,
        };
        let places = Places { turns: turns.transpose()?, window };
        for (index, layer) in self.layers.iter().enumerate() {
            x = self.layer(index, layer, x, &places, pass)?;
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
        places: &Places,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor, Halt> {
        let at = |tap| Point::Layer(index, tap);
        pass.see(at(Tap::Input), &x)?;

        let read = layer.attention_norms.input(&x)?;
        pass.see(at(Tap::AttentionInput), &read)?;
        let mixed = self.mix(index, &layer.attention, &read, places, pass)?;
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
        places: &Places,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor, Halt> {
        let at = |tap| Point::Layer(index, tap);
        let narrow = pass.narrow_to(index, self.layers.len());
        let mut heads = attention.project(&self.sizes, x, narrow)?;
        if let Some(fused) = &heads.fused {
            pass.see(at(Tap::Fused), fused)?;
        }
        if let Some(limit) = attention.clip {
            heads.clip(limit, pass.in_place)?;
        }
        if let Some(turns) = &places.turns {
            heads.rotate(turns, narrow, pass.in_place)?;
        }
        pass.see(at(Tap::Key), &heads.key)?;
        pass.see(at(Tap::Value), &heads.value)?;
        pass.see(at(Tap::Query), &heads.query)?;
        let mask = match narrow {
            None => places.window.as_ref().map(Tensor::shallow_clone),
            Some(chosen) if chosen.last_only && places.window.is_none() => None,
            Some(chosen) => Some(attended(&chosen.indices, x.size()[1], self.window)?),
        };
        let causal = narrow.is_none() && mask.is_none();
        Ok(heads.mix(mask.as_ref(), causal, attention.scale)?)
    }
}
