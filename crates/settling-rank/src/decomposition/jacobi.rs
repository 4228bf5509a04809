//! One-sided Jacobi rotations: the reference of tests. Exact to a few roundings, and hours for the
//! sizes of a model.

use crate::arithmetic::sum::sum;

const MAX_SWEEPS: usize = 60;

/// Rotates pairs of columns until all are orthogonal; their norms are then the singular values. The
/// largest element must be near 1. `None` if columns are still not orthogonal after 60 sweeps
/// (about ten are usual).
///
/// Reference: Hestenes (1958), "Inversion of matrices by biorthogonalization and related results";
/// the stopping rule is that of LAPACK's `dgesvj`.
pub(crate) fn singular_values(mut columns: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let rows = columns.first().map_or(0, Vec::len);
    // What rounding leaves of the cosine of two orthogonal columns.
    let orthogonal = (rows as f64).sqrt() * f64::EPSILON;
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for q in 1..columns.len() {
            let (left, right) = columns.split_at_mut(q);
            for p in left {
                rotated |= orthogonalize(p, &mut right[0], orthogonal);
            }
        }
        if !rotated {
            return Some(columns.iter().map(|column| dot(column, column).sqrt()).collect());
        }
    }
    None
}

/// Rotates two columns so that their inner product vanishes; false if it was negligible already.
fn orthogonalize(p: &mut [f64], q: &mut [f64], orthogonal: f64) -> bool {
    let (pp, qq, pq) = (dot(p, p), dot(q, q), dot(p, q));
    // A column this short is 1e-140 of the largest element: its products lose digits to underflow,
    // and nobody will miss it.
    let negligible = pp.min(qq) < 1e-280;
    if negligible || pq.abs() <= orthogonal * pp.sqrt() * qq.sqrt() {
        return false;
    }
    let zeta = (qq - pp) / (2.0 * pq);
    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = cosine * tangent;
    for (p, q) in p.iter_mut().zip(q) {
        (*p, *q) = (cosine * *p - sine * *q, sine * *p + cosine * *q);
    }
    true
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    sum(x.iter().zip(y).map(|(x, y)| x * y))
}
