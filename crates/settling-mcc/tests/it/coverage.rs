//! How often the profile-likelihood interval holds the truth: exactly, over every table of n
//! observations.

use std::collections::BTreeMap;

use settling_mcc::Contingency;

fn tables(n: u64) -> Vec<Contingency> {
    let mut tables = Vec::new();
    for true_positives in 0..=n {
        for false_positives in 0..=n - true_positives {
            for false_negatives in 0..=n - true_positives - false_positives {
                let true_negatives = n - true_positives - false_positives - false_negatives;
                tables.push(Contingency {
                    true_positives,
                    false_positives,
                    false_negatives,
                    true_negatives,
                });
            }
        }
    }
    tables
}

fn cells(table: &Contingency) -> [u64; 4] {
    [table.true_positives, table.false_positives, table.false_negatives, table.true_negatives]
}

/// The interval does not change if the variables change places, or both are negated.
fn intervals(tables: &[Contingency]) -> Vec<(f64, f64)> {
    let mut known = BTreeMap::new();
    let interval = |table: &Contingency| {
        let [tp, fp, missed, tn] = cells(table);
        let key = [tp.min(tn), tp.max(tn), fp.min(missed), fp.max(missed)];
        *known.entry(key).or_insert_with(|| table.profile_interval(0.95))
    };
    tables.iter().map(interval).collect()
}

/// The least coverage over margins from `rarest` to one half and coefficients to 0.9.
fn least_coverage(n: u64, rarest: f64) -> f64 {
    let tables = tables(n);
    let intervals = intervals(&tables);
    let factorial = |k: u64| (1..=k).map(|i| i as f64).product::<f64>();
    let mut least = 1.0_f64;
    let margins = [rarest, f64::midpoint(rarest, 0.5), 0.5];
    for a in margins {
        for b in margins.into_iter().chain([1.0 - rarest]) {
            for tenths in -9..=9 {
                let mcc = f64::from(tenths) / 10.0;
                let shift = mcc * (a * (1.0 - a) * b * (1.0 - b)).sqrt();
                let p = [
                    a * b + shift,
                    a * (1.0 - b) - shift,
                    (1.0 - a) * b - shift,
                    (1.0 - a) * (1.0 - b) + shift,
                ];
                if p.iter().any(|&p| p < 0.0) {
                    continue;
                }
                let held = tables
                    .iter()
                    .zip(&intervals)
                    .filter(|(_, (low, high))| (*low..=*high).contains(&mcc));
                let probability = |table: &Contingency| {
                    let factors = cells(table).into_iter().zip(p);
                    factorial(n)
                        * factors
                            .map(|(count, p)| p.powi(count as i32) / factorial(count))
                            .product::<f64>()
                };
                least = least.min(held.map(|(table, _)| probability(table)).sum());
            }
        }
    }
    least
}

#[test]
fn the_95_percent_interval_holds_the_truth_about_as_often_as_documented() {
    for (n, rarest, documented) in [(6, 1.0 / 6.0, 0.90), (12, 1.0 / 6.0, 0.89)] {
        let found = least_coverage(n, rarest);
        assert!(found >= documented && found < 0.95, "{found} with {n} observations");
    }
}
