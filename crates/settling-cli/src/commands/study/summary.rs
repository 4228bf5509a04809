//! The short tables at the end of a study.

use std::collections::BTreeSet;

use settling::core::{Component, Signal, Step};
use settling::records::{MccRow, SummaryRow};
use settling::{ModelStudy, Protocol, TableFiles};

use crate::print::p_value;

pub(super) fn print_audit(study: &ModelStudy) {
    let Some(audit) = &study.audit else { return };
    println!("checkpoints of {}: {}", study.model, audit.verdict());
    for finding in &audit.findings {
        println!("  {finding}");
    }
}

pub(super) fn print_summary(studies: &[ModelStudy], tables: &TableFiles, protocol: &Protocol) {
    let first = first_step(studies);
    println!(
        "\n{}, {:<6} over layers              CKA with the last step       PER of weights     PER of gradients\n\
         model                component   {first:>9}   early*  floor** {first:>11}     last {first:>11}     last",
        protocol.name,
        protocol.summary.average.name()
    );
    for study in studies {
        let steps: Vec<u64> = study.steps.iter().map(|step| step.step.0).collect();
        let (first, last) = (steps.first().copied(), steps.last().copied());
        let early = protocol.early.window.within(&steps).last().map(|place| steps[place]);
        for component in Component::ALL {
            let of_summary = |signal: Signal, estimator: Option<&str>, step: Option<u64>| {
                let is = |row: &&SummaryRow| {
                    row.protocol == protocol.name
                        && row.model == study.model
                        && row.component == component
                        && row.signal == signal
                        && estimator.is_none_or(|estimator| row.estimator == estimator)
                        && Some(row.step) == step.map(Step)
                };
                let row = tables.summary_rows.iter().find(is).and_then(|row| row.value);
                row.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
            };
            let cka = |step| of_summary(Signal::Activation, Some(protocol.cka.name()), step);
            println!(
                "{:<20} {:<12} {:>9} {:>8} {:>7} {:>12} {:>8} {:>11} {:>8}",
                study.model,
                component.name(),
                cka(first),
                cka(early),
                of_summary(Signal::Activation, Some("floor"), early),
                of_summary(Signal::Weight, None, first),
                of_summary(Signal::Weight, None, last),
                of_summary(Signal::Gradient, None, first),
                of_summary(Signal::Gradient, None, last),
            );
        }
    }
    println!(
        "* the last step that decides; {} CKA\n\
         ** what the biased CKA of independent features of this shape would be",
        protocol.cka.name()
    );
    println!(
        "\nearly convergence (CKA {} {}) and large PER, over layers\n\
         model                component    predictor       tp  fp  fn  tn     MCC   Fisher p",
        protocol.early.cka, protocol.early.window,
    );
    for row in tables.mcc_rows.iter().filter(|row| row.protocol == protocol.name) {
        print_mcc(row);
    }
}

/// The heading of the columns of the first step: by its number, where all models have the same.
fn first_step(studies: &[ModelStudy]) -> String {
    let firsts = studies.iter().filter_map(|study| study.steps.first());
    let firsts: BTreeSet<Step> = firsts.map(|step| step.step).collect();
    match firsts.first() {
        Some(step) if firsts.len() == 1 => format!("step {step}"),
        _ => "first".to_owned(),
    }
}

fn print_mcc(row: &MccRow) {
    let value = match &row.mcc {
        Ok(value) => format!("{value:>7.3}   {}", p_value(row.p_exact)),
        Err(reason) => format!("      -   undefined: {reason}"),
    };
    println!(
        "{:<20} {:<12} {:<14} {:>3} {:>3} {:>3} {:>3} {value}",
        row.model,
        row.component.name(),
        row.predictor,
        row.true_positives,
        row.false_positives,
        row.false_negatives,
        row.true_negatives,
    );
}
