//! How far the value depends on the rows that happened to be there.

use std::fmt;

use rayon::prelude::*;
use settling_core::MatView;

use crate::arithmetic::distances::{LOST, distances};
use crate::arithmetic::product::dot;
use crate::arithmetic::random::Random;
use crate::check::check_pair;
use crate::cka::Cka;
use crate::error::Error;
use crate::null::Resampling;
use crate::sums::gram::Gram;
use crate::undefined::{Side, Undefined};

/// The debiased CKA of rows drawn with replacement, over and over: how far the value depends on the
/// rows that happened to be there.
///
/// A row drawn twice is as near to its copy as rows can be, and estimates that take the two for two
/// observations come out high. Here, as in the unbiased estimate itself, terms of a row with itself
/// are left out, copies included: the sums over different rows are weighted by how often they were
/// drawn. For the same reason there is no bootstrap of the biased value.
///
/// Rows have to be independent observations, as for [`PermutationNull`](crate::PermutationNull);
/// positions of one text give an interval that is too narrow.
#[derive(Clone, Debug, PartialEq)]
pub struct BootstrapDraws {
    observed: Cka,
    draws: Vec<Result<f64, Undefined>>,
}

/// An interval around a value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BootstrapInterval {
    /// The value of the rows as they are.
    pub observed: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The standard deviation of the draws.
    pub standard_error: f64,
    /// The draws without a value, if there are any. The interval is of the others, and so of
    /// samples that are more varied than samples are: it may be too narrow.
    pub undefined: Option<UndefinedDraws>,
}

impl BootstrapInterval {
    /// Whether the interval is a point, to rounding: all draws have one value, as those of features
    /// that agree have 1. Then it says nothing about how sure the value is. A bootstrap knows only
    /// what it has seen.
    #[must_use]
    pub fn is_degenerate(&self) -> bool {
        self.high - self.low <= DEGENERATE * self.observed.abs().max(1.0)
    }
}

/// The rounding that values near 1 differ by, to be on the safe side.
const DEGENERATE: f64 = 1e-12;

/// The draws of a bootstrap that have no value. Shown as "3 of 999 draws have no value, because of
/// the rows drawn: ...".
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct UndefinedDraws {
    /// How many have none.
    pub count: usize,
    /// Of so many.
    pub draws: usize,
    /// The most frequent reason; "rows" in it are the rows that were drawn.
    pub reason: Undefined,
    /// How many have this reason.
    pub with_reason: usize,
}

impl fmt::Display for UndefinedDraws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, draws, reason, with_reason } = self;
        let verb = if *count == 1 { "has" } else { "have" };
        write!(f, "{count} of {draws} draws {verb} no value, because of the rows drawn")?;
        if with_reason < count {
            write!(f, " ({with_reason} of them for this reason)")?;
        }
        write!(f, ": {reason}")
    }
}

impl BootstrapDraws {
    /// The CKA of the rows as they are.
    #[must_use]
    pub fn observed(&self) -> Cka {
        self.observed
    }

    /// The debiased value of every draw.
    pub fn draws(&self) -> &[Result<f64, Undefined>] {
        &self.draws
    }

    /// The draws without a value, if there are any.
    #[must_use]
    pub fn undefined(&self) -> Option<UndefinedDraws> {
        let reasons: Vec<Undefined> = self.draws.iter().filter_map(|draw| draw.err()).collect();
        let frequency = |reason| reasons.iter().filter(|&other| *other == reason).count();
        // Of as many the first one.
        let reason = *reasons.iter().rev().max_by_key(|reason| frequency(**reason))?;
        Some(UndefinedDraws {
            count: reasons.len(),
            draws: self.draws.len(),
            reason,
            with_reason: frequency(reason),
        })
    }

