//! Singular values as roots of the eigenvalues of the Gram matrix, with a bound of their error.
//!
//! Half the price of a decomposition of the matrix or less, and good for values that are not much
//! smaller than the largest: an error of the eigenvalues is an error of the *squares*. How far that
//! reaches into the effective rank is computed for each matrix, never assumed; the caller decides
//! whether it will do.
//!
//! # The bound
//!
//! With A tall, of N rows and n columns, G its Gram matrix and u = 2^-53:
//!
//! - The rows are summed in blocks of 256, one block after the other. Whatever the order within a
//!   block, an element passes through at most `d = 256 + blocks` additions (and one rounding of the
//!   product, which for f32 is exact), so that the error of `G_ij` is at most `gamma |a_i| |a_j|`,
//!   `gamma = (d + 2) u / (1 - (d + 2) u)`, and the Frobenius norm of the error at most
//!   `gamma |A|_F^2` (Higham, section 3.1). One sum over all N = 10,240 rows would have 35 times
//!   that.
//! - What the eigenvalues make of that is in [`GramEigenvalues::certify`].
//!
//! Higham (2002), *Accuracy and Stability of Numerical Algorithms*, 2nd edition.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Col, Mat, Par};

use crate::arithmetic::sum::sum;
use crate::decomposition::bisection;
use crate::decomposition::eigenvalues::GramEigenvalues;
use crate::scaled::Scaled;
use crate::uncertainty::Uncertainty;

const BLOCK: usize = 256;

/// The singular values of the scaled matrix, in any order, and how far off they can be. `None` if
/// a check fails.
pub(crate) fn singular_values<T: Copy + Into<f64>>(
    a: &Scaled<'_, T>,
) -> Option<(Vec<f64>, Uncertainty)> {
    let (rows, cols) = a.shape();
    let (length, n) = (rows.max(cols), rows.min(cols));
    let Gram { g, squared_norm, image } = gram(a, length, n);

    let additions = (BLOCK.min(length) + length.div_ceil(BLOCK) + 2) as f64 * f64::EPSILON / 2.0;
    let summing = additions / (1.0 - additions) * squared_norm;
    let norm = frobenius(&g);
    if !products_are_right(&g, &image, summing + (length + n) as f64 * f64::EPSILON * squared_norm)
    {
        return None;
    }

    let values = &eigenvalues(g)?[..];
    let product_error = summing;
    GramEigenvalues { values, squared_norm, norm, product_error, exponent: 0 }.singular_values()
}

struct Gram {
    /// The lower triangle.
    g: Mat<f64>,
    /// The squared norm of A.
    squared_norm: f64,
    /// `A^T (A signs)`, without G.
    image: Vec<f64>,
}

fn gram<T: Copy + Into<f64>>(a: &Scaled<'_, T>, length: usize, n: usize) -> Gram {
    let mut g = Mat::zeros(n, n);
    let mut squared_norm = 0.0;
    let signs = Col::from_fn(n, sign);
    let mut image = Col::zeros(n);
    let mut panel = Mat::zeros(BLOCK.min(length), n);
    for start in (0..length).step_by(BLOCK) {
        if length - start < panel.nrows() {
            panel = Mat::zeros(length - start, n);
        }
        a.fill(start, &mut panel);
        triangular::matmul(
            &mut g,
            BlockStructure::TriangularLower,
            Accum::Add,
            panel.transpose(),
            BlockStructure::Rectangular,
            &panel,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        let mut product = Col::zeros(panel.nrows());
        matmul(product.as_mat_mut(), Accum::Replace, &panel, signs.as_mat(), 1.0, Par::Seq);
        matmul(image.as_mat_mut(), Accum::Add, panel.transpose(), product.as_mat(), 1.0, Par::Seq);
        squared_norm += panel.squared_norm_l2();
    }
    Gram { g, squared_norm, image: image.iter().copied().collect() }
}

/// Freivalds' check: `G signs` against [`Gram::image`]. A product that went wrong (a race, a faulty
/// core, a bug) is off by as much as the elements themselves and does not pass; rounding does.
fn products_are_right(g: &Mat<f64>, image: &[f64], tolerance: f64) -> bool {
    let n = g.nrows();
    let mut found = vec![0.0; n];
    for col in 0..n {
        let below = &g.col_as_slice(col)[col..];
        found[col] += below[0] * sign(col);
        for (row, &element) in (col + 1..).zip(&below[1..]) {
            found[row] += element * sign(col);
            found[col] += element * sign(row);
        }
    }
    let difference: f64 = found.iter().zip(image).map(|(a, b)| (a - b) * (a - b)).sum();
    difference.sqrt() <= 2.0 * (n as f64).sqrt() * tolerance
}

/// 1 or -1, the same for every run: the multiplicative hash of the index, one bit of it.
fn sign(index: usize) -> f64 {
    let bit = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40 & 1;
    1.0 - 2.0 * bit as f64
}

/// The norm of a symmetric matrix given by its lower triangle.
fn frobenius(g: &Mat<f64>) -> f64 {
    let columns = (0..g.ncols()).map(|col| {
        let below = &g.col_as_slice(col)[col..];
        2.0 * below.iter().map(|x| x * x).sum::<f64>() - below[0] * below[0]
    });
    sum(columns).sqrt()
}

/// The eigenvalues of a symmetric matrix given by its lower triangle. `None` if it is not finite.
fn eigenvalues(mut g: Mat<f64>) -> Option<Vec<f64>> {
    let n = g.nrows();
    let mut reflections = Mat::zeros(1, n - 1);
    let scratch = tridiag_in_place_scratch::<f64>(n, Par::Seq, Default::default());
    tridiag_in_place(
        g.as_mut(),
        reflections.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let diagonal: Vec<_> = (0..n).map(|k| g[(k, k)]).collect();
    let beside: Vec<_> = (1..n).map(|k| g[(k, k - 1)]).collect();
    bisection::of_tridiagonal(&diagonal, &beside)
}
