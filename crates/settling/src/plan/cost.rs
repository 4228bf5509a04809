//! How much work a unit is.

use std::iter::Sum;
use std::ops::Add;

use settling_core::{Component, Signal, View};
use settling_models::Architecture;

use super::rows::RowsUsed;
use crate::protocol::{Combine, GradientBatches, Protocol};
use crate::training::TrainingData;

/// What it takes to study one checkpoint under one protocol, from sizes alone: for a plan, and for
/// how long is left of one.
///
/// Operations are those of the matrix products, which are nearly all of the work: a multiplication
/// and an addition are two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Operations of the model, on the device that it runs on: a forward pass over the evaluation
    /// rows, and forward and backward passes over the batches of the gradients.
    pub model: f64,
    /// Operations of CKA and of singular values, on the CPU. An estimate.
    pub analysis: f64,
    /// How many bytes the results of the unit have. An estimate.
    pub unit_bytes: u64,
    /// How many bytes the activations of the last checkpoint have, which are kept if
    /// [they may](crate::Study::with_reference_memory).
    pub reference_bytes: u64,
}

impl Cost {
    /// The cost of one unit: this architecture on these rows, plus batches of the training if the
    /// protocol takes gradients on those.
    pub(crate) fn of_unit(
        architecture: &Architecture,
        protocol: &Protocol,
        rows: &RowsUsed,
        training: Option<&TrainingData>,
    ) -> Self {
        let sizes = architecture.sizes();
        let tokens = protocol.rows.inputs.fed_tokens(rows.width, sizes.context);
        let pass = Pass::new(architecture, tokens);
        let gradients = &protocol.gradients;
        let (batches, available) = match gradients.batches {
            GradientBatches::Training { take, from, to } => {
                let around = usize::try_from((to - from).saturating_add(1)).unwrap_or(0);
                (
                    take.map_or(around, |take| take.min(around)),
                    training.map_or(rows.rows, TrainingData::batch_rows),
                )
            }
            _ => (1, rows.rows),
        };
        let gradient_rows = batches * gradients.rows.unwrap_or(available).min(available);
        let model = pass.forward * rows.rows as f64 + pass.gradient * gradient_rows as f64;

        let observations = rows.rows * protocol.rows.positions.indices(tokens).len();
        let heads = if protocol.views.heads { sizes.heads } else { 0 };
        let sites = sizes.layers * (Component::ALL.len() + heads);
        let (n, d) = (observations as f64, sizes.width as f64);
        // The products of the two with each other and with themselves, over observations or over
        // features.
        let cka = 6.0 * (n * d * d).min(n * n * d);
        let mut analysis = sites as f64 * cka;

        let spectra = match gradients.combine {
            Combine::MeanPer => 1 + batches,
            _ => 2,
        };
        let of_batches = match gradients.combine {
            Combine::MeanGradient => 2,
            _ => 1 + batches,
        } as f64;
        let mut values = 0;
        for component in Component::ALL {
            let inputs = match component {
                Component::Attention => sizes.heads * sizes.head_dim,
                _ => sizes.mlp_width,
            };
            let (short, long) = (sizes.width.min(inputs), sizes.width.max(inputs));
            // The Gram matrix and its eigenvalues.
            let dense = |short: usize, long: usize| {
                let (short, long) = (short as f64, long as f64);
                2.0 * short * short * long + 4.0 * short.powi(3)
            };
            let of_layer = match protocol.views.of(component, Signal::Weight) {
                View::Write => dense(short, long),
                // Every product is formed, and their sum.
                _ => dense(sizes.width, sizes.width) + 2.0 * d * d * inputs as f64,
            };
            let of_heads = match component {
                // Thin factors: QR of both, and a small matrix.
                Component::Attention => heads as f64 * 8.0 * d * (sizes.head_dim as f64).powi(2),
                _ => 0.0,
            };
            analysis += sizes.layers as f64 * of_batches * (of_layer + of_heads);
            let of_head =
                if component == Component::Attention { heads * sizes.head_dim } else { 0 };
            values += sizes.layers * (short + of_head);
        }
        // Records are lines of about so many characters, and there are seven of a site, three of
        // them of CKA.
        let records = sites * 7 * 90;
        Self {
            model,
            analysis,
            unit_bytes: (records + 8 * spectra * values) as u64,
            reference_bytes: (sites * observations * sizes.width * size_of::<f32>()) as u64,
        }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            model: self.model + other.model,
            analysis: self.analysis + other.analysis,
            unit_bytes: self.unit_bytes + other.unit_bytes,
            reference_bytes: self.reference_bytes + other.reference_bytes,
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

/// Operations of one row.
struct Pass {
    forward: f64,
    /// Forward and backward, to the weights that write.
    gradient: f64,
}

impl Pass {
    fn new(architecture: &Architecture, tokens: usize) -> Self {
        let sizes = architecture.sizes();
        let elements = |shape: &[usize]| shape.iter().map(|&size| size as f64).product::<f64>();
        let is_of_layers =
            |shape: &[usize]| shape.len() == 2 && shape != [sizes.vocabulary_rows, sizes.width];
        let weights = architecture.parameters();
        let of_layers = weights.iter().filter(|(_, shape)| is_of_layers(shape));
        // The tables of positions that some have are looked up, not multiplied with.
        let is_table = |shape: &[usize]| shape == [sizes.context, sizes.width];
        let matrices: f64 =
            of_layers.filter(|(_, shape)| !is_table(shape)).map(|(_, shape)| elements(shape)).sum();
        let writes: f64 = architecture
            .write_sites()
            .into_iter()
            .map(|site| elements(&architecture.write_weight(site.layer, site.component).shape))
            .sum();
        let t = tokens as f64;
        // Each token looks at those before it: half of the square, twice, for scores and for
        // values.
        let attention = 2.0 * t * t * (sizes.layers * sizes.heads * sizes.head_dim) as f64;
        let forward = 2.0 * t * matrices + attention;
        let logits = 2.0 * t * (sizes.width * sizes.vocabulary_rows) as f64;
        Self { forward, gradient: 2.0 * (forward + logits) + 2.0 * t * writes }
    }
}

#[cfg(test)]
mod tests {
    use settling_core::TokenBatch;
    use settling_models::GptNeox;

    use super::*;

    /// One row of 2 tokens, of which one is fed, through one layer of width 4 with one head and an
    /// MLP of 8.
    #[test]
    fn a_unit_is_counted_by_hand() {
        let tiny = GptNeox {
            vocab_size: 10,
            hidden_size: 4,
            num_hidden_layers: 1,
            num_attention_heads: 1,
            intermediate_size: 8,
            max_position_embeddings: 1,
            ..GptNeox::default()
        };
        let batch = TokenBatch::new(vec![1, 2], 2).unwrap();
        let rows = RowsUsed::new("corrected", &batch, String::new());
        let cost = Cost::of_unit(&Architecture::GptNeox(tiny), &Protocol::corrected(), &rows, None);
        // A pass: 2 (4 12 + 4 4 + 2 4 8) = 256, and 2 1 1 4 for the scores and the values. The
        // gradient: two such, 2 2 4 10 for the output embedding, and 2 (4 4 + 4 8) for the two
        // weights that write.
        assert_eq!(cost.model, 264.0 + 2.0 * 264.0 + 160.0 + 96.0);
        // What is kept of the last checkpoint: one observation of two sites of 4 features, in f32.
        assert_eq!(cost.reference_bytes, 32);
        assert_eq!([cost, cost].into_iter().sum::<Cost>().model, 2.0 * cost.model);
    }
}
