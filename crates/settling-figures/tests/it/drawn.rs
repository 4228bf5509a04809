//! What is drawn, read back from the SVG, against the rows of the tables as they are in files.

use roxmltree::{Document, Node};
use settling_analysis::{Quantity, Rules, SettlingState, SummarySteps, Tables, Window};
use settling_core::{Component, Positions, Signal, Site, Step, View};
use settling_figures::{main_figure, mcc_figure, settling_figure};
use settling_records::{
    Record, read_mcc, read_settling, read_summary, write_mcc, write_settling, write_summary,
};

use crate::study::{curves, parse};

const STEPS: [u64; 5] = [0, 10, 50, 100, 1000];
const MODELS: [&str; 2] = ["small", "large"];
const LAYERS: usize = 3;
const HEADS: usize = 4;

/// A number between 0 and 1 that differs from all others, the same on every machine.
fn value(place: u64) -> f64 {
    let mixed = (place.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// The records of a study by hand: every view and estimator that both protocols look at, and heads;
/// some of them undefined.
fn records(protocol: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut push = |model: &str, step, site: Site, signal, estimator: &str| {
        let place = records.len() as u64;
        let metric = if signal == Signal::Activation { "cka" } else { "per" };
        // Larger at the end, so that layers settle, and early now and then.
        let number = match step {
            1000 if metric == "cka" => 1.0,
            _ => 0.1 + 0.85 * value(place),
        };
        // One layer whose settling step depends on it.
        let decisive = metric == "cka" && step == 100 && model == "small" && site.layer == 1;
        let undefined = (place.is_multiple_of(29) && step != 1000) || decisive;
        let value = if undefined { Err("zero variance".to_owned()) } else { Ok(number) };
        records.push(
            Record::new(model, Step(step), site, signal, metric, value)
                .with_shape(64, 32)
                .with_positions((signal == Signal::Activation).then_some(Positions::Last))
                .with_estimator(estimator)
                .with_protocol(protocol),
        );
    };
    for model in MODELS {
        for (step, layer) in STEPS.iter().flat_map(|&step| (0..LAYERS).map(move |l| (step, l))) {
            let flat = Site { view: View::OvFlat, ..Site::ov(layer) };
            let written = Component::ALL.map(|component| Site::write(layer, component));
            for site in written.into_iter().chain([flat]) {
                for estimator in ["debiased", "biased", "floor"] {
                    push(model, step, site, Signal::Activation, estimator);
                }
                for signal in [Signal::Weight, Signal::Gradient] {
                    push(model, step, site, signal, "columns");
                    for head in (0..HEADS).filter(|_| site.view == View::OvFlat) {
                        push(model, step, site.with_head(head), signal, "top_head_dim");
                    }
                }
            }
        }
    }
    records
}

/// The rules of both built-in protocols, of which the second looks at a step that there is, and
/// leaves out some steps and averages.
fn protocols() -> [Rules; 2] {
    let mut published = Rules::published();
    published.early.window = Window::Step(100);
    published.summary.steps = SummarySteps::Some { these: vec![0, 50], from: 100 };
    published.summary.least_gradient_per = 0.45;
    [Rules::corrected(), published]
}

fn tables(rules: &Rules) -> Tables {
    Tables::new(&records(&rules.protocol), rules).expect("tables")
}

/// An axis of a panel, read off its labels: numbers by their place on the page.
struct Scale {
    labels: Vec<(f64, f64)>,
    logarithmic: bool,
}

impl Scale {
    /// The number at a place on the page.
    fn number(&self, place: f64) -> f64 {
        // The place of 0 on a logarithmic axis is its own.
        let zero = self.labels.iter().find(|(_, number)| self.logarithmic && *number == 0.0);
        if zero.is_some_and(|(at, _)| (place - at).abs() < 0.02) {
            return 0.0;
        }
        let transform = |number: f64| if self.logarithmic { number.ln() } else { number };
        let known = self.labels.iter().filter(|(_, number)| !self.logarithmic || *number > 0.0);
        let known: Vec<(f64, f64)> = known.map(|&(at, number)| (at, transform(number))).collect();
        let (first, last) = (known[0], known[known.len() - 1]);
        let share = (place - first.0) / (last.0 - first.0);
        let number = first.1 + share * (last.1 - first.1);
        if self.logarithmic { number.exp() } else { number }
    }
}

fn attribute(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).expect("a number")
}

/// `0.5`, `100 %`, `1k`: `None` of other texts.
fn label(text: &str) -> Option<f64> {
    let text = text.replace('\u{2212}', "-");
    if let Some(share) = text.strip_suffix(" %") {
        return share.parse::<f64>().ok().map(|share| share / 100.0);
    }
    match text.strip_suffix('k') {
        Some(thousands) => thousands.parse::<f64>().ok().map(|number| 1000.0 * number),
        None => text.parse().ok(),
    }
}

/// Every text of the page that is a number and has this anchor: (x, y, number).
fn labels(svg: &Document<'_>, anchor: &str) -> Vec<(f64, f64, f64)> {
    let texts = svg.descendants().filter(|node| node.attribute("text-anchor") == Some(anchor));
    texts
        .filter_map(|node| {
            let number = label(node.text().unwrap_or_default())?;
            Some((attribute(node, "x"), attribute(node, "y"), number))
        })
        .collect()
}

/// The vertical axis of the panel that reaches from `left` and down from `top`.
fn vertical(svg: &Document<'_>, left: f64, (top, bottom): (f64, f64), logarithmic: bool) -> Scale {
    // Labels end 7 before the axis, with their baseline 0.36 of their size (13) below the tick.
    let shift = 0.36 * 13.0;
    let labels = labels(svg, "end").into_iter().filter(|&(x, y, _)| {
        (x - (left - 7.0)).abs() < 0.02 && (top - 1.0..=bottom + 1.0).contains(&(y - shift))
    });
    Scale { labels: labels.map(|(_, y, number)| (y - shift, number)).collect(), logarithmic }
}

/// The horizontal axis below the panels between `left` and `right`.
fn horizontal(svg: &Document<'_>, (left, right): (f64, f64), y: f64, logarithmic: bool) -> Scale {
    let labels = labels(svg, "middle").into_iter().filter(|&(x, at, _)| {
        (left - 1.0..=right + 1.0).contains(&x) && (at - (y + 18.0)).abs() < 0.02
    });
    Scale { labels: labels.map(|(x, _, number)| (x, number)).collect(), logarithmic }
}

/// The panels by their axes: the left, right, top and bottom of each, column by column.
fn panels(svg: &Document<'_>) -> Vec<[f64; 4]> {
    let axes: Vec<[f64; 4]> = svg
        .descendants()
        .filter(|node| node.has_tag_name("line") && node.attribute("stroke") == Some("#222"))
        .map(|node| ["x1", "y1", "x2", "y2"].map(|name| attribute(node, name)))
        .collect();
    let long = |a: f64, b: f64| (b - a).abs() > 100.0;
    let verticals = axes.iter().filter(|[x1, y1, x2, y2]| x1 == x2 && long(*y1, *y2));
    verticals
        .map(|&[left, top, _, bottom]| {
            let below = axes.iter().find(|&&[x1, y1, x2, y2]| {
                x1 == left && y1 == bottom && y2 == bottom && long(x1, x2)
            });
            [left, below.expect("a horizontal axis")[2], top, bottom]
        })
        .collect()
}

/// The points of a path of straight lines.
fn points(path: Node<'_, '_>) -> Vec<(f64, f64)> {
    let d = path.attribute("d").expect("a path has data");
    let points = d.split(['M', 'L']).filter(|point| !point.is_empty());
    points
        .map(|point| {
            let (x, y) = point.split_once(' ').expect("two coordinates");
            (x.parse().expect("a number"), y.parse().expect("a number"))
        })
        .collect()
}

/// The curves of a series in a panel: the values by their places along the horizontal axis, from
/// back to front.
fn read(
    svg: &Document<'_>,
    series: &str,
    [left, right, top, bottom]: [f64; 4],
    (x, y): (&Scale, &Scale),
) -> Vec<Vec<(f64, f64)>> {
    let inside = |&(x, y): &(f64, f64)| {
        (left - 1.0..=right + 1.0).contains(&x) && (top - 1.0..=bottom + 1.0).contains(&y)
    };
    curves(svg, series)
        .into_iter()
        .map(|curve| points(curve.first_element_child().expect("a curve has a line")))
        .filter(|points| points.iter().all(inside))
        .map(|points| points.into_iter().map(|(a, b)| (x.number(a), y.number(b))).collect())
        .collect()
}

/// A hundredth of a pixel, of which a panel has 186, and as much of the labels that the axis is
/// read off.
fn assert_drawn(found: &[(f64, f64)], expected: &[(f64, f64)], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}, expected {expected:?}");
    for ((x, y), (wanted_x, wanted_y)) in found.iter().zip(expected) {
        assert!((x - wanted_x).abs() <= 1e-3 * wanted_x.max(1.0), "{what}: at {x}, not {wanted_x}");
        assert!((y - wanted_y).abs() <= 5e-4, "{what}, at {x}: {y}, expected {wanted_y}");
    }
}

