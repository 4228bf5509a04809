//! The main figure, and whether texts can be read.

use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use resvg::tiny_skia::Rect;
use resvg::usvg::{Group, Node, Options, Tree, fontdb};
use settling_analysis::{CkaEstimator, Error, ErrorKind as TableErrorKind, Rules, Tables};
use settling_core::{Component, Signal, Step, View};
use settling_figures::{ErrorKind, Figure, main_figure};
use settling_records::Record;

use crate::study::{STEPS, curves, line, parse, records, tables, texts};

/// Fails on a text that leaves the page or touches another, measured as the renderer measures them.
#[track_caller]
pub(crate) fn assert_texts_are_legible(figure: &Figure) {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_source(fontdb::Source::Binary(Arc::new(dejavu::sans::regular())));
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(figure.svg(), &options).expect("a valid SVG");
    let page = tree.size().to_rect(0.0, 0.0).expect("a page has a size");
    let mut texts = Vec::new();
    collect_texts(tree.root(), &mut texts);
    assert!(texts.len() > 5, "only {texts:?}");
    for (index, (words, place)) in texts.iter().enumerate() {
        assert!(place.width() > 0.0, "`{words}` is not drawn");
        assert!(
            page.left() <= place.left()
                && place.right() <= page.right()
                && page.top() <= place.top()
                && place.bottom() <= page.bottom(),
            "`{words}` at {place:?} leaves {page:?}"
        );
        for (other, taken) in &texts[..index] {
            let apart = place.right() < taken.left()
                || taken.right() < place.left()
                || place.bottom() < taken.top()
                || taken.bottom() < place.top();
            assert!(apart, "`{words}` at {place:?} touches `{other}` at {taken:?}");
        }
    }
}

fn collect_texts(group: &Group, texts: &mut Vec<(String, Rect)>) {
    for node in group.children() {
        match node {
            Node::Group(group) => collect_texts(group, texts),
            Node::Text(text) => {
                let words = text.chunks().iter().map(|chunk| chunk.text()).collect();
                texts.push((words, text.abs_bounding_box()));
            }
            _ => {}
        }
    }
}

#[test]
fn the_figure_is_the_golden_one() {
    let figure =
        main_figure(&tables(&records(&["pythia-70m", "pythia-1.4b"], &STEPS))).expect("a figure");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/main.svg");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, figure.svg()).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&golden).expect("the golden file exists");
    // Not `assert_eq`: a page of SVG twice helps nobody.
    let same = figure.svg().lines().zip(expected.lines()).take_while(|(new, old)| new == old);
    assert!(
        figure.svg() == expected,
        "differs from {} at line {}: look at it and run with UPDATE_GOLDEN=1 if it should",
        golden.display(),
        same.count() + 1
    );
    assert_texts_are_legible(&figure);
}

#[test]
fn every_column_shows_every_model_in_both_rows() {
    let records = records(&["b", "a"], &STEPS);
    let figure = main_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    // Two rows of three strokes of CKA, one of weights, one of gradients.
    for model in ["a", "b"] {
        let curves = curves(&svg, model);
        assert_eq!(curves.len(), 2 * (3 + 1 + 1));
        for curve in curves {
            assert_eq!(line(curve).matches(['M', 'L']).count(), STEPS.len());
        }
    }
    let texts = texts(&svg);
    for label in
        ["Mean CKA (debiased)", "Mean PER of weights", "Mean PER of gradients", "Attention", "MLP"]
    {
        assert_eq!(texts.iter().filter(|&&text| text == label).count(), 1, "{label}");
    }
    for stroke in ["CKA, debiased", "CKA, biased", "floor: biased CKA of independent features"] {
        assert!(texts.contains(&stroke), "{stroke}");
    }
    let place = |model| texts.iter().position(|&text| text == model);
    assert!(place("b") < place("a"), "models keep the order of the records");
}

#[test]
fn a_line_is_the_mean_over_the_defined_layers() {
    let with = |values: [Result<f64, String>; 2]| {
        let mut records = records(&["m"], &STEPS);
        records.retain(|record| record.signal == Signal::Weight);
        let at_step = records
            .iter_mut()
            .filter(|record| record.step == Step(64) && record.site.component == Component::Mlp);
        at_step.zip(values).for_each(|(record, value)| record.value = value);
        let figure = main_figure(&tables(&records)).expect("a figure");
        line(curves(&parse(&figure), "m")[1]).to_owned()
    };
    let undefined = || Err("zero matrix".to_owned());
    assert_eq!(with([Ok(0.7), Ok(0.8)]), with([Ok(0.75), Ok(0.75)]));
    assert_eq!(with([Ok(0.75), undefined()]), with([Ok(0.75), Ok(0.75)]));
    assert_ne!(with([Ok(0.75), Ok(0.75)]), with([Ok(0.7), Ok(0.7)]));
}

