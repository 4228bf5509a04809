//! CKA of kernels.

use settling_cka::{
    Bandwidth, ErrorKind, RbfCka, Side, Similarity, Undefined, kernel_cka, rbf_cka,
};
use settling_core::MatView;

use crate::data::Mat;

const IDENTITY: [f64; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

#[test]
fn what_is_no_kernel_is_refused() {
    let good = MatView::new(&IDENTITY, 3, 3);
    let mut crooked = IDENTITY;
    crooked[1] = 0.5;
    let mut negative = IDENTITY;
    negative[4] = -3.0;
    let mut nan = IDENTITY;
    nan[5] = f64::NAN;
    for (bad, kind, text) in [
        (
            MatView::new(&crooked, 3, 3),
            ErrorKind::NotAKernel,
            "the Gram matrix of y is not symmetric: 0.5 at row 0, column 1, and 0",
        ),
        (
            MatView::new(&negative, 3, 3),
            ErrorKind::NotAKernel,
            "the centred Gram matrix of y has -",
        ),
        (MatView::new(&nan, 3, 3), ErrorKind::NotFinite, "y is NaN at row 1, column 2"),
        (
            MatView::new(&IDENTITY[..6], 3, 2),
            ErrorKind::NotAKernel,
            "the Gram matrix of y is 3 x 2",
        ),
        (MatView::new(&IDENTITY[..4], 2, 2), ErrorKind::RowsDiffer, "x has 3 rows and y has 2"),
    ] {
        let error = kernel_cka(good, bad).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(text), "{error}");
    }
    // Nothing on the diagonal, and something off it.
    let [a, b] = [[0.0, 1.0, -1.0, 0.0], [1.0, 0.0, 0.0, -1.0]];
    let hollow = [a, b, b.map(|v| -v), a.map(|v| -v)].concat();
    let hollow = MatView::new(&hollow, 4, 4);
    let error = kernel_cka(hollow, hollow).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAKernel);
    assert!(error.to_string().contains("has the trace 0 and the Frobenius norm 2.8"), "{error}");
    let empty = MatView::<f64>::new(&[], 0, 0);
    assert_eq!(kernel_cka(empty, empty).unwrap_err().kind(), ErrorKind::NoFeatures);
}

/// Rounding of a Gram matrix in f32 leaves it a little crooked.
#[test]
fn single_precision_gram_matrices_are_kernels() {
    let mut k = IDENTITY.map(|value| value as f32 + 0.1);
    k[1] += 1e-6;
    let k = MatView::new(&k, 3, 3);
    assert!((kernel_cka(k, k).unwrap().biased().unwrap() - 1.0).abs() <= 1e-14);
}

#[test]
fn bandwidths() {
    let (x, y) = (Mat::normal(1, 31, 4), Mat::normal(2, 31, 3));
    let value = |bandwidth| rbf_cka(x.view(), y.view(), bandwidth).unwrap().biased().unwrap();
    // A kernel much wider than the data is linear in squared distances: CKA of the linear kernel.
    let linear = crate::data::cka(&x, &y).biased().unwrap();
    assert!((value(Bandwidth::Distance(1e4)) - linear).abs() <= 1e-6);
    // The median of the squared distances by sorting, of 31² pairs.
    let mut distances = Vec::new();
    for a in 0..31 {
        for b in 0..31 {
            let squares = x.row(a).iter().zip(x.row(b)).map(|(a, b)| (a - b) * (a - b));
            distances.push(squares.sum::<f64>());
        }
    }
    distances.sort_by(f64::total_cmp);
    let distance = Bandwidth::Distance(0.7 * distances[480].sqrt());
    let own = |bandwidth| rbf_cka(x.view(), x.view(), bandwidth).unwrap();
    let (a, b) = (own(distance), own(Bandwidth::Median(0.7)));
    let (a, b) = (a.participation_ratios().unwrap().0, b.participation_ratios().unwrap().0);
    assert!((a - b).abs() <= 1e-11 * a, "{a} {b}");
}

#[test]
fn rows_that_mostly_coincide_have_no_median_bandwidth() {
    // 8 of 10 rows are one: 66 of 100 distances are 0.
    let mut x = Mat { values: vec![1.0; 20], rows: 10, cols: 2 };
    x.values[0] = 3.0;
    x.values[19] = 7.0;
    let y = Mat::normal(1, 10, 2);
    let rbf = RbfCka { bandwidth: Bandwidth::Median(1.0) };
    let error = rbf.similarity(y.view(), x.view()).unwrap_err();
    assert_eq!(error.undefined(), Some(Undefined::ZeroBandwidth(Side::Y)));
    let rbf = RbfCka { bandwidth: Bandwidth::Distance(2.0) };
    assert!(rbf.similarity(y.view(), x.view()).is_ok());
    let empty = Mat { values: vec![], rows: 0, cols: 2 };
    assert!(rbf.similarity(empty.view(), empty.view()).unwrap_err().undefined().is_some());
}

#[test]
#[should_panic(expected = "a bandwidth is a positive number, found 0")]
fn a_bandwidth_of_zero_is_a_mistake() {
    let x = Mat::normal(1, 5, 1);
    let _ = rbf_cka(x.view(), x.view(), Bandwidth::Distance(0.0));
}

/// Two clouds a million apart: the distances within them are as exact as those of one.
#[test]
fn near_rows_far_from_the_mean_keep_their_distances() {
    let (near, y) = (Mat::normal(1, 24, 3), Mat::normal(2, 24, 2));
    let apart = 2.0_f64.powi(20);
    let mut x = near.clone();
    for row in 12..24 {
        x.values[row * 3] += apart;
    }
    let kernel = |x: &Mat| -> Vec<f64> {
        let squared = |a, b| x.row(a).iter().zip(x.row(b)).map(|(a, b)| (a - b) * (a - b)).sum();
        (0..24 * 24)
            .map(|at| -> f64 { squared(at / 24, at % 24) })
            .map(|d| (-d / 2.0).exp())
            .collect()
    };
    let (k, l) = (kernel(&x), kernel(&y));
    let expected = kernel_cka(MatView::new(&k, 24, 24), MatView::new(&l, 24, 24)).unwrap();
    let found = rbf_cka(x.view(), y.view(), Bandwidth::Distance(1.0)).unwrap();
    let (found, expected) = (found.biased().unwrap(), expected.biased().unwrap());
    // Coordinates are whole numbers of 2^-20, and so are their differences.
    assert!((found - expected).abs() <= 1e-13, "{found} {expected}");
}

#[test]
fn constant_kernels_have_no_value() {
    let y = Mat::normal(1, 10, 10);
    let l: Vec<f64> = (0..100)
        .map(|at| y.row(at / 10).iter().zip(y.row(at % 10)).map(|(a, b)| a * b).sum())
        .collect();
    for value in [0.0, 0.1, 1.0, 1.0 / 3.0, 1e20, 1e-300] {
        let k = vec![value; 100];
        let error = kernel_cka(MatView::new(&k, 10, 10), MatView::new(&l, 10, 10)).unwrap_err();
        assert_eq!(error.undefined(), Some(Undefined::KernelLost(Side::X)), "{value}");
    }
    let one = MatView::new(&l[..1], 1, 1);
    let too_few = Err(Undefined::TooFewRows { needed: 2, found: 1 });
    assert_eq!(kernel_cka(one, one).unwrap().biased(), too_few);
}
