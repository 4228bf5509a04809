//! What no command does: write over what it reads, take one name for two things, or measure a
//! checkpoint of which an audit says something that nobody has allowed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::commands::records;
use crate::program::{model, run, settling, succeed, text};

/// Every file below a folder, with its bytes.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}

/// Runs a command that must be refused as wrong usage, with a word on `says`, and must leave all of
/// `folder` as it is.
#[track_caller]
pub(crate) fn refused(folder: &Path, command: &str, arguments: &[&str], says: &str) {
    let before = tree(folder);
    let (code, stdout, stderr) = run(&mut settling(command, arguments));
    assert_eq!(code, 2, "{command} {arguments:?}\n{stdout}{stderr}");
    assert!(stderr.contains(says), "{command} {arguments:?}\n{stderr}");
    assert!(!stderr.contains("::"), "{command} {arguments:?}\n{stderr}");
    assert!(tree(folder) == before, "{command} {arguments:?}");
}

/// A small model as the steps 0 and 1000 of a run.
fn steps(folder: &Path) -> PathBuf {
    let run = folder.join("run");
    for step in ["step0", "step1000"] {
        fs::create_dir_all(run.join(step)).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(model("neox").join(file), run.join(step).join(file)).unwrap();
        }
    }
    run
}

#[test]
fn no_command_writes_over_what_it_reads() {
    let work = TempDir::new().unwrap();
    let at = |name: &str| work.path().join(name);
    let folder = steps(work.path());
    let of_step = folder.join("step1000");
    symlink(&folder, at("link")).unwrap();
    symlink(of_step.join("model.safetensors"), at("weights")).unwrap();
    fs::hard_link(of_step.join("config.json"), at("hard.json")).unwrap();
    for json in [
        of_step.join("model.safetensors"),
        of_step.join("config.json"),
        of_step.join("../step0/config.json"),
        // Not there, and read as soon as it is.
        of_step.join("tokenizer.json"),
        at("link/step0/config.json"),
        at("weights"),
        at("hard.json"),
    ] {
        refused(work.path(), "audit", &[text(&folder), "--json", text(&json)], "--json: ");
    }

    fs::create_dir(at("out")).unwrap();
    symlink(of_step.join("config.json"), at("out/weights.csv")).unwrap();
    refused(work.path(), "weights", &[text(&of_step), "--out", text(&at("out"))], "--out: ");

    fs::create_dir(at("study")).unwrap();
    let table = records(&at("study"));
    let named = at("study/mcc.csv");
    fs::rename(table, &named).unwrap();
    let study = at("study");
    refused(
        work.path(),
        "mcc",
        &["--records", text(&named), "--out", text(&study)],
        "mcc.csv would be written over",
    );
    records(&study);
    fs::hard_link(study.join("records.csv"), study.join("report.html")).unwrap();
    refused(work.path(), "report", &[text(&study)], "report.html would be written over");
}

#[test]
fn what_is_asked_for_twice_is_refused() {
    let work = TempDir::new().unwrap();
    let folder = steps(work.path());
    let table = records(work.path());
    let protocol = work.path().join("mine.toml");
    fs::write(&protocol, "name = 'mine'\nbase = 'corrected'").unwrap();
    let of = text(work.path());
    let (mine, spectrum) = (text(&protocol), "layer0.mlp.write.weight");
    refused(of.as_ref(), "report", &[of, "--protocol", mine, "--protocol", mine], "named twice");
    refused(
        of.as_ref(),
        "report",
        &[of, "--spectra", spectrum, "--spectra", spectrum],
        "--spectra: `layer0.mlp.write.weight` is named twice",
    );
    refused(
        of.as_ref(),
        "audit",
        &[text(&folder), "--allow", "zero-weights", "--allow", "512,zero-weights"],
        "--allow: `zero-weights` is named twice",
    );
    refused(of.as_ref(), "audit", &[text(&folder), "--allow", "zero"], "unknown-tensors");
    drop(table);
}