#[test]
fn the_main_figure_draws_the_summary_as_it_is_in_its_file() {
    for rules in protocols() {
        let tables = tables(&rules);
        let mut file = Vec::new();
        write_summary(&mut file, &tables.summary).expect("written");
        let rows = read_summary(&file[..]).expect("read");
        let figure = main_figure(&tables).expect("a figure");
        let svg = parse(&figure);
        let panels = panels(&svg);
        assert_eq!(panels.len(), 6);

        let deciding = Quantity::deciding(&rules);
        let other = match deciding {
            Quantity::DebiasedCka => Quantity::BiasedCka,
            _ => Quantity::DebiasedCka,
        };
        // From back to front.
        let columns: [&[Quantity]; 3] = [
            &[Quantity::CkaFloor, other, deciding],
            &[Quantity::WeightPer],
            &[Quantity::GradientPer],
        ];
        let mut drawn = 0;
        for (column, quantities) in columns.into_iter().enumerate() {
            for (row, component) in Component::ALL.into_iter().enumerate() {
                let panel = panels[2 * column + row];
                let [left, right, top, bottom] = panel;
                let lowest = panels[2 * column + 1][3];
                let x = horizontal(&svg, (left, right), lowest, true);
                let y = vertical(&svg, left, (top, bottom), false);
                for model in MODELS {
                    let curves = read(&svg, model, panel, (&x, &y));
                    let expected: Vec<Vec<(f64, f64)>> = quantities
                        .iter()
                        .map(|&quantity| {
                            rows.iter()
                                .filter(|row| row.model == model && row.component == component)
                                .filter(|row| Quantity::from_summary(row) == Some(quantity))
                                .filter_map(|row| Some((row.step.0 as f64, row.value?)))
                                .collect()
                        })
                        .filter(|points: &Vec<_>| !points.is_empty())
                        .collect();
                    assert_eq!(curves.len(), expected.len(), "{component} of {model}");
                    for (found, expected) in curves.iter().zip(&expected) {
                        let what = format!("{}, {component} of {model}", rules.protocol);
                        assert_drawn(found, expected, &what);
                        drawn += found.len();
                    }
                }
            }
        }
        let values = rows.iter().filter(|row| row.value.is_some()).count();
        assert_eq!(drawn, values, "every row is drawn once");
        assert!(values > 50, "{values}");
        let average = rules.summary.average.name();
        assert!(rows.iter().all(|row| row.average == average));
        assert!(figure.svg().to_lowercase().contains(&format!("{average} cka")));
    }
}

