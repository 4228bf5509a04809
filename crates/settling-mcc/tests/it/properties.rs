//! What holds for every table.

use proptest::prelude::*;
use settling_mcc::{Contingency, Mcc};

fn table(cells: [u64; 4]) -> Contingency {
    let [true_positives, false_positives, false_negatives, true_negatives] = cells;
    Contingency { true_positives, false_positives, false_negatives, true_negatives }
}

/// The table of the negated predictions.
fn negated(table: Contingency) -> Contingency {
    Contingency {
        true_positives: table.false_negatives,
        false_positives: table.true_negatives,
        false_negatives: table.true_positives,
        true_negatives: table.false_positives,
    }
}

/// The table with the roles of the variables exchanged.
fn exchanged(table: Contingency) -> Contingency {
    Contingency {
        false_positives: table.false_negatives,
        false_negatives: table.false_positives,
        ..table
    }
}

/// Any table; small cells, zeros and huge cells are all likely.
fn any_table() -> impl Strategy<Value = Contingency> {
    let cell = || (any::<u64>(), 0..=64_u32).prop_map(|(x, bits)| x.checked_shr(bits).unwrap_or(0));
    [cell(), cell(), cell(), cell()].prop_map(table)
}

fn small_table() -> impl Strategy<Value = Contingency> {
    [0..60_u64, 0..60_u64, 0..60_u64, 0..60_u64].prop_map(table)
}

/// Pearson's correlation of two vectors of zeros and ones, by its definition.
fn pearson(pairs: &[(bool, bool)]) -> f64 {
    let number = |x: bool| f64::from(u8::from(x));
    let n = pairs.len() as f64;
    let mean_x = pairs.iter().map(|&(x, _)| number(x)).sum::<f64>() / n;
    let mean_y = pairs.iter().map(|&(_, y)| number(y)).sum::<f64>() / n;
    let moment = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|&(x, y)| f(number(x) - mean_x, number(y) - mean_y)).sum()
    };
    moment(&|x, y| x * y) / (moment(&|x, _| x * x) * moment(&|_, y| y * y)).sqrt()
}

/// The binomial coefficient, exactly.
fn choose(n: u64, k: u64) -> u128 {
    (0..k).fold(1, |product, i| product * u128::from(n - i) / u128::from(i + 1))
}

