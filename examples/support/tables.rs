//! The short tables at the end of a study.

use settling::core::{Component, Signal, Step};
use settling::records::{MccRow, Record, SummaryRow};
use settling::{ModelStudy, Protocol, Tables};

pub(crate) fn print_audit(study: &ModelStudy) {
    let Some(audit) = &study.audit else { return };
    println!("checkpoints of {}: {}", study.model, audit.verdict());
    for finding in &audit.findings {
        println!("  {finding}");
    }
}

pub(crate) fn print_summary(studies: &[ModelStudy], tables: &Tables, protocol: &Protocol) {
    println!(
        "\n{}, {:<6} over layers              CKA with the last step       PER of weights     PER of gradients\n\
         model                component       step 0   early*  floor**      step 0     last      step 0     last",
        protocol.name,
        protocol.summary.average.name()
    );
    for study in studies {
        let steps: Vec<Step> = study.steps.iter().map(|step| step.step).collect();
        let (first, last) = (steps.first().copied(), steps.last().copied());
        let early = protocol.early_steps(&steps).last().copied();
        for component in Component::ALL {
            let average = |step: Option<Step>, signal: Signal| {
                let is = |row: &&SummaryRow| {
                    row.protocol == protocol.name
                        && row.model == study.model
                        && row.component == component
                        && row.signal == signal
                        && Some(row.step) == step
                };
                let found = tables.summary_rows.iter().find(is).and_then(|row| row.value);
                found.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
            };
            println!(
                "{:<20} {:<12} {:>9} {:>8} {:>7} {:>12} {:>8} {:>11} {:>8}",
                study.model,
                component.name(),
                average(first, Signal::Activation),
                average(early, Signal::Activation),
                floor(study, protocol, component, early),
                average(first, Signal::Weight),
                average(last, Signal::Weight),
                average(first, Signal::Gradient),
                average(last, Signal::Gradient),
            );
        }
    }
    println!(
        "* the last step that decides; {} CKA\n\
         ** the mean of what the biased CKA of independent features of this shape would be",
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

fn floor(
    study: &ModelStudy,
    protocol: &Protocol,
    component: Component,
    step: Option<Step>,
) -> String {
    let is = |record: &&Record| {
        record.protocol == protocol.name
            && record.site.component == component
            && record.site.head.is_none()
            && Some(record.step) == step
            && record.estimator == "floor"
    };
    let values = study.records.iter().filter(is).filter_map(|record| record.value.clone().ok());
    let values: Vec<f64> = values.collect();
    match values.len() {
        0 => "-".to_owned(),
        n => format!("{:.3}", values.iter().sum::<f64>() / n as f64),
    }
}

fn print_mcc(row: &MccRow) {
    let value = match &row.mcc {
        Ok(value) => format!("{value:>7.3}   {:.3}", row.p_exact),
        Err(reason) => format!("      -   undefined: {reason}"),
    };
    println!(
        "{:<20} {:<12} {:<14} {:>3} {:>3} {:>3} {:>3} {value}",
        row.model,
        row.component.name(),
        row.predictor,
        row.true_positive,
        row.false_positive,
        row.false_negative,
        row.true_negative,
    );
}