/// The case of the demo: the mean over layers was drawn where the protocol asks for the median over
/// layers and heads.
#[test]
fn the_median_over_layers_and_heads_is_drawn_where_the_protocol_says_so() {
    let flat = |layer| Site { view: View::OvFlat, ..Site::ov(layer) };
    let per = |site, value: f64| {
        Record::new("m", Step(1000), site, Signal::Weight, "per", Ok(value))
            .with_estimator("head_dim")
            .with_protocol("published")
    };
    let mut records = vec![per(flat(0), 0.95), per(flat(1), 0.916)];
    for (head, value) in [0.75, 0.8, 0.812, 0.7, 0.9].into_iter().enumerate() {
        records.push(per(flat(head % 2).with_head(head / 2), value));
    }
    let tables = Tables::new(&records, &Rules::published()).expect("tables");
    // 0.7, 0.75, 0.8, 0.812, 0.9, 0.916, 0.95: the mean over the two layers is 0.933.
    let [row] = &tables.summary[..] else { panic!("one step of one quantity") };
    assert_eq!((row.value, row.n, row.estimator.as_str()), (Some(0.812), 7, "head_dim"));
    let figure = main_figure(&tables).expect("a figure");
    let svg = parse(&figure);
    let panels = panels(&svg);
    let [[left, _, top, bottom]] = panels[..] else { panic!("one panel") };
    let y = vertical(&svg, left, (top, bottom), false);
    let [curve] = curves(&svg, "m")[..] else { panic!("one curve") };
    let place = points(curve.first_element_child().expect("a line"))[0].1;
    assert!((y.number(place) - 0.812).abs() < 1e-4, "{}", y.number(place));
    let said = "Medians over layers; of PERs, over layers and heads alike.";
    assert!(figure.svg().contains(said) && figure.svg().contains("over the head dimension"));
    assert!(figure.svg().contains("Shown at steps 0, 1000, 3000 and from 10000 on."));
    assert!(figure.svg().contains("medians of gradients' PERs that are not above 0.5"));
}

