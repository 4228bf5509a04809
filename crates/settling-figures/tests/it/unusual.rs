//! Studies of unusual size and with unusual names, in every figure and in the report.

use std::time::{Duration, Instant};

use settling_analysis::{Quantity, Rules, StepAxis, Tables, Window};
use settling_core::{Component, Signal};
use settling_figures::{
    Error, ErrorKind, Figure, HeatMap, Report, estimator_figure, heat_map, layer_heat_map,
    layer_lines, main_figure, mcc_figure, percentile_figure, settling_figure, surface_figure,
};
use settling_records::Record;

use crate::main_figure::assert_texts_are_legible;
use crate::study::{curves, parse, records, tables, texts};
use crate::suite::{Model, steps, suite};

/// Every figure of `tables`; those that have no number to draw are left out.
fn figures(tables: &Tables) -> Vec<Figure> {
    let mut drawn: Vec<Result<Figure, Error>> = vec![
        main_figure(tables),
        percentile_figure(tables),
        estimator_figure(tables),
        settling_figure(tables, &[0.45, 0.9]),
        mcc_figure(&tables.mcc),
    ];
    for model in &tables.models {
        drawn.push(layer_lines(tables, &model.model));
        drawn.push(surface_figure(tables, &model.model));
        let quantities = [Quantity::DebiasedCka, Quantity::WeightPer, Quantity::GradientPer];
        drawn.extend(quantities.map(|one| layer_heat_map(tables, &model.model, one)));
    }
    let figure = |drawn: Result<Figure, Error>| match drawn {
        Ok(figure) => Some(figure),
        Err(error) if error.kind() == ErrorKind::NoData => None,
        Err(error) => panic!("{error}"),
    };
    drawn.into_iter().filter_map(figure).collect()
}

#[track_caller]
fn assert_sound(figure: &Figure) {
    let svg = parse(figure);
    for node in svg.descendants().filter(|node| node.is_element()) {
        for attribute in node.attributes().filter(|one| !one.name().starts_with("data-")) {
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{node:?}");
        }
    }
    assert_texts_are_legible(figure);
}

fn names() -> Vec<String> {
    let names = [
        "<b>&\"quote\"'</b>",
        "\u{6a21}\u{578b}-7b",
        "\u{1f680} emoji",
        "",
        "a\nb\tc",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}-\u{202e}evil",
        "=cmd()",
    ];
    let mut names: Vec<String> = names.map(ToOwned::to_owned).into();
    names.push("\u{e9}".repeat(300));
    names.push("words of a long name ".repeat(40));
    names
}

#[test]
fn names_of_any_kind_are_shown_apart_and_within_the_page() {
    let names = names();
    let models: Vec<Model<'_>> = names.iter().map(|name| (name.as_str(), 3, 64)).collect();
    let tables = tables(&suite(&models, &[0, 1, 2, 4, 512, 143_000]));
    for figure in figures(&tables) {
        assert_sound(&figure);
        // What changes the order of other texts is not passed on.
        assert!(!figure.svg().contains('\u{202e}'));
        figure.png(1.0).expect("a picture");
    }
    let main = main_figure(&tables).expect("a figure");
    let svg = parse(&main);
    let titles = svg.descendants().filter(|node| node.has_tag_name("title"));
    let titles: Vec<&str> = titles.filter_map(|node| node.text()).collect();
    assert!(titles.contains(&names[7].as_str()), "a name that was cut is there in full");
    assert!(texts(&svg).contains(&"(no name)"));
    let html = Report { tables: &[tables], ..Report::default() }.html().expect("a report");
    assert!(!html.contains('\u{202e}') && !html.contains("<b>"));
}

/// It took longer than anybody waited.
#[test]
fn a_name_of_twenty_thousand_characters_costs_no_time() {
    let name = "long".repeat(5_000);
    let tables = tables(&suite(&[(name.as_str(), 3, 64)], &[0, 10, 100, 1000]));
    let start = Instant::now();
    for figure in figures(&tables) {
        assert_sound(&figure);
        figure.png(1.0).expect("a picture");
    }
    let html = Report { tables: &[tables], ..Report::default() }.html().expect("a report");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(html.len() < 300 * name.len(), "{}", html.len());
}

