//! Seeded data, and CKA by its definition.

use settling_cka::{Cka, LinearCka, linear_cka};
use settling_core::MatView;

/// A matrix in memory, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mat {
    pub(crate) values: Vec<f64>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Mat {
    /// Independent standard normal elements, rounded to multiples of 2^-20, so that integer offsets
    /// below 2^30 are exact.
    pub(crate) fn normal(seed: u64, rows: usize, cols: usize) -> Self {
        let mut state = seed;
        let mut uniform = || {
            // splitmix64; the upper 53 bits, in (0, 1].
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON / 4.0
        };
        let mut normal = || {
            let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), uniform());
            let value = radius * (angle * std::f64::consts::TAU).cos();
            (value * 1_048_576.0).round() / 1_048_576.0
        };
        Self { values: (0..rows * cols).map(|_| normal()).collect(), rows, cols }
    }

    /// `self` with column j multiplied by `scale(j)`.
    pub(crate) fn scale_cols(mut self, scale: impl Fn(usize) -> f64) -> Self {
        for (k, value) in self.values.iter_mut().enumerate() {
            *value *= scale(k % self.cols);
        }
        self
    }

    /// `self` with `offset(j)` added to column j.
    pub(crate) fn offset(mut self, offset: impl Fn(usize) -> f64) -> Self {
        for (k, value) in self.values.iter_mut().enumerate() {
            *value += offset(k % self.cols);
        }
        self
    }

    /// Rows in the order of `order`.
    pub(crate) fn permuted(&self, order: &[usize]) -> Self {
        let values = order.iter().flat_map(|&row| self.row(row).to_vec()).collect();
        Self { values, ..*self }
    }

    /// Every row reflected in the hyperplane with normal vector `w`: an orthogonal map.
    pub(crate) fn reflected(&self, w: &[f64]) -> Self {
        let norm: f64 = w.iter().map(|w| w * w).sum();
        let reflect = |row: usize| {
            let row = self.row(row);
            let along = 2.0 * row.iter().zip(w).map(|(v, w)| v * w).sum::<f64>() / norm;
            row.iter().zip(w).map(move |(v, w)| v - along * w).collect::<Vec<_>>()
        };
        Self { values: (0..self.rows).flat_map(reflect).collect(), ..*self }
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.cols..(row + 1) * self.cols]
    }

    pub(crate) fn view(&self) -> MatView<'_, f64> {
        MatView::new(&self.values, self.rows, self.cols)
    }
}

pub(crate) fn cka(x: &Mat, y: &Mat) -> Cka {
    linear_cka(x.view(), y.view()).unwrap()
}

/// The rows cut at `cuts`, each part in an accumulator of its own that multiplies `block_rows` rows
/// at a time.
pub(crate) fn parts(x: &Mat, y: &Mat, cuts: &[usize], block_rows: usize) -> Vec<LinearCka> {
    let mut edges = vec![0];
    edges.extend_from_slice(cuts);
    edges.push(x.rows);
    edges.sort_unstable();
    let part = |edge: &[usize]| {
        let mut part = LinearCka::with_block_rows(block_rows);
        let [x, y] = [x, y].map(|side| side.view().slice_rows(edge[0]..edge[1]));
        part.update(x, y).unwrap();
        part
    };
    edges.windows(2).map(part).collect()
}

/// All rows, `block_rows` at a time.
pub(crate) fn in_blocks(x: &Mat, y: &Mat, block_rows: usize) -> Cka {
    parts(x, y, &[], block_rows).remove(0).finish()
}

/// CKA from `n x n` matrices over pairs of rows, in the order of the definitions.
pub(crate) struct Reference {
    pub(crate) biased: f64,
    pub(crate) debiased: f64,
    /// By how much a relative error of the terms of the debiased estimates is magnified in their
    /// ratio.
    pub(crate) condition: f64,
}

impl Reference {
    pub(crate) fn new(x: &Mat, y: &Mat) -> Self {
        let n = x.rows as f64;
        let (k, l) = (centred_gram(x), centred_gram(y));
        let ratio = |k_l: f64, k_k: f64, l_l: f64| k_l / (k_k.sqrt() * l_l.sqrt());
        let (a, b) = (u_centred(&k), u_centred(&l));
        let (ab, aa, bb) = (inner(&a, &b), inner(&a, &a), inner(&b, &b));
        let (kl, kk, ll) = (inner(&k, &l), inner(&k, &k), inner(&l, &l));
        // Each estimate is `inner(k, l) - n / (n - 2) s + t`, with `s` and `t` sums of positive
        // terms that `inner(k, k)` bounds: s <= inner, t <= n s / ((n - 1) (n - 2)).
        let spread = 1.0 + n / (n - 2.0) + n / ((n - 1.0) * (n - 2.0));
        let debiased = ratio(ab, aa, bb);
        let condition =
            spread * (ratio(kk.sqrt() * ll.sqrt(), aa, bb) + debiased.abs() * (kk / aa + ll / bb));
        Self { biased: ratio(kl, kk, ll), debiased, condition }
    }
}

/// The three debiased terms xy, xx and yy by their definition.
pub(crate) fn unbiased_terms(x: &Mat, y: &Mat) -> [f64; 3] {
    let (a, b) = (u_centred(&centred_gram(x)), u_centred(&centred_gram(y)));
    [inner(&a, &b), inner(&a, &a), inner(&b, &b)]
}

fn inner(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum()
}

fn centred_gram(m: &Mat) -> Vec<Vec<f64>> {
    let mean = |col| (0..m.rows).map(|row| m.row(row)[col]).sum::<f64>() / m.rows as f64;
    let means: Vec<f64> = (0..m.cols).map(mean).collect();
    let element = |i: usize, j: usize| {
        let pairs = m.row(i).iter().zip(m.row(j)).zip(&means);
        pairs.map(|((a, b), mean)| (a - mean) * (b - mean)).sum()
    };
    (0..m.rows).map(|i| (0..m.rows).map(|j| element(i, j)).collect()).collect()
}

/// Székely & Rizzo 2014, definition 2: the diagonal is left out of all sums, and is zero.
fn u_centred(k: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = k.len();
    let off_diagonal = |i: usize| (0..n).filter(|&j| j != i).map(|j| k[i][j]).sum::<f64>();
    let sums: Vec<f64> = (0..n).map(off_diagonal).collect();
    let total = sums.iter().sum::<f64>() / ((n - 1) * (n - 2)) as f64;
    let element = |i: usize, j: usize| match i == j {
        true => 0.0,
        false => k[i][j] - (sums[i] + sums[j]) / (n - 2) as f64 + total,
    };
    (0..n).map(|i| (0..n).map(|j| element(i, j)).collect()).collect()
}
