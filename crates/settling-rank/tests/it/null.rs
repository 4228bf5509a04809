//! What a random matrix has, against quadrature and simulation.

use settling_rank::{
    CertifiedSpectrum, Denominator, MatView, marchenko_pastur_per, proportional_effective_rank,
    spectra,
};

/// Sums of twelve uniform numbers: of mean 0, and all but Gaussian.
fn gaussian(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let mut uniform = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5
    };
    (0..count).map(|_| (0..12).map(|_| uniform()).sum()).collect()
}

#[test]
fn gaussian_matrices_have_the_expected_per() {
    for (rows, cols) in [(32, 32), (64, 256), (256, 1024), (200, 50), (128, 130), (100, 3000)] {
        let data: Vec<_> = (1..=16).map(|seed| gaussian(seed, rows * cols)).collect();
        let views: Vec<_> = data.iter().map(|x| MatView::new(x, rows, cols)).collect();
        let per = |found: &CertifiedSpectrum| {
            proportional_effective_rank(found.spectrum(), Denominator::Attainable).unwrap()
        };
        let pers: Vec<f64> =
            spectra(&views).iter().map(|found| per(found.as_ref().unwrap())).collect();
        let mean = pers.iter().sum::<f64>() / 16.0;
        let variance = pers.iter().map(|per| (per - mean).powi(2)).sum::<f64>() / 15.0;
        let expected = marchenko_pastur_per(rows, cols);
        // Four standard errors of the mean, and what the formula leaves out.
        let n = rows.min(cols) as f64;
        let tolerance = 4.0 * (variance / 16.0).sqrt() + 1.0 / (n * n);
        assert!((mean - expected).abs() <= tolerance, "{rows} x {cols}: {mean}, not {expected}");
        // The simulation could have found a fault.
        assert!(tolerance <= 0.01, "{tolerance}");
    }
}

#[test]
fn the_quadrature_agrees_with_another() {
    // The midpoint rule converges geometrically for a periodic analytic integrand, faster the less
    // square the matrix is.
    for (rows, cols) in [(10, 20), (50, 200), (512, 2048), (30, 1000)] {
        let (c, size) = (rows as f64 / cols as f64, rows as f64);
        let n = 2000;
        let mean = |g: fn(f64) -> f64| -> f64 {
            let integral: f64 = (0..n)
                .map(|k| {
                    let t = std::f64::consts::PI * (f64::from(k) + 0.5) / f64::from(n);
                    let square = 1.0 + c + 2.0 * c.sqrt() * t.cos();
                    (2.0 * t.sin().powi(2) / square - 0.5 / size) * g(square.sqrt()) / f64::from(n)
                })
                .sum();
            integral + (g(1.0 - c.sqrt()) + g(1.0 + c.sqrt())) / (4.0 * size)
        };
        let length = mean(|s| s);
        let expected = length * (-mean(|s| s * s.ln()) / length).exp();
        // Plain sums of 2000 terms: 2000 eps at the very most.
        assert!((marchenko_pastur_per(rows, cols) - expected).abs() <= 2000.0 * f64::EPSILON);
        assert_eq!(marchenko_pastur_per(rows, cols), marchenko_pastur_per(cols, rows));
    }
    // A very long matrix has all but equal singular values.
    assert!((marchenko_pastur_per(100, 10_000_000_000) - 1.0).abs() < 1e-8);
}

#[test]
fn every_shape_has_a_share() {
    for rows in [1, 2, 3, 7, 1000, usize::MAX] {
        for cols in [1, 2, 3, 7, 1000, usize::MAX] {
            let per = marchenko_pastur_per(rows, cols);
            assert!(per > 0.0 && per <= 1.0 + 1e-12, "{rows} x {cols}: {per}");
        }
    }
}