    /// The interval between the quantiles `(1 - level) / 2` and `(1 + level) / 2` of the draws that
    /// have a value, interpolated linearly. How many have none is told with it.
    ///
    /// # Errors
    ///
    /// [`Undefined`](crate::ErrorKind::Undefined), with the reason in
    /// [`undefined`](Error::undefined): the rows as they are have no debiased value, or more than
    /// half of the draws have none; an interval of the others would be that of another question.
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1, or there are fewer than 2 draws.
    #[track_caller]
    pub fn interval(&self, level: f64) -> Result<BootstrapInterval, Error> {
        assert!(level > 0.0 && level < 1.0, "a level is between 0 and 1, found {level}");
        assert!(self.draws.len() >= 2, "an interval needs at least 2 draws");
        let observed = self.observed.debiased()?;
        let undefined = self.undefined();
        let mut draws: Vec<f64> = self.draws.iter().filter_map(|draw| draw.ok()).collect();
        if let Some(undefined) = undefined
            && (2 * undefined.count > undefined.draws || draws.len() < 2)
        {
            return Err(Error::undefined_draws(&undefined, undefined.reason));
        }
        draws.sort_unstable_by(f64::total_cmp);
        let (count, last) = (draws.len() as f64, draws.len() - 1);
        let quantile = |share: f64| {
            let at = share * last as f64;
            let below = (at as usize).min(last - 1);
            draws[below] + (at - below as f64) * (draws[below + 1] - draws[below])
        };
        let mean = draws.iter().sum::<f64>() / count;
        let squares: f64 = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum();
        Ok(BootstrapInterval {
            observed,
            low: quantile((1.0 - level) / 2.0),
            high: quantile((1.0 + level) / 2.0),
            standard_error: (squares / (count - 1.0)).sqrt(),
            undefined,
        })
    }
}

/// The [`BootstrapDraws`] of two matrices in memory: draws of n rows each.
///
/// It takes `32 n²` bytes, and for each draw under way, of which there is one a thread, `16 n²`
/// bytes and some `10 n²` operations; draws are shared among the threads of rayon's pool, and do
/// not depend on their number. For very many rows, take a part of them: the interval of n rows is
/// about `√(m / n)` times as wide as that of m.
///
/// # Errors
///
/// The same as [`linear_cka`](crate::linear_cka): the numbers of rows differ, a width is 0, or an
/// element is not finite or beyond ±2^900.
///
/// # Example
///
/// ```
/// use settling_cka::{MatView, Resampling, bootstrap};
///
/// let x: Vec<f64> = (0..80).map(|k| (f64::from(k) * 1.7).sin()).collect();
/// let y: Vec<f64> = x.iter().zip(0..).map(|(x, k)| x + (f64::from(k) * 2.9).cos()).collect();
/// let (x, y) = (MatView::new(&x, 40, 2), MatView::new(&y, 40, 2));
/// let interval = bootstrap(x, y, Resampling::default())?.interval(0.95)?;
/// assert!(interval.low < interval.observed && interval.observed < interval.high);
/// assert!(interval.undefined.is_none() && !interval.is_degenerate());
///
/// // Features like themselves are alike in every draw, which says nothing.
/// assert!(bootstrap(x, x, Resampling::default())?.interval(0.95)?.is_degenerate());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bootstrap<T: Copy + Into<f64>, U: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
    resampling: Resampling,
) -> Result<BootstrapDraws, Error> {
    let Resampling { draws, seed } = resampling;
    check_pair(x, y, None)?;
    let rows = x.rows();
    if rows == 0 {
        let too_few = Err(Undefined::TooFewRows { needed: 4, found: 0 });
        return Ok(BootstrapDraws { observed: Cka::default(), draws: vec![too_few; draws] });
    }
    let observed = Gram::of_rows(x).cka(&Gram::of_rows(y));
    if let Err(reason) = observed.debiased() {
        return Ok(BootstrapDraws { observed, draws: vec![Err(reason); draws] });
    }
    let sides = [Sampled::new(x), Sampled::new(y)];
    let draw = |draw: usize| {
        let mut random = Random::new(seed, [draw as u64, 0]);
        let mut weights = vec![0.0; rows];
        (0..rows).for_each(|_| weights[random.below(rows)] += 1.0);
        weighted(&sides, &weights)
    };
    Ok(BootstrapDraws { observed, draws: (0..draws).into_par_iter().map(draw).collect() })
}

/// One side of the rows that are drawn from.
struct Sampled {
    rows: usize,
    /// `(rows, rows)`
    distances: Vec<f64>,
    /// By how much of themselves the squared distances are off.
    rounding: f64,
}

impl Sampled {
    fn new<T: Copy + Into<f64>>(m: MatView<'_, T>) -> Self {
        let rounding = LOST * (m.rows() + m.cols()) as f64 * f64::EPSILON;
        Self { rows: m.rows(), distances: distances(m), rounding }
    }

