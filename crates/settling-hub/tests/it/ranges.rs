//! Reading parts of files that are not downloaded.

use settling_core::{ReadRange, Step, TensorSource};
use settling_hub::{ErrorKind, Hub, HubSeries, training_data};
use settling_hub_server::{Fault, File, HubServer, Repo, Rule};

use crate::support::{Fixture, MODEL, bytes, one_file, settings, suite, weights};

#[test]
fn ranges_are_those_of_the_file() {
    let content = bytes(3_000_000);
    let fixture = Fixture::new(one_file(&content));
    let remote = fixture.model().open_bytes("main", "model.safetensors").unwrap();
    assert_eq!(remote.len(), 3_000_000);
    for range in [
        0..8,
        8..1000,
        2_999_999..3_000_000,
        1_500_000..1_500_100,
        0..3_000_000,
        5..2_000_000,
        7..7,
    ] {
        let expected = &content[range.start as usize..range.end as usize];
        assert_eq!(remote.read_range(range.clone()).unwrap(), expected, "{range:?}");
    }
    assert!(remote.read_range(2_999_999..3_000_001).is_err());
    assert!(remote.read_range(u64::MAX - 1..u64::MAX).is_err());
}

#[test]
fn small_reads_in_one_place_are_one_request() {
    let fixture = Fixture::new(one_file(&bytes(3_000_000)));
    let remote = fixture.model().open_bytes("main", "model.safetensors").unwrap();
    fixture.server.clear_log();
    for at in (0..100).chain(2_999_000..2_999_100) {
        remote.read_range(at..at + 8).unwrap();
    }
    assert_eq!(fixture.server.count("GET", "/cdn/"), 2);
    assert_eq!(fixture.server.bytes_served("/cdn/"), 2 << 20);
}

#[test]
fn one_tensor_travels_alone() {
    let fixture = Fixture::new(suite());
    let series = HubSeries::open(&fixture.hub, MODEL).unwrap();
    fixture.server.clear_log();
    let checkpoint = series.open_remote(Step(1000)).unwrap();
    assert_eq!(checkpoint.read("a").unwrap().to_f32().unwrap(), [10.0; 1000]);
    // The header, and the megabyte around it, in which `a` lies: not the 4 MB of `b`.
    let length = weights(10).len() as u64;
    assert!(
        fixture.server.bytes_served("/cdn/") < length / 3,
        "{}",
        fixture.server.bytes_served("/cdn/")
    );
    assert_eq!(checkpoint.read("b").unwrap().to_f32().unwrap()[999_999], -10.0);
    assert!(!fixture.model().cache_folder().join("blobs").exists());
}

#[test]
fn a_range_that_is_not_given_is_an_error() {
    for fault in [
        Fault::Resize(-5),
        Fault::Resize(5),
        Fault::MisstateLength(-5),
        Fault::Cut(100),
        Fault::Status(500),
        Fault::StallAfter(10, None),
    ] {
        let fixture = Fixture::new(one_file(&bytes(2_000_000)));
        let remote = fixture.impatient().open_bytes("main", "model.safetensors").unwrap();
        fixture.server.inject(Rule::new(fault.clone()).method("GET").path("/cdn/"));
        let error = remote.read_range(0..1_500_000).unwrap_err().to_string();
        assert!(
            error.contains("0..1500000") && error.contains("model.safetensors"),
            "{fault:?}: {error}"
        );
        fixture.server.clear_faults();
        assert_eq!(remote.read_range(0..1_500_000).unwrap(), bytes(1_500_000), "{fault:?}");
    }
}

/// Byte `at` of the training data below.
fn byte(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// A data set of the real one's sizes, that does not exist but for the bytes that are asked for:
/// 600 GB in 21 shards.
fn preshuffled() -> HubServer {
    let mut repo = Repo::dataset("EleutherAI/pile-deduped-pythia-preshuffled");
    let total = 143_000_u64 * 1024 * 2049 * 2;
    let shard = 30_000_000_000;
    let files = (0..=20_u64).map(|n| {
        let size = shard.min(total - n * shard);
        let fill = move |offset: u64, buffer: &mut [u8]| {
            for (at, place) in buffer.iter_mut().enumerate() {
                *place = byte(n * shard + offset + at as u64);
            }
        };
        File::made(format!("document-{n:05}-of-00020.bin"), size, format!("{n:064}"), fill)
    });
    let index = File::new("document.idx", b"MMIDIDX");
    repo.commit("main", "Add data", files.chain([index]).collect::<Vec<_>>());
    let server = HubServer::start();
    server.add(repo);
    server
}

#[test]
fn the_last_batch_of_pythias_training_is_one_request() {
    let server = preshuffled();
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(settings(&server, cache.path())).unwrap();
    let tokens = training_data(&hub, "EleutherAI/pile-deduped-pythia-preshuffled").unwrap();
    let batch = tokens.batch(Step(142_999), 1024).unwrap();
    assert_eq!((batch.rows(), batch.width()), (1024, 2049));
    assert_eq!(server.count("GET", "/cdn/"), 1);
    assert_eq!(server.bytes_served("/cdn/"), 4_196_352);
    let first = 600_074_139_648;
    let expected = |at: u64| u32::from(u16::from_le_bytes([byte(at), byte(at + 1)]));
    assert_eq!(batch.ids()[0], expected(first));
    assert_eq!(batch.ids()[1024 * 2049 - 1], expected(first + 4_196_352 - 2));

    // Another one, over the edge of two shards.
    server.clear_log();
    let step = 30_000_000_000 / 4_196_352;
    let batch = tokens.batch(Step(step), 1024).unwrap();
    assert_eq!(batch.ids()[2_000_000], expected(step * 4_196_352 + 4_000_000));
    assert_eq!(server.count("GET", "/cdn/"), 2);
    assert!(tokens.batch(Step(143_000), 1024).is_err());
}

#[test]
fn a_missing_shard_is_named() {
    let mut repo = Repo::dataset("a/b");
    let shard = |n: u32| File::new(format!("document-{n:05}-of-00002.bin"), bytes(4098));
    repo.commit("main", "Add", [shard(0), shard(2)]);
    let server = HubServer::start();
    server.add(repo);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(settings(&server, cache.path())).unwrap();
    let error = training_data(&hub, "a/b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("document-00002-of-00002.bin"), "{error}");
}
