//! Every figure of a whole study: legible, well-formed, the same twice. With `GALLERY=folder` they
//! are saved there, to be looked at.

use std::path::Path;
use std::{env, fs};

use settling_analysis::Quantity;
use settling_core::Step;
use settling_figures::{
    Error, ErrorKind, Figure, estimator_figure, layer_heat_map, layer_lines, main_figure,
    percentile_figure, settling_figure, spectra_figure, surface_figure,
};
use settling_records::Record;

use crate::main_figure::assert_texts_are_legible;
use crate::study::{parse, tables};
use crate::suite::{Model, PYTHIA, spectra, steps, suite};

/// Checks a figure, and saves it where a person wants to look at it.
#[track_caller]
fn look_at(name: &str, draw: impl Fn() -> Result<Figure, Error>) {
    let figure = draw().expect("a figure");
    assert_eq!(figure, draw().expect("a figure"), "the same records give the same figure");
    if let Some(folder) = env::var_os("GALLERY") {
        fs::create_dir_all(&folder).expect("a folder");
        figure.save(Path::new(&folder).join(name)).expect("saved");
    }
    parse(&figure);
    assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"), "{name}");
    assert_texts_are_legible(&figure);
}

fn all_figures(name: &str, records: &[Record]) {
    let model = records[records.len() - 1].model.clone();
    let tables = &tables(records);
    look_at(&format!("{name}-main"), || main_figure(tables));
    look_at(&format!("{name}-percentiles"), || percentile_figure(tables));
    look_at(&format!("{name}-estimators"), || estimator_figure(tables));
    look_at(&format!("{name}-settling"), || settling_figure(tables, &[0.45, 0.9]));
    look_at(&format!("{name}-lines"), || layer_lines(tables, &model));
    for (quantity, short) in [
        (Quantity::DebiasedCka, "cka"),
        (Quantity::WeightPer, "per"),
        (Quantity::GradientPer, "grad"),
    ] {
        look_at(&format!("{name}-heat-{short}"), || layer_heat_map(tables, &model, quantity));
    }
    // Of few layers, or undefined ones, there may be none.
    match surface_figure(tables, &model) {
        Ok(_) => look_at(&format!("{name}-surface"), || surface_figure(tables, &model)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NoData, "{error}"),
    }
}

#[test]
fn the_suite_of_the_paper() {
    all_figures("pythia", &suite(&PYTHIA, &steps()));
}

#[test]
fn one_shallow_model_at_few_steps() {
    all_figures("one", &suite(&[("mine", 3, 64)], &[0, 100, 200, 1000]));
}

#[test]
fn many_models_with_long_names() {
    let names: Vec<String> = (0..9)
        .map(|size| format!("EleutherAI/{}pythia-{size}b-deduped", "a-long-".repeat(size)))
        .collect();
    let models: Vec<Model<'_>> = names.iter().map(|name| (name.as_str(), 12, 768)).collect();
    all_figures("many", &suite(&models, &[0, 1, 8, 64, 512, 8_000, 143_000]));
}

#[test]
fn undefined_values_leave_gaps() {
    let mut records = suite(&[("deep", 36, 5120), ("wide", 4, 8192)], &steps());
    for record in &mut records {
        let (layer, step) = (record.site.layer as u64, record.step.0);
        if step == 64 || (layer == 2 && step % 3 == 1) {
            record.value = Err("zero matrix".to_owned());
        }
    }
    all_figures("gaps", &records);
}

#[test]
fn spectra_over_training() {
    let spectra = spectra(1024, &steps());
    let slices: Vec<(Step, &[f64])> =
        spectra.iter().map(|(step, spectrum)| (*step, &spectrum[..])).collect();
    look_at("spectra", || spectra_figure("pythia-410m, layer3.mlp.write, weight", &slices));
}
