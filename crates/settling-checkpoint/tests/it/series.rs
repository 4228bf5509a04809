//! Series by step patterns, and from the cache of Hugging Face's libraries.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use settling_checkpoint::{
    Error, ErrorKind, HubCache, StepDirectories, StepPattern, write_safetensors,
};
use settling_core::{CheckpointSeries, Dtype, Step, TensorData, TensorSource};
use tempfile::TempDir;

fn pattern(text: &str) -> StepPattern {
    text.parse().unwrap()
}

#[test]
fn a_series_of_one_part_of_each_checkpoint() {
    let folder = TempDir::new().unwrap();
    let tensor = |value| TensorData::new(Dtype::U8, vec![1], vec![value]).unwrap();
    for (step, value) in [(0, 1), (7, 3)] {
        let step = folder.path().join(format!("step{step}"));
        fs::create_dir(&step).unwrap();
        let tensors =
            [("student.w".to_owned(), tensor(value)), ("teacher.w".to_owned(), tensor(value + 1))];
        write_safetensors(step.join("model.safetensors"), &tensors).unwrap();
    }
    let series = StepDirectories::open(folder.path()).unwrap().with_part("teacher");
    assert_eq!(series.open(Step(7)).unwrap().read("w").unwrap().bytes(), [4]);
    assert_eq!(series.open(Step(0)).unwrap().tensors().len(), 1);
    let message = series.with_part("ema").open(Step(0)).unwrap_err().to_string();
    assert!(message.contains("no part `ema`; it has `student`, `teacher`"), "{message}");
}

#[test]
fn patterns_of_published_suites() {
    for (text, name, step) in [
        ("step{N}", "step143000", 143_000),
        ("step{N}", "step007", 7),
        ("step-{N}", "step-160000", 160_000),
        ("checkpoint-{N}", "checkpoint-400000", 400_000),
        ("global_step{N}", "global_step1000", 1000),
        ("step{N}-tokens{*}B", "step1000-tokens4B", 1000),
        ("stage1-step{N}-tokens{*}B", "stage1-step0-tokens0B", 0),
        (
            "stage2-ingredient{*}-step{N}-tokens{*}B",
            "stage2-ingredient3-step11931-tokens50B",
            11_931,
        ),
        ("ckpt_{N:03}", "ckpt_000", 0),
        ("ckpt_{N}", "ckpt_358", 358),
        ("step-{N:06}-{*}BT", "step-001000-2BT", 1000),
        ("stage{*}-step-{N}", "stage1-step-40000", 40_000),
        ("{N}", "128000", 128_000),
        ("{*}-{N}", "run-1-2", 0),
        ("{*}b{N}", "bbb1", 1),
        ("größe{N}", "größe5", 5),
    ] {
        let found = pattern(text).step(name);
        let expected = (text != "{*}-{N}").then_some(Step(step));
        assert_eq!(found, expected, "{text} and {name}: a dash is no {{*}}");
        assert_eq!(pattern(text).to_string(), text);
    }
}

#[test]
fn names_that_do_not_match() {
    for (text, name) in [
        ("step{N}", "step"),
        ("step{N}", "step+1"),
        ("step{N}", "step-1"),
        ("step{N}", "step1.bak"),
        ("step{N}", "xstep1"),
        ("step{N}", "step18446744073709551616"),
        ("step{N}", "step٣"),
        ("step{N}-tokens{*}B", "step1-tokensB"),
        ("step{N}-tokens{*}B", "step1-tokens4"),
        ("step{N}-tokens{*}B", "step1-tokens4-2B"),
        ("stage1-step{N}-tokens{*}B", "step1-tokens1B"),
    ] {
        assert_eq!(pattern(text).step(name), None, "{text} and {name}");
    }
    assert_eq!(pattern("step{N}").step("step18446744073709551615"), Some(Step(u64::MAX)));
}

