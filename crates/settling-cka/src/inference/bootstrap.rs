//! How far the value depends on the rows that happened to be there.

use rayon::prelude::*;
use settling_core::MatView;

use crate::arithmetic::random::Random;
use crate::check::check_pair;
use crate::cka::Cka;
use crate::error::Error;
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

    /// The interval between the quantiles `(1 - level) / 2` and `(1 + level) / 2` of the draws,
    /// interpolated linearly.
    ///
    /// # Errors
    ///
    /// The same as [`Cka::debiased`], for the rows or for any of the draws: none is left out.
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1, or there are fewer than 2 draws.
    #[track_caller]
    pub fn interval(&self, level: f64) -> Result<BootstrapInterval, Undefined> {
        assert!(level > 0.0 && level < 1.0, "a level is between 0 and 1, found {level}");
        assert!(self.draws.len() >= 2, "an interval needs at least 2 draws");
        let observed = self.observed.debiased()?;
        let mut draws = self.draws.iter().copied().collect::<Result<Vec<f64>, _>>()?;
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
        })
    }
}

/// The [`BootstrapDraws`] of two matrices in memory, with `draws` draws of n rows that follow from
/// `seed`.
///
/// The random numbers are those of SplitMix64. It takes `32 n²` bytes and some `10 n²` operations
/// per draw; draws are shared among the threads of rayon's pool, and do not depend on their number.
/// For very many rows, take a part of them: the interval of n rows is about `√(m / n)` times as
/// wide as that of m.
///
/// # Errors
///
/// The same as [`linear_cka`](crate::linear_cka): the numbers of rows differ, a width is 0, or an
/// element is not finite or beyond ±2^200.
///
/// # Example
///
/// ```
/// use settling_cka::bootstrap;
/// use settling_core::MatView;
///
/// let x: Vec<f64> = (0..80).map(|k| (f64::from(k) * 1.7).sin()).collect();
/// let y: Vec<f64> = x.iter().zip(0..).map(|(x, k)| x + (f64::from(k) * 2.9).cos()).collect();
/// let (x, y) = (MatView::new(&x, 40, 2), MatView::new(&y, 40, 2));
/// let interval = bootstrap(x, y, 200, 1)?.interval(0.95)?;
/// assert!(interval.low < interval.observed && interval.observed < interval.high);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bootstrap<T: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, T>,
    draws: usize,
    seed: u64,
) -> Result<BootstrapDraws, Error> {
    check_pair(x, y, None)?;
    let rows = x.rows();
    if rows < 4 {
        let too_few = Err(Undefined::TooFewRows { needed: 4, found: rows });
        return Ok(BootstrapDraws { observed: Cka::default(), draws: vec![too_few; draws] });
    }
    let (k, l) = (Gram::of_rows(x), Gram::of_rows(y));
    let observed = k.cka(&l);
    let (k, l) = (without_diagonal(&k), without_diagonal(&l));
    let draw = |draw: usize| {
        let mut random = Random::new(seed, [draw as u64, 0]);
        let mut weights = vec![0.0; rows];
        (0..rows).for_each(|_| weights[random.below(rows)] += 1.0);
        weighted(&k, &l, &weights)
    };
    Ok(BootstrapDraws { observed, draws: (0..draws).into_par_iter().map(draw).collect() })
}

fn without_diagonal(gram: &Gram) -> Vec<f64> {
    let (rows, lower) = (gram.rows(), gram.values());
    let mut full = vec![0.0; rows * rows];
    for i in 0..rows {
        for j in 0..i {
            (full[i * rows + j], full[j * rows + i]) = (lower[i * rows + j], lower[i * rows + j]);
        }
    }
    full
}

