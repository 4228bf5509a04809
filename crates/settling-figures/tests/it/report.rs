//! The report: everything in one document.

use std::{env, fs};

use proptest::prelude::*;
use roxmltree::Document;
use settling_analysis::{ErrorKind as TableErrorKind, Rules, Tables};
use settling_core::{Component, Signal};
use settling_figures::{ErrorKind, Report, ReportFigure, spectra_figure};
use settling_records::{MccRow, Record};

use crate::mcc_figure::row;
use crate::study::tables;
use crate::suite::{PYTHIA, spectra, steps, suite};

fn rows(models: &[&str]) -> Vec<MccRow> {
    let of_model = |model: &&str| {
        let reason = "no layer <i>converges</i> early".to_owned();
        [row(model, Component::Attention, Ok(0.5)), row(model, Component::Mlp, Err(reason))]
    };
    models.iter().flat_map(of_model).collect()
}

/// Fails on anything that a browser would load or run.
#[track_caller]
fn assert_self_contained(html: &str) {
    let html = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").to_lowercase();
    for loads in [
        "http", "src=", "@import", "url(", "<script", "<link", "<img", "<iframe", "<object", "<use",
    ] {
        assert!(!html.contains(loads), "the report has `{loads}`");
    }
    let document = html.replace("<!doctype html>", "");
    Document::parse(&document).expect("every element is closed");
    let anchors = html.matches("href=").count();
    assert_eq!(anchors, html.matches("href=\"#").count(), "only links within the page");
    for id in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
}

#[test]
fn the_report_of_a_suite_has_everything_and_loads_nothing() {
    let records = suite(&PYTHIA, &steps());
    let names: Vec<&str> = PYTHIA.iter().map(|(name, ..)| *name).collect();
    let mut tables = [tables(&records)];
    tables[0].mcc = rows(&names);
    let spectra = spectra(512, &steps());
    let spectra: Vec<_> = spectra.iter().map(|(step, values)| (*step, &values[..])).collect();
    let title = "pythia-70m, layer0.mlp.write, weight";
    let more = [ReportFigure {
        name: "spectra".to_owned(),
        caption: title.to_owned(),
        figure: spectra_figure(title, &spectra).expect("a figure"),
    }];
    let report = Report {
        title: "The suite of the paper",
        tables: &tables,
        manifest: Some("{ \"settling\": \"0.1.0\" }"),
        audit: Some("pythia-70m: sound"),
        more: &more,
    };
    let html = report.html().expect("a report");
    if let Some(folder) = env::var_os("GALLERY") {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(std::path::Path::new(&folder).join("report.html"), &html).expect("saved");
    }
    assert_self_contained(&html);
    assert_eq!(html, report.html().expect("a report"), "the same records give the same report");
    assert!(html.len() < 4_000_000, "{} bytes", html.len());

    // Four of all models, five of each, the correlations, and one that was passed.
    let figures = report.figures().expect("figures");
    assert_eq!(figures.len(), 4 + 5 * 5 + 1 + 1);
    assert_eq!(html.matches("<svg").count(), figures.len());
    for figure in &figures {
        assert!(html.contains(figure.figure.svg()), "{}", figure.name);
    }
    let mut files: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    assert_eq!(files.len(), figures.len(), "each figure has a name of its own");

    for section in ["Overview", "Protocol and definitions", "What these numbers support", "Audit"] {
        assert!(html.contains(section), "{section}");
    }
    assert!(html.contains("not independent observations"));
    assert!(html.contains("5 of 10 correlations are defined"));
    assert!(html.contains("pythia-70m: sound") && html.contains("&quot;settling&quot;"));
    assert!(!html.contains("class=\"absent\""), "nothing is left out");
}

#[test]
fn nothing_from_a_table_becomes_markup() {
    let hostile = "</h3><script>alert(1)</script><img src=\"http://x\" onerror='1'>&amp;";
    let mut records = suite(&[(hostile, 3, 64)], &[0, 10, 1000]);
    for record in &mut records {
        record.protocol = format!("{hostile}-protocol");
    }
    let rules = Rules { protocol: records[0].protocol.clone(), ..Rules::corrected() };
    let mut tables = [Tables::new(&records, &rules).expect("tables")];
    tables[0].mcc = rows(&[hostile]);
    for row in &mut tables[0].mcc {
        row.protocol.clone_from(&records[0].protocol);
        row.predictor = hostile.to_owned();
    }
    let report = Report {
        title: hostile,
        tables: &tables,
        manifest: Some(hostile),
        audit: Some(hostile),
        more: &[],
    };
    let html = report.html().expect("a report").to_lowercase();
    for markup in ["<script", "<img", "<i>", "src=\"http"] {
        assert!(!html.contains(markup), "`{markup}` got through");
    }
    // Shown as it is.
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=&quot;http://x&quot;"));
    for figure in report.figures().expect("figures") {
        let fit = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        assert!(figure.name.chars().all(fit), "{}", figure.name);
    }
}

