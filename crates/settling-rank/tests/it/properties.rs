//! What holds for every matrix.

use proptest::prelude::*;
use settling_rank::{
    Denominator, MatView, Spectrum, effective_rank, frobenius_norm, nuclear_norm,
    participation_ratio, proportional_effective_rank, singular_values, spectral_norm, stable_rank,
};

/// A matrix of small integers times a power of two, of any shape up to 24 x 24; every other one of
/// reduced rank.
#[derive(Clone, Debug)]
struct Matrix {
    rows: usize,
    cols: usize,
    elements: Vec<f32>,
}

impl Matrix {
    fn view(&self) -> MatView<'_> {
        MatView::new(&self.elements, self.rows, self.cols)
    }

    fn map(&self, element: impl Fn(usize, usize) -> f32) -> Self {
        let elements = (0..self.rows * self.cols)
            .map(|index| element(index / self.cols, index % self.cols))
            .collect();
        Self { elements, ..*self }
    }

    fn at(&self, row: usize, col: usize) -> f32 {
        self.elements[row * self.cols + col]
    }

    fn transposed(&self) -> Self {
        let flipped = Self { rows: self.cols, cols: self.rows, elements: Vec::new() };
        flipped.map(|row, col| self.at(col, row))
    }

    /// How far two computations of one singular value may be apart: each within 4 n eps of the true
    /// one.
    fn tolerance(&self) -> f64 {
        let largest = spectral_norm(&spectrum(self));
        8.0 * self.rows.max(self.cols) as f64 * f64::EPSILON * largest
    }
}

fn spectrum(matrix: &Matrix) -> Spectrum {
    singular_values(matrix.view()).unwrap()
}

fn matrix() -> impl Strategy<Value = Matrix> {
    (1..=24_usize, 1..=24_usize, any::<bool>(), 1..=4_usize).prop_flat_map(
        |(rows, cols, full, rank)| {
            let inner = if full { cols } else { rank };
            let integers = |count| prop::collection::vec(-9_i16..=9, count);
            (integers(rows * inner), integers(inner * cols)).prop_map(move |(left, right)| {
                let product = |row: usize, col: usize| {
                    (0..inner).map(|k| left[row * inner + k] * right[k * cols + col]).sum::<i16>()
                };
                let element = |row: usize, col: usize| match full {
                    true => left[row * inner + col],
                    false => product(row, col),
                };
                let empty = Matrix { rows, cols, elements: Vec::new() };
                empty.map(|row, col| f32::from(element(row, col)))
            })
        },
    )
}

/// A spectrum with values over 30 decades and, sometimes, zeros.
fn any_spectrum() -> impl Strategy<Value = Spectrum> {
    let value = prop_oneof![4 => (-30.0..0.0_f64).prop_map(|e| 10.0_f64.powf(e)), 1 => Just(0.0)];
    prop::collection::vec(value, 1..200)
        .prop_map(|values| Spectrum::from_unordered(values).unwrap())
        .prop_filter("a nonzero value", |spectrum| spectral_norm(spectrum) > 0.0)
}

