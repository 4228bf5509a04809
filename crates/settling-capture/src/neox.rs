//! GPT-NeoX as Hugging Face transformers runs it: parallel or sequential residual, rotary position embedding on the leading
//! dimensions of each head, exact (erf) GELU, untied or tied output embedding.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use settling_core::{
    Capture, CaptureSink, Component, GptNeox, Gradients, Positions, Site, TensorSource, TokenBatch,
};
use tch::{Kind, Reduction, TchError, Tensor, no_grad_guard};

use crate::Device;
use crate::error::{Context, Error, ErrorKind};
use crate::tensor::{as_i64, ids, to_host, weight, with_rows};

/// How a model is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where.
    pub device: Device,
    /// Which positions of each sequence are delivered as observations.
    pub positions: Positions,
    /// How many sequences run at once. It bounds memory and changes no result beyond rounding.
    pub micro_batch: usize,
}

impl Default for Options {
    /// The CPU, the last position, 8 sequences at once.
    fn default() -> Self {
        Self { device: Device::Cpu, positions: Positions::Last, micro_batch: 8 }
    }
}

/// A GPT-NeoX model in memory, ready to be observed at its write sites.
///
/// [`Capture`] delivers, for every layer, what `attention.dense` and `mlp.dense_4h_to_h` add to the residual stream (biases
/// included). [`Gradients`] delivers the gradients of their weights. A row of a batch may have up to
/// `max_position_embeddings + 1` tokens; the last one of such a row is a target only.
#[derive(Debug)]
pub struct GptNeoxModel {
    net: Network,
    device: tch::Device,
    options: Options,
    sites: Vec<Site>,
}

impl GptNeoxModel {
    /// Reads the weights of `config` from `source`, one after the other, as f32 onto the device.
    ///
    /// The output embedding may be named `embed_out.weight` or `lm_head.weight`. Tensors that are not weights of the
    /// architecture (the buffers in Pythia's files) are not read.
    ///
    /// # Errors
    ///
    /// If the architecture does not fit together, the device does not exist, or a weight is missing, has another shape or is
    /// not of a floating-point type.
    pub fn load<S>(config: &GptNeox, source: &S, options: &Options) -> Result<Self, Error>
    where
        S: TensorSource + ?Sized,
        S::Error: std::error::Error + Send + Sync + 'static,
    {
        if options.micro_batch == 0 {
            return Err(Error::new(ErrorKind::Config, "micro_batch must be at least 1, found 0"));
        }
        config.validate().map_err(|error| Error::new(ErrorKind::Config, error.to_string()))?;
        let device = options.device.check()?;
        let mut weights = HashMap::new();
        for (name, shape) in config.parameters() {
            let has = |name: &str| source.tensors().iter().any(|meta| meta.name == name);
            let stored = match name.as_str() {
                "embed_out.weight" if !has(&name) && has("lm_head.weight") => "lm_head.weight",
                other => other,
            };
            let data = source.read(stored).map_err(|error| {
                let message = format!("weight `{stored}` cannot be read: {error}");
                Error::new(ErrorKind::Weights, message).with_source(error)
            })?;
            if data.shape() != shape {
                let found = data.shape();
                let message = format!(
                    "weight `{stored}`: expected shape {shape:?} from the configuration, found {found:?}"
                );
                return Err(Error::new(ErrorKind::Weights, message));
            }
            let tensor = weight(stored, &data, device)?;
            weights.insert(name, tensor);
        }
        let sites = config.write_sites();
        for site in &sites {
            // Gradients are wanted of these and of nothing else.
            let wanted = &weights[&config.write_weight(site)];
            let _ = wanted
                .f_set_requires_grad(true)
                .context(|| format!("marking the weight of {site}"))?;
        }
        let net = Network::new(config, weights)?;
        Ok(Self { net, device, options: options.clone(), sites })
    }

    /// The logits of every fed position, `(rows * fed tokens, vocab_size)` row-major: mostly for checks against other
    /// implementations.
    ///
    /// # Errors
    ///
    /// As [`Capture::activations`].
    pub fn logits(&self, batch: &TokenBatch) -> Result<Vec<f32>, Error> {
        let fed = self.net.fed_tokens(batch)?;
        let _guard = no_grad_guard();
        let mut logits = Vec::new();
        for rows in micro_batches(batch.rows(), self.options.micro_batch) {
            let ids = ids(batch, rows, 0..fed, self.device)?;
            logits.extend(to_host(
                &self.net.logits(&ids).context(|| "computing logits".to_owned())?,
            )?);
        }
        Ok(logits)
    }
}

