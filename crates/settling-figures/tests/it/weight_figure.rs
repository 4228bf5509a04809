//! The figure of one checkpoint.

use settling_core::{Component, Signal, Site, Step};
use settling_figures::{ErrorKind, weight_figure};
use settling_records::Record;

use crate::study::{parse, texts};

fn record(site: Site, estimator: &str, value: Result<f64, String>) -> Record {
    Record::new("mine <1>", Step(512), site, Signal::Weight, "per", value)
        .with_shape(64, 256)
        .with_estimator(estimator.to_owned())
        .with_protocol("none")
}

fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for layer in 0..20 {
        for component in Component::ALL {
            let site = Site::write(layer, component);
            let value = if layer == 7 { Err("zero".to_owned()) } else { Ok(0.8) };
            records.push(record(site, "attainable", value));
            records.push(record(site, "marchenko_pastur", Ok(0.9)));
        }
        for head in 0..4 {
            records.push(record(Site::ov(layer).with_head(head), "attainable", Ok(0.5)));
        }
    }
    records
}

#[test]
fn every_series_is_drawn_and_gaps_stay_gaps() {
    let figure = weight_figure(&records()).expect("a figure");
    let svg = parse(&figure);
    let paths: Vec<_> = svg.descendants().filter(|node| node.has_tag_name("path")).collect();
    let dashed = |dashes| {
        let of =
            |path: &&roxmltree::Node<'_, '_>| path.attribute("stroke-dasharray") == Some(dashes);
        paths.iter().filter(|path| of(path)).count()
    };
    // Two lines in two pieces, and two samples in the legend beside a third; two yardsticks, and
    // their sample.
    assert_eq!(dashed("none"), 2 * 2 + 3);
    assert_eq!(dashed("1.2 2.6"), 2 + 1);
    let texts = texts(&svg);
    for text in [
        "MLP, write",
        "mine <1>, step 512. Undefined and left out: 2 values. Because: zero.",
        "Layer",
    ] {
        assert!(texts.contains(&text), "no `{text}` in {texts:?}");
    }
    assert!(texts.contains(&"PER over the largest attainable rank."), "{texts:?}");
    // At most 16 layers are labeled.
    assert!(texts.contains(&"18") && !texts.contains(&"17"));
}

#[test]
fn nothing_and_too_much_are_refused() {
    assert_eq!(weight_figure(&[]).unwrap_err().kind(), ErrorKind::NoData);
    let undefined = record(Site::ov(0).with_head(0), "attainable", Err("zero".to_owned()));
    assert_eq!(weight_figure(&[undefined]).unwrap_err().kind(), ErrorKind::NoData);
    let mut two = records();
    two[0].step = Step(1);
    assert_eq!(weight_figure(&two).unwrap_err().kind(), ErrorKind::InvalidRecords);
}

#[test]
fn the_divisor_of_heads_is_named_and_the_key_has_what_is_drawn() {
    let head = record(Site::ov(0).with_head(0), "head_dim", Ok(0.5));
    let figure = weight_figure(std::slice::from_ref(&head)).expect("a figure");
    let svg = parse(&figure);
    let found = texts(&svg);
    assert!(found.contains(&"PER over the head dimension."), "{found:?}");
    assert!(found.contains(&"output-value circuit of a head"), "{found:?}");
    for absent in ["MLP, write", "Attention, write", "a random matrix of the shape"] {
        assert!(!found.contains(&absent), "{absent} in {found:?}");
    }
    let layer = record(Site::write(0, Component::Mlp), "attainable", Ok(0.5));
    let figure = weight_figure(&[head, layer]).expect("a figure");
    let said = "PER of MLP, write: over the largest attainable rank; of output-value circuit of a \
                head: over the head dimension.";
    assert!(figure.svg().contains(said), "{}", figure.svg());
}
