//! Synthetic records of a whole study, and ways to look into a figure.

use roxmltree::{Document, Node};
use settling_analysis::{Rules, Tables};
use settling_core::{Component, Positions, Signal, Site, Step};
use settling_figures::Figure;
use settling_records::Record;

/// Steps as Pythia has them, few enough for a golden file that can be read.
pub(crate) const STEPS: [u64; 7] = [0, 1, 8, 64, 512, 8_000, 143_000];

/// Smooth, invented curves of two layers of each model at each step.
pub(crate) fn records(models: &[&str], steps: &[u64]) -> Vec<Record> {
    let last = *steps.last().expect("a study has a step");
    let mut records = Vec::new();
    for (rank, model) in (1_u32..).zip(models) {
        for &step in steps {
            let trained = (1.0 + step as f64).ln() / (1.0 + last as f64).ln().max(1.0);
            let rank = f64::from(rank);
            let debiased = trained.powf(1.0 + rank / 4.0) * 1.05 - 0.05;
            let floor = 0.3 + 0.05 * rank;
            let values = [
                (Signal::Activation, "cka", "debiased", debiased),
                (Signal::Activation, "cka", "biased", floor + (1.0 - floor) * debiased.max(0.0)),
                (Signal::Activation, "cka", "floor", floor),
                (Signal::Weight, "per", "attainable", 0.95 - 0.3 * trained / rank),
                (Signal::Gradient, "per", "attainable", 0.4 + 0.2 * trained / rank),
            ];
            for component in Component::ALL {
                for layer in 0..2_u8 {
                    records.extend(values.map(|(signal, metric, estimator, value)| {
                        Record::new(
                            (*model).to_owned(),
                            Step(step),
                            Site::write(layer.into(), component),
                            signal,
                            metric.to_owned(),
                            Ok(value - 0.01 * f64::from(layer)),
                        )
                        .with_shape(2048, 512)
                        .with_positions((signal == Signal::Activation).then_some(Positions::Last))
                        .with_estimator(estimator.to_owned())
                        .with_protocol("corrected")
                    }));
                }
            }
        }
    }
    records
}

/// The tables of records of the protocol `corrected`.
#[track_caller]
pub(crate) fn tables(records: &[Record]) -> Tables {
    Tables::new(records, &Rules::corrected()).expect("records that do not contradict each other")
}

pub(crate) fn parse(figure: &Figure) -> Document<'_> {
    Document::parse(figure.svg()).expect("well-formed XML")
}

/// The groups of the curves of `model`, in drawing order: by column, then by row, then from back to
/// front.
pub(crate) fn curves<'a>(svg: &'a Document<'_>, model: &str) -> Vec<Node<'a, 'a>> {
    svg.descendants().filter(|node| node.attribute("data-series") == Some(model)).collect()
}

/// The line of a group of [`curves`], as its path data.
pub(crate) fn line<'a>(curve: Node<'a, 'a>) -> &'a str {
    let path = curve.first_element_child().expect("a curve has a line");
    path.attribute("d").expect("a path has data")
}

pub(crate) fn texts<'a>(svg: &'a Document<'_>) -> Vec<&'a str> {
    let texts = svg.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default()).collect()
}