/// By which thresholds, nobody says.
#[test]
fn a_protocol_that_only_the_records_know_decides_nothing() {
    let work = TempDir::new().unwrap();
    let table = records(work.path());
    let text_of = fs::read_to_string(&table).unwrap().replace(",corrected\n", ",published_demo\n");
    fs::write(&table, text_of).unwrap();
    let of_table = ["--records", text(&table)];
    refused(
        work.path(),
        "mcc",
        &[&of_table[..], &["--protocol", "published_demo"]].concat(),
        "`published_demo`",
    );
    refused(work.path(), "mcc", &of_table, "there are records of published_demo");
    refused(work.path(), "report", &[text(work.path())], "`published_demo`");
}

/// A teacher and its student in one file, of which none is meant until one is chosen.
#[test]
fn of_two_models_in_a_file_the_command_line_chooses() {
    use settling::checkpoint::{Checkpoint, write_safetensors};
    use settling::core::TensorSource as _;
    let work = TempDir::new().unwrap();
    let source = Checkpoint::open(model("neox")).unwrap();
    let mut tensors = Vec::new();
    for part in ["student", "teacher"] {
        for meta in source.tensors() {
            tensors.push((format!("{part}.{}", meta.name), source.read(&meta.name).unwrap()));
        }
    }
    for step in [0, 1] {
        let folder = work.path().join(format!("m/step{step}"));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(model("neox").join("config.json"), folder.join("config.json")).unwrap();
        write_safetensors(folder.join("model.safetensors"), &tensors).unwrap();
    }
    let folder = work.path().join("m/step0");
    for command in ["inspect", "weights"] {
        let (code, _, stderr) = run(&mut settling(command, &[text(&folder)]));
        assert_eq!(code, 3, "{command}: {stderr}");
        assert!(stderr.contains("`student") && stderr.contains("--part"), "{command}: {stderr}");
        succeed(&mut settling(command, &[text(&folder), "--part", "teacher"]));
        let (code, _, stderr) = run(&mut settling(command, &[text(&folder), "--part", "ema"]));
        assert_eq!(code, 3, "{command}: {stderr}");
        assert!(stderr.contains("no part `ema`; it has `student`, `teacher`"), "{stderr}");
    }
    let run_folder = work.path().join("m");
    let allowed = [text(&run_folder), "--part", "student", "--allow", "same-as-last"];
    succeed(&mut settling("audit", &allowed));
    if cfg!(feature = "capture") {
        let rows = work.path().join("rows.npy");
        let batch = settling::core::TokenBatch::new((0..45).map(|id| id % 7).collect(), 9).unwrap();
        settling::tokens::write_npy(&rows, &batch).unwrap();
        let out = work.path().join("out");
        let suite = ["--suite", text(work.path()), "--models", "m", "--tokens", text(&rows)];
        let rest = ["--allow", "same-as-last", "--device", "cpu", "--out", text(&out)];
        let (code, _, stderr) = run(&mut settling("study", &[&suite[..], &rest].concat()));
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains("`teacher"), "{stderr}");
        succeed(&mut settling("study", &[&suite[..], &rest, &["--part", "teacher"]].concat()));
    }
}

/// A copy of the golden model whose configuration says that its two embeddings are one.
#[test]
fn embeddings_that_are_not_tied_as_the_configuration_says_are_named() {
    let work = TempDir::new().unwrap();
    let config = fs::read_to_string(model("neox").join("config.json")).unwrap();
    let tied = config.replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    assert_ne!(tied, config);
    fs::write(work.path().join("config.json"), tied).unwrap();
    let weights = "model.safetensors";
    fs::copy(model("neox").join(weights), work.path().join(weights)).unwrap();
    let (code, stdout, _) = run(&mut settling("inspect", &[text(work.path())]));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("embed_out.weight differs from gpt_neox.embed_in.weight"), "{stdout}");
}

#[test]
fn weights_in_integers_are_no_weights() {
    let work = TempDir::new().unwrap();
    fs::copy(model("neox").join("config.json"), work.path().join("config.json")).unwrap();
    let whole = settling::checkpoint::Checkpoint::open(model("neox")).unwrap();
    let change = |name: &str, whole: &settling::core::TensorData<'_>| {
        use settling::core::{Dtype, TensorData};
        let (shape, count) = (whole.shape().to_vec(), whole.shape().iter().product());
        match name.ends_with("dense_4h_to_h.weight") {
            true => TensorData::new(Dtype::I8, shape, vec![1_u8; count]).unwrap(),
            false => TensorData::new(whole.dtype(), shape, whole.bytes().to_vec()).unwrap(),
        }
    };
    rewrite(&whole, &work.path().join("model.safetensors"), &[], change);
    let (code, stdout, _) = run(&mut settling("inspect", &[text(work.path())]));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("dense_4h_to_h.weight is i8, expected f16"), "{stdout}");
}