#[test]
fn patterns_that_are_none() {
    for (text, part) in [
        ("", "has no {N}"),
        ("step{*}", "has no {N}"),
        ("{N}-{N}", "more than one {N}"),
        ("{N}{*}", "nothing between"),
        ("{*}{N}", "nothing between"),
        ("{N}0", "a digit right after"),
        ("step{n}", "{n}, which is unknown"),
        ("step{N:x}", "unknown"),
        ("step{N:99}", "unknown"),
        ("step{N", "brace"),
        ("step}{N}", "brace"),
        ("a/step{N}", "is a path"),
        ("..{N}", "is a path"),
    ] {
        let error = text.parse::<StepPattern>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Pattern);
        let message = error.to_string();
        assert!(message.contains(part) && message.contains("such as step{N}"), "{message}");
    }
}

proptest! {
    #[test]
    fn a_name_made_by_a_pattern_is_read_back(
        before in "[a-zé_.-]{0,6}", after in "([a-z_-][a-z0-9é_-]{0,5})?", width in 0..20_usize, step: u64,
    ) {
        prop_assume!(!before.contains(".."));
        let text = if width == 0 { format!("{before}{{N}}{after}") } else { format!("{before}{{N:0{width}}}{after}") };
        let pattern = pattern(&text);
        let name = pattern.name(Step(step)).unwrap();
        prop_assert_eq!(pattern.step(&name), Some(Step(step)));
        prop_assert_eq!(pattern.to_string().parse::<StepPattern>().unwrap(), pattern);
    }

    #[test]
    fn no_pattern_and_no_name_panics(text in "[a{}N*:0-9é/.]{0,12}", name in "[a0-9é.]{0,12}") {
        if let Ok(pattern) = text.parse::<StepPattern>() {
            let _ = pattern.step(&name);
        }
    }
}

