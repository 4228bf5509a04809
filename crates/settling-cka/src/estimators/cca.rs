//! Similarities by canonical correlation: SVCCA and PWCCA.

use faer::Mat;
use settling_core::MatView;

use crate::arithmetic::block::Centered;
use crate::arithmetic::svd::{Svd, transposed_product};
use crate::check::check_pair;
use crate::cka::check_trace;
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
/// Where the last component that is kept is as large as the first that is not, which of them stays
/// is arbitrary: then there is no value
/// ([`ComponentsCoincide`](Undefined::ComponentsCoincide)).
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
/// their variates, and so their weights, any of many: then there is no value.
///
/// Where correlations are equal (or so near that the data does not tell them apart) their variates
/// are any basis of a space, and the weights depend on which: then there is no value either
/// ([`CorrelationsCoincide`](Undefined::CorrelationsCoincide)), unless no choice would change it,
/// as where all of them are equal.
///
/// # References
///
/// Morcos, Raghu & Bengio 2018, "Insights on Representational Similarity in Neural Networks with
/// Canonical Correlation".
#[derive(Clone, Copy, Debug, Default)]
pub struct Pwcca;

/// Singular values that differ by no more, for a largest of 1, have vectors that are any of a
/// space: decompositions are off by some units of rounding, and what is ten times that far apart is
/// told apart to a digit at the least.
const BLUR: f64 = 256.0 * f64::EPSILON;

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
        let Correlations { x, canonical, blur } = Correlations::new(x, y, 1.0)?;
        // Centered rows have one dimension less: one correlation of 1 is forced, at most.
        let directions = canonical.u.nrows() + canonical.v.nrows();
        if directions > rows {
            return Err(Undefined::TooFewRows { needed: directions, found: rows }.into());
        }
        // With x = U S Vᵀ and variates h = U a: ⟨h, x_j⟩ = (aᵀ S Vᵀ)_j.
        let scaled = Mat::from_fn(x.values.len(), x.v.nrows(), |k, j| x.values[k] * x.v[(j, k)]);
        let along = transposed_product(canonical.u.as_ref(), scaled.as_ref());
        let variates: Vec<Variate> = along
            .row_iter()
            .zip(&canonical.values)
            .map(|(row, &correlation)| Variate {
                correlation,
                weight: row.iter().map(|value| value.abs()).sum(),
                squares: row.squared_norm_l2(),
            })
            .collect();
        let weights: f64 = variates.iter().map(|v| v.weight).sum();
        let weighted: f64 = variates.iter().map(|v| v.weight * v.correlation).sum();
        // Correlations that the data does not tell apart, and how far their weights could go.
        let near = |a: &Variate, b: &Variate| a.correlation - b.correlation <= blur;
        for group in variates.chunk_by(near) {
            let last = group[group.len() - 1].correlation;
            // Directions of x beyond those of y have correlations of 0 as well.
            let open = x.values.len() > variates.len() && last <= blur;
            if group.len() == 1 && !open {
                continue;
            }
            let squares = if open { scaled.squared_norm_l2() } else { sum(group, |v| v.squares) };
            // Of m rows of `cols` numbers with these squares, in any basis: the sum of magnitudes
            // is at least the root, and at most that of `m cols` equal ones.
            let most = ((group.len() * x.v.nrows()) as f64 * squares).sqrt();
            let least = if open { 0.0 } else { squares.sqrt() };
            let own = sum(group, |v| v.weight);
            let mean = sum(group, |v| v.weight * v.correlation) / own;
            let with = |weight: f64| (weighted + (weight - own) * mean) / (weights + weight - own);
            if (with(most) - with(least)).abs() > 1e-9 {
                return Err(Undefined::CorrelationsCoincide(group.len() + usize::from(open)).into());
            }
        }
        Ok(weighted / weights)
    }
}

/// One canonical variate of `x`.
struct Variate {
    correlation: f64,
    /// `Σ_j |⟨h, x_j⟩|`
    weight: f64,
    /// `Σ_j ⟨h, x_j⟩²`
    squares: f64,
}

fn sum(group: &[Variate], of: impl Fn(&Variate) -> f64) -> f64 {
    group.iter().map(of).sum()
}

struct Correlations {
    /// The kept components of `x`.
    x: Svd,
    /// The decomposition of `Uxᵀ Uy`: its singular values are the canonical correlations.
    canonical: Svd,
    /// Correlations no farther apart are not told apart.
    blur: f64,
}

impl Correlations {
    fn new(x: MatView<'_, f64>, y: MatView<'_, f64>, share: f64) -> Result<Self, Error> {
        check_pair(x, y, None)?;
        let (x, y) = (components(x, Side::X, share)?, components(y, Side::Y, share)?);
        let canonical = Svd::new(transposed_product(x.u.as_ref(), y.u.as_ref()).as_ref())?;
        // Components are off by the rounding of their matrix over their singular value.
        let condition = |side: &Svd| side.values[0] / side.values[side.values.len() - 1];
        let blur = BLUR * (condition(&x) + condition(&y));
        Ok(Self { x, canonical, blur })
    }
}

/// The leading components of the centered rows.
fn components(m: MatView<'_, f64>, side: Side, share: f64) -> Result<Svd, Undefined> {
    let rows = m.rows();
    if rows < 3 {
        return Err(Undefined::TooFewRows { needed: 3, found: rows });
    }
    let (centered, _) = Centered::all(m);
    check_trace(centered.norms.iter().sum(), side)?;
    let Svd { u, mut values, v } = Svd::new(centered.columns.as_mat())?;
    let largest = values[0];
    // numpy's rank, of as many directions as centered rows have.
    let tolerance = rows.max(m.cols()) as f64 * f64::EPSILON * largest;
    let rank = values.iter().take(rows - 1).take_while(|&&value| value > tolerance).count();
    let squares: Vec<f64> =
        values[..rank].iter().map(|value| value * value / (largest * largest)).collect();
    let total: f64 = squares.iter().sum();
    let mut sum = 0.0;
    let reached = squares.iter().position(|square| {
        sum += square;
        // Reached to rounding: not one more where the sum is the share exactly.
        sum >= share * total * (1.0 - 16.0 * rank as f64 * f64::EPSILON)
    });
    let kept = if share < 1.0 { reached.map_or(rank, |last| last + 1) } else { rank };
    if kept + 1 >= rows {
        // They span all that centered rows can: every direction of the other side is among them.
        return Err(Undefined::TooFewRows { needed: kept + 2, found: rows });
    }
    if kept < rank && values[kept - 1] - values[kept] <= BLUR * largest {
        return Err(Undefined::ComponentsCoincide(side));
    }
    values.truncate(kept);
    let (u, v) = (u.subcols(0, kept).to_owned(), v.subcols(0, kept).to_owned());
    Ok(Svd { u, values, v })
}
