//! Every command has help; those that need neither libtorch nor a network do what they say.

use std::fs;
use std::path::Path;

use settling::checkpoint::write_safetensors;
use settling::core::{Component, Dtype, Signal, Site, Step, TensorData};
use settling::records::{Record, write_records};
use tempfile::TempDir;

use crate::program::{model, run, settling, succeed, text};

const COMMANDS: [&str; 12] = [
    "study",
    "weights",
    "similarity",
    "audit",
    "inspect",
    "capture",
    "gradients",
    "report",
    "mcc",
    "rows",
    "gpu-check",
    "completions",
];

#[test]
fn every_build_lists_every_command_and_each_has_help() {
    let help = succeed(&mut settling("--help", &[]));
    assert!(help.contains("Exit codes:") && help.contains("  4  "), "{help}");
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command}")), "{help}");
        let of_command = succeed(&mut settling(command, &["--help"]));
        assert!(of_command.contains(&format!("Usage: settling {command}")), "{of_command}");
    }
    let (code, stdout, stderr) = run(&mut settling("settle", &[]));
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeed(&mut settling("completions", &[shell]));
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(run(&mut settling("completions", &["tcsh"])).0, 2);
}

#[test]
fn inspect_shows_a_checkpoint_and_fails_if_a_weight_is_missing() {
    let shown = succeed(&mut settling("inspect", &[text(&model("neox"))]));
    assert!(shown.contains("model.safetensors") && shown.contains("layer  0 mlp"), "{shown}");

    let folder = TempDir::new().unwrap();
    fs::copy(model("neox").join("config.json"), folder.path().join("config.json")).unwrap();
    tensors(&folder.path().join("model.safetensors"), &[("x", [1, 2])], &[1.0, 2.0]);
    let (code, stdout, _) = run(&mut settling("inspect", &[text(folder.path())]));
    assert_eq!(code, 3, "{stdout}");
    assert_eq!(run(&mut settling("inspect", &[text(&folder.path().join("none"))])).0, 3);
}

#[test]
fn weights_are_measured_and_known_by_the_step_of_their_folder() {
    let work = TempDir::new().unwrap();
    let step = work.path().join("mine/step1000");
    fs::create_dir_all(&step).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(model("neox").join(file), step.join(file)).unwrap();
    }
    let out = work.path().join("out");
    let table = succeed(&mut settling("weights", &[text(&step), "--out", text(&out)]));
    assert!(table.contains("layer0.mlp.write"), "{table}");
    let rows = fs::read_to_string(out.join("weights.csv")).unwrap();
    assert!(rows.lines().skip(1).all(|row| row.starts_with("1,mine,1000,")), "{rows}");
    assert!(out.join("weights.svg").is_file() && out.join("weights.png").is_file());

    let asked = ["--model", "m", "--step", "7", "--out", text(&out)];
    succeed(&mut settling("weights", &[&[text(&step)], &asked[..]].concat()));
    let rows = fs::read_to_string(out.join("weights.csv")).unwrap();
    assert!(rows.lines().nth(1).unwrap().starts_with("1,m,7,"), "{rows}");

    // A table would say a step that nobody knows.
    let (code, _, stderr) =
        run(&mut settling("weights", &[text(&model("neox")), "--out", text(&out)]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--step"), "{stderr}");
}

#[test]
fn similarity_is_one_of_a_matrix_with_itself() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.safetensors");
    let values: Vec<f32> = (0..60).map(|i| (i * i % 17) as f32).collect();
    tensors(&file, &[("x", [12, 5])], &values);
    let named = format!("{}:x", text(&file));
    let draws = ["--permutations", "19", "--samples", "19"];
    let table =
        succeed(&mut settling("similarity", &[&[text(&file), &named], &draws[..]].concat()));
    let line = table.lines().find(|line| line.starts_with("debiased CKA")).unwrap();
    assert!(line.ends_with("1.0000"), "{table}");
    let (code, _, stderr) = run(&mut settling("similarity", &[text(&file), "none.npy"]));
    assert_eq!(code, 3, "{stderr}");
}