#[test]
fn studies_of_any_size_have_figures() {
    let many: Vec<String> = (0..12).map(|size| format!("model-{size}")).collect();
    let many: Vec<Model<'_>> = many.iter().map(|name| (name.as_str(), 2, 64)).collect();
    let giga: Vec<u64> = (0..200).map(|step| step * 1_000_000_000).collect();
    let one = |layers| -> Vec<Model<'_>> { vec![("m", layers, 64)] };
    for (models, steps) in [
        (one(1), vec![0]),
        (one(1), vec![143_000]),
        (one(2), vec![u64::MAX]),
        (one(1), vec![0, 1]),
        (one(3), vec![1_000_000_007, 1_000_000_008, 1_000_000_009]),
        (one(100), vec![0, 100, 1000]),
        (one(3), giga),
        (one(3), (0..200).collect()),
        (many, steps()),
    ] {
        let tables = tables(&suite(&models, &steps));
        for figure in figures(&tables) {
            assert_sound(&figure);
        }
        let report = Report { tables: &[tables], ..Report::default() };
        let html = report.html().expect("a report");
        assert!(!html.contains("NaN") && !html.contains("1 models") && !html.contains("1 layers"));
    }
}

#[test]
fn markers_of_many_steps_stay_apart() {
    let steps: Vec<u64> = (0..200).collect();
    let tables = tables(&suite(&[("m", 2, 64)], &steps));
    let figure = main_figure(&tables).expect("a figure");
    let svg = parse(&figure);
    for curve in curves(&svg, "m") {
        let paths: Vec<&str> = curve.children().filter_map(|path| path.attribute("d")).collect();
        let [line, markers] = paths[..] else { continue };
        assert!(line.matches('L').count() > 150);
        let starts = markers.split('M').skip(1).map(|marker| {
            let (x, rest) = marker.split_once(' ').expect("x and y");
            let y = rest.split('A').next().expect("y");
            (x.parse::<f64>().expect("x"), y.parse::<f64>().expect("y"))
        });
        let starts: Vec<(f64, f64)> = starts.collect();
        assert!((5..150).contains(&starts.len()), "{} markers", starts.len());
        let apart = |pair: &[(f64, f64)]| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
        assert!(starts.windows(2).all(|pair| apart(pair) > 7.9), "{starts:?}");
    }
}

/// All of one quantity, of one component, of one model, of one layer at one step, of everything.
#[test]
fn undefined_values_are_named_with_their_reason_wherever_they_leave_a_gap() {
    const REASON: &str = "all rows of x are equal";
    type Gap = fn(&Record) -> bool;
    let gaps: [(Gap, &str); 5] = [
        (|record| record.signal == Signal::Gradient, "Mean PER of gradients"),
        (|record| record.site.component == Component::Mlp, "MLP"),
        (|record| record.model == "dead", "dead"),
        (|record| record.site.layer == 1 && record.step.0 == 10, ""),
        (|_| true, ""),
    ];
    for (place, (gap, absent)) in gaps.into_iter().enumerate() {
        let mut records = suite(&[("alive", 4, 64), ("dead", 4, 64)], &[0, 10, 100, 1000]);
        for record in records.iter_mut().filter(|record| gap(record)) {
            record.value = Err(REASON.to_owned());
        }
        let tables = tables(&records);
        for figure in figures(&tables) {
            assert_sound(&figure);
        }
        let html = Report { tables: std::slice::from_ref(&tables), ..Report::default() };
        assert!(html.html().expect("a report").contains(REASON));
        let main = match main_figure(&tables) {
            Ok(figure) => figure,
            Err(error) => {
                assert!(place == 4 && error.to_string().contains(REASON), "{error}");
                continue;
            }
        };
        assert!(main.svg().contains(&format!("Because: {REASON}.")));
        let svg = parse(&main);
        let shown = texts(&svg);
        if !absent.is_empty() {
            assert!(!shown.contains(&absent), "{absent} has no place: {shown:?}");
            let named = format!("Not drawn, as there is no number: {absent}.");
            assert!(main.svg().contains(&named), "{absent}: {shown:?}");
        }
        // The key has the lines that are there, and no others.
        for model in ["alive", "dead"] {
            let lines = !curves(&svg, model).is_empty();
            assert_eq!(shown.contains(&model), lines, "{model}");
        }
        for (stroke, dashes) in [("CKA, biased", "5 3"), ("floor: biased CKA", "1.2 2.6")] {
            let drawn = main.svg().matches(dashes).count() > 1;
            assert_eq!(shown.iter().any(|text| text.starts_with(stroke)), drawn, "{stroke}");
        }
    }
}

