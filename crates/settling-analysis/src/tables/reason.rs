//! Records -> why values are undefined.

use std::collections::BTreeMap;

use settling_core::Signal;
use settling_records::Record;

use crate::Rules;

/// Why some values of one metric are undefined.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReasonRow {
    /// What was measured.
    pub signal: Signal,
    /// The metric of the records.
    pub metric: String,
    /// How it was to be estimated.
    pub estimator: String,
    /// The reason that the records give.
    pub reason: String,
    /// How many records give it, of all models, layers and heads.
    pub records: usize,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

/// The reasons why records of the protocol have no value, by what they are of.
///
/// ```
/// use settling_analysis::{Rules, reason_table};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let record = |step, value| {
///     let site = Site::write(0, Component::Mlp);
///     Record::new("m", Step(step), site, Signal::Gradient, "per", value)
///         .with_protocol("corrected")
/// };
/// let zero = || Err("all singular values are 0".to_owned());
/// let records = [record(0, zero()), record(1, zero()), record(2, Ok(0.5))];
/// let [row] = &reason_table(&records, &Rules::corrected())[..] else { panic!("one reason") };
/// assert_eq!((row.reason.as_str(), row.records), ("all singular values are 0", 2));
/// ```
#[must_use]
pub fn reason_table(records: &[Record], rules: &Rules) -> Vec<ReasonRow> {
    let mut counts: BTreeMap<(Signal, &str, &str, &str), usize> = BTreeMap::new();
    for record in records.iter().filter(|record| record.protocol == rules.protocol) {
        if let Err(reason) = &record.value {
            let key = (record.signal, &*record.metric, &*record.estimator, &**reason);
            *counts.entry(key).or_default() += 1;
        }
    }
    let row =
        |((signal, metric, estimator, reason), records): ((Signal, &str, &str, &str), usize)| {
            ReasonRow {
                signal,
                metric: metric.to_owned(),
                estimator: estimator.to_owned(),
                reason: reason.to_owned(),
                records,
                protocol: rules.protocol.clone(),
            }
        };
    counts.into_iter().map(row).collect()
}
