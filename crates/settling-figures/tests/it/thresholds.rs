//! Figures of what layers reach, and when.

use settling_core::{Component, Step};
use settling_figures::{ErrorKind, settling_figure, spectra_figure, surface_figure};
use settling_records::Record;

use crate::study::{curves, line, parse, records, tables, texts};

const STEPS: [u64; 4] = [0, 10, 100, 1000];

/// The debiased CKA of `layers` at [`STEPS`], the same for both components.
fn converging(layers: &[[Option<f64>; 4]]) -> Vec<Record> {
    let template = &records(&["m"], &[512])[0];
    let mut records = Vec::new();
    for component in Component::ALL {
        for (layer, values) in layers.iter().enumerate() {
            for (step, value) in STEPS.into_iter().zip(values) {
                let mut record = template.clone();
                (record.step, record.site.layer) = (Step(step), layer);
                record.site.component = component;
                record.value = value.ok_or_else(|| "zero matrix".to_owned());
                records.push(record);
            }
        }
    }
    records
}

#[test]
fn settled_layers_are_points_and_others_are_outlined_and_counted() {
    let some = |values: [f64; 4]| values.map(Some);
    let records = converging(&[
        some([0.9, 0.9, 0.9, 1.0]),              // from the start
        some([0.1, 0.9, 0.9, 1.0]),              // from 1 % on
        some([0.1, 0.1, 0.1, 1.0]),              // at the end alone
        some([0.9, 0.9, 0.1, 0.2]),              // never
        [Some(0.1), Some(0.1), None, Some(1.0)], // unknown
        [None, Some(0.1), Some(0.9), Some(1.0)], // from 10 % on, whatever was before
    ]);
    let figure = settling_figure(&tables(&records), &[0.5]).expect("a figure");
    let svg = parse(&figure);
    let groups = curves(&svg, "m");
    assert_eq!(groups.len(), 4, "a line and a lane in each of two panels");
    for component in groups.chunks(2) {
        // Two points that are joined, a gap of three layers, one point.
        assert_eq!(line(component[0]).matches('M').count(), 2);
        assert_eq!(line(component[0]).matches(['M', 'L']).count(), 3);
        let outlined = component[1].first_element_child().expect("markers");
        assert_eq!(outlined.attribute("fill"), Some("#fff"));
        assert_eq!(outlined.attribute("d").map(|d| d.matches('M').count()), Some(2));
    }
    assert!(
        figure.svg().contains(
            "Not settled at 0.5: 4 of 12 layers. Unknown: 2. Because: CKA at step 100 is"
        )
    );
    let texts = texts(&svg);
    for label in ["not settled", "0 %", "1 %", "10 %", "100 %", "CKA \u{2265} 0.5"] {
        assert!(texts.contains(&label), "{label} in {texts:?}");
    }
}

#[test]
fn the_end_of_training_is_that_of_all_records_of_the_model() {
    let mut records = converging(&[[Some(0.1), Some(0.9), Some(0.9), Some(1.0)]]);
    let mut later = records[0].clone();
    later.step = Step(2000);
    later.metric = "something_else".to_owned();
    records.push(later);
    let error = settling_figure(&tables(&records), &[0.5]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoData);
    assert!(error.to_string().ends_with("CKA at step 2000 was not measured."), "{error}");
}

#[test]
#[should_panic(expected = "a threshold is NaN")]
fn a_threshold_is_a_number() {
    let _ = settling_figure(&tables(&records(&["m"], &[1])), &[f64::NAN]);
}

#[test]
fn a_threshold_is_one_of_the_table() {
    let records = converging(&[[Some(0.1), Some(0.9), Some(0.9), Some(1.0)]]);
    let error = settling_figure(&tables(&records), &[0.5, 0.6]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoData);
    assert!(error.to_string().contains("(0.45, 0.5, 0.8, 0.9), found 0.6"), "{error}");
}

/// Layers that converge as `early` says, with these PERs of weights at the end.
fn associated(layers: &[(f64, Option<f64>)]) -> Vec<Record> {
    let trajectories: Vec<_> =
        layers.iter().map(|&(early, _)| [0.0, early, early, 1.0].map(Some)).collect();
    let mut records = converging(&trajectories);
    let template = records_of_weights();
    for component in Component::ALL {
        for (layer, &(_, per)) in layers.iter().enumerate() {
            let mut record = template.clone();
            (record.step, record.site.layer) = (Step(1000), layer);
            record.site.component = component;
            record.value = per.ok_or_else(|| "zero matrix".to_owned());
            records.push(record);
        }
    }
    records
}

fn records_of_weights() -> Record {
    let all = records(&["m"], &[512]);
    all.into_iter().find(|record| record.estimator == "attainable").expect("a record of weights")
}