#[test]
fn folders_by_pattern() {
    let folder = TempDir::new().unwrap();
    for name in ["step1-tokens2B", "step10-tokens20B", "step3"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let olmo = pattern("step{N}-tokens{*}B");
    let series = StepDirectories::open_with(folder.path(), &olmo).unwrap();
    assert_eq!(series.steps().unwrap(), [Step(1), Step(10)]);
    assert_eq!(StepDirectories::open(folder.path()).unwrap().steps().unwrap(), [Step(3)]);
    fs::create_dir(folder.path().join("step1-tokens3B")).unwrap();
    let error = StepDirectories::open_with(folder.path(), &olmo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    let message = error.to_string();
    assert!(message.contains("tokens2B") && message.contains("tokens3B"), "{message}");
    assert!(message.contains("the same step, 1"), "{message}");
    let error = StepDirectories::open_with(folder.path(), &pattern("ckpt_{N:03}")).unwrap_err();
    assert!(error.to_string().contains("such as ckpt_000 and ckpt_512"), "{error}");
}

fn commit(digit: char) -> String {
    digit.to_string().repeat(40)
}

/// A model's folder in the cache, with the blobs in their place and links to them.
struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        let cache = Self(TempDir::new().unwrap());
        for folder in ["refs", "blobs", "snapshots"] {
            fs::create_dir(cache.path().join(folder)).unwrap();
        }
        cache
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn reference(&self, revision: &str, content: &str) {
        fs::write(self.path().join("refs").join(revision), content).unwrap();
    }

    fn link(&self, commit: &str, name: &str, blob: &str) {
        let snapshot = self.path().join("snapshots").join(commit);
        fs::create_dir_all(&snapshot).unwrap();
        let target = format!("../../blobs/{blob}");
        #[cfg(unix)]
        std::os::unix::fs::symlink(target, snapshot.join(name)).unwrap();
        #[cfg(not(unix))]
        if let Ok(bytes) = fs::read(self.path().join("blobs").join(blob)) {
            fs::write(snapshot.join(name), bytes).unwrap();
        }
    }

    /// A revision whose only tensor has this value.
    fn revision(&self, revision: &str, digit: char, value: u8) {
        let blob = format!("blob{value}");
        let tensor = TensorData::new(Dtype::U8, vec![1], vec![value]).unwrap();
        write_safetensors(self.path().join("blobs").join(&blob), &[("a".to_owned(), tensor)])
            .unwrap();
        self.reference(revision, &commit(digit));
        self.link(&commit(digit), "model.safetensors", &blob);
    }

    fn open(&self) -> Result<HubCache, Error> {
        HubCache::open(self.path(), &StepPattern::default())
    }
}

#[test]
fn revisions_of_a_cache_are_steps() {
    let cache = Cache::new();
    cache.revision("step0", 'a', 1);
    cache.revision("step1000", 'b', 2);
    cache.revision("main", 'c', 3);
    // With a line break, as a hand-written ref has it.
    cache.reference("step1000", &format!("{}\n", commit('b')));
    let series = cache.open().unwrap();
    assert_eq!(series.steps().unwrap(), [Step(0), Step(1000)]);
    assert_eq!(series.commit(Step(1000)), Some(commit('b').as_str()));
    assert_eq!((series.commit(Step(7)), series.revision(Step(0))), (None, Some("step0")));
    assert_eq!(series.open(Step(1000)).unwrap().read("a").unwrap().bytes(), [2]);
    assert_eq!(series.open_revision("main").unwrap().unwrap().read("a").unwrap().bytes(), [3]);
    assert!(series.open_revision("v2").unwrap().is_none());
    assert!(series.open(Step(7)).unwrap_err().to_string().contains("no step 7; it has 0, 1000"));
    assert_eq!(series.folder(), cache.path());
}

#[test]
fn what_is_not_there_in_a_cache_is_absent() {
    let cache = Cache::new();
    cache.revision("step0", 'a', 1);
    cache.reference("step1", "");
    cache.reference("step2", "<html>");
    cache.reference("step4", &format!("../../{}", "a".repeat(34)));
    cache.reference("step8", &commit('d'));
    fs::write(cache.path().join("refs/step16"), [0xff; 40]).unwrap();
    fs::create_dir(cache.path().join("refs/step32")).unwrap();
    // Links to blobs that never arrived; a snapshot with a config only.
    cache.reference("step64", &commit('e'));
    cache.link(&commit('e'), "model.safetensors", "absent");
    cache.reference("step128", &commit('f'));
    cache.link(&commit('f'), "config.json", "blob1");
    assert_eq!(cache.open().unwrap().steps().unwrap(), [Step(0)]);

    fs::remove_file(cache.path().join("refs/step0")).unwrap();
    let error = cache.open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    assert!(error.to_string().contains("step128, step16, step2, step32"), "{error}");
    fs::remove_dir_all(cache.path().join("refs")).unwrap();
    let error = cache.open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
    assert!(error.to_string().contains("models--<owner>--<name>"), "{error}");
}

#[test]
fn a_missing_shard_in_a_cache_is_named() {
    let cache = Cache::new();
    cache.revision("step0", 'a', 1);
    let index = r#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#;
    fs::write(cache.path().join("blobs/index"), index).unwrap();
    cache.reference("step1", &commit('b'));
    cache.link(&commit('b'), "model.safetensors.index.json", "index");
    cache.link(&commit('b'), "one.safetensors", "blob1");
    cache.link(&commit('b'), "two.safetensors", "absent");
    let error = cache.open().unwrap().open(Step(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
    let message = error.to_string();
    assert!(message.contains("revision step1") && message.contains("two.safetensors"), "{message}");
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    let cache = Cache::new();
    cache.revision("step0", 'a', 1);
    let series = cache.open().unwrap();
    for name in
        ["../refs/step0", "..", "a/../step0", "/etc/passwd", "", "a//b", "./a", "a\\b", "step0..1"]
    {
        let error = series.open_revision(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Pattern);
        assert!(error.to_string().contains("not the name of a revision"), "{error}");
    }
    cache.reference("step1..2", &commit('a'));
    let any = pattern("step{N}{*}".replace("{*}", "-{*}").as_str());
    assert!(HubCache::open(cache.path(), &any).is_err(), "no such names");
    let dots = pattern("step{N}.{*}");
    let error = HubCache::open(cache.path(), &dots).unwrap_err();
    assert!(error.to_string().contains("`step1..2` is not the name"), "{error}");
}

#[test]
fn two_revisions_for_one_step_are_an_error() {
    let cache = Cache::new();
    cache.revision("step1-tokens2B", 'a', 1);
    cache.revision("step1-tokens3B", 'b', 2);
    let error = HubCache::open(cache.path(), &pattern("step{N}-tokens{*}B")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    let message = error.to_string();
    assert!(message.contains("step1-tokens2B") && message.contains("step1-tokens3B"), "{message}");
}
