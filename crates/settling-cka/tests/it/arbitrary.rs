//! Where a definition leaves a choice open: the value that no choice changes, or none.

use proptest::prelude::*;
use settling_cka::{Error, ErrorKind, Pwcca, Side, Similarity, Svcca, Undefined};

use crate::data::Mat;

/// The columns `from` of `m`, turned by `angle` in the plane of the first two, times `scale`, and
/// those of `more` beside them.
fn turned(m: &Mat, from: [usize; 2], angle: f64, scale: f64, more: &Mat) -> Mat {
    let (cos, sin) = (angle.cos(), angle.sin());
    let row = |row: usize| {
        let [a, b] = from.map(|col| m.row(row)[col]);
        let mut values = vec![scale * (cos * a - sin * b), scale * (sin * a + cos * b)];
        values.extend_from_slice(more.row(row));
        values
    };
    let values: Vec<f64> = (0..m.rows).flat_map(row).collect();
    Mat { cols: values.len() / m.rows, values, rows: m.rows }
}

fn pwcca(x: &Mat, y: &Mat) -> Result<f64, Error> {
    Pwcca.similarity(x.view(), y.view())
}

proptest! {
    /// Two columns of x in y, turned: two correlations of 1, whose directions are any two of a
    /// plane. A value that depends on the angle is none.
    #[test]
    fn weights_of_equal_correlations_are_no_value(
        seed in any::<u64>(), angle in 0.0..3.0, power in -200..200_i32, rows in 20..60_usize,
    ) {
        let (x, more) = (Mat::normal(seed, rows, 4), Mat::normal(!seed, rows, 1));
        let y = turned(&x, [0, 1], angle, 10.0_f64.powi(power), &more.scale_cols(|_| 10.0_f64.powi(power)));
        let error = pwcca(&x, &y).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Undefined);
        prop_assert_eq!(error.undefined(), Some(Undefined::CorrelationsCoincide(2)));
        // Without weights there is a choice of no consequence.
        let mean = Svcca { variance: 1.0 };
        prop_assert!(mean.similarity(x.view(), y.view()).is_ok());
    }

    /// All correlations are 1: any weights give 1.
    #[test]
    fn equal_correlations_alone_are_a_value(
        seed in any::<u64>(), angle in 0.0..3.0, power in -200..200_i32, rows in 20..60_usize,
    ) {
        let (x, none) = (Mat::normal(seed, rows, 2), Mat { values: vec![], rows, cols: 0 });
        let y = turned(&x, [0, 1], angle, 10.0_f64.powi(power), &none);
        prop_assert!((pwcca(&x, &y).unwrap() - 1.0).abs() <= 1e-12);
        prop_assert!((pwcca(&y, &x).unwrap() - 1.0).abs() <= 1e-12);
    }

    /// Correlations apart: turning and scaling y changes rounding only.
    #[test]
    fn turning_a_side_changes_no_value(
        seed in any::<u64>(), angle in 0.0..3.0, power in -200..200_i32, rows in 20..60_usize,
    ) {
        let (x, y) = (Mat::normal(seed, rows, 3), Mat::normal(!seed, rows, 3));
        let rest = Mat { values: (0..rows).map(|row| y.row(row)[2]).collect(), rows, cols: 1 };
        let scale = 10.0_f64.powi(power);
        let other = turned(&y, [0, 1], angle, scale, &rest.scale_cols(|_| scale));
        let (found, expected) = (pwcca(&x, &other).unwrap(), pwcca(&x, &y).unwrap());
        prop_assert!((found - expected).abs() <= 1e-9, "{found} {expected}");
    }
}

/// Columns of a Hadamard matrix: at right angles to each other and to the constant one, all of one
/// length.
fn hadamard(masks: &[usize]) -> Mat {
    let sign = |row: usize, mask: usize| 1 - 2 * ((row & mask).count_ones() as i32 % 2);
    let values = (0..16).flat_map(|row| masks.iter().map(move |&mask| f64::from(sign(row, mask))));
    Mat { values: values.collect(), rows: 16, cols: masks.len() }
}

/// x has two directions that are none of y's: which of them has the last weight is open.
#[test]
fn directions_beyond_those_of_y_have_no_weight() {
    let (x, y) = (hadamard(&[1, 2, 4]), hadamard(&[1, 8]));
    let reason = pwcca(&x, &y).unwrap_err().undefined();
    assert_eq!(reason, Some(Undefined::CorrelationsCoincide(2)));
    // The other way round there is one direction of a correlation of 0, and no choice.
    assert!((pwcca(&y, &x).unwrap() - 0.5).abs() <= 1e-14);
    // All of them 0: any weights give 0.
    assert!(pwcca(&hadamard(&[1, 2, 4]), &hadamard(&[8, 3])).unwrap().abs() <= 1e-15);
}

/// Components of one length: which are kept is open, unless all are.
#[test]
fn a_cut_between_equal_components_has_no_value() {
    let x = hadamard(&[1, 2, 4, 8]);
    let y = Mat::normal(1, 16, 3);
    let svcca = |variance, x: &Mat, y: &Mat| Svcca { variance }.similarity(x.view(), y.view());
    for (x, y, side) in [(&x, &y, Side::X), (&y, &x, Side::Y)] {
        for variance in [0.2, 0.25, 0.5, 0.6, 0.75] {
            let reason = svcca(variance, x, y).err().and_then(|error| error.undefined());
            // Of `y` one component or two are kept, or all.
            assert_eq!(reason, Some(Undefined::ComponentsCoincide(side)), "{variance}");
        }
        for variance in [0.76, 0.99, 1.0] {
            assert!(svcca(variance, x, y).is_ok(), "{variance}");
        }
    }
    // A share that the first component has exactly, whatever rounding does to the sum of squares:
    // 9 of 10.
    let two = hadamard(&[1, 2]).scale_cols(|col| [3.0, 1.0][col]);
    for scale in [1.0, 0.1, 1e-170, 1.0 / 3.0, 1e150] {
        let two = two.clone().scale_cols(|_| scale);
        let found = svcca(0.9, &two, &hadamard(&[1, 4])).unwrap();
        assert!((found - 1.0).abs() <= 1e-14, "{found}");
    }
}

#[test]
fn reasons_say_what_is_arbitrary_and_what_to_do() {
    let reason = Undefined::CorrelationsCoincide(2).to_string();
    assert!(reason.starts_with("2 canonical correlations are equal to rounding"), "{reason}");
    assert!(reason.contains("take SVCCA"), "{reason}");
    let reason = Undefined::ComponentsCoincide(Side::Y).to_string();
    assert!(reason.contains("component of y") && reason.contains("another share"), "{reason}");
}
