//! Rows on their way into blocks, whatever the batches they come in.

use std::mem;
use std::ops::Range;

use rayon::prelude::*;
use settling_core::MatView;

use crate::arithmetic::random::permutation;
use crate::check::Element;
use crate::cka::Cka;
use crate::error::{Error, ErrorKind};
use crate::null::Resampling;
use crate::sums::gram::Gram;
use crate::sums::grid::{Grid, Options};

/// How many rows are multiplied at once.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// Rows of several sides on their way into blocks.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    block_rows: usize,
    options: Options,
    widths: Option<[Vec<usize>; 2]>,
    /// `None` until more rows than a block were seen.
    grid: Option<Grid>,
    /// The rows of the block that is being gathered, row-major.
    pending: [Vec<Vec<f64>>; 2],
    pending_rows: usize,
}

/// What came out: one for every pair, row by row of the first side; and the first pair with
/// shuffled rows.
pub(crate) struct Finished {
    pub(crate) pairs: Vec<Cka>,
    pub(crate) shuffled: Vec<Cka>,
}

impl Stream {
    pub(crate) fn new(block_rows: usize, options: Options) -> Self {
        Self {
            block_rows,
            options,
            widths: None,
            grid: None,
            pending: Default::default(),
            pending_rows: 0,
        }
    }

    /// Products of f32 from now on.
    ///
    /// # Panics
    ///
    /// If rows were seen already.
    #[track_caller]
    pub(crate) fn with_f32_products(mut self) -> Self {
        assert_eq!(self.rows(), 0, "the arithmetic has to be chosen before the first rows");
        self.options.single = true;
        self
    }

    /// Also the first pair with its rows in another order, so many times.
    ///
    /// # Panics
    ///
    /// If rows were seen already.
    #[track_caller]
    pub(crate) fn with_null(mut self, Resampling { draws, seed }: Resampling) -> Self {
        assert_eq!(self.rows(), 0, "a null has to be asked for before the first rows");
        (self.options.draws, self.options.seed) = (draws, seed);
        self
    }

    /// Whether sums of `other` mean the same as these.
    pub(crate) fn check_options(&self, other: &Self) -> Result<(), Error> {
        let (own, other) = (self.options, other.options);
        if (own.single, own.draws) == (other.single, other.draws) {
            return Ok(());
        }
        let name = |single| if single { "f32" } else { "f64" };
        let message = format!(
            "an accumulator with {} products and {} draws of a null cannot be added to one with {} products \
             and {} draws: make both alike",
            name(other.single),
            other.draws,
            name(own.single),
            own.draws
        );
        Err(Error::new(ErrorKind::OptionsDiffer, message))
    }

    pub(crate) fn rows(&self) -> usize {
        self.grid.as_ref().map_or(0, |grid| grid.rows) + self.pending_rows
    }

    /// The widths of both sides, once there was an update.
    pub(crate) fn widths(&self) -> Option<&[Vec<usize>; 2]> {
        self.widths.as_ref()
    }

