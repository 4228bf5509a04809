//! A study of a model that nothing here knows: no libtorch, a few lines.

use settling::{Combine, PerOver, Protocol, Store, Study};
use settling_core::{LossReduction, Signal, Step};
use settling_records::Record;

use crate::diagonal::{Mine, Rows, SERIES};

fn records(protocol: Protocol) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let study = Study::new(Store::open(folder.path()).unwrap(), [protocol]).unwrap();
    let plan = study.plan("m", &SERIES, &Mine { engine: "mine", scale: 1.0 }, Some(&Rows)).unwrap();
    plan.run(&mut |_| {}).unwrap().records
}

fn value(records: &[Record], step: u64, signal: Signal, metric: &str) -> Result<f64, String> {
    let is = |record: &&Record| {
        record.step == Step(step) && record.signal == signal && record.metric == metric
    };
    records.iter().find(is).unwrap().value.clone()
}

#[test]
fn a_model_of_ones_own_is_studied() {
    let records = records(Protocol::corrected());
    assert_eq!(value(&records, 3, Signal::Activation, "cka"), Ok(1.0));
    // The square of diag(1, 1): two equal values. Of diag(1, 0): one.
    assert_eq!(value(&records, 1, Signal::Weight, "effective_rank"), Ok(2.0));
    assert_eq!(value(&records, 0, Signal::Weight, "per"), Ok(0.5));
    // dW W + W dW with dW the identity: diag(2, 2 * 3), whose shares are 1/4 and 3/4.
    let entropy = 0.25 * 4.0_f64.ln() + 0.75 * (4.0_f64 / 3.0).ln();
    let found = value(&records, 3, Signal::Gradient, "effective_rank").unwrap();
    assert!((found - entropy.exp()).abs() < 1e-12, "{found}");
}

#[test]
fn a_rank_over_heads_is_undefined_for_a_model_without() {
    let mut protocol = Protocol::corrected();
    protocol.per.mlp = PerOver::HeadDim;
    protocol.gradients.combine = Combine::MeanPer;
    protocol.gradients.sub_batches = LossReduction::SumOfMeans { largest: None };
    let records = records(protocol);
    let reason = "the width of an attention head is unknown".to_owned();
    assert_eq!(value(&records, 1, Signal::Weight, "per"), Err(reason));
    assert_eq!(value(&records, 1, Signal::Weight, "effective_rank"), Ok(2.0));
}
