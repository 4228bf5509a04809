//! The table of correlations.

use settling_core::{Component, View};
use settling_figures::{ErrorKind, mcc_figure};
use settling_records::MccRow;

use crate::main_figure::assert_texts_are_legible;
use crate::study::{curves, parse, texts};

pub(crate) fn row(model: &str, component: Component, mcc: Result<f64, String>) -> MccRow {
    let mut row = MccRow::new(model, component, View::Write, "weight_per", [2, 1, 0, 3]);
    row.interval = mcc.is_ok().then_some((-0.25, 0.75));
    row.mcc = mcc;
    row.p_exact = 0.2;
    row.protocol = "corrected".to_owned();
    row
}

fn rows(models: &[&str]) -> Vec<MccRow> {
    let of_model = |model: &&str| {
        let reason = "no layer converges early".to_owned();
        [row(model, Component::Attention, Ok(0.5)), row(model, Component::Mlp, Err(reason))]
    };
    models.iter().flat_map(of_model).collect()
}

#[test]
fn every_row_has_its_number_or_its_reason() {
    let figure = mcc_figure(&rows(&["b", "a"])).expect("a figure");
    let svg = parse(&figure);
    for model in ["b", "a"] {
        // The interval and its two ends, and the point.
        let group = curves(&svg, model);
        assert_eq!(group.len(), 1);
        let drawn = |name| group[0].children().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((drawn("line"), drawn("path")), (3, 1));
    }
    let texts = texts(&svg);
    let count = |label: &str| texts.iter().filter(|&&text| text == label).count();
    assert_eq!((count("b"), count("a"), count("\u{2212}0.25 to 0.75")), (1, 1, 2));
    assert_eq!((count("0.50"), count("0.200"), count("no layer converges early")), (2, 2, 2));
    assert!(figure.svg().contains("Undefined: 2 of 4 correlations."));
    assert_texts_are_legible(&figure);
}

#[test]
fn an_interval_is_drawn_to_scale() {
    let figure = mcc_figure(&rows(&["m"])).expect("a figure");
    let svg = parse(&figure);
    let bar =
        curves(&svg, "m")[0].children().find(|node| node.has_tag_name("line")).expect("a bar");
    let at = |key| bar.attribute(key).and_then(|x| x.parse::<f64>().ok()).expect("a number");
    // Half of the axis, which has 244 units for -1 to 1.
    assert!((at("x2") - at("x1") - 122.0).abs() < 0.011);
}

#[test]
fn long_names_many_models_and_large_counts_stay_legible() {
    let names: Vec<String> =
        (0..12).map(|size| format!("a-name-{}-{size}b", "long-".repeat(20))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rows = rows(&names);
    for row in &mut rows {
        row.true_negatives = 1_000_000_000_000;
        row.predictor = "something_else_altogether_that_is_long".to_owned();
        row.interval = row.interval.map(|_| (-1.0, 1.0));
        row.p_exact = 1e-9;
    }
    assert_texts_are_legible(&mcc_figure(&rows).expect("a figure"));
}

#[test]
fn rows_that_cannot_be_drawn_are_errors() {
    assert_eq!(mcc_figure(&[]).unwrap_err().kind(), ErrorKind::NoData);
    let beyond = row("m", Component::Mlp, Ok(1.5));
    let error = mcc_figure(&[beyond]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRecords);
    assert!(error.to_string().contains("1.5"), "{error}");
    let mut backwards = row("m", Component::Mlp, Ok(0.5));
    backwards.interval = Some((0.75, -0.25));
    assert_eq!(mcc_figure(&[backwards]).unwrap_err().kind(), ErrorKind::InvalidRecords);
}

#[test]
fn an_interval_without_a_width_says_so() {
    let mut rows = vec![row("m", Component::Mlp, Ok(1.0)), row("n", Component::Mlp, Ok(0.5))];
    rows[0].interval = Some((1.0, 1.0));
    rows[1].interval = Some((0.25, 0.75));
    let figure = mcc_figure(&rows).expect("a figure");
    let svg = parse(&figure);
    let shown = texts(&svg);
    assert!(shown.contains(&"1.00, no width") && shown.contains(&"0.25 to 0.75"), "{shown:?}");
    assert!(figure.svg().contains("No width: the interval collapsed to a point"));
    rows.remove(0);
    assert!(!mcc_figure(&rows).expect("a figure").svg().contains("No width"));
}

#[test]
fn a_reason_without_room_is_told_in_full_below() {
    let reason = "6 of 6 layers have an undefined variable: early convergence of layers 0 to 5 (CKA at step 0 is undefined: zero variance)";
    let figure = mcc_figure(&[row("m", Component::Mlp, Err(reason.to_owned()))]).expect("a figure");
    let svg = parse(&figure);
    assert!(texts(&svg).contains(&"6 of 6 layers have an undefined variable: see below"));
    assert!(figure.svg().contains(&format!("m (MLP, PER of weight): {reason}.")));
}

/// White lies over the zero line, and the words over the white.
#[test]
fn the_zero_line_does_not_strike_through_a_reason() {
    let reason = "every layer has a large PER";
    let figure = mcc_figure(&[row("m", Component::Mlp, Err(reason.to_owned()))]).expect("a figure");
    let svg = parse(&figure);
    let nodes: Vec<_> = svg.descendants().filter(|node| node.is_element()).collect();
    let number = |place: usize, key: &str| -> f64 {
        nodes[place].attribute(key).and_then(|value| value.parse().ok()).expect("a number")
    };
    let words = nodes.iter().position(|node| node.text() == Some(reason)).expect("the reason");
    // The page itself is white too, and has no place.
    let white = |place: &usize| {
        nodes[*place].has_tag_name("rect") && nodes[*place].attribute("x").is_some()
    };
    let white = (0..words).rev().find(white).expect("a white place");
    // The axis runs from 536 to 780: zero lies half-way.
    let zero = |place: &usize| {
        nodes[*place].has_tag_name("line")
            && number(*place, "x1") == 658.0
            && number(*place, "x2") == 658.0
    };
    let zero = (0..nodes.len()).find(zero).expect("the zero line");
    assert!(zero < white && white < words, "{zero} {white} {words}");
    let left = number(white, "x");
    assert!(left < 658.0 && 658.0 < left + number(white, "width"));
    let (top, base) = (number(white, "y"), number(words, "y"));
    assert!(top < base - 9.0 && base < top + number(white, "height"));
}