/// The ratio of weighted averages, over different rows i, j, q, r, of the terms of the unbiased
/// HSIC `k_ij l_ij + k_ij l_qr - 2 k_ij l_iq`; `k` and `l` have no diagonal.
///
/// With `(K w)_i` the weighted row sums, the sums over different rows follow from those over all:
/// of the fourfold sum `(wᵀ K w)(wᵀ L w)`, the terms in which the two pairs share one row (four
/// ways) or both (two ways) are taken out.
fn weighted(k: &[f64], l: &[f64], w: &[f64]) -> Result<f64, Undefined> {
    let rows = w.len();
    let [s1, s2, s3, s4] = [1, 2, 3, 4].map(|power| w.iter().map(|w| w.powi(power)).sum::<f64>());
    let pairs = s1 * s1 - s2;
    let triples = s1 * s1 * s1 - 3.0 * s1 * s2 + 2.0 * s3;
    let fours = s1.powi(4) - 6.0 * s1 * s1 * s2 + 3.0 * s2 * s2 + 8.0 * s1 * s3 - 6.0 * s4;
    if fours <= 0.0 {
        let found = w.iter().filter(|&&w| w > 0.0).count();
        return Err(Undefined::TooFewRows { needed: 4, found });
    }
    // Of each row of a product: Σ w k l and Σ w² k l.
    let row_sums = |k: &[f64], l: &[f64]| {
        let (mut once, mut twice) = (0.0, 0.0);
        for ((k, l), w) in k.iter().zip(l).zip(w) {
            let term = w * k * l;
            once += term;
            twice += w * term;
        }
        (once, twice)
    };
    let ones = vec![1.0; rows];
    let weighted_rows = |k: &[f64]| -> Vec<f64> {
        k.chunks_exact(rows).map(|row| row_sums(row, &ones).0).collect()
    };
    let (kw, lw) = (weighted_rows(k), weighted_rows(l));
    let hsic = |k: &[f64], l: &[f64], kw: &[f64], lw: &[f64]| {
        let [mut paired, mut chained, mut shared_one, mut shared_both] = [0.0; 4];
        let (mut k_total, mut l_total) = (0.0, 0.0);
        for i in 0..rows {
            let row = i * rows..(i + 1) * rows;
            let (once, twice) = row_sums(&k[row.clone()], &l[row]);
            let chain = kw[i] * lw[i] - twice;
            paired += w[i] * once;
            chained += w[i] * chain;
            shared_one += w[i] * w[i] * chain;
            shared_both += w[i] * w[i] * twice;
            k_total += w[i] * kw[i];
            l_total += w[i] * lw[i];
        }
        let apart = k_total * l_total - 4.0 * shared_one - 2.0 * shared_both;
        let value = paired / pairs + apart / fours - 2.0 * chained / triples;
        (value, paired.abs() / pairs)
    };
    let own = |k: &[f64], kw: &[f64], side| {
        let (value, magnitude) = hsic(k, k, kw, kw);
        // As `Cka::debiased`: three digits at the least.
        if value > 1024.0 * rows as f64 * f64::EPSILON * magnitude {
            Ok(value)
        } else {
            Err(Undefined::SelfTermNotPositive(side))
        }
    };
    let (xx, yy) = (own(k, &kw, Side::X)?, own(l, &lw, Side::Y)?);
    Ok(hsic(k, l, &kw, &lw).0 / (xx.sqrt() * yy.sqrt()))
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
        let (k, l) = (Gram::of_rows(MatView::new(&x, 7, 2)), Gram::of_rows(MatView::new(&y, 7, 1)));
        let debiased = k.cka(&l).debiased().unwrap();
        let (k, l) = (without_diagonal(&k), without_diagonal(&l));
        assert!((weighted(&k, &l, &[1.0; 7]).unwrap() - debiased).abs() < 1e-13);

        let drawn = [0, 0, 1, 2, 2, 2, 3, 4, 6];
        let mean = |term: &dyn Fn(&[usize]) -> f64, len: u32| {
            let (mut sum, mut count) = (0.0, 0.0);
            for code in 0..drawn.len().pow(len) {
                let rows: Vec<usize> =
                    (0..len).map(|at| drawn[code / drawn.len().pow(at) % drawn.len()]).collect();
                if (0..rows.len()).all(|at| !rows[..at].contains(&rows[at])) {
                    sum += term(&rows);
                    count += 1.0;
                }
            }
            sum / count
        };
        let hsic = |k: &[f64], l: &[f64]| {
            let (k, l) = (|i: usize, j: usize| k[i * 7 + j], |i: usize, j: usize| l[i * 7 + j]);
            mean(&|r| k(r[0], r[1]) * l(r[0], r[1]), 2)
                + mean(&|r| k(r[0], r[1]) * l(r[2], r[3]), 4)
                - 2.0 * mean(&|r| k(r[0], r[1]) * l(r[0], r[2]), 3)
        };
        let expected = hsic(&k, &l) / (hsic(&k, &k) * hsic(&l, &l)).sqrt();
        let weights = [2.0, 1.0, 3.0, 1.0, 1.0, 0.0, 1.0];
        assert!((weighted(&k, &l, &weights).unwrap() - expected).abs() < 1e-12);
        assert_eq!(
            weighted(&k, &l, &[3.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]),
            Err(Undefined::TooFewRows { needed: 4, found: 3 })
        );
    }
}
