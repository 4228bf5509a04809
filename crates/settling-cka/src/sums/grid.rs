//! The sums of every side with every other, block by block.

use std::mem;

use rayon::prelude::*;
use settling_core::MatView;

use crate::arithmetic::block::{Centered, Mean};
use crate::arithmetic::moments::{OneSide, Pair, Shift};
use crate::arithmetic::random::permutation;
use crate::check::Element;
use crate::cka::{Cka, CkaSums, Errors, SideSums};

/// The sums of every side `x` with every side `y` over the rows seen, of which there are some.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    pub(crate) rows: usize,
    pub(crate) sides: [Vec<OneSide>; 2],
    /// Row-major: one row for an `x`.
    pairs: Vec<Pair>,
    /// The first pair again, once per draw, with the rows of `y` in another order within each
    /// block.
    shuffled: Vec<Pair>,
    options: Options,
    blocks: u64,
    /// The last block of every side, for its memory.
    spare: [Vec<Option<Centered>>; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// Products of f32.
    pub(crate) single: bool,
    /// Sides and pairs are work for all threads.
    pub(crate) parallel: bool,
    pub(crate) draws: usize,
    pub(crate) seed: u64,
}

impl Grid {
    pub(crate) fn new<T: Element, U: Element>(
        xs: &[MatView<'_, T>],
        ys: &[MatView<'_, U>],
        options: Options,
    ) -> Self {
        fn sides<T: Element>(views: &[MatView<'_, T>], single: bool) -> Vec<OneSide> {
            views.iter().map(|m| OneSide::new(Mean::start(*m), m.cols(), single)).collect()
        }
        let pair = |x: &MatView<'_, T>, y: &MatView<'_, U>| Pair::new(x.cols(), y.cols());
        let mut grid = Self {
            rows: 0,
            sides: [sides(xs, options.single), sides(ys, options.single)],
            pairs: xs.iter().flat_map(|x| ys.iter().map(move |y| pair(x, y))).collect(),
            shuffled: vec![pair(&xs[0], &ys[0]); options.draws],
            options,
            blocks: 0,
            spare: [vec![None; xs.len()], vec![None; ys.len()]],
        };
        grid.add(xs, ys);
        grid
    }

    /// Adds a block of rows.
    pub(crate) fn add<T: Element, U: Element>(
        &mut self,
        xs: &[MatView<'_, T>],
        ys: &[MatView<'_, U>],
    ) {
        let (first, options, added) = (self.rows == 0, self.options, xs[0].rows());
        let (xs, ys) = (self.advance(0, xs), self.advance(1, ys));
        let before = self.rows as f64;
        let multiply =
            |pair: &mut Pair, (shift_x, x): &(Shift, Centered), shift_y: &Shift, y: &Centered| {
                if !first {
                    pair.shift(before, shift_x, shift_y);
                }
                pair.add_rows(x, y);
            };
        let pair = |(index, pair): (usize, &mut Pair)| {
            let (shift, y) = &ys[index % ys.len()];
            multiply(pair, &xs[index / ys.len()], shift, y);
        };
        if options.parallel {
            self.pairs.par_iter_mut().enumerate().for_each(pair);
        } else {
            self.pairs.iter_mut().enumerate().for_each(pair);
        }
        for (draw, pair) in self.shuffled.iter_mut().enumerate() {
            let (shift, y) = &ys[0];
            let order = permutation(options.seed, [draw as u64, self.blocks], y.rows());
            multiply(pair, &xs[0], shift, &y.permuted(&order));
        }
        self.spare = [xs, ys].map(|side| side.into_iter().map(|(_, rows)| Some(rows)).collect());
        self.rows += added;
        self.blocks += 1;
    }

    /// Adds rows to all sites of one side. How far they moved, and the rows about the new means.
    fn advance<T: Element>(
        &mut self,
        index: usize,
        views: &[MatView<'_, T>],
    ) -> Vec<(Shift, Centered)> {
        let (before, options) = (self.rows as f64, self.options);
        let share = views[0].rows() as f64 / (before + views[0].rows() as f64);
        let advance = |((side, m), spare): ((&mut OneSide, &MatView<'_, T>), Option<Centered>)| {
            let (delta, reach) = side.mean.deviation(*m);
            let shift = side.shift_by(reach, -share, &delta);
            if before > 0.0 {
                side.shift(before, &shift);
            }
            side.mean.advance(share, &delta);
            let rows = Centered::reusing(spare, *m, &side.mean, side.unit());
            let rows = if options.single { rows.with_single() } else { rows };
            side.add_rows(&rows);
            (shift, rows)
        };
        let (own, spare) = (&mut self.sides[index], mem::take(&mut self.spare[index]));
        if options.parallel {
            own.par_iter_mut().zip(views).zip(spare).map(advance).collect()
        } else {
            own.iter_mut().zip(views).zip(spare).map(advance).collect()
        }
    }

    /// Adds the rows of `other`, which has the same widths and options.
    pub(crate) fn merge(&mut self, mut other: Self) {
        let (n_self, n_other) = (self.rows as f64, other.rows as f64);
        let n = n_self + n_other;
        let mut shifts: [[Vec<Shift>; 2]; 2] = Default::default();
        for side in [0, 1] {
            for (own, other) in self.sides[side].iter_mut().zip(&mut other.sides[side]) {
                let delta = own.mean.to(&other.mean);
                let weights = [-n_other / n, n_self / n];
                let [here, there] = own.shifts_to_merge(other, weights, &delta);
                own.shift(n_self, &here);
                other.shift(n_other, &there);
                own.add(other);
                own.mean.advance(n_other / n, &delta);
                shifts[0][side].push(here);
                shifts[1][side].push(there);
            }
        }
        let ys = self.sides[1].len();
        let index = |index: usize| (index / ys, index % ys);
        let pairs = self.pairs.iter_mut().zip(&mut other.pairs).enumerate();
        let shuffled = self.shuffled.iter_mut().zip(&mut other.shuffled).map(|pair| (0, pair));
        for (at, (own, other)) in pairs.chain(shuffled) {
            let (x, y) = index(at);
            let [here, there] = &shifts;
            own.shift(n_self, &here[0][x], &here[1][y]);
            other.shift(n_other, &there[0][x], &there[1][y]);
            own.add(other);
        }
        self.rows += other.rows;
        self.blocks += other.blocks;
    }

    /// CKA of side `x` of the first and `y` of the second.
    pub(crate) fn cka(&self, x: usize, y: usize) -> Cka {
        self.finish(x, y, &self.pairs[x * self.sides[1].len() + y])
    }

    /// CKA of the first pair with rows of `y` in another order, once per draw.
    pub(crate) fn shuffled(&self) -> Vec<Cka> {
        self.shuffled.iter().map(|pair| self.finish(0, 0, pair)).collect()
    }

    fn finish(&self, x: usize, y: usize, between: &Pair) -> Cka {
        let (x, y) = (&self.sides[0][x], &self.sides[1][y]);
        let sums = |own: &OneSide| {
            let (frobenius_squared, error) = own.frobenius_squared();
            let (features, trace, squared_norms) = (own.cols(), own.trace, own.norms);
            (SideSums { features, trace, frobenius_squared, squared_norms }, error)
        };
        let ((x_sums, x_error), (y_sums, y_error)) = (sums(x), sums(y));
        let (cross_frobenius_squared, cross) = between.frobenius_squared(x, y);
        let sums = CkaSums {
            rows: self.rows,
            x: x_sums,
            y: y_sums,
            cross_frobenius_squared,
            cross_norms: between.norms,
        };
        let errors = Errors { x: x_error, y: y_error, cross };
        Cka::new(sums, errors, [x.unit(), y.unit()])
    }
}