#[test]
fn what_was_not_measured_is_left_out_with_a_reason() {
    let mut records = suite(&[("mine", 4, 64)], &[0, 10, 1000]);
    records.retain(|record| record.signal == Signal::Weight);
    let mut tables = [tables(&records)];
    let report = Report { tables: &tables, ..Report::default() };
    let html = report.html().expect("a report");
    assert_self_contained(&html);
    for reason in [
        "Left out: Percentiles over layers: no number to draw",
        "Left out: Settling step by depth: no number to draw",
        "Left out: Correlations of mine under other thresholds",
        "4 of 4 layers have an undefined variable",
        "No manifest.json was passed",
        "was not checked",
    ] {
        assert!(html.contains(reason), "{reason}");
    }
    // The lines of PER, and the map of the weights' PER.
    let names: Vec<String> =
        report.figures().expect("figures").into_iter().map(|figure| figure.name).collect();
    assert_eq!(names, ["main", "layers-1-mine", "heat-map-weight-per-1-mine", "mcc"]);
    tables[0].mcc.clear();
    let html = Report { tables: &tables, ..Report::default() }.html().expect("a report");
    assert!(html.contains("There are no correlations"));
}

#[test]
fn protocols_have_a_part_each() {
    let mut records = suite(&[("mine", 4, 64)], &[0, 10, 1000]);
    let mut others = records.clone();
    others.iter_mut().for_each(|record| record.protocol = "published".to_owned());
    records.extend(others);
    let mut published = Rules::published();
    published.views = Rules::corrected().views;
    let rules = [Rules::corrected(), published];
    let tables = rules.map(|rules| Tables::new(&records, &rules).expect("tables"));
    let report = Report { tables: &tables, ..Report::default() };
    let html = report.html().expect("a report");
    assert_self_contained(&html);
    assert!(html.contains("Convergence and effective rank (protocol corrected)"));
    assert!(html.contains("Convergence and effective rank (protocol published)"));
    let mains =
        report.figures().expect("figures").into_iter().filter(|one| one.name.starts_with("main"));
    assert_eq!(mains.map(|one| one.name).collect::<Vec<_>>(), ["main-corrected", "main-published"]);
    // What each protocol says of itself.
    for words in [
        "CKA is \u{2265} 0.45 at some measured step within 10 % of training",
        "CKA is &gt; 0.45 at index 13",
        "Means over layers.",
        "Medians over layers; of PERs, over layers and heads alike.",
        "the debiased CKA: early convergence",
        "the biased CKA: early convergence",
    ] {
        assert!(html.contains(words), "{words}");
    }
    let twice = [tables[0].clone(), tables[0].clone()];
    let error = Report { tables: &twice, ..Report::default() }.html().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRecords);
}

#[test]
fn what_cannot_be_reported_is_an_error() {
    assert_eq!(Report::default().html().unwrap_err().kind(), ErrorKind::NoData);
    let mut records = suite(&[("mine", 2, 64)], &[0, 10]);
    let twice = records[0].clone();
    records.push(twice);
    let error = Tables::new(&records, &Rules::corrected()).unwrap_err();
    assert_eq!(error.kind(), TableErrorKind::Contradiction);
    // A table alone is enough.
    let mut tables = [tables(&[])];
    tables[0].mcc = rows(&["mine"]);
    let html = Report { tables: &tables, ..Report::default() }.html().expect("a report");
    assert!(html.contains("there are no records"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is missing or undefined, there is a report without NaN, or an error that says what
    /// is wrong.
    #[test]
    fn any_part_of_a_study_has_a_report(
        kept in prop::collection::vec(0_u8..8, 180),
        values in prop::collection::vec(-2.0_f64..2.0, 180),
    ) {
        let all = suite(&[("a", 2, 16), ("<b>", 1, 16)], &[0, 1, 50, 2000]);
        let mut records: Vec<Record> = Vec::new();
        for (index, mut record) in all.into_iter().enumerate() {
            match kept[index % kept.len()] {
                0 => continue,
                1 => record.value = Err("undefined <here>".to_owned()),
                2 => record.value = Ok(values[index % values.len()]),
                _ => {}
            }
            records.push(record);
        }
        let tables = [tables(&records)];
        let html = Report { tables: &tables, ..Report::default() }.html().expect("a report");
        assert_self_contained(&html);
        prop_assert!(!html.contains("NaN") && !html.contains("inf,"));
    }
}
