//! Gram matrices on a device that are nearly as exact as f64 can hold them.
//!
//! Singular values from the eigenvalues of `G = B Bᵀ` square the condition number, so nothing may
//! be lost on the way to `G`. Let `B` be `(n, N)` with n <= N, elements of f32, scaled by a power
//! of two so that the largest lies in [1, 2), and `u = 2^-53`.
//!
//! # The split
//!
//! `B = H + L`, where `H` is `B` rounded to multiples of `2^(1-q)`. So `H` is `2^(1-q)` times
//! integers of at most `2^q`, a product of two of them is at most `2^2q`, and every partial sum of
//! N such products, in whatever order, fused or not, is an integer of at most `N 2^2q` times a
//! power of two. With `2 q + ceil(log2 N) <= 53` all of them are f64 numbers: `H Hᵀ` is computed
//! without any rounding. `L = B - H` is exact too: it is at most half a unit of `H`, and a multiple
//! of the last bit of `B` unless it is zero.
//!
//! # What is left
//!
//! With `S = H + L / 2 = (B + H) / 2` and `W = S Lᵀ`
//!
//! ```text
//! G = H Hᵀ + (H Lᵀ + L Hᵀ + L Lᵀ) = H Hᵀ + W + Wᵀ
//! ```
//!
//! so that one more product is enough. `B + H` is rounded once at most; any order of summation in
//! `W` leaves (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, section 3.1)
//!
//! ```text
//! |fl(W) - W| <= g |S| |L|ᵀ,    g = (N + 1) u / (1 - (N + 1) u)
//! ```
//!
//! element by element, and so `‖fl(W) - W‖ <= g ‖S‖ ‖L‖` in Frobenius norms, by Cauchy and Schwarz.
//! `W` and its transpose are added, with an error of at most `u (‖fl(W)‖ + ‖fl(W)‖)`, and then
//! `H Hᵀ`, with an error of at most `u ‖fl(G)‖`, since `fl(x + y) (1 + d) = x + y` for some
//! `|d| <= u`. Together, to first order in u,
//!
//! ```text
//! ‖fl(G) - G‖ <= u ‖fl(G)‖ + 2 (N + 3) u ‖S‖ ‖L‖
//! ```
//!
//! `‖L‖` is some `2^-q ‖B‖`, so that the second term is well below the first: what is lost is the
//! last rounding of each element. An ordinary product would lose N times as much. `fl(G)` is
//! symmetric to the bit.
//!
//! All this supposes IEEE arithmetic. Where a GPU's library offers to emulate products of f64, that
//! must be off, as it is by default. No product underflows: elements of f32 are multiples of
//! `2^-149`, scaled of `2^-277` and more, their products of `2^-554`.

use settling_core::MatView;
use tch::{Device, Kind, TchError, Tensor};

use crate::tensor::as_i64;

/// The Gram matrices of a batch of matrices of one shape, and what bounds their errors.
pub(super) struct Grams {
    /// `(batch, n, n)`, f64.
    pub(super) values: Tensor,
    /// `(batch, 3)`: ‖G‖², ‖S‖², ‖L‖².
    pub(super) sizes: Tensor,
}

