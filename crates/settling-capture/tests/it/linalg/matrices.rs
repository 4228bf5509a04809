//! Seeded matrices.

use settling_core::MatView;

/// A matrix in memory, row-major.
#[derive(Clone, Debug)]
pub(crate) struct Mat {
    pub(crate) values: Vec<f32>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Mat {
    pub(crate) fn new(
        rows: usize,
        cols: usize,
        mut element: impl FnMut(usize, usize) -> f64,
    ) -> Self {
        let values = (0..rows * cols).map(|k| element(k / cols, k % cols) as f32).collect();
        Self { values, rows, cols }
    }

    pub(crate) fn view(&self) -> MatView<'_> {
        MatView::new(&self.values, self.rows, self.cols)
    }

    /// Independent standard normal elements.
    pub(crate) fn normal(seed: u64, rows: usize, cols: usize) -> Self {
        let mut normal = normals(seed);
        Self::new(rows, cols, |_, _| normal())
    }

    pub(crate) fn transposed(&self) -> Self {
        Self::new(self.cols, self.rows, |row, col| self.at(col, row))
    }

    /// With every element multiplied by `scale(row, col)`.
    pub(crate) fn scaled(&self, scale: impl Fn(usize, usize) -> f64) -> Self {
        Self::new(self.rows, self.cols, |row, col| self.at(row, col) * scale(row, col))
    }

    pub(crate) fn at(&self, row: usize, col: usize) -> f64 {
        f64::from(self.values[row * self.cols + col])
    }
}

/// Independent standard normal numbers.
pub(crate) fn normals(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    let mut uniform = move || {
        // splitmix64; the upper 53 bits, in (0, 1].
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON / 4.0
    };
    move || {
        let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), uniform());
        radius * (angle * std::f64::consts::TAU).cos()
    }
}

/// `U diag(values) Vᵀ` rounded to f32, `(rows, cols)`, with orthogonal `U`, `V` from three
/// reflections each.
pub(crate) fn with_spectrum(seed: u64, rows: usize, cols: usize, values: &[f64]) -> Mat {
    let mut normal = normals(seed);
    let mut a = vec![vec![0.0; cols]; rows];
    for (k, &value) in values.iter().enumerate() {
        a[k][k] = value;
    }
    for _ in 0..3 {
        let (left, right): (Vec<f64>, Vec<f64>) =
            ((0..rows).map(|_| normal()).collect(), (0..cols).map(|_| normal()).collect());
        let squared = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        for row in &mut a {
            let along =
                2.0 * row.iter().zip(&right).map(|(a, v)| a * v).sum::<f64>() / squared(&right);
            row.iter_mut().zip(&right).for_each(|(a, v)| *a -= along * v);
        }
        for col in 0..cols {
            let along = 2.0 * a.iter().zip(&left).map(|(row, u)| row[col] * u).sum::<f64>()
                / squared(&left);
            a.iter_mut().zip(&left).for_each(|(row, u)| row[col] -= along * u);
        }
    }
    Mat::new(rows, cols, |row, col| a[row][col])
}

/// Sylvester's matrix of signs: its rows are orthogonal, of squared norm `order`, a power of two.
pub(crate) fn hadamard(row: usize, col: usize) -> f64 {
    if (row & col).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}
