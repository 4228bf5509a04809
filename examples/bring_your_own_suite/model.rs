//! The model: yours, whatever it is. It knows nothing of this workspace.
//!
//! A neural n-gram model (Bengio et al. 2003) with a residual stream: the sum of embeddings of the
//! last tokens, one table for each place, to which every layer adds what its MLP writes; then
//! logits. Plain Rust, gradients by hand, no dependency.

/// Tokens are ASCII.
pub(crate) const VOCABULARY: usize = 128;
/// How many tokens the next is predicted from.
pub(crate) const CONTEXT: usize = 4;
pub(crate) const WIDTH: usize = 32;
pub(crate) const HIDDEN: usize = 64;
pub(crate) const LAYERS: usize = 3;

/// A weight, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) values: Vec<f32>,
}

impl Matrix {
    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.cols..][..self.cols]
    }

    fn times(&self, x: &[f32]) -> Vec<f32> {
        let dot = |row| self.row(row).iter().zip(x).map(|(a, b)| a * b).sum();
        (0..self.rows).map(dot).collect()
    }

    fn transposed_times(&self, y: &[f32]) -> Vec<f32> {
        let mut x = vec![0.0; self.cols];
        for (row, y) in y.iter().enumerate() {
            x.iter_mut().zip(self.row(row)).for_each(|(x, weight)| *x += weight * y);
        }
        x
    }

    /// Adds the gradient of `y = W x`.
    fn add_outer(&mut self, y: &[f32], x: &[f32]) {
        for (row, y) in self.values.chunks_exact_mut(self.cols).zip(y) {
            row.iter_mut().zip(x).for_each(|(sum, x)| *sum += y * x);
        }
    }
}

/// The weights, or their gradients: `embedding`, then `up.<layer>` and `down.<layer>` of every
/// layer, then `output`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) weights: Vec<Matrix>,
}

const EMBEDDING: usize = 0;
const OUTPUT: usize = 1 + 2 * LAYERS;

const fn up(layer: usize) -> usize {
    1 + 2 * layer
}

const fn down(layer: usize) -> usize {
    2 + 2 * layer
}

impl Model {
    /// All zeros.
    pub(crate) fn zeros() -> Self {
        let matrix = |name: String, rows, cols| {
            let values = vec![0.0; rows * cols];
            Matrix { name, rows, cols, values }
        };
        let mut weights = vec![matrix("embedding".to_owned(), CONTEXT * VOCABULARY, WIDTH)];
        for layer in 0..LAYERS {
            weights.push(matrix(format!("up.{layer}"), HIDDEN, WIDTH));
            weights.push(matrix(format!("down.{layer}"), WIDTH, HIDDEN));
        }
        weights.push(matrix("output".to_owned(), VOCABULARY, WIDTH));
        Self { weights }
    }

    pub(crate) fn random(seed: u64) -> Self {
        let mut model = Self::zeros();
        let mut state = seed;
        for matrix in &mut model.weights {
            let scale = (3.0 / matrix.cols as f32).sqrt();
            for value in &mut matrix.values {
                // Knuth's linear congruential generator, its upper bits.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *value = scale * ((state >> 40) as f32 / (1 << 23) as f32 - 1.0);
            }
        }
        model
    }

    /// The residual stream before each layer and at the end, the hidden activations of each layer,
    /// and what each has written.
    fn forward(&self, context: &[usize]) -> Forward {
        let mut x = vec![0.0; WIDTH];
        for (place, token) in context.iter().enumerate() {
            let row = self.weights[EMBEDDING].row(place * VOCABULARY + token);
            x.iter_mut().zip(row).for_each(|(x, embedding)| *x += embedding);
        }
        let mut forward = Forward { stream: vec![x], hidden: Vec::new(), written: Vec::new() };
        for layer in 0..LAYERS {
            let x = &forward.stream[layer];
            let mut hidden = self.weights[up(layer)].times(x);
            hidden.iter_mut().for_each(|h| *h = h.max(0.0));
            let written = self.weights[down(layer)].times(&hidden);
            let next = x.iter().zip(&written).map(|(x, write)| x + write).collect();
            forward.stream.push(next);
            forward.hidden.push(hidden);
            forward.written.push(written);
        }
        forward
    }

