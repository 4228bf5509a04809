//! Figures that show more than the mean over layers.

use proptest::prelude::*;
use settling_analysis::{ErrorKind as TableErrorKind, Quantity, Rules, Tables, quantile};
use settling_core::{Component, Signal, Step};
use settling_figures::{
    ErrorKind, estimator_figure, layer_heat_map, layer_lines, percentile_figure,
};
use settling_records::Record;

use crate::study::{STEPS, curves, line, parse, records, tables, texts};
use crate::suite::{PYTHIA, steps, suite};

/// The debiased CKA of `values` layers at one step, of both components.
fn layers(values: &[f64]) -> Vec<Record> {
    let template = &records(&["m"], &[512])[0];
    let of = |component| {
        values.iter().enumerate().map(move |(layer, &value)| {
            let mut record = template.clone();
            record.site.layer = layer;
            record.site.component = component;
            record.value = Ok(value);
            record
        })
    };
    Component::ALL.into_iter().flat_map(of).collect()
}

/// The lowest and the highest y of the band with this fill, in the upper panel.
fn band(records: &[Record], fill: &str) -> (f64, f64) {
    let figure = percentile_figure(&tables(records)).expect("a figure");
    let svg = parse(&figure);
    let path = svg
        .descendants()
        .find(|node| node.has_tag_name("path") && node.attribute("fill") == Some(fill))
        .and_then(|path| path.attribute("d"))
        .expect("a band");
    let ys = path.split(['M', 'L', 'Z']).filter(|point| !point.is_empty());
    let ys: Vec<f64> = ys
        .map(|point| point.split(' ').nth(1).and_then(|y| y.parse().ok()).expect("a point"))
        .collect();
    let least = ys.iter().copied().fold(f64::INFINITY, f64::min);
    (least, ys.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

#[test]
fn bands_lie_at_the_percentiles() {
    // 11 layers at 0, 0.1 ... 1: the percentiles are among them, and the page is linear in between.
    let values: Vec<f64> = (0..=10).map(|tenth| f64::from(tenth) / 10.0).collect();
    let records = layers(&values);
    let (outer, inner) = (band(&records, "#d3d5e3"), band(&records, "#9da3c6"));
    let height = |(top, bottom): (f64, f64)| bottom - top;
    assert!((height(outer) / height(inner) - 0.8 / 0.5).abs() < 1e-3, "{outer:?} {inner:?}");
    let middle = |(top, bottom): (f64, f64)| f64::midpoint(top, bottom);
    assert!((middle(outer) - middle(inner)).abs() < 0.02, "both are around the median");
}

#[test]
fn quantiles_are_those_of_numpy() {
    // numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0.1, 0.25, 0.5, 0.75, 0.9])
    let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
    for (q, expected) in [(0.1, 1.0), (0.25, 1.75), (0.5, 3.5), (0.75, 5.25), (0.9, 6.9)] {
        let found = quantile(&values, q).expect("a quantile");
        assert!((found - expected).abs() < 1e-12, "{q}: {found}");
    }
    assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (Some(1.0), Some(9.0)));
    assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
}

proptest! {
    /// Between the least and the largest value, rising with `q`, whatever the order of the values.
    #[test]
    fn quantiles_are_ordered(
        mut values in prop::collection::vec(-1e6_f64..1e6, 1..40),
        qs in prop::collection::vec(0.0_f64..=1.0, 2..6),
    ) {
        let mut qs = qs;
        qs.sort_by(f64::total_cmp);
        let found: Vec<f64> = qs.iter().filter_map(|&q| quantile(&values, q)).collect();
        prop_assert_eq!(found.len(), qs.len());
        let slack = 1e-9 * 1e6;
        prop_assert!(found.windows(2).all(|pair| pair[0] <= pair[1] + slack), "{:?}", found);
        values.reverse();
        let again: Vec<f64> = qs.iter().filter_map(|&q| quantile(&values, q)).collect();
        prop_assert_eq!(&again, &found);
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[0], values[values.len() - 1]);
        prop_assert!(found.iter().all(|x| (low - slack..=high + slack).contains(x)), "{:?}", found);
    }
}

#[test]
#[should_panic(expected = "NaN has no rank")]
fn nan_has_no_quantile() {
    let _ = quantile(&[1.0, f64::NAN], 0.5);
}

#[test]
fn a_step_without_values_interrupts_bands_and_median() {
    let mut records = records(&["m"], &STEPS);
    for record in records.iter_mut().filter(|record| record.step == Step(64)) {
        record.value = Err("zero matrix".to_owned());
    }
    let figure = percentile_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    let bands: Vec<&str> = svg
        .descendants()
        .filter(|node| node.attribute("fill") == Some("#d3d5e3") && node.has_tag_name("path"))
        .filter_map(|node| node.attribute("d"))
        .collect();
    assert_eq!(bands.len(), 2);
    assert!(bands.iter().all(|band| band.matches('M').count() == 2), "{bands:?}");
    for median in curves(&svg, "median") {
        assert_eq!(line(median).matches('M').count(), 2);
    }
    assert!(figure.svg().contains("Undefined and left out: 4 of 28 values."));
}

