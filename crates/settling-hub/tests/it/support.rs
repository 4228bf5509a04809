//! What the tests share: a hub on this machine, and a suite in it.

use std::path::Path;
use std::time::Duration;

use settling_checkpoint::write_safetensors;
use settling_core::{Dtype, TensorData};
use settling_hub::{Hub, HubSettings, Repository};
use settling_hub_server::{File, HubServer, Repo};
use tempfile::TempDir;

pub(crate) const MODEL: &str = "EleutherAI/pythia-70m-deduped";

/// Of a hub that is asked three times, one attempt right after the other.
pub(crate) fn settings(server: &HubServer, cache: &Path) -> HubSettings {
    let mut settings = HubSettings::new(cache);
    settings.endpoint = server.url();
    settings.attempts = 3;
    settings.backoff = Duration::from_millis(1);
    // Longer than a busy machine is silent.
    settings.timeout = Duration::from_secs(20);
    settings
}

pub(crate) struct Fixture {
    pub(crate) server: HubServer,
    pub(crate) cache: TempDir,
    pub(crate) hub: Hub,
}

impl Fixture {
    pub(crate) fn new(repo: Repo) -> Self {
        let server = HubServer::start();
        server.add(repo);
        let cache = tempfile::tempdir().unwrap();
        let hub = Hub::new(settings(&server, cache.path())).unwrap();
        Self { server, cache, hub }
    }

    /// With little patience, where silence is what is tested.
    pub(crate) fn impatient(&self) -> Repository {
        let mut settings = settings(&self.server, self.cache.path());
        settings.timeout = Duration::from_millis(500);
        Hub::new(settings).unwrap().model(MODEL).unwrap()
    }

    pub(crate) fn model(&self) -> Repository {
        self.hub.model(MODEL).unwrap()
    }

    /// The same cache without a network.
    pub(crate) fn offline_hub(&self) -> Hub {
        let mut settings = settings(&self.server, self.cache.path());
        settings.offline = true;
        Hub::new(settings).unwrap()
    }

    pub(crate) fn offline(&self) -> Repository {
        self.offline_hub().model(MODEL).unwrap()
    }
}

/// A model with one large file on `main`.
pub(crate) fn one_file(content: &[u8]) -> Repo {
    let mut repo = Repo::model(MODEL);
    repo.commit(
        "main",
        "Add weights",
        [File::new("model.safetensors", content), File::new("config.json", "{}")],
    );
    repo
}

/// Bytes that differ from place to place.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// A safetensors file with the tensors `a` and `b`, whose elements tell the step.
pub(crate) fn weights(step: u8) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensor = |value: f32, count: usize| {
        let bytes: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), count).flatten().collect();
        TensorData::new(Dtype::F32, vec![count], bytes).unwrap()
    };
    let tensors = [
        ("a".to_owned(), tensor(f32::from(step), 1000)),
        ("b".to_owned(), tensor(-f32::from(step), 1_000_000)),
    ];
    write_safetensors(&path, &tensors).unwrap();
    std::fs::read(path).unwrap()
}

/// A model with weights at the steps 0, 1, 1000 and 2000, of which 0 and 1 are the same, and `main`
/// at the last.
pub(crate) fn suite() -> Repo {
    let mut repo = Repo::model(MODEL);
    for (step, value) in [(0, 0), (1, 0), (1000, 10), (2000, 20)] {
        let files =
            [File::new("config.json", "{}"), File::new("model.safetensors", weights(value))];
        repo.replace(&format!("step{step}"), "Add weights", files);
    }
    repo.point("main", "step2000");
    repo
}
