//! A small GPT-NeoX that trains as Pythia did.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use settling_checkpoint::write_safetensors;
use settling_core::{BoxError, Dtype, Step, TensorData, TensorMeta, TensorSource, TokenBatch};
use settling_models::{Architecture, GptNeox, ModelSource};
use tch::nn::{Init, Optimizer, OptimizerConfig, VarStore};
use tch::{Device, Kind, Reduction, Tensor};

use crate::forward::Forward;
use crate::gpt_neox_json;

/// AdamW with linear warm-up and cosine decay, as Pythia was trained with (Biderman et al. 2023,
/// appendix).
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// The learning rate at the end of warm-up.
    pub learning_rate: f64,
    /// The learning rate at the last step, as a share of [`learning_rate`](Self::learning_rate).
    pub final_share: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Decoupled weight decay; of matrices only, not of biases and LayerNorms.
    pub weight_decay: f64,
    /// Gradients are scaled down to this norm, over all parameters.
    pub clip_norm: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// Steps until the learning rate has reached its final value.
    pub total_steps: u64,
}

impl AdamW {
    /// Pythia's settings for `total_steps` steps: betas 0.9 and 0.95, weight decay 0.1, gradients
    /// clipped at 1, 1 % warm-up, decay to a tenth.
    #[must_use]
    pub fn pythia(learning_rate: f64, total_steps: u64) -> Self {
        Self {
            learning_rate,
            final_share: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            weight_decay: 0.1,
            clip_norm: 1.0,
            warmup_steps: total_steps / 100,
            total_steps,
        }
    }

    /// The learning rate of the update that leads from `step` to the next.
    #[must_use]
    pub fn learning_rate_at(&self, step: Step) -> f64 {
        let (now, warmup) = (step.0 as f64, self.warmup_steps as f64);
        if step.0 < self.warmup_steps {
            return self.learning_rate * (now + 1.0) / warmup;
        }
        let decay = (self.total_steps.saturating_sub(self.warmup_steps)).max(1) as f64;
        let progress = ((now - warmup) / decay).min(1.0);
        let share = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        self.learning_rate * (self.final_share + (1.0 - self.final_share) * share)
    }
}

/// Trains a GPT-NeoX model from Pythia's initialization: enough to make a small suite of
/// checkpoints whose every circumstance is known.
///
/// Its forward pass is its own, so that what is captured from its checkpoints is checked against
/// another implementation. As a [`TensorSource`] it hands out its weights as they are after the
/// last step, under the names of a checkpoint on disk.
#[derive(Debug)]
pub struct Trainer {
    config: GptNeox,
    forward: Forward,
    optimizer: Optimizer,
    schedule: AdamW,
    step: Step,
    tensors: Vec<TensorMeta>,
    device: Device,
}

const DECAYED: usize = 0;
const NOT_DECAYED: usize = 1;

impl Trainer {
    /// A model at step 0: matrices drawn from N(0, 2/(5 D)) and, for the two that write to the
    /// residual stream, from N(0, 4/(L^2 D)); biases 0; LayerNorms the identity (GPT-NeoX's
    /// `small_init` and `wang_init`).
    ///
    /// `seed` seeds libtorch's generator, which is one for the process.
    ///
    /// # Panics
    ///
    /// If the sizes do not fit together or the device does not exist.
    #[must_use]
    pub fn new(config: &GptNeox, schedule: AdamW, seed: u64, device: Device) -> Self {
        config.validate().expect("sizes that fit");
        tch::manual_seed(seed.cast_signed());
        let store = VarStore::new(device);
        let width = config.hidden_size as f64;
        let small = (2.0 / (5.0 * width)).sqrt();
        let wang = 2.0 / (config.num_hidden_layers as f64 * width.sqrt());
        let (mut weights, mut tensors) = (HashMap::new(), Vec::new());
        for (name, shape) in config.parameters() {
            let init = match shape.len() {
                1 if name.ends_with("norm.weight") => Init::Const(1.0),
                1 => Init::Const(0.0),
                _ if name.ends_with("attention.dense.weight")
                    || name.ends_with("dense_4h_to_h.weight") =>
                {
                    Init::Randn { mean: 0.0, stdev: wang }
                }
                _ => Init::Randn { mean: 0.0, stdev: small },
            };
            let group = if shape.len() == 1 { NOT_DECAYED } else { DECAYED };
            let dims: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
            // A store does not take dots in a name; only the order of its variables matters here.
            let variable = store.root().set_group(group).var(&name.replace('.', "/"), &dims, init);
            weights.insert(name.clone(), variable);
            tensors.push(TensorMeta { name, dtype: Dtype::F32, shape });
        }
        let optimizer = tch::nn::AdamW {
            beta1: schedule.beta1,
            beta2: schedule.beta2,
            wd: schedule.weight_decay,
            eps: 1e-8,
            amsgrad: false,
        };
        let mut optimizer =
            optimizer.build(&store, schedule.learning_rate).expect("an optimizer of the store");
        optimizer.set_weight_decay_group(NOT_DECAYED, 0.0);
        let forward = Forward::new(config, weights);
        Self {
            config: config.clone(),
            forward,
            optimizer,
            schedule,
            step: Step(0),
            tensors,
            device,
        }
    }