proptest! {
    #[test]
    fn scaling_by_a_power_of_two_scales_exactly(matrix in matrix(), k in -140..=110_i32) {
        let scaled = matrix.map(|row, col| (f64::from(matrix.at(row, col)) * 2.0_f64.powi(k)) as f32);
        let expected: Vec<f64> =
            spectrum(&matrix).values().iter().map(|value| value * 2.0_f64.powi(k)).collect();
        let found = spectrum(&scaled);
        prop_assert_eq!(found.values(), expected);
        prop_assert_eq!(effective_rank(&found).ok(), effective_rank(&spectrum(&matrix)).ok());
    }

    #[test]
    fn transposing_does_not_matter(matrix in matrix()) {
        let (found, expected) = (spectrum(&matrix.transposed()), spectrum(&matrix));
        if matrix.rows != matrix.cols {
            prop_assert_eq!(&found, &expected);
        }
        for (found, expected) in found.values().iter().zip(expected.values()) {
            prop_assert!((found - expected).abs() <= matrix.tolerance());
        }
    }

    #[test]
    fn the_type_of_the_elements_does_not_matter(matrix in matrix()) {
        let wide: Vec<f64> = matrix.elements.iter().map(|&x| f64::from(x)).collect();
        let wide = singular_values(MatView::new(&wide, matrix.rows, matrix.cols)).unwrap();
        prop_assert_eq!(&wide, &spectrum(&matrix));
        prop_assert_eq!(wide, singular_values(matrix.view()).unwrap());
    }

    #[test]
    fn row_order_and_signs_do_not_matter(matrix in matrix(), turn in 0..24_usize) {
        let moved = matrix.map(|row, col| {
            let sign = if row % 3 == 0 { -1.0 } else { 1.0 };
            sign * matrix.at((row + turn) % matrix.rows, col)
        });
        for (found, expected) in spectrum(&moved).values().iter().zip(spectrum(&matrix).values()) {
            prop_assert!((found - expected).abs() <= matrix.tolerance());
        }
    }

    #[test]
    fn a_further_row_lowers_no_singular_value(matrix in matrix()) {
        prop_assume!(matrix.rows > 1);
        let shorter = Matrix {
            rows: matrix.rows - 1,
            cols: matrix.cols,
            elements: matrix.elements[..(matrix.rows - 1) * matrix.cols].to_vec(),
        };
        for (less, more) in spectrum(&shorter).values().iter().zip(spectrum(&matrix).values()) {
            prop_assert!(*less <= more + matrix.tolerance());
        }
    }

    #[test]
    fn ranks_are_ordered(spectrum in any_spectrum()) {
        // Relative rounding errors as documented, in the larger of two compared numbers.
        let at_most = |less: f64, more: f64| less <= more * (1.0 + 2e-14);
        let rank = spectrum.values().iter().filter(|&&value| value > 0.0).count() as f64;
        let effective = effective_rank(&spectrum).unwrap();
        let stable = stable_rank(&spectrum).unwrap();
        let participation = participation_ratio(&spectrum).unwrap();
        prop_assert!(effective >= 1.0 && stable >= 1.0 && at_most(1.0, participation));
        // Entropies of higher order are smaller, shares of squares less even: Rényi.
        prop_assert!(at_most(stable, participation));
        prop_assert!(at_most(participation, effective));
        prop_assert!(at_most(effective, rank));
        let per = proportional_effective_rank(&spectrum, Denominator::Attainable).unwrap();
        prop_assert!(at_most(per, 1.0));
    }

    #[test]
    fn norms_are_ordered(spectrum in any_spectrum()) {
        let (spectral, frobenius, nuclear) =
            (spectral_norm(&spectrum), frobenius_norm(&spectrum), nuclear_norm(&spectrum));
        prop_assert!(spectral <= frobenius);
        prop_assert!(frobenius <= nuclear * (1.0 + 4.0 * f64::EPSILON));
        prop_assert!(nuclear <= frobenius * (spectrum.len() as f64).sqrt() * (1.0 + 4.0 * f64::EPSILON));
    }

    #[test]
    fn effective_rank_is_the_exponential_of_the_entropy(spectrum in any_spectrum()) {
        // The definition, term by term, with plain sums.
        let total: f64 = spectrum.values().iter().sum();
        let shares = spectrum.values().iter().map(|value| value / total).filter(|&p| p > 0.0);
        let expected = (-shares.map(|p| p * p.ln()).sum::<f64>()).exp();
        // Plain sums of up to 200 terms: an entropy of at most ln 200 = 5.3 off by 200 eps of
        // itself, 2.4e-13.
        prop_assert!((effective_rank(&spectrum).unwrap() - expected).abs() <= 2.4e-13 * expected);
    }

    #[test]
    fn singular_values_are_the_roots_of_the_gram_matrix(matrix in matrix()) {
        // tr((A^T A)^2) = sum(sigma^4). The elements of the Gram matrix and the trace are integers
        // below 2^53: exact.
        let gram = |i: usize, j: usize| -> f64 {
            (0..matrix.rows).map(|r| f64::from(matrix.at(r, i)) * f64::from(matrix.at(r, j))).sum()
        };
        let trace: f64 = (0..matrix.cols)
            .flat_map(|i| (0..matrix.cols).map(move |j| (i, j)))
            .map(|(i, j)| gram(i, j).powi(2))
            .sum();
        let found: f64 = spectrum(&matrix).values().iter().map(|value| value.powi(4)).sum();
        // d(sum sigma^4) <= 4 sum(sigma^3) 4 n eps sigma_1 <= 16 n^2 eps sigma_1^4, and sigma_1^4
        // <= trace.
        let n = matrix.rows.max(matrix.cols) as f64;
        prop_assert!((found - trace).abs() <= 16.0 * n * n * f64::EPSILON * trace);
    }
}