#[test]
fn the_step_axis_is_what_the_protocol_asks_for_and_says_so() {
    let records = records(&["m"], &[0, 1, 10, 100, 1000]);
    let title = |axis, records: &[Record]| {
        let mut rules = Rules::corrected();
        rules.summary.step_axis = axis;
        let tables = Tables::new(records, &rules).expect("tables");
        let figure = layer_lines(&tables, "m").expect("a figure");
        let svg = parse(&figure);
        let title = texts(&svg).into_iter().find(|text| text.starts_with("Training step"));
        title.expect("a title").to_owned()
    };
    assert_eq!(title(StepAxis::BySteps, &records), "Training step (logarithmic)");
    assert_eq!(title(StepAxis::Linear, &records), "Training step (linear)");
    let few: Vec<Record> =
        records.iter().filter(|record| record.step.0 % 100 == 0).cloned().collect();
    assert_eq!(title(StepAxis::BySteps, &few), "Training step (linear)");
    assert_eq!(title(StepAxis::Logarithmic, &few), "Training step (logarithmic)");
}

#[test]
fn an_axis_of_similarities_reaches_from_0_to_1() {
    let mut records = records(&["m", "n"], &[0, 10, 100]);
    for record in &mut records {
        record.value = Ok(0.97 + 0.01 * record.site.layer as f64);
    }
    let tables = tables(&records);
    for figure in [
        percentile_figure(&tables).expect("a figure"),
        estimator_figure(&tables).expect("a figure"),
        main_figure(&tables).expect("a figure"),
    ] {
        let svg = parse(&figure);
        let shown = texts(&svg);
        assert!(shown.contains(&"0.0") && shown.contains(&"1.0"), "{shown:?}");
    }
}

#[test]
fn numbers_with_a_sign_have_colors_with_a_sign() {
    let map = |values: &[Option<f64>]| {
        let names = ["0", "1"];
        let map = HeatMap {
            title: "t",
            note: "",
            row_title: "r",
            column_title: "c",
            rows: &names,
            columns: &names,
            values,
        };
        heat_map(&map).expect("a figure").svg().to_owned()
    };
    // Noise of an estimate around 0 has the color of 0.
    let noise = map(&[Some(-0.05), Some(0.5), Some(0.9), Some(1.0)]);
    assert!(noise.contains("#440154") && !noise.contains("#21529c"));
    let signed = map(&[Some(-1.0), Some(0.0), Some(0.5), Some(1.0)]);
    for color in ["#21529c", "#dedede", "#ad371a"] {
        assert!(signed.contains(color), "{color}");
    }
    assert!(signed.contains("\u{2212}1.00") && signed.contains(">0.50<"));
}

#[test]
fn numbers_of_a_protocol_have_no_last_digits_of_a_sum() {
    let mut rules = Rules::corrected();
    // 0.1 and 0.7 in decimals.
    rules.early.window = Window::UpTo(1.0 - 0.9);
    rules.early.cka = rules.early.cka.with_number(0.1 + 0.6);
    rules.summary.least_gradient_per = 0.1 + 0.2;
    let records = suite(&[("m", 3, 64)], &[0, 10, 100, 1000]);
    let tables = Tables::new(&records, &rules).expect("tables");
    let threshold = tables.settling[1].threshold;
    let figure = settling_figure(&tables, &[threshold]).expect("a figure");
    assert!(figure.svg().contains("CKA \u{2265} 0.7<"), "{threshold}");
    let html = Report { tables: &[tables], ..Report::default() }.html().expect("a report");
    for digits in ["99999999", "00000000"] {
        assert!(!html.contains(digits), "{}", html.split(digits).next().unwrap_or_default().len());
    }
}