    /// Adds rows that were checked: as many of every side, in the widths of the rows before.
    pub(crate) fn update<T: Element, U: Element>(
        &mut self,
        xs: &[MatView<'_, T>],
        ys: &[MatView<'_, U>],
    ) {
        self.widths.get_or_insert_with(|| [widths(xs), widths(ys)]);
        self.pending[0].resize(xs.len(), Vec::new());
        self.pending[1].resize(ys.len(), Vec::new());
        let rows = xs[0].rows();
        let mut start = 0;
        while start < rows {
            if self.pending_rows == self.block_rows {
                self.multiply_pending();
            }
            let end = rows.min(start + (self.block_rows - self.pending_rows));
            let (xs, ys) = (sliced(xs, start..end), sliced(ys, start..end));
            // Whole blocks are multiplied where they lie; but not the first one as long as it may
            // be the only one.
            let whole = end - start == self.block_rows;
            if whole && (self.grid.is_some() || end < rows) {
                self.multiply(&xs, &ys);
            } else {
                extend(&mut self.pending[0], &xs);
                extend(&mut self.pending[1], &ys);
                self.pending_rows += end - start;
            }
            start = end;
        }
    }

    /// Adds the rows of `other`, whose widths were checked.
    pub(crate) fn merge(&mut self, other: Self) {
        let Some(widths) = other.widths else { return };
        if let Some(grid) = other.grid {
            match &mut self.grid {
                Some(all) => all.merge(grid),
                None => self.grid = Some(grid),
            }
        }
        self.widths.get_or_insert_with(|| widths.clone());
        let [xs, ys] =
            [0, 1].map(|side| views(&other.pending[side], &widths[side], other.pending_rows));
        self.update(&xs, &ys);
    }

    pub(crate) fn finish(mut self) -> Finished {
        let Some([xs, ys]) = self.widths.clone() else {
            return Finished { pairs: vec![Cka::default()], shuffled: Vec::new() };
        };
        let index: Vec<(usize, usize)> =
            (0..xs.len()).flat_map(|x| (0..ys.len()).map(move |y| (x, y))).collect();
        let by_rows = |&(x, y): &(usize, usize)| self.rows() < xs[x] + ys[y];
        let few = self.grid.is_none() && index.iter().any(by_rows);
        let mut grams: [Vec<Gram>; 2] = Default::default();
        if few && self.pending_rows > 0 {
            let parallel = self.options.parallel;
            grams = [0, 1].map(|side| {
                let views = views(&self.pending[side], [&xs, &ys][side], self.pending_rows);
                if parallel {
                    views.par_iter().map(|m| Gram::of_rows(*m)).collect()
                } else {
                    views.iter().map(|m| Gram::of_rows(*m)).collect()
                }
            });
        }
        let by_rows: Vec<bool> = index.iter().map(|pair| few && by_rows(pair)).collect();
        if self.pending_rows > 0 && by_rows.contains(&false) {
            self.multiply_pending();
        }
        let Options { parallel, draws, seed, .. } = self.options;
        let grid = self.grid.as_ref();
        let pair = |(&(x, y), &by_rows): (&(usize, usize), &bool)| match grid {
            Some(grid) if !by_rows => grid.cka(x, y),
            _ if grams[0].is_empty() => Cka::default(),
            _ => grams[0][x].cka(&grams[1][y]),
        };
        let pairs = if parallel {
            index.par_iter().zip(&by_rows).map(pair).collect()
        } else {
            index.iter().zip(&by_rows).map(pair).collect()
        };
        let shuffled = match (grid, &grams) {
            (Some(grid), _) if !by_rows[0] => grid.shuffled(),
            (_, [x, y]) if !x.is_empty() => {
                let order = |draw| permutation(seed, [draw as u64, 0], x[0].rows());
                (0..draws).map(|draw| x[0].shuffled(&y[0], &order(draw))).collect()
            }
            _ => vec![Cka::default(); draws],
        };
        Finished { pairs, shuffled }
    }

    fn multiply_pending(&mut self) {
        let pending = mem::take(&mut self.pending);
        let rows = mem::take(&mut self.pending_rows);
        let widths = self.widths.clone().unwrap_or_default();
        let [xs, ys] = [0, 1].map(|side| views(&pending[side], &widths[side], rows));
        self.multiply(&xs, &ys);
        // The memory is used again, for the next block.
        self.pending = pending;
        self.pending.iter_mut().flatten().for_each(Vec::clear);
    }

    fn multiply<T: Element, U: Element>(&mut self, xs: &[MatView<'_, T>], ys: &[MatView<'_, U>]) {
        match &mut self.grid {
            Some(grid) => grid.add(xs, ys),
            None => self.grid = Some(Grid::new(xs, ys, self.options)),
        }
    }
}

fn widths<T>(side: &[MatView<'_, T>]) -> Vec<usize> {
    side.iter().map(MatView::cols).collect()
}

fn sliced<'a, T>(side: &[MatView<'a, T>], rows: Range<usize>) -> Vec<MatView<'a, T>> {
    side.iter().map(|m| m.slice_rows(rows.clone())).collect()
}

fn extend<T: Element>(pending: &mut [Vec<f64>], side: &[MatView<'_, T>]) {
    for (pending, m) in pending.iter_mut().zip(side) {
        for row in m.iter_rows() {
            pending.extend(row.iter().map(|&value| -> f64 { value.into() }));
        }
    }
}

fn views<'a>(pending: &'a [Vec<f64>], widths: &[usize], rows: usize) -> Vec<MatView<'a, f64>> {
    pending.iter().zip(widths).map(|(values, &cols)| MatView::new(values, rows, cols)).collect()
}