proptest! {
    #[test]
    fn mcc_is_at_most_one_and_symmetric(table in any_table()) {
        let mcc = table.mcc();
        match mcc {
            Mcc::Value(value) => {
                prop_assert!((-1.0..=1.0).contains(&value));
                prop_assert_eq!(exchanged(table).mcc(), mcc);
                prop_assert_eq!(negated(table).mcc(), Mcc::Value(-value));
                prop_assert_eq!(negated(negated(table)).mcc(), mcc);
            }
            Mcc::Undefined(_) => {
                prop_assert_eq!(exchanged(table).mcc().value(), None);
                prop_assert_eq!(negated(table).mcc().value(), None);
            }
        }
    }

    #[test]
    fn perfect_agreement_is_exactly_one(hits in 1..=u64::MAX, rejections in 1..=u64::MAX) {
        prop_assert_eq!(table([hits, 0, 0, rejections]).mcc(), Mcc::Value(1.0));
        prop_assert_eq!(table([0, hits, rejections, 0]).mcc(), Mcc::Value(-1.0));
    }

    #[test]
    fn the_sign_is_exact(x in 1..=u64::MAX, y in 1..u64::MAX) {
        // x y - x y = 0, and the nearest tables on both sides.
        prop_assert_eq!(table([x, x, y, y]).mcc(), Mcc::Value(0.0));
        prop_assert!(table([x, x, y, y + 1]).mcc().value().unwrap() > 0.0);
        prop_assert!(table([x, x, y + 1, y]).mcc().value().unwrap() < 0.0);
    }

    #[test]
    fn multiplying_all_counts_changes_nothing(cells in [0..1_000_u64, 0..1_000, 0..1_000, 0..1_000], k in 1..=u64::MAX / 1_000) {
        // Exact before rounding, and rounded with 2^-100 to spare: equal unless that close to a
        // tie, so one ulp is allowed.
        let (few, many) = (table(cells).mcc().value(), table(cells.map(|cell| cell * k)).mcc().value());
        prop_assert_eq!(few.is_some(), many.is_some());
        if let (Some(few), Some(many)) = (few, many) {
            prop_assert!(few.abs().to_bits().abs_diff(many.abs().to_bits()) <= 1);
        }
    }

    #[test]
    fn mcc_is_pearsons_correlation(pairs in prop::collection::vec(any::<(bool, bool)>(), 0..300)) {
        let (xs, ys): (Vec<bool>, Vec<bool>) = pairs.iter().copied().unzip();
        let counted = Contingency::from_slices(&xs, &ys).unwrap();
        prop_assert_eq!(counted, pairs.iter().copied().collect());
        prop_assert_eq!(counted.total(), pairs.len() as u128);
        if let Some(mcc) = counted.mcc().value() {
            // Sums of up to 300 terms below 1, each rounded, over a sum of squares of at least
            // 299/300.
            let tolerance = 4.0 * 300.0 * f64::EPSILON;
            prop_assert!((mcc - pearson(&pairs)).abs() <= tolerance);
        }
    }

    #[test]
    fn fisher_is_the_hypergeometric_sum(table in [0..14_u64, 0..14_u64, 0..14_u64, 0..14_u64].prop_map(table)) {
        // Integers throughout: C(52, 26) < 2^49, and the product of two such is below 2^98.
        let (predicted, not_predicted) =
            (table.true_positives + table.false_positives, table.false_negatives + table.true_negatives);
        let actual = table.true_positives + table.false_negatives;
        let ways = |tp: u64| choose(predicted, tp) * choose(not_predicted, actual - tp);
        let possible = actual.saturating_sub(not_predicted)..=actual.min(predicted);
        let observed = ways(table.true_positives);
        let share = |keep: &dyn Fn(u64) -> bool| -> f64 {
            let kept: u128 = possible.clone().filter(|&tp| keep(tp)).map(ways).sum();
            kept as f64 / choose(predicted + not_predicted, actual) as f64
        };
        let p = table.fisher_exact();
        let two_sided = share(&|tp| ways(tp) <= observed);
        let greater = share(&|tp| tp >= table.true_positives);
        let less = share(&|tp| tp <= table.true_positives);
        // The documented bound for at most 27 tables, and the roundings of the reference.
        let close = |found: f64, expected: f64| {
            (found - expected).abs() <= (8.0 * 27.0 + 3.0) * f64::EPSILON / 2.0 * expected
        };
        prop_assert!(close(p.two_sided, two_sided), "{p:?} {two_sided}");
        prop_assert!(close(p.greater, greater), "{p:?} {greater}");
        prop_assert!(close(p.less, less), "{p:?} {less}");
    }

    #[test]
    fn fisher_has_the_symmetries_of_the_table(table in small_table()) {
        // The documented bound, twice, for at most 119 tables.
        let close = |x: f64, y: f64| (x - y).abs() <= 16.0 * 119.0 * f64::EPSILON / 2.0 * x.max(y);
        let (p, flipped, turned) =
            (table.fisher_exact(), negated(table).fisher_exact(), exchanged(table).fisher_exact());
        prop_assert!(close(p.two_sided, flipped.two_sided) && close(p.two_sided, turned.two_sided));
        prop_assert!(close(p.greater, flipped.less) && close(p.greater, turned.greater));
        prop_assert!(close(p.less, flipped.greater) && close(p.less, turned.less));
        prop_assert!([p.two_sided, p.greater, p.less].iter().all(|p| (0.0..=1.0).contains(p)));
        // Both tails contain the observed table; the documented bound again.
        prop_assert!(p.greater + p.less >= 1.0 - 8.0 * 119.0 * f64::EPSILON);
    }
}

#[test]
fn equally_likely_tables_count_although_rounding_sets_them_apart() {
    // 5 of 7 from 6 and 11: C(6, 5) C(11, 2) = 330 = C(6, 0) C(11, 7), and C(6, 6) C(11, 1) = 11 is
    // rarer still; of C(17, 7) = 19448. Without a tolerance for ties the second 330 is missed.
    let p = table([5, 1, 2, 9]).fisher_exact().two_sided;
    // Seven tables, the documented bound.
    assert!((p - 671.0 / 19448.0).abs() <= 8.0 * 7.0 * f64::EPSILON / 2.0 * p, "{p}");
}