#[test]
fn every_model_has_a_column_and_every_estimator_a_line() {
    let figure = estimator_figure(&tables(&suite(&PYTHIA, &steps()))).expect("a figure");
    let svg = parse(&figure);
    let texts = texts(&svg);
    assert!(PYTHIA.iter().all(|(name, ..)| texts.contains(name)), "{texts:?}");
    for estimator in ["debiased CKA", "biased CKA", "floor: biased CKA of independent features"] {
        let lines = curves(&svg, estimator);
        assert_eq!(lines.len(), 2 * PYTHIA.len(), "{estimator}");
        assert!(
            lines.into_iter().all(|one| line(one).matches(['M', 'L']).count() == steps().len())
        );
    }
}

#[test]
fn an_estimator_that_was_not_measured_has_no_line() {
    let mut records = records(&["m"], &STEPS);
    records.retain(|record| record.estimator != "debiased");
    let figure = estimator_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    assert_eq!((curves(&svg, "debiased CKA").len(), curves(&svg, "biased CKA").len()), (0, 2));
    let texts = texts(&svg);
    assert!(texts.contains(&"biased CKA") && !texts.contains(&"debiased CKA"), "{texts:?}");
}

#[test]
fn every_layer_has_a_line_in_each_of_six_panels() {
    let records = suite(&[("other", 3, 64), ("mine", 20, 64)], &STEPS);
    let figure = layer_lines(&tables(&records), "mine").expect("a figure");
    let svg = parse(&figure);
    let mut colors = Vec::new();
    for layer in 0..20 {
        let lines = curves(&svg, &format!("layer {layer}"));
        assert_eq!(lines.len(), 6, "layer {layer}");
        let color = lines[0].first_element_child().and_then(|path| path.attribute("stroke"));
        colors.push(color.expect("a color").to_owned());
    }
    colors.dedup();
    assert_eq!((colors.len(), colors[0].as_str()), (20, "#440154"));
    assert!(texts(&svg).contains(&"CKA (debiased)") && texts(&svg).contains(&"Layer"));
    assert!(!figure.svg().contains("other"));
}

#[test]
fn a_cell_has_the_color_of_its_value_or_is_left_out() {
    let mut records = records(&["m"], &STEPS);
    records.retain(|record| record.estimator == "debiased");
    for record in &mut records {
        let (mlp, layer) = (record.site.component == Component::Mlp, record.site.layer);
        record.value = match (record.step.0, layer) {
            (64, 1) => Err("zero matrix".to_owned()),
            (0, 0) => Ok(-0.2),
            (143_000, _) => Ok(1.0),
            _ => Ok(if mlp { 0.25 } else { 0.5 }),
        };
    }
    let figure = layer_heat_map(&tables(&records), "m", Quantity::DebiasedCka).expect("a figure");
    let svg = parse(&figure);
    let texts = texts(&svg);
    let count = |label: &str| texts.iter().filter(|&&text| text == label).count();
    // 7 steps and 2 layers: without the last step, the cell below 0, and the undefined one.
    assert_eq!((count("0.50"), count("0.25"), count("1.00")), (10, 10, 4));
    assert_eq!((count("\u{2212}0.20"), count("–")), (2, 2));
    assert!(figure.svg().contains("Undefined and left out: 2 of 28 values."));
    // As dark as 0, and no path for what is undefined: 3 colors a table. 0.5 is half-way between
    // the stops #2c718e and #21908d, 0.25 three quarters of the way from #472c7a to #3b518b.
    let tables = svg
        .descendants()
        .filter(|node| node.has_tag_name("g") && node.attribute("shape-rendering").is_some());
    let cells = tables.flat_map(|table| table.children().filter(|node| node.has_tag_name("path")));
    let fills: Vec<&str> = cells.filter_map(|cell| cell.attribute("fill")).collect();
    assert_eq!(fills, ["#440154", "#27818e", "#9ed228", "#440154", "#3e4887", "#9ed228"]);
}

#[test]
fn figures_of_layers_say_what_they_lack() {
    let records = records(&["m"], &STEPS);
    for error in [
        layer_lines(&tables(&records), "other").unwrap_err(),
        layer_heat_map(&tables(&records), "other", Quantity::WeightPer).unwrap_err(),
        percentile_figure(&tables(&[])).unwrap_err(),
        estimator_figure(&tables(&[])).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NoData);
        assert!(error.to_string().contains("none of the 0 records"), "{error}");
    }
    let mut twice = records.clone();
    twice.push(records[0].clone());
    let error = Tables::new(&twice, &Rules::corrected()).unwrap_err();
    assert_eq!(error.kind(), TableErrorKind::Contradiction, "{error}");
}

#[test]
fn the_yardstick_of_random_matrices_is_no_measurement() {
    let all = records(&["m"], &STEPS);
    let mut more = all.clone();
    more.extend(all.iter().filter(|record| record.signal == Signal::Weight).cloned().map(
        |mut record| {
            "marchenko_pastur".clone_into(&mut record.estimator);
            record
        },
    ));
    assert_eq!(
        layer_lines(&tables(&more), "m").expect("a figure"),
        layer_lines(&tables(&all), "m").expect("a figure")
    );
}
