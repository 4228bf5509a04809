//! The model: yours, whatever it is. A small transformer in plain tch.

use std::ops::ControlFlow;

use settling::core::{Component, Site, TokenBatch};
use tch::nn::{self, Module, ModuleT};
use tch::{TchError, Tensor};

pub(super) const VOCABULARY: i64 = 32;
pub(super) const CONTEXT: i64 = 16;
pub(super) const WIDTH: i64 = 32;
pub(super) const LAYERS: usize = 3;

pub(super) struct Model {
    embedding: nn::Embedding,
    layers: Vec<Layer>,
    norm: nn::LayerNorm,
    output: nn::Linear,
    pub(super) sites: Vec<Site>,
}

struct Layer {
    attention_norm: nn::LayerNorm,
    projection: nn::Linear,
    attention_output: nn::Linear,
    mlp_norm: nn::LayerNorm,
    up: nn::Linear,
    down: nn::Linear,
}

impl Layer {
    fn new(path: &nn::Path) -> Self {
        let linear = |name: &str, inputs, outputs| {
            nn::linear(path / name, inputs, outputs, nn::LinearConfig::default())
        };
        let norm = |name: &str| nn::layer_norm(path / name, vec![WIDTH], Default::default());
        Self {
            attention_norm: norm("attention_norm"),
            projection: linear("projection", WIDTH, 3 * WIDTH),
            attention_output: linear("attention_output", WIDTH, WIDTH),
            mlp_norm: norm("mlp_norm"),
            up: linear("up", WIDTH, 4 * WIDTH),
            down: linear("down", 4 * WIDTH, WIDTH),
        }
    }

    /// One head of causal attention.
    fn attention(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let parts = self.projection.forward(&self.attention_norm.forward(x)).f_chunk(3, -1)?;
        let none = None::<&Tensor>;
        let (q, k, v) = (&parts[0], &parts[1], &parts[2]);
        let mixed =
            Tensor::f_scaled_dot_product_attention(q, k, v, none, 0.0, true, None::<f64>, false)?;
        Ok(self.attention_output.forward(&mixed))
    }

    fn mlp(&self, x: &Tensor) -> Result<Tensor, TchError> {
        Ok(self.down.forward(&self.up.forward(&self.mlp_norm.forward(x)).f_gelu("none")?))
    }
}

/// Takes what a component writes.
pub(super) type See<'a> = dyn FnMut(Site, &Tensor) -> Result<ControlFlow<()>, TchError> + 'a;

impl Model {
    pub(super) fn new(path: &nn::Path) -> Self {
        let layers = (0..LAYERS).map(|layer| Layer::new(&(path / format!("layer{layer}"))));
        let sites = (0..LAYERS).flat_map(|layer| Component::ALL.map(|one| Site::write(layer, one)));
        Self {
            embedding: nn::embedding(path / "embedding", VOCABULARY, WIDTH, Default::default()),
            layers: layers.collect(),
            norm: nn::layer_norm(path / "norm", vec![WIDTH], Default::default()),
            output: nn::linear(path / "output", WIDTH, VOCABULARY, Default::default()),
            sites: sites.collect(),
        }
    }

    /// The logits; `see` is shown what each component writes and may end the pass.
    pub(super) fn forward(
        &self,
        ids: &Tensor,
        see: &mut See<'_>,
    ) -> Result<Option<Tensor>, TchError> {
        let mut x = self.embedding.forward_t(ids, false);
        for (index, layer) in self.layers.iter().enumerate() {
            for component in Component::ALL {
                let written = match component {
                    Component::Attention => layer.attention(&x)?,
                    _ => layer.mlp(&x)?,
                };
                if see(Site::write(index, component), &written)?.is_break() {
                    return Ok(None);
                }
                x = x.f_add(&written)?;
            }
        }
        Ok(Some(self.output.forward(&self.norm.forward(&x))))
    }

    pub(super) fn loss(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        let inputs = ids.f_narrow(1, 0, CONTEXT)?;
        let logits = self.forward(&inputs, &mut |_, _| Ok(ControlFlow::Continue(())))?;
        let logits = logits.expect("nothing ends the pass").f_flatten(0, 1)?;
        let targets = ids.f_narrow(1, 1, CONTEXT)?.f_flatten(0, 1)?;
        logits.f_cross_entropy_loss(&targets, None::<&Tensor>, tch::Reduction::Mean, -100, 0.0)
    }
}

pub(super) fn tensor(batch: &TokenBatch) -> Result<Tensor, TchError> {
    let ids: Vec<i64> = batch.ids().iter().map(|&id| id.into()).collect();
    Tensor::f_from_slice(&ids)?.f_reshape([batch.rows() as i64, batch.width() as i64])
}