impl Capture for GptNeoxModel {
    type Error = Error;

    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn activations(&mut self, batch: &TokenBatch, sink: &mut dyn CaptureSink) -> Result<(), Error> {
        let fed = self.net.fed_tokens(batch)?;
        let indices = self.options.positions.indices(fed);
        if indices.is_empty() {
            let positions = self.options.positions;
            let message = format!(
                "positions `{positions}` name none of the {fed} tokens that each row feeds"
            );
            return Err(Error::new(ErrorKind::Tokens, message));
        }
        let all = indices.len() == fed;
        let indices: Vec<i64> = indices.into_iter().map(as_i64).collect();
        let indices = Tensor::f_from_slice(&indices)
            .and_then(|indices| indices.f_to_device(self.device))
            .context(|| "moving positions to the device".to_owned())?;
        let width = as_i64(self.net.config.hidden_size);

        let _guard = no_grad_guard();
        for rows in micro_batches(batch.rows(), self.options.micro_batch) {
            let ids = ids(batch, rows, 0..fed, self.device)?;
            let mut failure = None;
            let mut observe = |site: Site, written: &Tensor| {
                let chosen = || {
                    if all {
                        Ok(written.shallow_clone())
                    } else {
                        written.f_index_select(1, &indices)
                    }
                };
                let delivered = chosen()
                    .and_then(|written| written.f_reshape([-1, width]))
                    .context(|| format!("selecting the rows of {site}"))
                    .and_then(|written| with_rows(&written, |rows| sink.accept(&site, rows)));
                delivered.unwrap_or_else(|error| {
                    failure = Some(error);
                    ControlFlow::Break(())
                })
            };
            let flow =
                self.net.hidden(&ids, &mut observe).context(|| "running the model".to_owned())?;
            if let Some(error) = failure {
                return Err(error);
            }
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Gradients for GptNeoxModel {
    type Error = Error;

    fn gradients(&mut self, batch: &TokenBatch, sink: &mut dyn CaptureSink) -> Result<f64, Error> {
        let targets = self.net.targets(batch)?;
        let count = (batch.rows() * targets) as f64;
        let weights: Vec<&Tensor> =
            self.sites.iter().map(|site| self.net.write_weight(site)).collect();
        let mut total: Option<Vec<Tensor>> = None;
        let mut loss_sum = 0.0;
        for rows in micro_batches(batch.rows(), self.options.micro_batch) {
            let inputs = ids(batch, rows.clone(), 0..targets, self.device)?;
            let targets = ids(batch, rows, 1..targets + 1, self.device)?;
            let step = || -> Result<(), TchError> {
                let sum = self.net.loss_sum(&inputs, &targets)?;
                // Each micro-batch contributes its share of the mean over all tokens, whatever its size.
                let share = sum.f_div_scalar(count)?;
                let gradients = Tensor::f_run_backward(&[&share], &weights, false, false)?;
                loss_sum += sum.f_to_kind(Kind::Double)?.f_double_value(&[])?;
                match &mut total {
                    None => total = Some(gradients),
                    Some(total) => {
                        for (total, gradient) in total.iter_mut().zip(&gradients) {
                            let _ = total.f_add_(gradient)?;
                        }
                    }
                }
                Ok(())
            };
            tch::with_grad(step).context(|| "computing gradients".to_owned())?;
        }
        for (site, gradient) in self.sites.iter().zip(total.iter().flatten()) {
            if with_rows(gradient, |rows| sink.accept(site, rows))?.is_break() {
                break;
            }
        }
        Ok(loss_sum / count)
    }
}

fn micro_batches(rows: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(size).map(move |start| start..(start + size).min(rows))
}

/// Weights in the shape of the architecture. Everything in it is shared with the tensors it was made from.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) config: GptNeox,
    embed_in: Tensor,
    layers: Vec<Layer>,
    final_norm: Affine,
    embed_out: Tensor,
    /// cos and sin of the rotary angles, `(max_position_embeddings, rotary_dims)` each.
    rotary: (Tensor, Tensor),
}

#[derive(Debug)]
struct Layer {
    attention_norm: Affine,
    mlp_norm: Affine,
    query_key_value: Affine,
    dense: Affine,
    h_to_4h: Affine,
    four_h_to_h: Affine,
}

/// A weight and its bias: of a linear map or of a LayerNorm.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Affine {
    fn linear(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, self.bias.as_ref())
    }

    fn layer_norm(&self, x: &Tensor, eps: f64) -> Result<Tensor, TchError> {
        x.f_layer_norm(self.weight.size(), Some(&self.weight), self.bias.as_ref(), eps, true)
    }
}

