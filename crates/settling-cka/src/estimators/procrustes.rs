//! Similarity by the best rotation.

use faer::MatRef;
use settling_core::MatView;

use crate::arithmetic::block::Centered;
use crate::arithmetic::product::add_cross;
use crate::arithmetic::svd::Svd;
use crate::check::check_pair;
use crate::cka::check_trace;
use crate::error::Error;
use crate::estimators::similarity::Similarity;
use crate::undefined::{Side, Undefined};

/// Orthogonal Procrustes: `‖X̃ᵀỸ‖₊ / (‖X̃‖ ‖Ỹ‖)` of the centered matrices, with the nuclear norm
/// ‖·‖₊ (the sum of the singular values) and Frobenius norms: the cosine of the angle between the
/// two after the best rotation of one onto the other, in [0, 1].
///
/// With `s` this value, the squared Procrustes distance of the matrices at norm 1 is `2 - 2 s`
/// (Ding, Denain & Steinhardt 2021), `scipy.spatial.procrustes` reports the disparity `1 - s²`, and
/// the angular shape metric of Williams et al. 2021 is `arccos(s)`. For different widths the
/// narrower is taken to have further columns of zeros. Like biased CKA it is high for few rows of
/// many features.
///
/// # Example
///
/// ```
/// use settling_cka::{Procrustes, Similarity};
/// use settling_core::MatView;
///
/// // Centered, (-3, -1, 1, 3) / 2 and (-3, 1, -1, 3) / 2: 4 / (√5 √5).
/// let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]);
/// let value = Procrustes.similarity(MatView::new(&x, 4, 1), MatView::new(&y, 4, 1))?;
/// assert!((value - 0.8).abs() < 1e-15);
/// # Ok::<(), settling_cka::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Procrustes;

impl Similarity for Procrustes {
    fn name(&self) -> &'static str {
        "procrustes"
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        check_pair(x, y, None)?;
        if x.rows() < 2 {
            return Err(Undefined::TooFewRows { needed: 2, found: x.rows() }.into());
        }
        let side = |m, side| {
            let (centered, _) = Centered::all(m);
            let trace = centered.norms.iter().sum();
            check_trace(trace, side)?;
            Ok::<_, Undefined>((centered.columns, trace.sqrt()))
        };
        let ((a, a_norm), (b, b_norm)) = (side(x, Side::X)?, side(y, Side::Y)?);
        let mut cross = vec![0.0; a.cols * b.cols];
        add_cross(&mut cross, &a, &b);
        let cross = Svd::new(MatRef::from_row_major_slice(&cross, a.cols, b.cols))?;
        Ok(cross.values.iter().sum::<f64>() / (a_norm * b_norm))
    }
}