    /// The Gram matrix of the rows `drawn`, centered with weights `w` and in a unit of its own,
    /// without its diagonal; and how far its elements are off, in the root of the mean square. None
    /// if all rows are equal.
    ///
    /// From distances, since `-|a - b|² / 2` is `a · b` but for a term of either row: an outlier
    /// that is not drawn takes no digits with it.
    fn draw(&self, drawn: &[usize], w: &[f64]) -> Option<(Vec<f64>, f64)> {
        let rows = drawn.len();
        let row = |i: usize| drawn.iter().map(move |&j| self.distances[drawn[i] * self.rows + j]);
        let largest = (0..rows).flat_map(row).fold(0.0, f64::max);
        if largest == 0.0 {
            return None;
        }
        let product = |distance: f64| -0.5 * (distance / largest) * (distance / largest);
        let mut k: Vec<f64> = (0..rows).flat_map(row).map(product).collect();
        let total: f64 = w.iter().sum();
        let sums: Vec<f64> = k.chunks_exact(rows).map(|row| dot(row, w)).collect();
        // `t` such that rows of `k_ij - t_i - t_j`, without their diagonals, add up to nothing:
        // t_i (total - 2 w_i) = sums_i - Σ w t. Where a row is half of the draw, to something.
        let shares: Vec<f64> = w.iter().map(|w| 1.0 / (total - 2.0 * w).max(0.5)).collect();
        let weighted = |values: &mut dyn Iterator<Item = f64>| -> f64 {
            values.zip(w).zip(&shares).map(|((value, w), share)| w * share * value).sum()
        };
        let one = 1.0 + weighted(&mut std::iter::repeat_n(1.0, rows));
        let shift = weighted(&mut sums.iter().copied()) / one;
        let t: Vec<f64> =
            sums.iter().zip(&shares).map(|(sum, share)| (sum - shift) * share).collect();
        for (i, row) in k.chunks_exact_mut(rows).enumerate() {
            row.iter_mut().zip(&t).for_each(|(value, other)| *value -= t[i] + other);
            row[i] = 0.0;
        }
        Some((k, self.rounding * (dot(&sums, w) / (total * total)).abs()))
    }
}