/// A `.npy` file with this text as its header.
fn npy(path: &Path, header: &str, data: &[u8]) {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    fs::write(path, [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()).unwrap();
}

#[test]
fn similarity_reads_matrices_of_numpy() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let value = |row: usize, column: usize| ((row * row + 3 * column * row) % 17) as f64;
    let (rows, columns) = (12, 5);
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| value(row, column)));
    let wide: Vec<u8> = cells.flat_map(f64::to_le_bytes).collect();
    npy(&at("c.npy"), "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 5), }", &wide);
    let cells = (0..columns).flat_map(|column| (0..rows).map(move |row| value(row, column)));
    let whole: Vec<u8> = cells.flat_map(|value| (value as i16).to_be_bytes()).collect();
    npy(&at("f.npy"), "{'descr': '>i2', 'fortran_order': True, 'shape': (12L, 5L), }", &whole);
    let draws = ["--permutations", "19", "--samples", "19"];
    let files = [at("c.npy"), at("f.npy")];
    let arguments = [&[text(&files[0]), text(&files[1])], &draws[..]].concat();
    let table = succeed(&mut settling("similarity", &arguments));
    for (name, end) in [("debiased CKA", "1.0000"), ("Procrustes", "1.0000"), ("features", "5")] {
        let line = table.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.ends_with(end), "{table}");
    }

    npy(&at("nested.npy"), &"[".repeat(22), &wide);
    npy(&at("short.npy"), "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 6), }", &wide);
    npy(&at("flat.npy"), "{'descr': '<f8', 'fortran_order': False, 'shape': (60,), }", &wide);
    for (name, part) in [
        ("nested.npy", "expected a dictionary"),
        ("short.npy", "take 576 bytes, found 480"),
        ("flat.npy", "expected the shape (rows, columns), found (60,)"),
    ] {
        let begin = std::time::Instant::now();
        let (code, _, stderr) =
            run(&mut settling("similarity", &[text(&files[0]), text(&at(name))]));
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains(part) && stderr.matches(name).count() == 1, "{stderr}");
        assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    }
}

/// Three rows: what needs four says so; and a matrix with itself, whose interval is a point.
#[test]
fn a_similarity_without_a_value_says_why() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, rows: usize, value: &dyn Fn(usize) -> f32| {
        let file = folder.path().join(format!("{name}.safetensors"));
        let values: Vec<f32> = (0..rows * 2).map(value).collect();
        tensors(&file, &[("x", [rows, 2])], &values);
        text(&file).to_owned()
    };
    let table = |x: &str, y: &str| {
        let draws = ["--permutations", "19", "--samples", "99"];
        succeed(&mut settling("similarity", &[&[x, y], &draws[..]].concat()))
    };
    let wavy = |i: usize| (i * i % 17) as f32;
    let few = file("few", 3, &wavy);
    let found = table(&few, &few);
    let reason = "debiased CKA          undefined: too few rows: expected at least 4, found 3";
    assert!(found.contains(reason), "{found}");
    let many = file("many", 12, &wavy);
    assert!(table(&many, &many).contains("a point: all samples have one value"), "{found}");
    // Nine of twelve rows are equal: in some samples all that are drawn, or all but one.
    let mostly = file("mostly", 12, &|i| if i < 18 { 1.0 } else { i as f32 });
    let found = table(&mostly, &many);
    assert!(found.contains("of 99 draws have no value, because of the rows drawn"), "{found}");
    let constant = file("constant", 12, &|_| 0.1);
    let found = table(&many, &constant);
    assert!(
        found.contains("biased CKA            undefined: zero variance: all rows of y"),
        "{found}"
    );
}

#[test]
fn an_audit_tells_a_sound_run_from_a_broken_one() {
    let folder = TempDir::new().unwrap();
    let step = |step: u64, values: [f32; 4]| {
        let folder = folder.path().join(format!("step{step}"));
        fs::create_dir_all(&folder).unwrap();
        tensors(&folder.join("model.safetensors"), &[("w", [2, 2])], &values);
    };
    step(0, [1.0, 2.0, 3.0, 4.0]);
    step(1, [1.5, 2.0, 3.0, 4.0]);
    step(2, [2.0, 2.0, 3.0, 4.0]);
    let json = folder.path().join("audit.json");
    let report = succeed(&mut settling("audit", &[text(folder.path()), "--json", text(&json)]));
    assert!(report.contains("sound"), "{report}");
    assert!(fs::read_to_string(&json).unwrap().contains("sound"));
    // The weights of another step under this name.
    step(2, [1.0, 2.0, 3.0, 4.0]);
    let (code, stdout, _) = run(&mut settling("audit", &[text(folder.path())]));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("broken"), "{stdout}");
}