/// The weights of a checkpoint as a file, each as `change` gives it, and `more`.
pub(crate) fn rewrite(
    source: &settling::checkpoint::Checkpoint,
    path: &Path,
    more: &[(&str, Vec<usize>)],
    change: impl Fn(&str, &settling::core::TensorData<'_>) -> settling::core::TensorData<'static>,
) {
    use settling::core::{Dtype, TensorData, TensorSource as _};
    let mut tensors: Vec<(String, TensorData<'static>)> = source
        .tensors()
        .iter()
        .map(|meta| (meta.name.clone(), change(&meta.name, &source.read(&meta.name).unwrap())))
        .collect();
    for (name, shape) in more {
        let bytes: Vec<u8> = (0..shape.iter().product())
            .flat_map(|place: usize| (place as f32).to_le_bytes())
            .collect();
        tensors
            .push(((*name).to_owned(), TensorData::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    }
    settling::checkpoint::write_safetensors(path, &tensors).unwrap();
}

#[test]
fn tensors_that_the_model_does_not_have_are_said_before_weights_are_measured() {
    let work = TempDir::new().unwrap();
    let step = work.path().join("m/step5");
    fs::create_dir_all(&step).unwrap();
    fs::copy(model("neox").join("config.json"), step.join("config.json")).unwrap();
    let whole = settling::checkpoint::Checkpoint::open(model("neox")).unwrap();
    let adapter = "gpt_neox.layers.0.attention.dense.lora_A.weight";
    let same = |_: &str, data: &settling::core::TensorData<'_>| {
        settling::core::TensorData::new(data.dtype(), data.shape().to_vec(), data.bytes().to_vec())
            .unwrap()
    };
    rewrite(&whole, &step.join("model.safetensors"), &[(adapter, vec![2, 3])], same);
    let (code, stdout, stderr) = run(&mut settling("weights", &[text(&step)]));
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains(adapter) && stderr.contains("--allow unknown-tensors"), "{stderr}");
    let table = succeed(&mut settling("weights", &[text(&step), "--allow", "unknown-tensors"]));
    assert!(table.contains("layer0.attention.write"), "{table}");

    let of_run = text(&work.path().join("m")).to_owned();
    let (code, stdout, stderr) = run(&mut settling("audit", &[&of_run]));
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains(adapter) && stderr.contains("--allow unknown-tensors"), "{stdout}");
    let allowed = succeed(&mut settling("audit", &[&of_run, "--allow", "unknown-tensors"]));
    assert!(allowed.contains("[unknown-tensors, allowed]"), "{allowed}");
}

#[cfg(feature = "capture")]
mod of_studies {
    use settling::checkpoint::Checkpoint;
    use settling::core::TensorData;

    use super::*;
    use crate::program::suite;

    /// The arguments of a study of the model of a suite.
    fn arguments<'a>(suite: &'a Path, rows: &'a Path, out: &'a Path) -> Vec<&'a str> {
        let of_suite = ["--suite", text(suite), "--models", "m", "--tokens", text(rows)];
        let rest = ["--positions", "all", "--device", "cpu", "--out", text(out)];
        [&of_suite[..], &rest].concat()
    }

    #[test]
    fn no_study_or_capture_writes_over_what_it_reads() {
        let suite = suite();
        let at = |name: &str| suite.path().join(name);
        let (rows, out) = (at("rows.npy"), at("out"));
        let study = |out: &str, rows: &str, more: &[&str]| {
            let all = arguments(suite.path(), rows.as_ref(), out.as_ref());
            refused(suite.path(), "study", &[&all[..], more].concat(), "--out: ");
        };
        for out in [at(""), at("m"), at("m/step4"), at("m/../"), at("new/..")] {
            study(text(&out), text(&rows), &[]);
            study(text(&out), text(&rows), &["--plan"]);
        }
        // Token rows and a protocol in the places of results.
        fs::create_dir_all(at("out/m")).unwrap();
        for name in ["records.csv", "m/rows.npy"] {
            fs::copy(&rows, out.join(name)).unwrap();
            study(text(&out), text(&out.join(name)), &[]);
        }
        symlink(&rows, out.join("main.svg")).unwrap();
        study(text(&out), text(&rows), &[]);

        fs::hard_link(&rows, at("hard-link")).unwrap();
        symlink(at("m"), at("link")).unwrap();
        let of_model = [text(&at("m")).to_owned(), text(&rows).to_owned()];
        let base = [&*of_model[0], "--step", "4", "--tokens", &*of_model[1], "--out"];
        for out in [
            "rows.npy",
            "hard-link",
            "m/step4/model.safetensors",
            "m/step4/config.json",
            "m/step0/model.safetensors",
            "link/step4/model.safetensors",
            "link/step4/tokenizer.json",
        ] {
            let out = at(out);
            let all = [&base[..], &[text(&out)]].concat();
            refused(suite.path(), "capture", &all, "--out: ");
            refused(suite.path(), "gradients", &all, "--out: ");
        }
    }

    #[test]
    fn a_study_of_one_thing_twice_is_refused() {
        let suite = suite();
        let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("out"));
        let mine = suite.path().join("mine.toml");
        fs::write(&mine, "name = 'mine'\nbase = 'corrected'").unwrap();
        let all = arguments(suite.path(), &rows, &out);
        let twice = |more: &[&str], says: &str| {
            let mut all = all.clone();
            if more[0] == "--models" {
                all.drain(2..4);
            }
            refused(suite.path(), "study", &[&all[..], more].concat(), says);
        };
        twice(&["--models", "m,m"], "--models: `m` is named twice");
        twice(&["--models", "m/../m"], "`m/../m` cannot name a model");
        twice(&["--models", "m,me/tiny"], "`me/tiny` cannot name a model");
        twice(&["--models", "m,records.csv"], "`records.csv` cannot name a model");
        twice(&["--steps", "4,4"], "--steps: `4` is named twice");
        twice(&["--allow", "4,4"], "--allow: `4` is named twice");
        twice(&["--protocol", "corrected,corrected"], "`corrected` is named twice");
        let mine = format!("{0},{0}", text(&mine));
        twice(&["--protocol", &mine], "`mine` is named twice");
        // Said before a checkpoint is read, with what there is.
        twice(&["--steps", "0,7,12"], "m has no step 7; it has 4 steps: 0, 1, 4, 12");
        twice(&["--protocol", "published"], "--training-tokens");
        twice(&["--micro-batch", "0"], "--micro-batch");
        twice(&["--models", "m,M"], "--models, in lower case: `m` is named twice");
        let site = "layer1.mlp.write,layer1.mlp.write";
        let model = suite.path().join("m/step4");
        let of_model = [text(&model), "--tokens", text(&rows), "--sites", site, "--out", "x"];
        refused(suite.path(), "capture", &of_model, "--sites: `layer1.mlp.write` is named twice");
        refused(suite.path(), "gradients", &of_model, "--sites: `layer1.mlp.write` is named twice");
    }

    /// One step with an adapter that was not merged, and one with a matrix of zeros.
    fn damaged() -> (TempDir, [&'static str; 2]) {
        let suite = suite();
        let names = [
            "gpt_neox.layers.1.attention.dense.lora_A.weight",
            "gpt_neox.layers.1.mlp.dense_4h_to_h.weight",
        ];
        for (step, more, zero) in
            [(12, vec![(names[0], vec![2, 16])], ""), (4, Vec::new(), names[1])]
        {
            let file = suite.path().join(format!("m/step{step}/model.safetensors"));
            let whole = Checkpoint::open_file(&file).unwrap();
            let written = suite.path().join("written.safetensors");
            rewrite(&whole, &written, &more, |name, data| {
                let mut bytes = data.bytes().to_vec();
                if name == zero {
                    bytes.fill(0);
                }
                TensorData::new(data.dtype(), data.shape().to_vec(), bytes).unwrap()
            });
            fs::rename(written, file).unwrap();
        }
        (suite, names)
    }

    #[test]
    fn a_study_goes_on_with_findings_only_if_it_is_told_to() {
        let (suite, [adapter, zeros]) = damaged();
        let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("out"));
        let mine = suite.path().join("mine.toml");
        fs::write(&mine, "name = 'mine'\nbase = 'corrected'").unwrap();
        let protocols = format!("corrected,{}", text(&mine));
        let all = arguments(suite.path(), &rows, &out);
        let with = |more: &[&str]| {
            settling("study", &[&all[..], &["--protocol", &protocols], more].concat())
        };
        for (more, names) in [
            (&[][..], &[adapter, zeros][..]),
            (&["--allow", "unknown-tensors"], &[zeros]),
            (&["--allow", "zero-weights"], &[adapter]),
            (&["--allow", "4,12", "--plan"], &[adapter, zeros]),
        ] {
            let (code, stdout, stderr) = run(&mut with(more));
            assert_eq!((code, stdout.as_str()), (3, ""), "{more:?}\n{stderr}");
            for name in [adapter, zeros] {
                assert_eq!(stderr.contains(name), names.contains(&name), "{more:?}\n{stderr}");
            }
            assert!(stderr.contains("--allow "), "{stderr}");
        }
        assert!(!out.join("m").exists());
        let done = succeed(&mut with(&["--allow", "unknown-tensors,zero-weights"]));
        let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let audit = &manifest["models"][0]["audit"];
        assert_eq!(audit["verdict"], "suspect");
        let findings = audit["findings"].to_string();
        let html = fs::read_to_string(out.join("report.html")).unwrap();
        let json = fs::read_to_string(out.join("m/audit.json")).unwrap();
        for place in [&done, &findings, &html, &json] {
            assert!(place.contains(adapter) && place.contains(zeros), "{place}");
        }
        assert!(done.contains("[unknown-tensors, allowed]"), "{done}");
        assert!(done.contains("checkpoints of m: suspect"), "{done}");

        // What was computed is known, and what other settings would compute anew, too.
        let allow = ["--allow", "unknown-tensors,zero-weights", "--plan"];
        let plan = succeed(&mut with(&allow));
        assert!(plan.contains("m: 4 steps, 4 of them done"), "{plan}");
        let plan = succeed(&mut with(&[&allow[..], &["--precision", "f64"]].concat()));
        assert!(plan.contains("m: 4 steps, 0 of them done"), "{plan}");

        // A report calls the figures as the study does.
        let again = suite.path().join("again");
        succeed(&mut settling("report", &[text(&out), "--out", text(&again)]));
        for name in ["main-corrected.svg", "main-mine.png"] {
            assert!(out.join(name).is_file() && again.join("figures").join(name).is_file());
        }
        // Again: the report's own files are no inputs.
        succeed(&mut settling("report", &[text(&out), "--out", text(&again)]));
    }

    #[test]
    fn a_capture_leaves_no_tensor_out_without_a_word() {
        let (suite, [adapter, zeros]) = damaged();
        let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("x.safetensors"));
        let model = suite.path().join("m");
        for command in ["capture", "gradients"] {
            let of_step = |step: &str, more: &[&str]| {
                let base = [text(&model), "--step", step, "--tokens", text(&rows)];
                let rest = ["--device", "cpu", "--out", text(&out)];
                run(&mut settling(command, &[&base[..], &rest, more].concat()))
            };
            let (code, stdout, stderr) = of_step("12", &[]);
            assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
            assert!(stderr.contains(adapter) && stderr.contains("--allow unknown-tensors"));
            assert!(!out.exists());
            let (code, _, stderr) = of_step("12", &["--allow", "unknown-tensors"]);
            assert_eq!((code, stderr.as_str()), (0, ""));
            let head = String::from_utf8_lossy(&fs::read(&out).unwrap()[8..1500]).into_owned();
            assert!(head.contains(r#""allowed":"unknown-tensors""#), "{head}");
            fs::remove_file(&out).unwrap();
            // What is in the file is measured, and said.
            let (code, _, stderr) = of_step("4", &[]);
            assert_eq!(code, 0, "{stderr}");
            assert!(stderr.contains(zeros), "{stderr}");
            fs::remove_file(&out).unwrap();
        }
    }

    /// A hub with the suite's model in two places of the same name.
    #[cfg(feature = "hub")]
    fn hub(suite: &Path, ids: &[&str]) -> settling_hub_server::HubServer {
        use settling_hub_server::{File, HubServer, Repo};
        let server = HubServer::start();
        for id in ids {
            let mut repo = Repo::model(*id);
            for step in settling_testkit::TINY_STEPS {
                let place = suite.join(format!("m/step{step}"));
                let file = |name: &str| File::new(name, fs::read(place.join(name)).unwrap());
                let files = [file("config.json"), file("model.safetensors")];
                repo.replace(&format!("step{step}"), "Add weights", files);
            }
            server.add(repo);
        }
        server
    }

    #[cfg(feature = "hub")]
    #[test]
    fn models_of_a_hub_keep_their_owners_and_are_looked_at_when_they_come() {
        let (suite, [adapter, zeros]) = damaged();
        let server = hub(suite.path(), &["me/tiny", "you/tiny"]);
        let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("out"));
        let study = |models: &str, more: &[&str]| {
            let of_hub = ["--hub", "--models", models, "--tokens", text(&rows)];
            let rest = ["--positions", "all", "--device", "cpu", "--out", text(&out)];
            let mut command = settling("study", &[&of_hub[..], &rest, more].concat());
            let cache = suite.path().join("cache");
            command.env("HF_ENDPOINT", server.url()).env("HF_HOME", cache).env_remove("HF_TOKEN");
            command
        };
        let plan = succeed(&mut study("me/tiny,you/tiny", &["--plan"]));
        assert!(
            plan.contains("me--tiny: 4 steps") && plan.contains("you--tiny: 4 steps"),
            "{plan}"
        );
        let (code, _, stderr) = run(&mut study("me/tiny,me/tiny", &[]));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("`me/tiny` is named twice"), "{stderr}");
        let (code, _, stderr) = run(&mut study("me/tiny", &["--steps", "0,7"]));
        assert_ne!(code, 0, "{stderr}");
        assert!(stderr.contains("no step 7; it has 0, 1, 4, 12"), "{stderr}");

        // Nothing of it is known before the weights are here; the last comes first.
        let (code, _, stderr) = run(&mut study("me/tiny", &["--quiet"]));
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains(adapter) && stderr.contains("--allow unknown-tensors"), "{stderr}");
        let allow = ["--quiet", "--allow", "unknown-tensors,zero-weights"];
        succeed(&mut study("me/tiny", &allow));
        let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
        assert!(manifest.contains(adapter) && manifest.contains(zeros), "{manifest}");
        let mine = fs::read(out.join("me--tiny/step4/corrected/unit.json")).unwrap();
        succeed(&mut study("you/tiny", &allow));
        assert!(out.join("you--tiny/step4").is_dir());
        assert_eq!(fs::read(out.join("me--tiny/step4/corrected/unit.json")).unwrap(), mine);
    }

    /// The hashes of a hub tell that configurations are different files, and those tell how.
    #[cfg(feature = "hub")]
    #[test]
    fn a_setting_that_changes_on_a_hub_is_found_before_weights_are_fetched() {
        let suite = suite();
        let config = suite.path().join("m/step4/config.json");
        let whole = fs::read_to_string(&config).unwrap();
        let mut settings: serde_json::Value = serde_json::from_str(&whole).unwrap();
        settings["layer_norm_eps"] = 0.5.into();
        fs::write(&config, settings.to_string()).unwrap();
        let server = hub(suite.path(), &["me/tiny"]);
        let (rows, out) = (suite.path().join("rows.npy"), suite.path().join("out"));
        let study = |more: &[&str]| {
            let of_hub = ["--hub", "--models", "me/tiny", "--tokens", text(&rows), "--plan"];
            let mut command =
                settling("study", &[&of_hub[..], &["--out", text(&out)], more].concat());
            let cache = suite.path().join("cache");
            command.env("HF_ENDPOINT", server.url()).env("HF_HOME", cache).env_remove("HF_TOKEN");
            command
        };
        let (code, _, stderr) = run(&mut study(&[]));
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains("`layer_norm_eps` is ") && stderr.contains("0.5"), "{stderr}");
        assert_eq!(server.bytes_served("/cdn/"), 0);
        succeed(&mut study(&["--allow", "changed-settings"]));
    }
}