impl Grams {
    /// The Gram matrices of the smaller sides of `matrices`, each divided by two to its exponent,
    /// after which its largest element lies in [1, 2).
    pub(super) fn new(
        matrices: &[MatView<'_>],
        exponents: &[i32],
        device: Device,
    ) -> Result<Self, TchError> {
        let (rows, cols) = (matrices[0].rows(), matrices[0].cols());
        let b = upload(matrices, exponents, device)?;
        let b = if rows <= cols { b } else { b.f_transpose(1, 2)? };
        let unit = 2.0_f64.powi(1 - leading_bits(rows.max(cols)));
        let h = b.f_mul_scalar(1.0 / unit)?.f_round()?.f_mul_scalar(unit)?;
        let l = b.f_sub(&h)?;
        let s = b.f_add(&h)?.f_mul_scalar(0.5)?;
        let w = s.f_bmm(&l.f_transpose(1, 2)?)?;
        let small = w.f_add(&w.f_transpose(1, 2)?)?;
        let values = h.f_bmm(&h.f_transpose(1, 2)?)?.f_add(&small)?;

        let squared = |m: &Tensor| {
            m.f_square()?.f_sum_dim_intlist([1_i64, 2].as_slice(), false, Kind::Double)
        };
        let sizes = [squared(&values)?, squared(&s)?, squared(&l)?];
        Ok(Self { values, sizes: Tensor::f_stack(&sizes, 1)? })
    }
}

/// The bound of the module, from `‖fl(G)‖`, `‖S‖`, `‖L‖` and `N`. The factor covers what is of
/// second order in u, and the rounding of the norms themselves, for `n N < 2^46`.
pub(super) fn product_error(gram: f64, s: f64, l: f64, inner: usize) -> f64 {
    let u = f64::EPSILON / 2.0;
    (1.0 + 1.0 / 64.0) * (u * gram + 2.0 * (inner as f64 + 3.0) * u * (s * l))
}

/// `q` of the module: 26 at most.
fn leading_bits(inner: usize) -> i32 {
    let log = inner.next_power_of_two().trailing_zeros();
    53_u32.saturating_sub(log).div_euclid(2) as i32
}

/// `(batch, rows, cols)`, f64, scaled.
fn upload(matrices: &[MatView<'_>], exponents: &[i32], device: Device) -> Result<Tensor, TchError> {
    let shape = [matrices.len(), matrices[0].rows(), matrices[0].cols()].map(as_i64);
    let mut values = Vec::with_capacity(matrices.iter().map(|m| m.rows() * m.cols()).sum());
    for row in matrices.iter().flat_map(MatView::iter_rows) {
        values.extend_from_slice(row);
    }
    let scales: Vec<f64> = exponents.iter().map(|&exponent| 2.0_f64.powi(-exponent)).collect();
    let scales = Tensor::f_from_slice(&scales)?.f_reshape([-1, 1, 1])?.f_to_device(device)?;
    // Half the bytes cross the bus: f32 becomes f64 over there.
    let values = Tensor::f_from_slice(&values)?.f_reshape(shape)?.f_to_device(device)?;
    values.f_to_kind(Kind::Double)?.f_mul(&scales)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::to_host_f64;

    #[test]
    fn products_of_leading_bits_fit_an_f64() {
        for inner in (1..=300).chain([1023, 1024, 1025, 2048, 10_240, 53_248, 1 << 20]) {
            let q = leading_bits(inner);
            assert!(inner as u128 * (1 << (2 * q)) <= 1 << 53, "{inner}");
            // One bit more would not.
            assert!(inner as u128 * (1 << (2 * q + 2)) > 1 << 53, "{inner}");
        }
    }

    /// Against Gram matrices in integers of 128 bits.
    #[test]
    fn elements_are_exact_but_for_their_last_rounding() {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // 24 bits and a sign, and every third element much smaller.
            let bits = (state >> 39) as i64 - (1 << 24);
            if (state >> 33) & 3 == 0 { bits >> 15 } else { bits }
        };
        for (rows, cols) in [(1, 1), (1, 700), (5, 33), (40, 3), (33, 1025)] {
            let mut integers: Vec<i64> = (0..2 * rows * cols).map(|_| next()).collect();
            // So that dividing by 2^23 brings the largest element of both into [1, 2).
            (integers[0], integers[rows * cols]) = ((1 << 24) - 1, (1 << 24) - 1);
            let values: Vec<f32> = integers.iter().map(|&i| i as f32).collect();
            let (first, second) = values.split_at(rows * cols);
            let views = [first, second].map(|half| MatView::new(half, rows, cols));
            let grams = Grams::new(&views, &[23, 23], Device::Cpu).unwrap();
            let (found, sizes) =
                (to_host_f64(&grams.values).unwrap(), to_host_f64(&grams.sizes).unwrap());

            let (n, inner) = (rows.min(cols), rows.max(cols));
            let mut ordinary_fails = false;
            for (half, integers) in integers.chunks(rows * cols).enumerate() {
                let at = |i: usize, k: usize| {
                    i128::from(if rows <= cols {
                        integers[i * cols + k]
                    } else {
                        integers[k * cols + i]
                    })
                };
                let mut squares = 0.0;
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let exact: i128 = (0..inner).map(|k| at(i, k) * at(j, k)).sum();
                    let element = found[(half * n + i) * n + j];
                    assert_eq!(element, found[(half * n + j) * n + i]);
                    // Times 2^46 and 2^10 more the elements are integers.
                    let error = |element: f64| {
                        let error = (element * 2.0_f64.powi(56)) as i128 - (exact << 10);
                        error as f64 * 2.0_f64.powi(-56)
                    };
                    let [s, l] = [1, 2].map(|k| sizes[3 * half + k].sqrt());
                    let u = f64::EPSILON / 2.0;
                    let bound = u * element.abs() + 2.0 * (inner + 3) as f64 * u * s * l;
                    assert!(error(element).abs() <= bound, "{rows} x {cols}: {i} {j}");
                    let products = (0..inner).map(|k| at(i, k) as f64 * at(j, k) as f64);
                    let plain = products.sum::<f64>() * 2.0_f64.powi(-46);
                    ordinary_fails |= error(plain).abs() > bound;
                    squares += element * element;
                }
                assert!((sizes[3 * half] - squares).abs() <= 1e-12 * squares);
            }
            // The bound is tight enough to tell.
            assert!(ordinary_fails || inner < 1000);
        }
    }
}
