//! The sums of every side with every other, block by block.

use std::mem;

use rayon::prelude::*;
use settling_core::MatView;

use crate::arithmetic::block::{Centered, Mean};
use crate::arithmetic::moments::{OneSide, Pair, Shift};
use crate::arithmetic::random::permutation;
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
    pub(crate) fn new<T: Copy + Into<f64> + Sync>(
        sides: [&[MatView<'_, T>]; 2],
        options: Options,
    ) -> Self {
        let new = |m: &MatView<'_, T>| OneSide::new(Mean::start(*m), m.cols(), options.single);
        let [xs, ys] = sides;
        let pair = |x: &MatView<'_, T>, y: &MatView<'_, T>| Pair::new(x.cols(), y.cols());
        let mut grid = Self {
            rows: 0,
            sides: sides.map(|sides| sides.iter().map(new).collect()),
            pairs: xs.iter().flat_map(|x| ys.iter().map(move |y| pair(x, y))).collect(),
            shuffled: vec![pair(&xs[0], &ys[0]); options.draws],
            options,
            blocks: 0,
            spare: sides.map(|sides| vec![None; sides.len()]),
        };
        grid.add(sides);
        grid
    }

    /// Adds a block of rows.
    pub(crate) fn add<T: Copy + Into<f64> + Sync>(&mut self, sides: [&[MatView<'_, T>]; 2]) {
        let (before, added) = (self.rows as f64, sides[0][0].rows() as f64);
        let (first, share) = (self.rows == 0, added / (before + added));
        let options = self.options;
        let advance = |side: &mut OneSide, m: &MatView<'_, T>, spare: Option<Centered>| {
            let delta = side.mean.deviation(*m);
            let shift = side.shift_by(-share, &delta);
            if !first {
                side.shift(before, &shift);
            }
            side.mean.advance(share, &delta);
            let rows = Centered::reusing(spare, *m, &side.mean);
            let rows = if options.single { rows.with_single() } else { rows };
            side.add_rows(&rows);
            (shift, rows)
        };
        let [xs, ys] = [0, 1].map(|index| {
            let (own, views) = (&mut self.sides[index], sides[index]);
            let spare = mem::take(&mut self.spare[index]);
            let moved: Vec<(Shift, Centered)> = if options.parallel {
                let sides = own.par_iter_mut().zip(views).zip(spare);
                sides.map(|((side, m), spare)| advance(side, m, spare)).collect()
            } else {
                let sides = own.iter_mut().zip(views).zip(spare);
                sides.map(|((side, m), spare)| advance(side, m, spare)).collect()
            };
            moved
        });
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
        self.rows += sides[0][0].rows();
        self.blocks += 1;
    }

    /// Adds the rows of `other`, which has the same widths and options.
    pub(crate) fn merge(&mut self, mut other: Self) {
        let (n_self, n_other) = (self.rows as f64, other.rows as f64);
        let n = n_self + n_other;
        let mut shifts: [[Vec<Shift>; 2]; 2] = Default::default();
        for side in [0, 1] {
            for (own, other) in self.sides[side].iter_mut().zip(&mut other.sides[side]) {
                let delta = own.mean.to(&other.mean);
                let here = own.shift_by(-n_other / n, &delta);
                let there = other.shift_by(n_self / n, &delta);
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
        Cka::new(sums, Errors { x: x_error, y: y_error, cross })
    }
}
