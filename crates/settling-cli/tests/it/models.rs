//! The commands that run a model, on a suite that trains in no time.

use std::fs;

use settling::checkpoint::Checkpoint;
use settling::core::TensorSource as _;

use crate::program::{run, settling, succeed, suite, text};

#[test]
fn activations_and_gradients_of_a_step_are_saved() {
    let suite = suite();
    let (model, rows) = (suite.path().join("m"), suite.path().join("rows.npy"));
    let out = suite.path().join("x.safetensors");
    let of_step = [text(&model), "--step", "4", "--tokens", text(&rows), "--device", "cpu"];
    let more = ["--sites", "layer1.mlp.write", "--out", text(&out)];
    let arguments = [&of_step[..], &more].concat();

    let table = succeed(&mut settling("capture", &arguments));
    assert!(table.contains("layer1.mlp.write") && table.contains("10 x 16"), "{table}");
    let shape =
        |name: &str| Checkpoint::open_file(&out).unwrap().read(name).unwrap().shape().to_vec();
    assert_eq!(shape("layer1.mlp.write"), [10, 16]);
    let head = String::from_utf8_lossy(&fs::read(&out).unwrap()[8..1000]).into_owned();
    assert!(head.contains(r#""engine":"libtorch "#) && head.contains("cpu, f32"), "{head}");

    let table = succeed(&mut settling("gradients", &arguments));
    assert!(table.starts_with("loss ") && table.contains("16 x 64"), "{table}");
    assert_eq!(shape("layer1.mlp.write"), [16, 64]);

    let (code, _, stderr) =
        run(&mut settling("capture", &[&arguments[..], &["--sequences", "0"]].concat()));
    assert_eq!(code, 2, "{stderr}");
}

/// A terminal table says what the steps are called, not that the first is step 0.
#[test]
fn the_first_studied_step_has_its_number() {
    let suite = suite();
    let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("out"));
    let arguments = [
        "--suite",
        text(suite.path()),
        "--models",
        "m",
        "--tokens",
        text(&rows),
        "--positions",
        "all",
        "--steps",
        "4,12",
        "--device",
        "cpu",
        "--out",
        text(&out),
    ];
    let table = succeed(&mut settling("study", &arguments));
    assert!(table.contains("step 4") && !table.contains("step 0"), "{table}");
}

/// A protocol of one's own is decided about as its study did, by the manifest beside the records.
#[test]
fn the_table_of_a_protocol_of_ones_own_is_that_of_its_study() {
    let suite = suite();
    let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("out"));
    let protocol = suite.path().join("mine.toml");
    fs::write(
        &protocol,
        "name = 'mine'\nbase = 'corrected'\n[early]\nwindow = { step = 1 }\ncka = { above = 0.99 }\n",
    )
    .unwrap();
    let arguments = [
        "--suite",
        text(suite.path()),
        "--models",
        "m",
        "--tokens",
        text(&rows),
        "--positions",
        "all",
        "--protocol",
        text(&protocol),
        "--device",
        "cpu",
        "--quiet",
        "--out",
        text(&out),
    ];
    succeed(&mut settling("study", &arguments));
    let (records, table) = (out.join("records.csv"), suite.path().join("table"));
    let mcc = |more: &[&str]| {
        let records = ["--records", text(&records), "--out", text(&table)];
        settling("mcc", &[&records[..], more].concat())
    };
    let printed = succeed(&mut mcc(&["--protocol", "mine"]));
    assert!(printed.contains("CKA > 0.99 at step 1"), "{printed}");
    let [of_study, again] = [&out, &table].map(|folder| fs::read(folder.join("mcc.csv")).unwrap());
    assert!(of_study == again);

    // Records alone do not say it.
    fs::remove_file(out.join("manifest.json")).unwrap();
    let (code, _, stderr) = run(&mut mcc(&["--protocol", "mine"]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("`mine`") && stderr.contains("--protocol FILE.toml"), "{stderr}");
    succeed(&mut mcc(&["--protocol", text(&protocol)]));
    let (code, _, stderr) = run(&mut mcc(&[]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no record of protocol `corrected`"), "{stderr}");
    let (code, _, stderr) = run(&mut settling("report", &[text(&out)]));
    assert_eq!(code, 2, "{stderr}");
    let report = succeed(&mut settling("report", &[text(&out), "--protocol", text(&protocol)]));
    assert!(report.contains("report.html"), "{report}");
}

#[test]
fn the_processor_holds_to_itself() {
    let arguments = ["--device", "cpu", "--quick", "--no-timings", "--threads", "1"];
    let table = succeed(&mut settling("gpu-check", &arguments));
    assert!(table.contains("every check holds"), "{table}");
    let (code, _, stderr) = run(&mut settling("gpu-check", &["--device", "cuda:4096", "--quick"]));
    assert_eq!(code, 4, "{stderr}");
}
