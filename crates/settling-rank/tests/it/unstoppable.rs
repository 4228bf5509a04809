//! Spectra on which iterations stall, or may: each is found, within its bound, in the time that its
//! shape takes.

use std::path::Path;

use settling_rank::{
    MatView, Method, effective_rank, numerical_rank, singular_values, spectrum, spectrum_within,
};

/// Numbers in [-1, 1), the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.0 >> 33) as usize % end
    }
}

/// A matrix with known singular values: they stand on the diagonal of a tall matrix, which is then
/// reflected twice from each side.
struct Known {
    a: Vec<f64>,
    rows: usize,
    cols: usize,
    /// Descending.
    values: Vec<f64>,
}

impl Known {
    fn new(numbers: &mut Numbers, rows: usize, cols: usize, mut values: Vec<f64>) -> Self {
        values.sort_by(|a, b| b.total_cmp(a));
        let mut a = vec![0.0; rows * cols];
        values.iter().enumerate().for_each(|(k, &value)| a[k * cols + k] = value);
        for _ in 0..2 {
            reflect(&mut a, cols, rows, |line, k| k * cols + line, numbers);
            reflect(&mut a, rows, cols, |line, k| line * cols + k, numbers);
        }
        Self { a, rows, cols, values }
    }

    /// How far one of the values can be from that of the matrix as it is in f64: four reflections,
    /// each of which moves the matrix by at most `2 (n + 8) eps` of its norm (Higham, section 19.3,
    /// with u = eps / 2).
    fn making(&self) -> f64 {
        let norm = self.values.iter().map(|x| x * x).sum::<f64>().sqrt();
        4.0 * 2.0 * (self.rows + 8) as f64 * f64::EPSILON * norm
    }

    #[track_caller]
    fn assert_found(&self) {
        let view = MatView::new(&self.a, self.rows, self.cols);
        let found = spectrum_within(view, 0.0).unwrap();
        assert_eq!(found.method(), Method::Svd);
        assert_eq!(found.spectrum().len(), self.values.len());
        let making = self.making();
        let pairs = found.spectrum().values().iter().zip(&self.values).zip(found.radii());
        for ((value, expected), radius) in pairs {
            let off = (value - expected).abs();
            assert!(off <= radius + making, "{value:e}, not {expected:e}: {radius:e}, {making:e}");
        }
        // And by the way that a study goes.
        let certified = spectrum(view).unwrap();
        assert!(certified.effective_rank_error().unwrap() <= 1e-9);
        let ratio = effective_rank(&certified).unwrap() / effective_rank(&found).unwrap();
        assert!((ratio - 1.0).abs() <= 2e-9, "{ratio}");
    }
}

/// Reflects `lines` lines of `length` elements, of which `at` has the places, along one vector.
fn reflect(
    a: &mut [f64],
    lines: usize,
    length: usize,
    at: impl Fn(usize, usize) -> usize,
    numbers: &mut Numbers,
) {
    let v: Vec<f64> = (0..length).map(|_| numbers.next()).collect();
    let square = v.iter().map(|x| x * x).sum::<f64>();
    for line in 0..lines {
        let along = (0..length).map(|k| v[k] * a[at(line, k)]).sum::<f64>();
        (0..length).for_each(|k| a[at(line, k)] -= 2.0 * along / square * v[k]);
    }
}

/// Matrices of `sizes` columns: spectra of every kind, and for each a shape.
fn matrices(count: usize, sizes: std::ops::Range<usize>) {
    let mut numbers = Numbers(count as u64);
    for round in 0..count {
        numbers.next();
        let cols = sizes.start + numbers.below(sizes.len());
        let rows = [cols, cols + cols / 2, 2 * cols][round / 8 % 3];
        let values = (0..cols).map(|k| {
            let noise = numbers.next();
            match round % 8 {
                // What noise has, roughly; the long tail of a gradient.
                0 => 1.0 + 0.9 * noise,
                1 => (k as f64 + 1.0).powf(-1.5),
                // Half of the rank, beside zeros and beside noise in f32 and in f64.
                2 => f64::from(u8::from(2 * k < cols)) * (1.5 + noise),
                3 if 2 * k < cols => 1.5 + noise,
                3 => 1e-8 * (2.0 + noise),
                4 if 5 * k < 2 * cols => 1.5 + noise,
                4 => 1e-16 * (2.0 + noise),
                // Three clusters, and equal values.
                5 => (1 + k % 3) as f64 + 1e-13 * noise,
                6 => 1.0,
                // Graded to below what f64 can tell from the largest.
                _ => 10.0_f64.powf(-20.0 * k as f64 / cols as f64),
            }
        });
        let values = values.collect();
        Known::new(&mut numbers, rows, cols, values).assert_found();
    }
}

#[test]
fn spectra_of_every_kind_are_found() {
    matrices(240, 30..120);
    matrices(16, 120..330);
    matrices(4, 560..600);
}

#[test]
#[ignore = "takes minutes"]
fn thousands_of_spectra_of_every_kind_are_found() {
    matrices(4000, 30..300);
    matrices(200, 300..1200);
}

/// A real gradient, 2,560 x 2,560 in f32, on which the implicit QR iteration stalls, four times out
/// of four. It is too large for this repository.
#[test]
#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn the_gradient_on_which_implicit_qr_stalls() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/stall_2560x2560.f32");
    let Ok(bytes) = std::fs::read(&file) else {
        eprintln!("skipped: there is no {}", file.display());
        return;
    };
    let (chunks, _) = bytes.as_chunks();
    let gradient: Vec<f32> = chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let found = spectrum(MatView::new(&gradient, 2560, 2560)).unwrap();
    assert_eq!(found.method(), Method::Svd);
    // LAPACK by SciPy 1.17.1, in f64.
    let expected = 637.261_937_131_429_7;
    let bound = found.effective_rank_error().unwrap();
    assert!(bound < 1e-9);
    assert!((effective_rank(&found).unwrap() / expected - 1.0).abs() <= 2.0 * bound);
    let values = found.spectrum().values();
    for (k, expected) in [
        (0, 0.108_154_315_735_728_96),
        (1023, 0.002_246_594_759_110_227_6),
        (1024, 9.508_573_258_167_186e-9),
        (2559, 2.328_646_973_054_308e-12),
    ] {
        assert!((values[k] - expected).abs() <= 2.0 * found.radii()[k], "{k}: {:e}", values[k]);
    }
    assert_eq!(numerical_rank(&found, 1e-6), 1024);
}

/// Whatever the scale, zero stays zero beside values that are not.
#[test]
fn a_rank_of_zeros_and_integers_is_exact() {
    let mut a = [0.0; 64 * 40];
    (0..20).for_each(|k| a[41 * k] = 3.0);
    let found = singular_values(MatView::new(&a, 64, 40)).unwrap();
    assert_eq!(found.values(), [[3.0; 20], [0.0; 20]].concat());
}