#[test]
fn the_figure_of_settling_steps_draws_its_table_as_it_is_in_its_file() {
    for rules in protocols() {
        let tables = tables(&rules);
        let mut file = Vec::new();
        write_settling(&mut file, &tables.settling).expect("written");
        let rows = read_settling(&file[..]).expect("read");
        let thresholds = [0.45, 0.5, 0.8, 0.9];
        let figure = settling_figure(&tables, &thresholds).expect("a figure");
        let svg = parse(&figure);
        let panels = panels(&svg);
        assert_eq!(panels.len(), 2 * thresholds.len());
        let (mut settled, mut unsettled) = (0, 0);
        for (column, component) in Component::ALL.into_iter().enumerate() {
            for (place, threshold) in thresholds.into_iter().enumerate() {
                let panel = panels[thresholds.len() * column + place];
                let [left, right, top, bottom] = panel;
                let first = panels[place];
                let lowest = panels[thresholds.len() * column + thresholds.len() - 1][3];
                let x = horizontal(&svg, (left, right), lowest, false);
                // Labeled on the left of the first column alone.
                let y = vertical(&svg, first[0], (top, bottom), true);
                for model in MODELS {
                    let of_panel = rows.iter().filter(|row| {
                        row.model == model
                            && row.component == component
                            && row.threshold == threshold
                    });
                    let depth = |layer: usize| layer as f64 / (LAYERS - 1) as f64;
                    let (mut points, mut lane) = (Vec::new(), 0);
                    for row in of_panel {
                        match SettlingState::from_row(row) {
                            SettlingState::Settled { share, .. } => {
                                points.push((depth(row.layer), share));
                            }
                            SettlingState::Not => lane += 1,
                            SettlingState::Unknown => {}
                        }
                    }
                    // The lane is drawn as outlines, which have no line.
                    let groups: Vec<_> = curves(&svg, model)
                        .into_iter()
                        .filter_map(|group| group.first_element_child())
                        .filter(|path| {
                            let d = path.attribute("d").unwrap_or_default();
                            let (x, y) = d[1..].split_once(' ').expect("a point");
                            let y = y.split(['M', 'L', 'A', 'Z']).next().unwrap_or_default();
                            let [x, y] = [x, y].map(|text| text.parse::<f64>().expect("a number"));
                            (left - 8.0..=right + 8.0).contains(&x)
                                && (top - 8.0..=bottom + 8.0).contains(&y)
                        })
                        .collect();
                    let (lanes, lines): (Vec<Node<'_, '_>>, Vec<_>) =
                        groups.into_iter().partition(|path| path.attribute("fill") == Some("#fff"));
                    let outlined: usize = lanes
                        .iter()
                        .filter_map(|path| path.attribute("d"))
                        .map(|d| d.matches('M').count())
                        .sum();
                    let found: Vec<(f64, f64)> = lines
                        .iter()
                        .flat_map(|&path| self::points(path))
                        .map(|(a, b)| (x.number(a), y.number(b)))
                        .collect();
                    let what = format!("{}, {component} of {model}", rules.protocol);
                    assert_drawn(&found, &points, &what);
                    assert_eq!(outlined, lane, "{what} at {threshold}");
                    (settled, unsettled) = (settled + found.len(), unsettled + outlined);
                }
            }
        }
        let states: Vec<SettlingState> = rows.iter().map(SettlingState::from_row).collect();
        let not = states.iter().filter(|&&state| state == SettlingState::Not).count();
        let unknown = states.iter().filter(|&&state| state == SettlingState::Unknown).count();
        assert_eq!((settled, unsettled), (rows.len() - not - unknown, not));
        assert!(settled > 4 && not > 4 && unknown > 0, "{settled}, {not}, {unknown}");
    }
}

