//! Records as a study of a suite of models would write them: invented, but shaped like measured
//! ones.

use settling_core::{Component, Positions, Signal, Site, Step};
use settling_records::Record;

/// A model of the suite: its name, layers and width.
pub(crate) type Model<'a> = (&'a str, u8, u16);

/// The models of the paper.
pub(crate) const PYTHIA: [Model<'_>; 5] = [
    ("pythia-70m", 6, 512),
    ("pythia-160m", 12, 768),
    ("pythia-410m", 24, 1024),
    ("pythia-1.4b", 24, 2048),
    ("pythia-2.8b", 32, 2560),
];

/// The 27 steps of the paper.
pub(crate) fn steps() -> Vec<u64> {
    let powers = (0..10).map(|power| 1_u64 << power);
    let thousands = [1, 3, 5, 13, 23, 33, 43, 53, 63, 73, 83, 93, 103, 113, 133, 143];
    [0].into_iter().chain(powers).chain(thousands.map(|step| step * 1000)).collect()
}

/// Some noise between -1 and 1, the same on every machine.
fn noise(seed: u64) -> f64 {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// The records of `models` at `steps`.
pub(crate) fn suite(models: &[Model<'_>], steps: &[u64]) -> Vec<Record> {
    let last = *steps.last().expect("a study has a step");
    let mut records = Vec::new();
    for (rank, &(model, layers, width)) in (1_u32..).zip(models) {
        for (&step, component, layer) in steps.iter().flat_map(|step| {
            let layers = move |component| (0..layers).map(move |layer| (step, component, layer));
            Component::ALL.into_iter().flat_map(layers)
        }) {
            let depth = f64::from(layer) / f64::from(layers);
            let mlp = f64::from(u8::from(component == Component::Mlp));
            let place = u64::from(rank) << 40 | u64::from(layer) << 32 | (mlp as u64) << 30;
            let small = noise(place ^ step) * 0.03;
            let own = noise(place) * 0.9 + depth - 0.5;
            let trained = (1.0 + step as f64).ln() / (1.0 + last as f64).ln().max(1.0);
            let late = (1.0 + own + 6.0 / f64::from(rank)).max(0.4) * (1.0 + mlp * 0.5);
            let debiased = if step == last { 1.0 } else { trained.powf(late) * 0.97 + small };
            let floor = (0.25 + 0.11 * f64::from(rank)).min(0.95) - 0.1 * trained;
            let weight = 0.975 - (0.12 / f64::from(rank) + 0.03 * own) * trained.powi(4);
            let gradient = 0.2 + 0.3 * trained * (1.0 - 0.5 * own) / f64::from(rank).sqrt() + small;
            let values = [
                (Signal::Activation, "cka", "debiased", debiased),
                (Signal::Activation, "cka", "biased", floor + (1.0 - floor) * debiased.max(0.0)),
                (Signal::Activation, "cka", "floor", floor),
                (Signal::Weight, "per", "attainable", weight.min(1.0)),
                (Signal::Gradient, "per", "attainable", gradient),
            ];
            records.extend(values.map(|(signal, metric, estimator, value)| {
                Record::new(
                    model.to_owned(),
                    Step(step),
                    Site::write(layer.into(), component),
                    signal,
                    metric.to_owned(),
                    Ok(value),
                )
                .with_shape(128, width.into())
                .with_positions((signal == Signal::Activation).then_some(Positions::Last))
                .with_estimator(estimator.to_owned())
                .with_protocol("corrected")
            }));
        }
    }
    records
}

/// Spectra of a matrix that starts random and loses rank.
pub(crate) fn spectra(values: u16, steps: &[u64]) -> Vec<(Step, Vec<f64>)> {
    let last = *steps.last().expect("a study has a step") as f64;
    let spectrum = |&step: &u64| {
        let trained = (1.0 + step as f64).ln() / (1.0 + last).ln();
        let value = |rank: u16| {
            let share = f64::from(rank) / f64::from(values);
            (2.0 - 1.9 * share) * (1.0 + f64::from(rank)).powf(-0.4 * trained.powi(2))
        };
        (Step(step), (0..values).map(value).collect())
    };
    steps.iter().map(spectrum).collect()
}
