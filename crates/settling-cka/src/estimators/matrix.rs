//! Linear CKA of many sites with many others, in one pass.

use rayon::prelude::*;
use settling_core::MatView;

use crate::check::{Element, check};
use crate::cka::Cka;
use crate::error::{Error, ErrorKind};
use crate::sums::grid::Options;
use crate::sums::stream::{BLOCK_ROWS, Stream};
use crate::undefined::Side;

/// Linear CKA of every one of several sites with every one of several others, in one pass over
/// their rows: all layers of one model with all of another, or one reference with many checkpoints.
///
/// The products of a site with itself are formed once, not once per pair, and its rows are centered
/// once: k sites with one cost `1 + 3 k` products of a width with itself instead of `4 k`, and
/// `1 + k` instead of `2 k` where rows are few. Every value has the bits that
/// [`LinearCka`](crate::LinearCka) finds for its pair alone, for any number of threads.
///
/// # Memory and cost
///
/// The same as [`LinearCka`](crate::LinearCka), with `p² + q²` once per site and `p q` once per
/// pair. Sites and pairs are shared among the threads of rayon's pool.
///
/// # Example
///
/// ```
/// use settling_cka::{CkaMatrix, linear_cka};
/// use settling_core::MatView;
///
/// let values: Vec<f32> = (0..180).map(|k| (k as f32 * 0.37).sin()).collect();
/// let site = |from: usize| MatView::new(&values[from..from + 60], 30, 2);
/// let mut matrix = CkaMatrix::new();
/// for start in [0, 10, 20] { // ten rows of all sites at a time
///     let batch = |from: usize| site(from).slice_rows(start..start + 10);
///     matrix.update(&[batch(0)], &[batch(60), batch(120)])?;
/// }
/// let cka = matrix.finish();
/// assert_eq!((cka.len(), cka[0].len()), (1, 2));
/// assert_eq!(cka[0][1], linear_cka(site(0), site(120))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CkaMatrix {
    stream: Stream,
}

impl CkaMatrix {
    /// No rows yet. The first update decides the numbers of sites and their widths.
    #[must_use]
    pub fn new() -> Self {
        let options = Options { parallel: true, ..Options::default() };
        Self { stream: Stream::new(BLOCK_ROWS, options) }
    }

    /// Multiplies in f32 from now on: see
    /// [`LinearCka::with_f32_products`](crate::LinearCka::with_f32_products).
    ///
    /// # Panics
    ///
    /// If rows were seen already.
    #[must_use]
    #[track_caller]
    pub fn with_f32_products(mut self) -> Self {
        self.stream = self.stream.with_f32_products();
        self
    }

    /// The number of rows seen.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.stream.rows()
    }

    /// Adds rows: every matrix of `xs` and `ys` is `(n, features)`, with widths of their own, and
    /// row i of all of them is the same observation. `n` may be 0.
    ///
    /// # Errors
    ///
    /// If a side has no site or not as many as before, the numbers of rows differ, a width is 0 or
    /// not that of the update before, or an element is not finite or beyond ±2^900; the message
    /// names the site. The state is then as it was before.
    pub fn update<T: Copy + Into<f64> + Sync, U: Copy + Into<f64> + Sync>(
        &mut self,
        xs: &[MatView<'_, T>],
        ys: &[MatView<'_, U>],
    ) -> Result<(), Error> {
        let before = self.stream.widths();
        let rows = check_sites(Side::X, xs, before.map(|[xs, _]| xs.as_slice()), None)?;
        check_sites(Side::Y, ys, before.map(|[_, ys]| ys.as_slice()), Some(rows))?;
        self.stream.update(xs, ys);
        Ok(())
    }

    /// Adds the rows that `other` has seen.
    ///
    /// # Errors
    ///
    /// If the numbers of sites, their widths or the arithmetic differ. The state is then as it was
    /// before.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        if let (Some(own), Some(other)) = (self.stream.widths(), other.stream.widths()) {
            for (side, (own, other)) in [Side::X, Side::Y].into_iter().zip(own.iter().zip(other)) {
                if own.len() != other.len() {
                    return Err(Error::sites_differ(side, &own.len().to_string(), other.len()));
                }
                let pairs = own.iter().zip(other).enumerate();
                let mut differing = pairs.filter(|(_, (own, other))| own != other);
                if let Some((index, (&expected, &found))) = differing.next() {
                    return Err(Error::width_differs(side, expected, found).at_site(side, index));
                }
            }
        }
        self.stream.check_options(&other.stream)?;
        self.stream.merge(other.stream);
        Ok(())
    }

    /// The CKA of every `x` with every `y` over all rows seen: one row for each `x`. Empty if there
    /// never were any sites.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<Cka>> {
        let Some(columns) = self.stream.widths().map(|[_, ys]| ys.len()) else {
            return Vec::new();
        };
        self.stream.finish().pairs.chunks(columns).map(<[Cka]>::to_vec).collect()
    }
}

impl Default for CkaMatrix {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks the sites of one side; how many rows they have.
fn check_sites<T: Element>(
    side: Side,
    sites: &[MatView<'_, T>],
    before: Option<&[usize]>,
    rows: Option<usize>,
) -> Result<usize, Error> {
    let expected = before.map_or("at least 1".to_owned(), |sites| sites.len().to_string());
    if sites.is_empty() || before.is_some_and(|before| before.len() != sites.len()) {
        return Err(Error::sites_differ(side, &expected, sites.len()));
    }
    let rows = rows.unwrap_or(sites[0].rows());
    let site = |(index, m): (usize, &MatView<'_, T>)| {
        if m.rows() != rows {
            let message = format!(
                "{} rows, but the first site of x has {rows}: row i of all sites must be the same observation",
                m.rows()
            );
            return Err(Error::new(ErrorKind::RowsDiffer, message));
        }
        let expected = before.map_or(m.cols(), |before| before[index]);
        if m.cols() != expected {
            return Err(Error::width_differs(side, expected, m.cols()));
        }
        check(*m, side)
    };
    let all = sites.par_iter().enumerate();
    let checked: Vec<Result<(), Error>> = all
        .map(|(index, m)| site((index, m)).map_err(|error| error.at_site(side, index)))
        .collect();
    // The first in their order, whichever thread was first.
    checked.into_iter().collect::<Result<(), Error>>()?;
    Ok(rows)
}
