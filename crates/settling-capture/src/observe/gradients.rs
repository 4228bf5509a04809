//! Gradients of the next-token loss with respect to weights.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use settling_core::{CaptureSink, Component, MatView, Site, TokenBatch, View};
use settling_models::ModelSizes;
use tch::{Kind, TchError, Tensor};

use crate::error::{Error, ErrorKind};
use crate::failure::Context;
use crate::model::attention::Projections;
use crate::model::loss::{Scratch, next_token_loss};
use crate::model::parts::oriented;
use crate::model::pass::Pass;
use crate::observe::batch::targets;
use crate::observe::transformer::Transformer;
use crate::tensor::{as_i64, as_usize, flatten_rows, ids, to_host_f64, with_rows};
use crate::walk::Walk;

impl Transformer {
    /// Delivers, for every site once, the gradient of the next-token loss on `batch` with respect
    /// to the site's weight, in the weight's shape `(outputs, inputs)` as f32. Returns that loss,
    /// in nats: the mean over all target tokens, or what [`Options::loss_reduction`] makes of it.
    /// For several batches, call it once for each.
    ///
    /// The gradient of a write site is that of its weight; of one head that of the head's columns;
    /// of an output-value circuit `O V` the change that the gradients make to it, `dO V + O dV`
    /// (the product rule), `(width, width)`, summed over the heads for a whole layer. Only the
    /// weights that are needed require gradients. The split into micro-batches changes nothing
    /// beyond rounding.
    ///
    /// # Errors
    ///
    /// The same as [`Capture::activations`](settling_core::Capture::activations), and if the rows
    /// are too short to have a target or the weights have no output embedding.
    ///
    /// [`Options::loss_reduction`]: crate::Options::loss_reduction
    pub fn gradients(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<f64, Error> {
        let mut names = BTreeSet::new();
        for site in &self.sites {
            names.extend(self.weights_of(site));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (loss, gradients) = self.take_gradients(batch, &names)?;
        let gradients: BTreeMap<&str, Tensor> = names.into_iter().zip(gradients).collect();
        for site in &self.sites {
            let gradient = self
                .site_gradient(site, &gradients)
                .context(|| format!("computing the gradient of {site}"))?;
            if with_rows(&gradient, |rows| sink.accept(site, rows))?.is_break() {
                break;
            }
        }
        Ok(loss)
    }

    /// The gradients of any parameters, by the names of
    /// [`Architecture::parameters`](settling_models::Architecture::parameters), each in the shape
    /// in which it is stored (a vector as one row), added up in f32, or in f64 at that precision.
    /// The factors of the gradient of an output-value circuit, for one, whose spectrum needs no
    /// matrix as wide as the model. Returns the loss, as [`gradients`](Self::gradients) does.
    ///
    /// # Errors
    ///
    /// The same as [`gradients`](Self::gradients), and if the model has no parameter of that name.
    pub fn parameter_gradients(
        &mut self,
        batch: &TokenBatch,
        names: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<f64, Error> {
        if let Some(missing) = names.iter().find(|name| self.parameters.get(name).is_none()) {
            let some: Vec<&str> = self.parameters.names().take(3).collect();
            let message = format!(
                "the model has no parameter `{missing}`; it has {}, ...: Architecture::parameters lists them",
                some.join(", ")
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let (loss, gradients) = self.take_gradients(batch, names)?;
        for (name, gradient) in names.iter().zip(gradients) {
            let values = to_host_f64(&gradient)?;
            let cols = gradient.size().last().map_or(1, |&cols| as_usize(cols));
            take(name, MatView::new(&values, values.len() / cols, cols));
        }
        Ok(loss)
    }

    /// The loss and the gradients of the named parameters, on the device.
    fn take_gradients(
        &self,
        batch: &TokenBatch,
        names: &[&str],
    ) -> Result<(f64, Vec<Tensor>), Error> {
        self.options.engine.device.still_usable()?;
        let fed = targets(&self.net.sizes, batch)?;
        let weights = names.iter().map(|name| self.parameters.of(name)).collect();
        let tracked = Tracked::new(weights)?;
        let mut sum = Sum { loss: 0.0, gradients: None, scratch: Scratch::default() };
        let (mut start, mut size) = (0, self.micro_batch(fed));
        for rows in self.options.loss_reduction.sub_batches(batch.rows()) {
            // Each token contributes its share of the mean over its sub-batch, whatever the
            // micro-batch it is run in.
            let scale = 1.0 / (rows * fed) as f64;
            let mut walk = Walk::new(start..start + rows, size);
            start += rows;
            while let Some(rows) = walk.next() {
                match self.add_gradients(batch, rows, fed, scale, &tracked, &mut sum) {
                    Ok(()) => walk.advance(),
                    Err(error) => {
                        // Smaller pieces need less.
                        sum.scratch = Scratch::default();
                        walk.retreat(error)?;
                    }
                }
            }
            size = walk.size();
        }
        Ok((sum.loss, sum.gradients.unwrap_or_default()))
    }

    /// Adds the part of some rows of a batch, all of it or, after an error, nothing.
    fn add_gradients(
        &self,
        batch: &TokenBatch,
        rows: Range<usize>,
        fed: usize,
        scale: f64,
        tracked: &Tracked,
        sum: &mut Sum,
    ) -> Result<(), Error> {
        let head = self.output_embedding()?;
        let inputs = ids(batch, rows.clone(), 0..fed, self.device)?;
        let targets = ids(batch, rows, 1..fed + 1, self.device)?;
        let backward = || {
            let x = self.run(&inputs, &mut Pass::whole(false))?;
            let x = flatten_rows(&x.expect("nothing ends the pass early"))?;
            self.backward(&x, &targets, scale, tracked, head, &mut sum.scratch)
                .context(|| format!("computing gradients on {}", self.options.engine.device))
        };
        // The caller may have turned gradients off in this thread.
        let (loss, gradients) = tch::with_grad(backward)?;
        sum.loss += loss;
        match &mut sum.gradients {
            None => sum.gradients = Some(gradients),
            Some(sums) => {
                for (sum, gradient) in sums.iter_mut().zip(&gradients) {
                    let added = sum.f_add_(gradient);
                    let _ = added.context(|| "adding up gradients".to_owned())?;
                }
            }
        }
        Ok(())
    }

    /// `scale` times the loss of the rows `x` of a pass, and its gradients, in f32 or f64.
    fn backward(
        &self,
        x: &Tensor,
        targets: &Tensor,
        scale: f64,
        tracked: &Tracked,
        head: &Tensor,
        scratch: &mut Scratch,
    ) -> Result<(f64, Vec<Tensor>), TchError> {
        let targets = targets.f_reshape([-1])?;
        let is_output = |weight: &Tensor| same_tensor(weight, head);
        let of_output = tracked.0.iter().any(is_output);
        let guard = tch::no_grad_guard();
        let loss = next_token_loss(head, x, &targets, scale, of_output, scratch)?;
        drop(guard);

        let wide = if x.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        // An output embedding that is not the input embedding too is read by the loss alone.
        let tied = same_tensor(&self.net.embedding, head);
        let reached = |weight: &&Tensor| tied || !is_output(weight);
        let inputs: Vec<&Tensor> = tracked.0.iter().filter(reached).collect();
        let mut flowed = if inputs.is_empty() {
            Vec::new()
        } else {
            // A scalar whose gradient with respect to x is the loss's.
            let along = x.f_mul(&loss.rows)?.f_sum(x.kind())?;
            Tensor::f_run_backward(&[along], &inputs, false, false)?
        }
        .into_iter();
        let mut gradients = Vec::new();
        for weight in &tracked.0 {
            let through = if reached(&weight) { flowed.next() } else { None };
            let direct = loss.output_embedding.as_ref().filter(|_| is_output(weight));
            let gradient = match (through, direct) {
                (Some(through), Some(direct)) => through.f_add(direct)?,
                (Some(one), None) => one,
                (None, direct) => {
                    direct.map_or_else(|| weight.f_zeros_like(), |one| Ok(one.shallow_clone()))?
                }
            };
            gradients.push(gradient.f_to_kind(wide)?);
        }
        Ok((loss.sum * scale, gradients))
    }

    /// The names of the parameters that a site's gradient is made of.
    fn weights_of(&self, site: &Site) -> Vec<String> {
        let mut names = vec![self.architecture.write_weight(site.layer, site.component).name];
        if site.view != View::Write {
            names.push(self.architecture.value_weight(site.layer, 0).name);
        }
        names
    }

    fn site_gradient(
        &self,
        site: &Site,
        gradients: &BTreeMap<&str, Tensor>,
    ) -> Result<Tensor, TchError> {
        let _guard = tch::no_grad_guard();
        let ModelSizes { heads, key_value_heads, head_dim, .. } = self.net.sizes;
        let layer = &self.net.layers[site.layer];
        let output = match site.component {
            Component::Attention => &layer.attention.output,
            _ => &layer.mlp.down,
        };
        let block = self.architecture.write_weight(site.layer, site.component);
        let gradient = oriented(&gradients[block.name.as_str()], block.transposed)?;
        let columns = |matrix: &Tensor| match site.head {
            None => Ok(matrix.shallow_clone()),
            Some(head) => matrix.f_narrow(1, as_i64(head * head_dim), as_i64(head_dim)),
        };
        if site.view == View::Write {
            return columns(&gradient);
        }
        let values = self.architecture.value_weight(site.layer, 0);
        // The rows that stand for V, of the projection or of its gradient: (heads * head_dim,
        // width), or of one head.
        let value_rows = |stored: &Tensor| {
            let matrix = oriented(stored, values.transposed)?;
            let width = matrix.size()[1];
            let per_head = |rows: Tensor| rows.f_reshape([-1, as_i64(head_dim), width]);
            let rows = match (&layer.attention.projections, site.view) {
                (Projections::Separate { .. }, _) => {
                    let shared = as_i64(heads / key_value_heads);
                    per_head(matrix)?.f_repeat_interleave_self_int(shared, 0, None)?
                }
                (Projections::PerHead(_), View::Ov) => {
                    matrix.f_reshape([as_i64(heads), 3, as_i64(head_dim), width])?.f_select(1, 2)?
                }
                _ => {
                    let third = matrix.size()[0] / 3;
                    per_head(matrix.f_narrow(0, 2 * third, third)?)?
                }
            };
            let rows = match site.head {
                None => rows,
                Some(head) => rows.f_narrow(0, as_i64(head), 1)?,
            };
            rows.f_flatten(0, 1)
        };
        let kind = gradient.kind();
        let stored = self.parameters.of(&values.name).f_detach()?.f_to_kind(kind)?;
        let written = output.matrix()?.f_detach()?.f_to_kind(kind)?;
        let through_output = columns(&gradient)?.f_matmul(&value_rows(&stored)?)?;
        let through_values =
            columns(&written)?.f_matmul(&value_rows(&gradients[values.name.as_str()])?)?;
        through_output.f_add(&through_values)
    }
}

/// What has been added up so far.
struct Sum {
    loss: f64,
    gradients: Option<Vec<Tensor>>,
    scratch: Scratch,
}

/// Weights that require gradients while this lives.
struct Tracked(Vec<Tensor>);

impl Tracked {
    fn new(weights: Vec<Tensor>) -> Result<Self, Error> {
        let tracked = Self(weights);
        for weight in &tracked.0 {
            let set = weight.f_set_requires_grad(true);
            let _ = set.context(|| "asking for the gradient of a weight".to_owned())?;
        }
        Ok(tracked)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        for weight in &self.0 {
            // It cannot fail for a tensor that has just been told the opposite, and a destructor
            // could tell nobody.
            let _ = weight.f_set_requires_grad(false);
        }
    }
}

fn same_tensor(a: &Tensor, b: &Tensor) -> bool {
    a.data_ptr() == b.data_ptr()
}