/// The ratio of weighted averages, over different rows i, j, q, r, of the terms of the unbiased
/// HSIC `k_ij l_ij + k_ij l_qr - 2 k_ij l_iq`.
///
/// All three terms are averaged over the same four rows, so that adding `f_i + f_j` to `k_ij`
/// changes nothing, whatever the weights: rows of the matrices add up to nothing, and little
/// cancels. Sums over different rows follow from those over all; with `A_i` and `B_i` the weighted
/// sums of row i of either matrix,
///
/// - of `k_ij l_ij`, the other two rows are `(s1 - w_i - w_j)² - (s2 - w_i² - w_j²)` pairs,
/// - of `k_ij l_iq`, the fourth row has the weight `s1 - w_i - w_j - w_q`,
/// - of `k_ij l_qr`, what the two pairs share in one row (four ways) or both (two ways) is taken
///   out of `(wᵀ K w)(wᵀ L w)`.
fn weighted(sides: &[Sampled; 2], weights: &[f64]) -> Result<f64, Undefined> {
    let drawn: Vec<usize> = (0..weights.len()).filter(|&row| weights[row] > 0.0).collect();
    let w: Vec<f64> = drawn.iter().map(|&row| weights[row]).collect();
    let rows = w.len();
    let [s1, s2, s3, s4] = [1, 2, 3, 4].map(|power| w.iter().map(|w| w.powi(power)).sum::<f64>());
    let fours = s1.powi(4) - 6.0 * s1 * s1 * s2 + 3.0 * s2 * s2 + 8.0 * s1 * s3 - 6.0 * s4;
    if rows < 4 {
        return Err(Undefined::TooFewRows { needed: 4, found: rows });
    }
    let draw = |side: &Sampled, name| side.draw(&drawn, &w).ok_or(Undefined::ZeroVariance(name));
    let ((k, k_error), (l, l_error)) = (draw(&sides[0], Side::X)?, draw(&sides[1], Side::Y)?);
    // Of each row: Σ w k and Σ w² k.
    let row_sums = |k: &[f64]| -> Vec<[f64; 2]> {
        let sums = |row: &[f64]| {
            let terms = row.iter().zip(&w).map(|(k, w)| (w * k, w * w * k));
            terms.fold([0.0; 2], |[once, twice], (a, b)| [once + a, twice + b])
        };
        k.chunks_exact(rows).map(sums).collect()
    };
    let (k_sums, l_sums) = (row_sums(&k), row_sums(&l));
    let hsic = |k: &[f64], l: &[f64], k_sums: &[[f64; 2]], l_sums: &[[f64; 2]]| {
        let [mut paired, mut chained, mut shared, mut k_total, mut l_total] = [0.0; 5];
        let matrices = k.chunks_exact(rows).zip(l.chunks_exact(rows));
        for ((i, (k, l)), own) in matrices.enumerate().zip(&w) {
            let [mut pair, mut twice, mut thrice] = [0.0; 3];
            for ((k, l), w) in k.iter().zip(l).zip(&w) {
                let (term, rest) = (w * k * l, s1 - own - w);
                pair += term * (rest * rest - (s2 - own * own - w * w));
                twice += w * term;
                thrice += w * w * term;
            }
            let ([a, a_twice], [b, b_twice]) = (k_sums[i], l_sums[i]);
            let chain = a * b - twice;
            let fourth = (s1 - own) * chain - (a_twice * b - thrice) - (a * b_twice - thrice);
            paired += own * pair;
            chained += own * fourth;
            shared += own * own * (4.0 * chain + 2.0 * twice);
            k_total += own * a;
            l_total += own * b;
        }
        let value = paired + (k_total * l_total - shared) - 2.0 * chained;
        (value / fours, paired.abs() / fours)
    };
    let own = |k: &[f64], sums: &[[f64; 2]], error: f64, side| {
        let (value, magnitude) = hsic(k, k, sums, sums);
        // As `Cka::debiased`: three digits at the least.
        let rounding = (2.0 * value.max(0.0).sqrt() + error) * error;
        let rounding = rounding.max(rows as f64 * f64::EPSILON * magnitude);
        if value > 1024.0 * rounding {
            Ok(value)
        } else {
            Err(Undefined::SelfTermNotPositive(side))
        }
    };
    let (xx, yy) = (own(&k, &k_sums, k_error, Side::X)?, own(&l, &l_sums, l_error, Side::Y)?);
    Ok(hsic(&k, &l, &k_sums, &l_sums).0 / (xx.sqrt() * yy.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row once is the unbiased estimate; weights as the rows written out, with the terms of
    /// copies left out, is the definition.
    #[test]
    fn weights_are_rows_without_the_terms_of_copies() {
        let x: Vec<f64> = (0..14).map(|k| (f64::from(k) * 1.3).sin()).collect();
        let y: Vec<f64> = (0..7).map(|k| (f64::from(k) * 0.9).cos()).collect();
        let (x, y) = (MatView::new(&x, 7, 2), MatView::new(&y, 7, 1));
        let debiased = Gram::of_rows(x).cka(&Gram::of_rows(y)).debiased().unwrap();
        let sides = [Sampled::new(x), Sampled::new(y)];
        assert!((weighted(&sides, &[1.0; 7]).unwrap() - debiased).abs() < 1e-13);

        let product = |m: MatView<'_, f64>, i: usize, j: usize| dot(m.row(i), m.row(j));
        let gram = |m| -> Vec<f64> { (0..49).map(|at| product(m, at / 7, at % 7)).collect() };
        let [k, l] = &[gram(x), gram(y)];
        let drawn = [0, 0, 1, 2, 2, 2, 3, 4, 6];
        let mean = |term: &dyn Fn(&[usize]) -> f64| {
            let (mut sum, mut count) = (0.0, 0.0);
            for code in 0..drawn.len().pow(4) {
                let rows: Vec<usize> =
                    (0..4).map(|at| drawn[code / drawn.len().pow(at) % drawn.len()]).collect();
                if (0..rows.len()).all(|at| !rows[..at].contains(&rows[at])) {
                    sum += term(&rows);
                    count += 1.0;
                }
            }
            sum / count
        };
        let hsic = |k: &[f64], l: &[f64]| {
            let (k, l) = (|i: usize, j: usize| k[i * 7 + j], |i: usize, j: usize| l[i * 7 + j]);
            mean(&|r| k(r[0], r[1]) * (l(r[0], r[1]) + l(r[2], r[3]) - 2.0 * l(r[0], r[2])))
        };
        let expected = hsic(k, l) / (hsic(k, k) * hsic(l, l)).sqrt();
        let weights = [2.0, 1.0, 3.0, 1.0, 1.0, 0.0, 1.0];
        assert!((weighted(&sides, &weights).unwrap() - expected).abs() < 1e-12);
        assert_eq!(
            weighted(&sides, &[3.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]),
            Err(Undefined::TooFewRows { needed: 4, found: 3 })
        );
    }
}