    /// What the MLP of each layer writes to the residual stream.
    pub(crate) fn written(&self, context: &[usize]) -> Vec<Vec<f32>> {
        self.forward(context).written
    }

    /// The loss in nats of predicting `target`; adds `share` of its gradient to `gradient`.
    pub(crate) fn backward(
        &self,
        context: &[usize],
        target: usize,
        share: f32,
        gradient: &mut Self,
    ) -> f32 {
        let forward = self.forward(context);
        let end = &forward.stream[LAYERS];
        let logits = self.weights[OUTPUT].times(end);
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        let mut probabilities: Vec<f32> = logits.iter().map(|x| (x - largest).exp()).collect();
        let sum: f32 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|p| *p /= sum);
        let loss = -(logits[target] - largest - sum.ln());

        let mut d_logits = probabilities;
        d_logits[target] -= 1.0;
        d_logits.iter_mut().for_each(|d| *d *= share);
        gradient.weights[OUTPUT].add_outer(&d_logits, end);
        let mut dx = self.weights[OUTPUT].transposed_times(&d_logits);
        for layer in (0..LAYERS).rev() {
            let hidden = &forward.hidden[layer];
            gradient.weights[down(layer)].add_outer(&dx, hidden);
            let mut dh = self.weights[down(layer)].transposed_times(&dx);
            dh.iter_mut().zip(hidden).filter(|(_, h)| **h <= 0.0).for_each(|(dh, _)| *dh = 0.0);
            gradient.weights[up(layer)].add_outer(&dh, &forward.stream[layer]);
            let through = self.weights[up(layer)].transposed_times(&dh);
            dx.iter_mut().zip(through).for_each(|(dx, more)| *dx += more);
        }
        let embedding = &mut gradient.weights[EMBEDDING].values;
        for (place, token) in context.iter().enumerate() {
            let row = &mut embedding[(place * VOCABULARY + token) * WIDTH..][..WIDTH];
            row.iter_mut().zip(&dx).for_each(|(sum, dx)| *sum += dx);
        }
        loss
    }

    /// A step of gradient descent with momentum.
    pub(crate) fn descend(&mut self, momentum: &mut Self, gradient: &Self, rate: f32) {
        let all = self.weights.iter_mut().zip(&mut momentum.weights).zip(&gradient.weights);
        for ((weight, momentum), gradient) in all {
            let all = weight.values.iter_mut().zip(&mut momentum.values).zip(&gradient.values);
            for ((weight, momentum), gradient) in all {
                *momentum = 0.9 * *momentum + gradient;
                *weight -= rate * *momentum;
            }
        }
    }
}

struct Forward {
    stream: Vec<Vec<f32>>,
    hidden: Vec<Vec<f32>>,
    written: Vec<Vec<f32>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences, in f32: good to some thousandths.
    #[test]
    fn the_gradient_is_how_the_loss_changes() {
        let model = Model::random(1);
        let (context, target) = ([10, 20, 30, 40], 50);
        let mut gradient = Model::zeros();
        model.backward(&context, target, 1.0, &mut gradient);
        let loss = |model: &Model| model.backward(&context, target, 1.0, &mut Model::zeros());
        for matrix in 1..model.weights.len() {
            let values = &gradient.weights[matrix].values;
            let place =
                (0..values.len()).max_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()));
            let place = place.unwrap();
            let (mut more, mut less) = (model.clone(), model.clone());
            more.weights[matrix].values[place] += 5e-3;
            less.weights[matrix].values[place] -= 5e-3;
            let found = (loss(&more) - loss(&less)) / 1e-2;
            assert!(
                (found - values[place]).abs() < 1e-2 * values[place].abs(),
                "{found} {}",
                values[place]
            );
        }
    }
}