#[test]
fn tables_of_any_tool_become_a_report_and_the_papers_table() {
    let folder = TempDir::new().unwrap();
    let records = records(folder.path());
    let out = folder.path().join("out");
    let arguments = ["--records", text(&records), "--out", text(&out)];
    let table = succeed(&mut settling("mcc", &arguments));
    assert!(table.contains("within 10 % of training") && table.contains("weight_per"), "{table}");
    for file in ["mcc.csv", "mcc.svg", "mcc.png"] {
        assert!(out.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let (code, _, stderr) =
        run(&mut settling("mcc", &[&arguments[..], &["--protocol", "mine"]].concat()));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("corrected"), "{stderr}");

    // Without the rank of one layer at the end: which, and why, wherever it is looked for.
    let all = fs::read_to_string(&records).unwrap();
    let is_lost = |line: &&str| line.contains(",1000,2,mlp,") && line.contains(",weight,per,");
    assert_eq!(all.lines().filter(is_lost).count(), 1);
    let fewer = folder.path().join("fewer.csv");
    let kept: Vec<&str> = all.lines().filter(|line| !is_lost(line)).collect();
    fs::write(&fewer, kept.join("\n") + "\n").unwrap();
    let table = succeed(&mut settling("mcc", &["--records", text(&fewer)]));
    let reason = "no PER at the end of training: layer2.mlp.write: ";
    assert!(table.contains(reason) && !table.contains("0.000"), "{table}");

    let said = succeed(&mut settling("report", &[text(folder.path()), "--out", text(&out)]));
    assert!(said.contains("report.html"), "{said}");
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("<svg") && out.join("figures/main.svg").is_file());
    // As a study names it.
    assert_eq!(run(&mut settling("report", &["no-such-folder"])).0, 2);
    fs::write(&records, "no,table").unwrap();
    assert_eq!(run(&mut settling("report", &[text(folder.path())])).0, 3);
}

#[cfg(feature = "hub")]
#[test]
fn rows_are_a_batch_of_the_training_data() {
    use settling::core::TokenSource as _;
    use settling::tokens::NpyTokens;
    use settling_hub_server::{File, HubServer, Repo};

    let server = HubServer::start();
    let mut data = Repo::dataset("someone/shuffled");
    let ids = (0..2 * 1024_u32 * 2049).map(|place| (place / 2049 % 251) as u16);
    let bytes: Vec<u8> = ids.flat_map(u16::to_le_bytes).collect();
    data.replace("main", "Add data", [File::new("document-00000-of-00000.bin", bytes).in_lfs()]);
    server.add(data);
    let work = TempDir::new().unwrap();
    let out = work.path().join("rows.npy");
    let of_data = ["--dataset", "someone/shuffled", "--step", "1", "--rows", "2"];
    let mut command = settling("rows", &[&of_data[..], &["--out", text(&out)]].concat());
    command.env("HF_ENDPOINT", server.url()).env("HF_HOME", work.path()).env_remove("HF_TOKEN");
    let said = succeed(&mut command);
    assert!(said.contains("2 rows of 2049 tokens"), "{said}");
    let rows = NpyTokens::open(&out).unwrap().read_rows(0..2).unwrap();
    assert_eq!((rows.row(0)[0], rows.row(1)[2048]), (1024 % 251, 1025 % 251));
}

/// A file of f32 tensors, whose values come one after the other.
pub(crate) fn tensors(path: &Path, shapes: &[(&str, [usize; 2])], values: &[f32]) {
    let mut values = values.iter();
    let tensors: Vec<(String, TensorData<'_>)> = shapes
        .iter()
        .map(|&(name, [rows, cols])| {
            let bytes = values.by_ref().take(rows * cols).flat_map(|value| value.to_le_bytes());
            let data = TensorData::new(Dtype::F32, vec![rows, cols], bytes.collect::<Vec<u8>>());
            (name.to_owned(), data.unwrap())
        })
        .collect();
    write_safetensors(path, &tensors).unwrap();
}

/// A records.csv of one model with four layers.
pub(crate) fn records(folder: &Path) -> std::path::PathBuf {
    let mut records = Vec::new();
    for (step, grown) in [(0, 0.0), (100, 0.5), (1000, 1.0)] {
        for layer in 0..4 {
            for component in Component::ALL {
                let site = Site::write(layer, component);
                let early = f64::from(u8::from(layer % 2 == 0));
                let cka: f64 = 0.1 + grown * 0.9 - 0.3 * early * grown * (1.0 - grown);
                let mut add = |signal, metric: &str, estimator: &str, value: f64| {
                    let record = Record::new("m", Step(step), site, signal, metric, Ok(value));
                    let record = record.with_shape(64, 32).with_estimator(estimator);
                    records.push(record.with_protocol("corrected"));
                };
                add(Signal::Activation, "cka", "debiased", cka);
                add(Signal::Weight, "per", "attainable", 0.9 + 0.02 * layer as f64);
                add(Signal::Gradient, "per", "attainable", 0.5 + 0.1 * layer as f64);
            }
        }
    }
    let path = folder.join("records.csv");
    write_records(fs::File::create(&path).unwrap(), &records).unwrap();
    path
}
