//! Eigenvalues and singular values by counting: the method that cannot stall.
//!
//! How many eigenvalues of a symmetric tridiagonal matrix lie below x is the number of negative
//! pivots of the matrix less x (Sylvester's law of inertia). Halving an interval and counting at
//! its middle, a fixed number of times, finds every value to a fixed width, whatever the matrix: no
//! iteration has to converge, and the time is known before.
//!
//! # The error
//!
//! - Computed counts are those of a matrix whose elements differ by a few roundings each, relative
//!   to themselves (Demmel, Dhillon & Ren; for the bidiagonal form Fernando). Of a bidiagonal
//!   matrix that changes a singular value by at most `6 eps` times the largest, of a tridiagonal
//!   one an eigenvalue by at most `9 eps` times the largest magnitude.
//! - Each value is rounded down to a multiple of a power of two, at most `eps` times the largest
//!   singular value and `3/2 eps` times the largest magnitude of an eigenvalue. Zeros and small
//!   integers are found exactly.
//!
//! Neither grows with the size; the bounds of the crate, which do, are those of the reduction to
//! this form.
//!
//! Golub & Van Loan, *Matrix Computations*, 4th edition, section 8.4; Demmel, Dhillon & Ren
//! (1995), "On the correctness of some bisection-like parallel eigenvalue algorithms in floating
//! point arithmetic", ETNA 3; Fernando (1998), "Accurately counting singular values of bidiagonal
//! matrices and eigenvalues of skew-symmetric tridiagonal matrices", SIAM J. Matrix Anal. Appl. 20.

use crate::arithmetic::scale::{exponent, times_two_to};

/// Points at which is counted at once, so that divisions need not wait for each other.
const LANES: usize = 16;

/// The last interval is this power of two times the first bound.
const DEPTH: i32 = 54;

/// A pivot nearer to zero is replaced by this, which changes an element by as much: nothing beside
/// the rounding of elements near 1.
const PIVOT: f64 = 1e-200;

/// The singular values, ascending, of the bidiagonal matrix with this diagonal and these elements
/// above it, one fewer. The largest element must be near 1. `None` if an element is not finite.
pub(crate) fn of_bidiagonal(diagonal: &[f64], above: &[f64]) -> Option<Vec<f64>> {
    assert_eq!(above.len() + 1, diagonal.len(), "an element between each two of the diagonal");
    // No row and no column has a larger sum.
    let bound = bound(diagonal, above, |element, before, after| element + before.max(after))?;
    let square = |x: &f64| x * x;
    let (first, rest) = (square(&diagonal[0]), diagonal[1..].iter().map(square));
    let steps: Vec<_> = above.iter().map(square).zip(rest).collect();
    // The pivots of B^T B - x^2, less the squares of the diagonal, which they would cancel.
    Some(bisect(diagonal.len(), 0.0, bound, |at| {
        let squares = at.map(|x| x * x);
        let mut shifted = squares.map(|square| -square);
        let mut pivots = shifted.map(|shifted| pivot(first + shifted));
        let mut below = pivots.map(negative);
        for &(above, diagonal) in &steps {
            for lane in 0..LANES {
                shifted[lane] = shifted[lane] / pivots[lane] * above - squares[lane];
                pivots[lane] = pivot(diagonal + shifted[lane]);
                below[lane] += negative(pivots[lane]);
            }
        }
        below
    }))
}

/// The eigenvalues, ascending, of the symmetric tridiagonal matrix with this diagonal and these
/// elements beside it, one fewer. The largest element must be neither near the limits of f64 nor
/// much below 1. `None` if an element is not finite.
pub(crate) fn of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> Option<Vec<f64>> {
    assert_eq!(beside.len() + 1, diagonal.len(), "an element between each two of the diagonal");
    let bound = bound(diagonal, beside, |element, before, after| element + before + after)?;
    let steps: Vec<_> = beside.iter().map(|x| x * x).zip(diagonal[1..].iter().copied()).collect();
    Some(bisect(diagonal.len(), -bound, bound, |at| {
        let mut pivots = at.map(|x| pivot(diagonal[0] - x));
        let mut below = pivots.map(negative);
        for &(square, diagonal) in &steps {
            for lane in 0..LANES {
                pivots[lane] = pivot((diagonal - at[lane]) - square / pivots[lane]);
                below[lane] += negative(pivots[lane]);
            }
        }
        below
    }))
}