impl Network {
    /// # Panics
    ///
    /// If `weights` has not every name of `config.parameters()`: the caller has just filled it from that list.
    pub(crate) fn new(
        config: &GptNeox,
        mut weights: HashMap<String, Tensor>,
    ) -> Result<Self, Error> {
        let embed_in = take(&mut weights, "gpt_neox.embed_in.weight");
        let layers = (0..config.num_hidden_layers)
            .map(|layer| {
                let mut affine = |name: &str| {
                    let name = format!("gpt_neox.layers.{layer}.{name}");
                    Affine {
                        weight: take(&mut weights, &format!("{name}.weight")),
                        bias: weights.remove(&format!("{name}.bias")),
                    }
                };
                Layer {
                    attention_norm: affine("input_layernorm"),
                    mlp_norm: affine("post_attention_layernorm"),
                    query_key_value: affine("attention.query_key_value"),
                    dense: affine("attention.dense"),
                    h_to_4h: affine("mlp.dense_h_to_4h"),
                    four_h_to_h: affine("mlp.dense_4h_to_h"),
                }
            })
            .collect();
        let final_norm = Affine {
            weight: take(&mut weights, "gpt_neox.final_layer_norm.weight"),
            bias: weights.remove("gpt_neox.final_layer_norm.bias"),
        };
        let embed_out = match config.tie_word_embeddings {
            true => embed_in.shallow_clone(),
            false => take(&mut weights, "embed_out.weight"),
        };
        let rotary = rotary_tables(config, embed_in.device())
            .context(|| "computing the rotary position embedding".to_owned())?;
        Ok(Self { config: config.clone(), embed_in, layers, final_norm, embed_out, rotary })
    }

    /// How many tokens of each row are fed, after the batch has been checked against the vocabulary and the context length.
    fn fed_tokens(&self, batch: &TokenBatch) -> Result<usize, Error> {
        let (context, vocabulary) = (self.config.max_position_embeddings, self.config.vocab_size);
        if batch.width() > context + 1 {
            let message = format!(
                "rows of {} tokens do not fit a context of {context}: expected at most {} (the last one a target only)",
                batch.width(),
                context + 1
            );
            return Err(Error::new(ErrorKind::Tokens, message));
        }
        // Before a device sees them: an index out of range on a GPU ends the process.
        if let Some(place) = batch.ids().iter().position(|&id| id as usize >= vocabulary) {
            let (row, column) = (place / batch.width(), place % batch.width());
            let message = format!(
                "token {} in row {row}, column {column} lies outside the vocabulary of {vocabulary}",
                batch.ids()[place],
            );
            return Err(Error::new(ErrorKind::Tokens, message));
        }
        Ok(batch.width().min(context))
    }

    /// How many next-token targets each row has, after the same checks.
    pub(crate) fn targets(&self, batch: &TokenBatch) -> Result<usize, Error> {
        self.fed_tokens(batch)?;
        match batch.width() - 1 {
            0 => {
                let message = "rows of 1 token have no next token to predict: expected at least 2";
                Err(Error::new(ErrorKind::Tokens, message))
            }
            targets => Ok(targets),
        }
    }

    /// The weight of a write site.
    pub(crate) fn write_weight(&self, site: &Site) -> &Tensor {
        let layer = &self.layers[site.layer];
        match site.component {
            Component::Attention => &layer.dense.weight,
            // Architectures have these two; a new component would come with its own network.
            _ => &layer.four_h_to_h.weight,
        }
    }

