//! Similarities by canonical correlation: SVCCA and PWCCA.

use faer::Mat;
use settling_core::MatView;

use crate::arithmetic::block::{Centered, Mean};
use crate::arithmetic::svd::{Svd, transposed_product};
use crate::check::check_pair;
use crate::error::Error;
use crate::estimators::similarity::Similarity;
use crate::undefined::{Side, Undefined};

/// Singular vector canonical correlation analysis: the mean canonical correlation of the leading
/// principal components of either side, as many as hold the share `variance` of the sum of squares;
/// over the smaller number of components.
///
/// # Numerics
///
/// From the singular value decompositions of the centered matrices, not from covariances, whose
/// condition is the square (Björck & Golub 1973). With few rows the components of either side can
/// be matched whatever they are: of unrelated features k of n rows in common the mean squared
/// correlation is about `k / n`.
///
/// # References
///
/// Raghu, Gilmer, Yosinski & Sohl-Dickstein 2017, "SVCCA", with 0.99.
///
/// # Example
///
/// ```
/// use settling_cka::{Similarity, Svcca};
/// use settling_core::MatView;
///
/// // Centered, y is at right angles to the first column of x and is the second: correlations of
/// // one pair of directions.
/// let x = [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0];
/// let y = [1.0, -1.0, 1.0, -1.0];
/// let value = Svcca { variance: 1.0 }.similarity(MatView::new(&x, 4, 2), MatView::new(&y, 4, 1))?;
/// assert!((value - 1.0).abs() < 1e-15);
/// # Ok::<(), settling_cka::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Svcca {
    /// The share of the sum of squares to keep, in (0, 1]; with 1 only what is zero to rounding is
    /// left out, and this is the mean canonical correlation.
    pub variance: f64,
}

/// Projection-weighted canonical correlation analysis: the mean canonical correlation, with each
/// canonical variate of `x` weighted by how much of `x` it accounts for, `Σ_j |⟨h, x_j⟩|` over the
/// centered columns. Not symmetric: the weights are those of `x`.
///
/// All directions that are not zero to rounding take part; see [`Svcca`] for few rows. With more
/// directions of both sides together than rows, several correlations are 1 whatever the data, and
/// their variates, and so their weights, any of many: then there is no value. Where correlations
/// happen to be equal their weights are arbitrary too, and the value depends on rounding if others
/// differ.
///
/// # References
///
/// Morcos, Raghu & Bengio 2018, "Insights on Representational Similarity in Neural Networks with
/// Canonical Correlation".
#[derive(Clone, Copy, Debug, Default)]
pub struct Pwcca;

impl Similarity for Svcca {
    fn name(&self) -> &'static str {
        "svcca"
    }

    /// # Panics
    ///
    /// If `variance` is not in (0, 1].
    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        let share = self.variance;
        assert!(share > 0.0 && share <= 1.0, "a share of variance is in (0, 1], found {share}");
        let correlations = Correlations::new(x, y, share)?.canonical.values;
        Ok(correlations.iter().sum::<f64>() / correlations.len() as f64)
    }
}

impl Similarity for Pwcca {
    fn name(&self) -> &'static str {
        "pwcca"
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        let rows = x.rows();
        let Correlations { x, canonical } = Correlations::new(x, y, 1.0)?;
        // Centered rows have one dimension less: one correlation of 1 is forced, at most.
        let directions = canonical.u.nrows() + canonical.v.nrows();
        if directions > rows {
            return Err(Undefined::TooFewRows { needed: directions, found: rows }.into());
        }
        // With x = U S Vᵀ and variates h = U a: ⟨h, x_j⟩ = (aᵀ S Vᵀ)_j.
        let scaled = Mat::from_fn(x.values.len(), x.v.nrows(), |k, j| x.values[k] * x.v[(j, k)]);
        let along = transposed_product(canonical.u.as_ref(), scaled.as_ref());
        let (mut sum, mut weights) = (0.0, 0.0);
        for (row, correlation) in along.row_iter().zip(&canonical.values) {
            let weight: f64 = row.iter().map(|value| value.abs()).sum();
            sum += weight * correlation;
            weights += weight;
        }
        Ok(sum / weights)
    }
}

struct Correlations {
    /// The kept components of `x`.
    x: Svd,
    /// The decomposition of `Uxᵀ Uy`: its singular values are the canonical correlations.
    canonical: Svd,
}

impl Correlations {
    fn new(x: MatView<'_, f64>, y: MatView<'_, f64>, share: f64) -> Result<Self, Error> {
        check_pair(x, y, None)?;
        let (x, y) = (components(x, Side::X, share)?, components(y, Side::Y, share)?);
        let canonical = Svd::new(transposed_product(x.u.as_ref(), y.u.as_ref()).as_ref())?;
        Ok(Self { x, canonical })
    }
}

/// The leading components of the centered rows.
fn components(m: MatView<'_, f64>, side: Side, share: f64) -> Result<Svd, Undefined> {
    let rows = m.rows();
    if rows < 3 {
        return Err(Undefined::TooFewRows { needed: 3, found: rows });
    }
    let centered = Centered::new(m, &Mean::of(m));
    let Svd { u, mut values, v } = Svd::new(centered.columns.as_mat())?;
    let largest = values[0];
    if largest == 0.0 {
        return Err(Undefined::ZeroVariance(side));
    }
    // numpy's rank, of as many directions as centered rows have.
    let tolerance = rows.max(m.cols()) as f64 * f64::EPSILON * largest;
    let rank = values.iter().take(rows - 1).take_while(|&&value| value > tolerance).count();
    let squares: Vec<f64> =
        values[..rank].iter().map(|value| value * value / (largest * largest)).collect();
    let total: f64 = squares.iter().sum();
    let mut sum = 0.0;
    let reached = squares.iter().position(|square| {
        sum += square;
        sum >= share * total
    });
    let kept = if share < 1.0 { reached.map_or(rank, |last| last + 1) } else { rank };
    if kept + 1 >= rows {
        // They span all that centered rows can: every direction of the other side is among them.
        return Err(Undefined::TooFewRows { needed: kept + 2, found: rows });
    }
    values.truncate(kept);
    let (u, v) = (u.subcols(0, kept).to_owned(), v.subcols(0, kept).to_owned());
    Ok(Svd { u, values, v })
}