#[test]
fn the_figure_of_correlations_draws_its_table_as_it_is_in_its_file() {
    let mut compared = 0;
    for rules in protocols() {
        let mut tables = tables(&rules);
        // Thresholds in the middle of the invented numbers, so that there are correlations.
        let mut rules = rules;
        rules.large.weight_per = rules.large.weight_per.with_number(0.5);
        rules.large.gradient_per_share = rules.large.gradient_per_share.with_number(0.6);
        rules.early.cka = rules.early.cka.with_number(0.7);
        tables = Tables::new(&records(&tables.rules.protocol), &rules).expect("tables");
        let mut file = Vec::new();
        write_mcc(&mut file, &tables.mcc).expect("written");
        let rows = read_mcc(&file[..]).expect("read");
        let figure = mcc_figure(&rows).expect("a figure");
        assert_eq!(figure, mcc_figure(&tables.mcc).expect("a figure"));
        let svg = parse(&figure);
        let ticks = labels(&svg, "middle");
        let at = |number: f64| {
            ticks.iter().find(|tick| tick.2 == number).map(|tick| tick.0).expect("a tick")
        };
        let (least, most) = (at(-1.0), at(1.0));
        let number = |x: f64| -1.0 + 2.0 * (x - least) / (most - least);
        for model in MODELS {
            let groups = curves(&svg, model);
            let defined: Vec<_> =
                rows.iter().filter(|row| row.model == model && row.mcc.is_ok()).collect();
            assert_eq!(groups.len(), defined.len());
            for (group, row) in groups.into_iter().zip(defined) {
                let bar = group.children().find(|node| node.has_tag_name("line"));
                let ends = bar.map(|bar| ["x1", "x2"].map(|name| number(attribute(bar, name))));
                let (low, high) = row.interval.expect("a study writes intervals");
                let ends = ends.expect("a bar");
                assert!((ends[0] - low).abs() < 2e-4 && (ends[1] - high).abs() < 2e-4);
                let marker = group.last_element_child().and_then(|path| path.attribute("d"));
                let marker = marker.expect("a marker");
                let xs: Vec<f64> = marker
                    .split(['M', 'L', 'A', 'Z'])
                    .filter_map(|point| {
                        let numbers: Vec<&str> = point.split(' ').collect();
                        numbers.get(numbers.len().checked_sub(2)?)?.parse().ok()
                    })
                    .collect();
                let middle = f64::midpoint(
                    xs.iter().copied().fold(f64::INFINITY, f64::min),
                    xs.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                );
                let mcc = row.mcc.clone().expect("defined");
                assert!((number(middle) - mcc).abs() < 2e-4, "{}, expected {mcc}", number(middle));
                compared += 1;
            }
        }
        for reason in rows.iter().filter_map(|row| row.mcc.as_ref().err()) {
            assert!(figure.svg().contains(reason.as_str()), "{reason}");
        }
    }
    assert!(compared >= 4, "{compared}");
}
