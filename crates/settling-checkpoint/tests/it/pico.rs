//! What Pico's trainer saves: tests/pytorch/pico, by tests/pytorch/make.py.

use std::path::{Path, PathBuf};

use settling_checkpoint::{
    Audit, Checkpoint, ErrorKind, PicoDynamics, PicoSplit, StepDirectories, content_hash,
};
use settling_core::{CheckpointSeries, Dtype, Signal, Step, TensorSource};

fn run() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/pico")
}

#[test]
fn every_file_of_every_step_is_what_pytorch_saved() {
    let mut files = 0;
    for split in PicoSplit::ALL {
        for signal in Signal::ALL {
            let series = PicoDynamics::open(run(), split, signal).unwrap();
            for step in series.steps().unwrap() {
                let expected =
                    Checkpoint::open_file(run().join(format!("step_{step}.safetensors"))).unwrap();
                let ours = series.open(step).unwrap();
                assert_eq!(ours.prefix(), "_forward_module.layers.");
                let names = ours.tensors().iter().map(|meta| &*meta.name).collect::<Vec<_>>();
                let modules =
                    ["0.attention.v_proj", "0.swiglu.w_2", "1.attention.v_proj", "1.swiglu.w_2"];
                assert_eq!(names, modules);
                for name in names {
                    let full = format!("{split}_{}s/{}{name}", signal.name(), ours.prefix());
                    assert_eq!(ours.read(name).unwrap(), expected.read(&full).unwrap(), "{full}");
                    assert_eq!(ours.file_of(name), ours.files().next());
                }
                let is_half = split == PicoSplit::Train && signal != Signal::Gradient;
                let dtype = if is_half { Dtype::Bf16 } else { Dtype::F32 };
                assert!(ours.tensors().iter().all(|meta| meta.dtype == dtype));
                files += 1;
            }
        }
    }
    assert_eq!(files, 11, "two steps of six files, but for one that is missing");
}

#[test]
fn the_steps_are_those_that_have_the_file() {
    let steps = |folder: &Path, split, signal| {
        PicoDynamics::open(folder, split, signal).map(|series| series.steps().unwrap())
    };
    let both = [Step(0), Step(1000)];
    assert_eq!(steps(&run(), PicoSplit::Train, Signal::Weight).unwrap(), both);
    assert_eq!(steps(&run(), PicoSplit::Train, Signal::Gradient).unwrap(), [Step(0)]);
    let plain = run().join("checkpoints");
    assert_eq!(steps(&plain, PicoSplit::Val, Signal::Gradient).unwrap(), both);

    let series = PicoDynamics::open(run(), PicoSplit::Train, Signal::Gradient).unwrap();
    let error = series.open(Step(1000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    assert!(error.to_string().contains("has no step 1000; it has 0"), "{error}");
    let checkpoint = series.open(Step(0)).unwrap();
    let error = checkpoint.read("_forward_module.layers.0.swiglu.w_2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingTensor);

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("step_0")).unwrap();
    let error = steps(folder.path(), PicoSplit::Val, Signal::Activation).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    for part in ["step_512", "learning_dynamics/val_activations.pt"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = steps(&folder.path().join("no"), PicoSplit::Val, Signal::Activation).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
}

#[test]
fn a_series_of_one_file_is_a_series_like_any_other() {
    let series = PicoDynamics::open(run(), PicoSplit::Val, Signal::Weight).unwrap();
    let report = Audit::new().run_on_files(&series).unwrap();
    assert_eq!(report.sound_steps(), [Step(0), Step(1000)], "{report}");
    // Without the prefix it has other names, and so another hash.
    let pattern = "step_{N}".parse().unwrap();
    let file = PicoSplit::Val.file(Signal::Weight);
    let files = StepDirectories::open_files(run().join("checkpoints"), &pattern, file).unwrap();
    let (ours, whole) = (series.open(Step(0)).unwrap(), files.open(Step(0)).unwrap());
    assert_eq!((whole.prefix(), whole.tensors().len()), ("", 4));
    assert_ne!(content_hash(&ours).unwrap(), content_hash(&whole).unwrap());
    let twice = whole.without_common_prefix().without_common_prefix();
    assert_eq!(twice.prefix(), "_forward_module.layers.");
    assert_eq!(content_hash(&ours).unwrap(), content_hash(&twice).unwrap());
}