    /// Runs the layers on `ids` `(batch, tokens)`, showing `observe` what each site writes, `(batch, tokens, D)`. Breaks off
    /// when `observe` says so; otherwise continues with the residual stream before the final LayerNorm.
    pub(crate) fn hidden(
        &self,
        ids: &Tensor,
        observe: &mut dyn FnMut(Site, &Tensor) -> ControlFlow<()>,
    ) -> Result<ControlFlow<(), Tensor>, TchError> {
        let eps = self.config.layer_norm_eps;
        let mut x = Tensor::f_embedding(&self.embed_in, ids, -1, false, false)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let attention = self.attention(layer, &layer.attention_norm.layer_norm(&x, eps)?)?;
            if observe(Site::write(index, Component::Attention), &attention).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // The orders of addition are those of the reference implementation, to round as it does.
            let mlp_input = if self.config.use_parallel_residual {
                x.shallow_clone()
            } else {
                attention.f_add(&x)?
            };
            let mlp = mlp(layer, &layer.mlp_norm.layer_norm(&mlp_input, eps)?)?;
            if observe(Site::write(index, Component::Mlp), &mlp).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            x = if self.config.use_parallel_residual {
                mlp.f_add(&attention)?.f_add(&x)?
            } else {
                mlp.f_add(&mlp_input)?
            };
        }
        Ok(ControlFlow::Continue(x))
    }

    fn attention(&self, layer: &Layer, x: &Tensor) -> Result<Tensor, TchError> {
        let (batch, tokens, width) = x.size3()?;
        let (heads, head_dim) =
            (as_i64(self.config.num_attention_heads), as_i64(self.config.head_dim()));
        // Fused and interleaved head by head: the rows of each head are its queries, its keys, its values.
        let fused =
            layer.query_key_value.linear(x)?.f_view([batch, tokens, heads, 3 * head_dim])?;
        let part = |index: i64| fused.f_narrow(3, index * head_dim, head_dim)?.f_transpose(1, 2);
        let (query, key, value) = (self.rotate(&part(0)?)?, self.rotate(&part(1)?)?, part(2)?);
        let mixed = Tensor::f_scaled_dot_product_attention(
            &query,
            &key,
            &value,
            None::<&Tensor>,
            0.0,
            true,
            None,
            false,
        )?;
        layer.dense.linear(&mixed.f_transpose(1, 2)?.f_reshape([batch, tokens, width])?)
    }

    /// Rotary position embedding of the leading dimensions of `(batch, heads, tokens, head_dim)`; the others pass.
    fn rotate(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (dims, head_dim) = (as_i64(self.config.rotary_dims()), as_i64(self.config.head_dim()));
        if dims == 0 {
            return Ok(x.shallow_clone());
        }
        let tokens = x.size()[2];
        let (cos, sin) =
            (self.rotary.0.f_narrow(0, 0, tokens)?, self.rotary.1.f_narrow(0, 0, tokens)?);
        let turned = x.f_narrow(3, 0, dims)?;
        let half = dims / 2;
        let swapped = Tensor::f_cat(
            &[turned.f_narrow(3, half, half)?.f_neg()?, turned.f_narrow(3, 0, half)?],
            3,
        )?;
        let rotated = turned.f_mul(&cos)?.f_add(&swapped.f_mul(&sin)?)?;
        if dims == head_dim {
            return Ok(rotated);
        }
        Tensor::f_cat(&[rotated, x.f_narrow(3, dims, head_dim - dims)?], 3)
    }

    /// `(batch * tokens, vocab_size)`.
    fn logits(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        let flow = self.hidden(ids, &mut |_, _| ControlFlow::Continue(()))?;
        let ControlFlow::Continue(x) = flow else {
            unreachable!("nothing breaks off the pass");
        };
        let x = self.final_norm.layer_norm(&x, self.config.layer_norm_eps)?;
        x.f_reshape([-1, as_i64(self.config.hidden_size)])?
            .f_linear(&self.embed_out, None::<&Tensor>)
    }

    /// The sum over all tokens of the cross-entropy of the next token, in nats.
    pub(crate) fn loss_sum(&self, ids: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
        self.logits(ids)?.f_cross_entropy_loss(
            &targets.f_reshape([-1])?,
            None::<&Tensor>,
            Reduction::Sum,
            -100,
            0.0,
        )
    }
}

fn mlp(layer: &Layer, x: &Tensor) -> Result<Tensor, TchError> {
    layer.four_h_to_h.linear(&layer.h_to_4h.linear(x)?.f_gelu("none")?)
}

fn take(weights: &mut HashMap<String, Tensor>, name: &str) -> Tensor {
    weights.remove(name).unwrap_or_else(|| panic!("`{name}` is in the list of parameters"))
}

/// The angles are computed in f32, as the reference implementation does, and not read from the f16 buffers of old files.
fn rotary_tables(config: &GptNeox, device: tch::Device) -> Result<(Tensor, Tensor), TchError> {
    let dims = as_i64(config.rotary_dims());
    let options = (Kind::Float, device);
    let exponents =
        Tensor::f_arange_start_step(0, dims, 2, options)?.f_div_scalar(dims.max(1) as f64)?;
    let inverse =
        Tensor::f_full([1], config.rotary_emb_base, options)?.f_pow(&exponents)?.f_reciprocal()?;
    let positions = Tensor::f_arange(as_i64(config.max_position_embeddings), options)?;
    let angles = positions.f_outer(&inverse)?;
    let angles = Tensor::f_cat(&[&angles, &angles], 1)?;
    Ok((angles.f_cos()?, angles.f_sin()?))
}