/// A power of two above the largest `sum` of the magnitudes of an element of the diagonal and of
/// those before and after it. `None` if one is not finite.
fn bound(diagonal: &[f64], beside: &[f64], sum: impl Fn(f64, f64, f64) -> f64) -> Option<f64> {
    let finite = diagonal.iter().chain(beside).all(|element| element.is_finite());
    let beside = |index: usize| beside.get(index).map_or(0.0, |x| x.abs());
    let sums = diagonal.iter().enumerate().map(|(index, element)| {
        sum(element.abs(), index.checked_sub(1).map_or(0.0, beside), beside(index))
    });
    let largest = sums.fold(f64::MIN_POSITIVE, f64::max);
    finite.then(|| times_two_to(1.0, exponent(largest) + 1))
}

fn pivot(pivot: f64) -> f64 {
    if pivot.abs() < PIVOT { PIVOT } else { pivot }
}

fn negative(pivot: f64) -> u64 {
    u64::from(pivot < 0.0)
}

/// An interval and how many values lie below its ends.
#[derive(Clone, Copy)]
struct Interval {
    low: f64,
    below_low: u64,
    below_high: u64,
}

/// All `count` values between `low` and `high`, ascending, of which `below` tells how many lie
/// below each of some points. All intervals that have values are halved in turn, so that the same
/// points are asked about whoever asks.
fn bisect(
    count: usize,
    low: f64,
    high: f64,
    below: impl Fn([f64; LANES]) -> [u64; LANES],
) -> Vec<f64> {
    let mut intervals = vec![Interval { low, below_low: 0, below_high: count as u64 }];
    let mut width = high - low;
    let last = times_two_to(high, -DEPTH);
    while width > last {
        width /= 2.0;
        let mut halves = Vec::with_capacity(count);
        for some in intervals.chunks(LANES) {
            let mut middles = [0.0; LANES];
            for (middle, interval) in middles.iter_mut().zip(some) {
                *middle = interval.low + width;
            }
            for ((&interval, middle), below) in some.iter().zip(middles).zip(below(middles)) {
                // Rounding may count one more or fewer than at the ends.
                let below = below.clamp(interval.below_low, interval.below_high);
                let halved = [
                    Interval { below_high: below, ..interval },
                    Interval { low: middle, below_low: below, ..interval },
                ];
                halves.extend(halved.into_iter().filter(|half| half.below_low < half.below_high));
            }
        }
        intervals = halves;
    }
    let values = |found: Interval| (found.below_low..found.below_high).map(move |_| found.low);
    intervals.into_iter().flat_map(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decomposition::jacobi;

    /// Numbers in [-1, 1), the same on every machine.
    fn numbers(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        }
    }

    #[track_caller]
    fn assert_within(found: &[f64], mut expected: Vec<f64>, tolerance: f64) {
        expected.sort_by(f64::total_cmp);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= tolerance, "{found:e}, expected {expected:e}");
        }
    }

    #[test]
    fn zeros_and_small_integers_are_exact() {
        assert_eq!(of_bidiagonal(&[3.0, -4.0, 0.0, 3.0], &[0.0; 3]).unwrap(), [0.0, 3.0, 3.0, 4.0]);
        assert_eq!(of_bidiagonal(&[-1.7], &[]).unwrap(), [1.7]);
        // Rows (3, 4) and (0, 0).
        assert_eq!(of_bidiagonal(&[3.0, 0.0], &[4.0]).unwrap(), [0.0, 5.0]);
        assert_eq!(of_tridiagonal(&[1.0, -2.0, 0.0], &[0.0; 2]).unwrap(), [-2.0, 0.0, 1.0]);
        // Rows (1, 2) and (2, 1).
        assert_eq!(of_tridiagonal(&[1.0, 1.0], &[2.0]).unwrap(), [-1.0, 3.0]);
    }

    #[test]
    fn the_second_difference() {
        // Eigenvalues 4 sin(k pi / (2 n + 2))^2. Its elements are integers, so counts err by
        // rounding only, and the largest is below 4.
        for n in [1, 2, 15, 16, 17, 500] {
            let angle = |k: usize| std::f64::consts::PI * k as f64 / (2 * n + 2) as f64;
            let expected = (1..=n).map(|k| 4.0 * angle(k).sin().powi(2)).collect();
            let found = of_tridiagonal(&vec![2.0; n], &vec![-1.0; n - 1]).unwrap();
            assert_within(&found, expected, (9.0 + 1.5 + 2.0) * 4.0 * f64::EPSILON);
        }
    }

    /// Every kind of bidiagonal matrix that implicit QR and its kin are known to be slow on.
    #[test]
    fn what_jacobi_rotations_find() {
        let mut next = numbers(1);
        for round in 0..240 {
            let n = 1 + round % 40;
            let mut element = |k: usize| match round % 6 {
                0 => next(),
                // Split by zeros, and singular.
                1 => {
                    if next() < 0.0 {
                        0.0
                    } else {
                        next()
                    }
                }
                // Graded, downwards and upwards, below what is left of the largest.
                2 => 10.0_f64.powf(-0.8 * k as f64),
                3 => 10.0_f64.powf(-0.8 * (n - k) as f64) * next(),
                // Clusters: many values alike, tied together by noise.
                4 => (k % 3) as f64 + 1e-15 * next(),
                // Half of it noise.
                _ => {
                    if k < n / 2 {
                        next()
                    } else {
                        1e-16 * next()
                    }
                }
            };
            let diagonal: Vec<f64> = (0..n).map(&mut element).collect();
            let coupling = if round % 6 == 4 { 1e-14 } else { 1.0 };
            let above: Vec<f64> = (1..n).map(|k| coupling * element(k)).collect();
            let columns = (0..n).map(|col| {
                let mut column = vec![0.0; n];
                column[col] = diagonal[col];
                if col > 0 {
                    column[col - 1] = above[col - 1];
                }
                column
            });
            let expected = jacobi::singular_values(columns.collect()).unwrap();
            let largest = expected.iter().copied().fold(0.0, f64::max);
            // 7 eps of this method; the reference stops at cosines below sqrt(n) eps, and loses as
            // much again in each of some ten sweeps.
            let tolerance = (7.0 + 11.0 * (n as f64).sqrt()) * f64::EPSILON * largest;
            assert_within(&of_bidiagonal(&diagonal, &above).unwrap(), expected.clone(), tolerance);

            // The same matrix B as [[0, B], [B^T, 0]], in the order in which that is tridiagonal.
            let beside: Vec<f64> = (0..2 * n - 1)
                .map(|k| if k % 2 == 0 { diagonal[k / 2] } else { above[k / 2] })
                .collect();
            let both = expected.iter().flat_map(|&value| [value, -value]).collect();
            let found = of_tridiagonal(&vec![0.0; 2 * n], &beside).unwrap();
            assert_within(&found, both, tolerance + 4.0 * f64::EPSILON * largest);
        }
    }

    #[test]
    fn what_is_not_finite_has_no_values() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for at in 0..3 {
                let (mut long, mut short) = ([1.0; 3], [1.0; 2]);
                long[at] = bad;
                assert_eq!(of_bidiagonal(&long, &short), None);
                assert_eq!(of_tridiagonal(&long, &short), None);
                short[at / 2] = bad;
                assert_eq!(of_bidiagonal(&[1.0; 3], &short), None);
                assert_eq!(of_tridiagonal(&[1.0; 3], &short), None);
            }
        }
    }

    /// Counts that are wrong give wrong values, but as many as there are, in order and in time.
    #[test]
    fn counts_of_any_kind_end() {
        for below in [0, 2, 3, u64::MAX] {
            let found = bisect(3, 0.0, 1.0, |_| [below; LANES]);
            assert_eq!(found.len(), 3);
            assert!(found.is_sorted());
        }
    }
}
