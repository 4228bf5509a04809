//! Several sites at once.

use proptest::prelude::*;
use settling_cka::{CkaMatrix, ErrorKind, LinearCka};
use settling_core::MatView;

use crate::data::{Mat, cka};

fn views(sites: &[Mat]) -> Vec<MatView<'_, f64>> {
    sites.iter().map(Mat::view).collect()
}

fn finish(sites: [&[Mat]; 2], batch: usize) -> Vec<Vec<settling_cka::Cka>> {
    let mut matrix = CkaMatrix::new();
    let rows = sites[0][0].rows;
    for start in (0..rows).step_by(batch) {
        let end = rows.min(start + batch);
        let [xs, ys] = sites
            .map(|side| views(side).iter().map(|m| m.slice_rows(start..end)).collect::<Vec<_>>());
        matrix.update(&xs, &ys).unwrap();
    }
    assert_eq!(matrix.rows(), rows);
    matrix.finish()
}

/// Few rows (rows with rows), many (features with features), and widths between which both forms
/// occur in one matrix.
#[test]
fn every_pair_has_the_bits_of_its_own_accumulator() {
    for (rows, x_widths, y_widths) in
        [(20, [30, 40], [25, 17, 30]), (40, [3, 50], [2, 9, 5]), (2500, [3, 8], [4, 3, 1])]
    {
        let site = |side: u64| {
            move |(index, &width): (usize, &usize)| {
                Mat::normal(side + 2 * index as u64, rows, width).offset(|col| col as f64)
            }
        };
        let xs: Vec<Mat> = x_widths.iter().enumerate().map(site(0)).collect();
        let ys: Vec<Mat> = y_widths.iter().enumerate().map(site(1)).collect();
        for batch in [7, rows] {
            let table = finish([&xs, &ys], batch);
            for (x, row) in xs.iter().zip(&table) {
                for (y, found) in ys.iter().zip(row) {
                    let mut own = LinearCka::new();
                    own.update(x.view(), y.view()).unwrap();
                    assert_eq!(*found, own.finish(), "{rows}: {} {}", x.cols, y.cols);
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let sites: Vec<Mat> = (0..5).map(|seed| Mat::normal(seed, 1500, 20)).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| finish([&sites[..2], &sites[2..]], 100))
    };
    assert_eq!(with(1), with(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn matrices_merge(cut in 1..2000_usize, seed in any::<u64>()) {
        let sites: Vec<Mat> = (0..3).map(|site| Mat::normal(seed ^ site, 2000, 4)).collect();
        let part = |start, end| {
            let rows: Vec<_> = views(&sites).iter().map(|m| m.slice_rows(start..end)).collect();
            let mut part = CkaMatrix::new();
            part.update(&rows[..1], &rows[1..]).unwrap();
            part
        };
        let mut all = part(0, cut);
        all.merge(part(cut, 2000)).unwrap();
        for (found, y) in all.finish()[0].iter().zip(&sites[1..]) {
            let expected = cka(&sites[0], y);
            prop_assert!((found.biased().unwrap() - expected.biased().unwrap()).abs() <= 1e-12);
            prop_assert!((found.debiased().unwrap() - expected.debiased().unwrap()).abs() <= 1e-12);
        }
    }
}

#[test]
fn refusals_name_the_site_and_change_nothing() {
    let (a, b) = (Mat::normal(1, 6, 2), Mat::normal(2, 6, 3));
    let mut matrix = CkaMatrix::new();
    assert!(matrix.clone().finish().is_empty());
    matrix.update(&[a.view()], &[b.view(), a.view()]).unwrap();
    let before = matrix.clone().finish();

    let mut bad = b.clone();
    bad.values[4] = f64::INFINITY;
    let short = Mat::normal(1, 5, 3);
    let (av, bv) = (a.view(), b.view());
    for (xs, ys, kind, text) in [
        (vec![av], vec![bv], ErrorKind::SitesDiffer, "y has 1 sites, but 2 were expected"),
        (vec![], vec![bv, av], ErrorKind::SitesDiffer, "x has 0 sites, but 1 were expected"),
        (vec![av], vec![bv, bv], ErrorKind::WidthDiffers, "site 1 of y: y has 3 features, but 2"),
        (vec![av], vec![short.view(), av], ErrorKind::RowsDiffer, "site 0 of y: 5 rows, but"),
        (
            vec![av],
            vec![bad.view(), av],
            ErrorKind::NotFinite,
            "site 0 of y: y is inf at row 1, column 1",
        ),
    ] {
        let error = matrix.update(&xs, &ys).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let mut other = CkaMatrix::new();
    other.update(&[av], &[bv]).unwrap();
    assert_eq!(matrix.merge(other).unwrap_err().kind(), ErrorKind::SitesDiffer);
    let mut other = CkaMatrix::new();
    other.update(&[bv], &[bv, av]).unwrap();
    let error = matrix.merge(other).unwrap_err();
    assert!(error.to_string().starts_with("site 0 of x: x has 3 features, but 2"), "{error}");
    let mut other = CkaMatrix::new().with_f32_products();
    other.update(&[av], &[bv, av]).unwrap();
    assert_eq!(matrix.merge(other).unwrap_err().kind(), ErrorKind::OptionsDiffer);
    assert_eq!(matrix.finish(), before);
}
