//! How far neighboring checkpoints are from each other.

use std::collections::BTreeMap;

use settling_core::{BoxError, CheckpointSeries, Step, TensorData, TensorSource};

use super::weights::is_matrix;

/// Three neighboring steps.
#[derive(Debug)]
pub(super) struct Triple {
    pub(super) steps: [Step; 3],
    /// Relative distances: first to second, second to third, first to third.
    pub(super) distances: [f64; 3],
    /// How many matrices alone exceed the factor.
    pub(super) exceeding: usize,
    pub(super) matrices: usize,
}

impl Triple {
    /// How much longer the way through the middle is than the way past it; infinite if only the
    /// middle differs.
    pub(super) fn detour(&self) -> Option<f64> {
        detour(self.distances)
    }
}

fn detour([to, from, past]: [f64; 3]) -> Option<f64> {
    (to + from > 0.0).then(|| (to + from) / past)
}

#[derive(Debug, Default)]
pub(super) struct Distances {
    pub(super) triples: Vec<Triple>,
    pub(super) unreadable: BTreeMap<Step, String>,
}

/// Measures every three neighbors among `steps`, with three checkpoints open and three tensors in
/// memory.
pub(super) fn measure<C: CheckpointSeries>(series: &C, steps: &[Step], factor: f64) -> Distances {
    let mut found = Distances::default();
    let mut window: Vec<(Step, C::Source)> = Vec::new();
    for &step in steps {
        match series.open(step) {
            Ok(source) => window.push((step, source)),
            Err(error) => {
                found.unreadable.insert(step, text(error));
                continue;
            }
        }
        if let [a, b, c] = window.as_slice() {
            if let Some(triple) = measure_triple([a, b, c], factor, &mut found) {
                found.triples.push(triple);
            }
            window.remove(0);
        }
    }
    found
}

fn measure_triple<S: TensorSource>(
    three: [&(Step, S); 3],
    factor: f64,
    found: &mut Distances,
) -> Option<Triple> {
    let mut sums = [0.0; 3];
    let (mut matrices, mut exceeding) = (0, 0);
    let shapes = three.map(|(_, source)| shapes(source));
    'matrices: for (&name, shape) in &shapes[0] {
        if shapes.iter().any(|shapes| shapes.get(name) != Some(shape)) {
            continue;
        }
        let mut values: [Vec<f32>; 3] = Default::default();
        for ((step, source), values) in three.iter().zip(&mut values) {
            *values = match source.read(name).map_err(text).and_then(floats) {
                Ok(values) => values,
                Err(message) => {
                    found.unreadable.insert(*step, message);
                    return None;
                }
            };
            // A finding of its own.
            if !values.iter().all(|value| value.is_finite()) {
                continue 'matrices;
            }
        }
        let Some(squares) = relative_squares(&values) else { continue };
        matrices += 1;
        exceeding += usize::from(detour(squares.map(f64::sqrt)).is_some_and(|way| way > factor));
        for (sum, square) in sums.iter_mut().zip(squares) {
            *sum += square;
        }
    }
    (matrices > 0).then(|| Triple {
        steps: three.map(|(step, _)| *step),
        distances: sums.map(|sum| (sum / matrices as f64).sqrt()),
        exceeding,
        matrices,
    })
}

fn shapes<S: TensorSource>(source: &S) -> BTreeMap<&str, &[usize]> {
    let matrices = source.tensors().iter().filter(|meta| is_matrix(meta));
    matrices.map(|meta| (meta.name.as_str(), meta.shape.as_slice())).collect()
}

fn text(error: impl Into<BoxError>) -> String {
    error.into().to_string()
}

fn floats(data: TensorData<'_>) -> Result<Vec<f32>, String> {
    data.to_f32().map_err(|error| error.to_string())
}

/// |a - b|^2, |b - c|^2 and |a - c|^2 over the mean of the squared norms; `None` if all are zero.
///
/// The scale is common to the three, so that their roots obey the triangle inequality.
fn relative_squares([a, b, c]: &[Vec<f32>; 3]) -> Option<[f64; 3]> {
    // An f64 holds the square of every f32.
    let (mut squares, mut scale) = ([0.0; 3], 0.0);
    for ((&a, &b), &c) in a.iter().zip(b).zip(c) {
        let (a, b, c) = (f64::from(a), f64::from(b), f64::from(c));
        squares[0] += (a - b) * (a - b);
        squares[1] += (b - c) * (b - c);
        squares[2] += (a - c) * (a - c);
        scale += (a * a + b * b + c * c) / 3.0;
    }
    (scale > 0.0).then(|| squares.map(|square| square / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_worked_by_hand() {
        // |a|^2 = 25, |b|^2 = 0, |c|^2 = 50; mean 25.
        let values = [vec![3.0, 4.0], vec![0.0, 0.0], vec![5.0, 5.0]];
        assert_eq!(relative_squares(&values), Some([1.0, 2.0, 0.2]));
        assert_eq!(relative_squares(&[vec![0.0], vec![0.0], vec![0.0]]), None);
        assert_eq!(detour([1.0, 2.0, 0.5]), Some(6.0));
        assert_eq!(detour([1.0, 1.0, 0.0]), Some(f64::INFINITY));
        assert_eq!(detour([0.0, 0.0, 0.0]), None);
    }
}