    /// One update on the mean next-token loss of `batch`. Returns the loss before the update, in
    /// nats.
    ///
    /// # Errors
    ///
    /// If the loss is not finite: the learning rate is too high.
    ///
    /// # Panics
    ///
    /// If the tokens do not fit the model.
    pub fn step(&mut self, batch: &TokenBatch) -> Result<f64, BoxError> {
        let targets = batch.width() - 1;
        let count = (batch.rows() * targets) as f64;
        let ids: Vec<i64> = batch.ids().iter().map(|&id| i64::from(id)).collect();
        let ids = Tensor::from_slice(&ids)
            .reshape([batch.rows() as i64, batch.width() as i64])
            .to_device(self.device);
        let inputs = ids.narrow(1, 0, targets as i64);
        let targets = ids.narrow(1, 1, targets as i64);
        let loss = self.forward.logits(&inputs).cross_entropy_loss::<Tensor>(
            &targets.reshape([-1]),
            None,
            Reduction::Sum,
            -100,
            0.0,
        );
        let loss = loss / count;
        let value = loss.double_value(&[]);
        if !value.is_finite() {
            let message =
                format!("the loss of step {} is {value}: use a lower learning rate", self.step);
            return Err(message.into());
        }
        self.optimizer.set_lr(self.schedule.learning_rate_at(self.step));
        self.optimizer.backward_step_clip_norm(&loss, self.schedule.clip_norm);
        self.step.0 += 1;
        Ok(value)
    }

    /// How many updates have been made.
    #[must_use]
    pub fn steps_done(&self) -> Step {
        self.step
    }

    /// Saves `config.json` and `model.safetensors` in `folder`, as transformers would.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), BoxError> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("config.json"), gpt_neox_json(&self.config))?;
        let names = self.tensors.iter().map(|meta| meta.name.clone());
        let tensors = names
            .map(|name| self.read(&name).map(|data| (name, data)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(write_safetensors(folder.join("model.safetensors"), &tensors)?)
    }
}

impl TensorSource for Trainer {
    type Error = BoxError;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, BoxError> {
        let meta = self.tensors.iter().find(|meta| meta.name == name);
        let meta = meta.ok_or_else(|| format!("the model has no weight `{name}`"))?;
        let tensor = self.forward.weight(name).detach().to_device(Device::Cpu).to_kind(Kind::Float);
        let mut values = vec![0.0_f32; tensor.numel()];
        let count = values.len();
        tensor.contiguous().copy_data(&mut values, count);
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        Ok(TensorData::new(Dtype::F32, meta.shape.clone(), bytes)?)
    }
}

impl ModelSource for Trainer {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        Ok(Architecture::new(self.config.clone())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_warms_up_and_decays() {
        let schedule = AdamW::pythia(1e-3, 1000); // 10 steps of warm-up
        let at = |step| schedule.learning_rate_at(Step(step));
        assert_eq!(at(4), 0.5e-3);
        assert_eq!(at(10), 1e-3);
        // Half way between warm-up and end the cosine is 0: the mean of 1e-3 and 1e-4.
        assert!((at(505) - 5.5e-4).abs() < 1e-12);
        assert!((at(1000) - 1e-4).abs() < 1e-12);
        assert_eq!(at(2000), at(1000));
    }
}