#[test]
fn an_average_over_some_of_the_layers_is_outlined() {
    let mut records = records(&["m"], &STEPS);
    let at_step = records.iter_mut().find(|record| {
        record.step == Step(64) && record.signal == Signal::Weight && record.site.layer == 1
    });
    at_step.expect("a record").value = Err("zero matrix".to_owned());
    let figure = main_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    let outlined = |svg: &roxmltree::Document<'_>| -> Vec<usize> {
        let groups = svg.descendants().filter(|node| node.attribute("data-outlined") == Some("m"));
        groups.map(|group| line(group).matches('M').count()).collect()
    };
    assert_eq!(outlined(&svg), [1]);
    let said = "Outlined: some layers have no value there";
    assert!(figure.svg().contains(said));
    // Where none is defined there is no marker at all.
    for record in &mut records {
        if record.step == Step(64) && record.signal == Signal::Weight {
            record.value = Err("zero matrix".to_owned());
        }
    }
    let figure = main_figure(&tables(&records)).expect("a figure");
    assert!(outlined(&parse(&figure)).is_empty() && !figure.svg().contains(said));
}

#[test]
fn a_step_without_a_defined_value_interrupts_the_line() {
    let mut records = records(&["m"], &STEPS);
    for record in &mut records {
        if record.step == Step(64) && record.signal == Signal::Gradient {
            record.value = Err("zero matrix".to_owned());
        }
    }
    let figure = main_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    let pieces: Vec<usize> =
        curves(&svg, "m").iter().map(|&curve| line(curve).matches('M').count()).collect();
    assert_eq!(pieces, [1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
    let gradient = line(curves(&svg, "m")[8]);
    assert_eq!(gradient.matches(['M', 'L']).count(), STEPS.len() - 1);
    assert!(figure.svg().contains("Undefined and left out: 4 of 140 values."));
}

#[test]
fn names_are_escaped_and_shortened() {
    let long = "a-name-".repeat(60);
    let hostile = "<text>&amp;\"'</text>";
    let figure = main_figure(&tables(&records(&[hostile, &long], &STEPS))).expect("a figure");
    let svg = parse(&figure);
    assert!(texts(&svg).contains(&hostile));
    assert_eq!(curves(&svg, hostile).len(), 10);
    assert_eq!(curves(&svg, &long).len(), 10);
    assert_texts_are_legible(&figure);
}

#[test]
fn ten_models_wrap_the_legend() {
    let names: Vec<String> =
        (0..10).map(|size| format!("EleutherAI/pythia-{size}b-deduped")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let figure = main_figure(&tables(&records(&names, &STEPS))).expect("a figure");
    let svg = parse(&figure);
    let texts = texts(&svg);
    assert!(names.iter().all(|name| texts.contains(name)), "{texts:?}");
    assert_texts_are_legible(&figure);
}

#[test]
fn one_model_at_one_step_is_a_figure() {
    for step in [0, 143_000] {
        let mut records = records(&["m"], &[step]);
        records.retain(|record| record.site.layer == 0);
        let figure = main_figure(&tables(&records)).expect("a figure");
        assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"));
        assert_eq!(curves(&parse(&figure), "m").len(), 10);
        assert_texts_are_legible(&figure);
    }
}

#[test]
fn without_debiased_values_the_title_says_biased() {
    let mut records = records(&["m"], &STEPS);
    records.retain(|record| record.estimator != "debiased");
    let rules = Rules { cka: CkaEstimator::Biased, ..Rules::corrected() };
    let tables = Tables::new(&records, &rules).expect("tables");
    let figure = main_figure(&tables).expect("a figure");
    assert!(texts(&parse(&figure)).contains(&"Mean CKA (biased)"));
}

#[test]
fn a_signal_that_was_not_measured_leaves_its_place_to_the_others() {
    let mut records = records(&["m"], &STEPS);
    records.retain(|record| record.signal == Signal::Weight);
    let figure = main_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    let texts = texts(&svg);
    assert!(!texts.contains(&"no data") && !texts.contains(&"Mean PER of gradients"));
    let absent = "Not drawn, as there is no number: Mean CKA (debiased), Mean PER of gradients.";
    assert!(texts.contains(&absent), "{texts:?}");
    assert_eq!(curves(&svg, "m").len(), 2);
}

#[test]
fn other_records_are_ignored() {
    let records = records(&["m"], &STEPS);
    let figure = main_figure(&tables(&records)).expect("a figure");
    let mut more = records.clone();
    more.extend(records.iter().cloned().map(|mut record| {
        record.site.head = Some(0);
        record.value = Ok(0.123);
        record
    }));
    more.extend(records.into_iter().map(|mut record| {
        record.metric = "stable_rank".to_owned();
        record
    }));
    assert_eq!(main_figure(&tables(&more)).expect("a figure"), figure);
}

/// The published protocol looks at circuits in the place of what Attention writes: it has a figure
/// too, which says so.
#[test]
fn attention_is_seen_through_the_view_that_there_is() {
    let written = records(&["m"], &STEPS);
    let mut circuits = written.clone();
    for record in &mut circuits {
        if record.site.component == Component::Attention && record.signal == Signal::Activation {
            record.site.view = View::OvFlat;
        }
    }
    let mut rules = Rules::corrected();
    rules.views.activations = View::OvFlat;
    let of_circuits = Tables::new(&circuits, &rules).expect("tables");
    let figure = main_figure(&of_circuits).expect("a figure");
    let svg = parse(&figure);
    let of_written = main_figure(&tables(&written)).unwrap();
    assert_eq!(curves(&svg, "m").len(), curves(&parse(&of_written), "m").len());
    let said = texts(&svg).into_iter().any(|text| text.contains("OV circuit (ov_flat)"));
    assert!(said, "{:?}", texts(&svg));
    // Beside what Attention writes, circuits are left out.
    let mut both = written.clone();
    both.extend(circuits.into_iter().filter(|record| record.site.view != View::Write));
    assert_eq!(main_figure(&tables(&both)).unwrap(), of_written);
}

#[test]
fn nothing_to_draw_is_an_error() {
    let mut records = records(&["m"], &STEPS);
    for record in &mut records {
        record.value = Err("diverged".to_owned());
    }
    for (records, found) in
        [(&records[..], "all 140 of these among the 140 records"), (&[], "none of the 0 records")]
    {
        let error = main_figure(&tables(records)).expect_err("there is nothing to draw");
        assert_eq!(error.kind(), ErrorKind::NoData);
        assert!(error.to_string().contains(found), "{error}");
    }
}

#[test]
fn records_that_contradict_each_other_are_refused() {
    let with_another = |change: fn(&mut Record)| -> Result<Tables, Error> {
        let mut records = records(&["m"], &STEPS);
        let mut last = records[records.len() - 1].clone();
        change(&mut last);
        records.push(last);
        Tables::new(&records, &Rules::corrected())
    };
    let error = with_another(|_| {}).expect_err("the records are invalid");
    assert_eq!(error.kind(), TableErrorKind::Contradiction);
    let message = error.to_string();
    assert!(
        message.starts_with("model `m`, step 143000, layer1.mlp.write: gradient per"),
        "{message}"
    );
    assert!(message.contains("of protocol `corrected` is there twice"), "{message}");

    // That of another protocol is not looked at.
    let others = with_another(|record| record.protocol = "published".to_owned()).expect("tables");
    let alone = main_figure(&tables(&records(&["m"], &STEPS)));
    assert_eq!(main_figure(&others).expect("a figure"), alone.expect("a figure"));

    let error = with_another(|record| {
        record.site.layer = 2;
        record.value = Ok(f64::NAN);
    });
    let error = error.expect_err("the records are invalid");
    assert_eq!(error.kind(), TableErrorKind::InvalidValue);
    assert!(error.to_string().contains("is NaN"), "{error}");
}

#[test]
fn the_floors_of_several_models_are_told_apart() {
    let records = records(&["m", "n"], &STEPS);
    let figure = main_figure(&tables(&records)).expect("a figure");
    let svg = parse(&figure);
    let floor = |model: &str| -> Vec<String> {
        let dotted = |curve: &roxmltree::Node<'_, '_>| {
            let line = curve.first_element_child();
            line.and_then(|line| line.attribute("stroke-dasharray")) == Some("1.2 2.6")
        };
        let curves = curves(&svg, model).into_iter().filter(dotted);
        let markers = curves.map(|curve| curve.last_element_child().expect("markers"));
        markers.filter_map(|markers| markers.attribute("d").map(ToOwned::to_owned)).collect()
    };
    let (circles, squares) = (floor("m"), floor("n"));
    assert_eq!((circles.len(), squares.len()), (2, 2), "Attention and MLP");
    assert!(circles.iter().all(|d| d.contains('A')) && squares.iter().all(|d| !d.contains('A')));
}