#[test]
fn a_surface_counts_where_its_correlation_is_positive() {
    // The early layer is the small one: MCC is -1 wherever thresholds tell them apart. CKA 0.3 to
    // 0.7 has 9 thresholds from 0.3 on up to 0.7, of which 0.3 itself is reached by both; PER 0.85
    // to 0.9 likewise 5 of 0.86 to 0.90.
    let records = associated(&[(0.3, Some(0.905)), (0.7, Some(0.855))]);
    let figure = surface_figure(&tables(&records), "m").expect("a figure");
    let undefined = 260 - 8 * 5;
    let count = format!("PER of weights: above 0 at 0 of 260 points, undefined at {undefined} (");
    let svg = parse(&figure);
    let description = svg.descendants().find(|node| node.has_tag_name("desc"));
    let description = description.and_then(|node| node.text()).expect("a description");
    assert_eq!(description.matches(&count).count(), 2, "of both components: {description}");
    let texts = texts(&svg);
    assert_eq!(texts.iter().filter(|&&text| text == "no data").count(), 0);
    assert_eq!(texts.iter().filter(|text| text.starts_with("PER at least")).count(), 2);
    let absent = "PER of gradients: undefined (a layer has no PER at the end (layer 0: PER of the";
    assert_eq!(description.matches(absent).count(), 2, "not drawn, but said: {description}");
}

#[test]
fn the_border_of_positive_correlations_is_drawn_where_there_is_one() {
    let border = |layers: &[(f64, Option<f64>)]| {
        let figure = surface_figure(&tables(&associated(layers)), "m").expect("a figure");
        figure.svg().matches("stroke-width=\"1.8\"").count()
    };
    assert_eq!(border(&[(0.3, Some(0.905)), (0.7, Some(0.855))]), 0);
    assert_eq!(border(&[(0.3, Some(0.905)), (0.5, Some(0.97)), (0.7, Some(0.855))]), 2);
}

#[test]
fn a_surface_needs_every_layer() {
    let error =
        surface_figure(&tables(&associated(&[(0.3, Some(0.9)), (0.7, None)])), "m").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoData);
    assert!(error.to_string().contains("a layer has no PER at the end"), "{error}");
    assert_eq!(surface_figure(&tables(&[]), "m").unwrap_err().kind(), ErrorKind::NoData);
    let mut records = associated(&[(0.3, Some(0.9)), (0.5, Some(0.99)), (0.7, Some(0.8))]);
    assert!(surface_figure(&tables(&records), "m").is_ok());
    records.retain(|record| record.site.layer != 1 || record.metric != "cka");
    let error = surface_figure(&tables(&records), "m").unwrap_err();
    assert!(error.to_string().contains("MLP, PER of weights: a layer has no CKA"), "{error}");
}

#[test]
fn spectra_are_divided_by_their_largest_value() {
    let one: [(Step, &[f64]); 2] = [(Step(0), &[4.0, 2.0, 0.1]), (Step(8), &[8.0, 4.0, 0.2])];
    let figure = spectra_figure("w", &one).expect("a figure");
    let svg = parse(&figure);
    let [first] = curves(&svg, "step 0")[..] else { panic!("one line per step") };
    let [second] = curves(&svg, "step 8")[..] else { panic!("one line per step") };
    assert_eq!(line(first), line(second), "they have the same shape");
    assert_eq!(line(first).matches(['M', 'L']).count(), 3);
}

#[test]
fn a_singular_value_of_zero_has_a_place_and_a_zero_matrix_is_counted() {
    let spectra: [(Step, &[f64]); 3] =
        [(Step(0), &[0.0, 0.0]), (Step(1), &[1.0, 0.001, 0.0]), (Step(2), &[1.0, 0.5, 0.25])];
    let figure = spectra_figure("w", &spectra).expect("a figure");
    let svg = parse(&figure);
    assert!(texts(&svg).contains(&"0"));
    assert!(curves(&svg, "step 0").is_empty());
    assert_eq!(line(curves(&svg, "step 1")[0]).matches(['M', 'L']).count(), 3);
    assert!(figure.svg().contains("Left out because all values are 0: 1 of 3 spectra."));
}

#[test]
fn long_spectra_are_thinned_but_keep_their_ends() {
    let values: Vec<f64> = (0..20_000).map(|rank| 1.0 / (1.0 + f64::from(rank))).collect();
    let figure = spectra_figure("w", &[(Step(0), &values[..])]).expect("a figure");
    let svg = parse(&figure);
    let points = line(curves(&svg, "step 0")[0]).matches(['M', 'L']).count();
    assert!((100..800).contains(&points), "{points}");
    // The last value is the least, so its label is on the axis: 1 / 20000 lies between these.
    assert!(texts(&svg).contains(&"0.0001"));
}

#[test]
fn spectra_that_cannot_be_are_refused() {
    let kind = |spectra: &[(Step, &[f64])]| spectra_figure("w", spectra).unwrap_err().kind();
    assert_eq!(kind(&[]), ErrorKind::NoData);
    assert_eq!(kind(&[(Step(0), &[])]), ErrorKind::NoData);
    assert_eq!(kind(&[(Step(0), &[0.0])]), ErrorKind::NoData);
    let invalid = ErrorKind::InvalidRecords;
    assert_eq!(kind(&[(Step(1), &[1.0]), (Step(1), &[1.0])]), invalid);
    assert_eq!(kind(&[(Step(1), &[1.0, 2.0])]), invalid);
    assert_eq!(kind(&[(Step(1), &[1.0, -0.5])]), invalid);
    assert_eq!(kind(&[(Step(1), &[f64::INFINITY])]), invalid);
    assert_eq!(kind(&[(Step(1), &[f64::NAN])]), invalid);
}
