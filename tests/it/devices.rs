//! Singular values and CKA come from the engines that an adapter names, and those of a device agree
//! with those of the CPU.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use settling::capture::{Device, DeviceCka, DeviceSpectra, Engine, Error, Transformer};
use settling::checkpoint::StepDirectories;
use settling::cka::CkaAccumulator;
use settling::core::{MatView, Signal, Site, TokenBatch};
use settling::models::ModelSource;
use settling::rank::SpectrumSolver;
use settling::records::Record;
use settling::tokens::NpyTokens;
use settling::{
    ModelAdapter, Protocol, SiteWeight, Store, Study, TrainingData, TransformerAdapter,
};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/suite").join(name)
}

/// The same models, with the algebra of a device that is the CPU here.
struct OnDevice {
    models: TransformerAdapter,
    /// How many engines of either kind were asked for.
    spectra: AtomicUsize,
    ckas: AtomicUsize,
}

impl<S: ModelSource> ModelAdapter<S> for OnDevice {
    type Model = Transformer;
    type Error = Error;

    fn engine(&self) -> String {
        format!("{}, algebra of a device", ModelAdapter::<S>::engine(&self.models))
    }

    fn configuration(&self, source: &S) -> Result<String, Error> {
        self.models.configuration(source)
    }

    fn load(&self, source: &S, protocol: &Protocol) -> Result<Transformer, Error> {
        self.models.load(source, protocol)
    }

    fn weight(&self, source: &S, model: &Transformer, site: &Site) -> Option<SiteWeight> {
        self.models.weight(source, model, site)
    }

    fn gradients(
        &self,
        source: &S,
        model: &mut Transformer,
        batch: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), Error> {
        self.models.gradients(source, model, batch, tensors, take)
    }

    fn head_dim(&self, model: &Transformer) -> Option<usize> {
        ModelAdapter::<S>::head_dim(&self.models, model)
    }

    fn spectra(&self) -> Result<Box<dyn SpectrumSolver>, Error> {
        self.spectra.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(DeviceSpectra::new(Device::Cpu)?))
    }

    fn cka(&self) -> Result<Box<dyn CkaAccumulator>, Error> {
        self.ckas.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(DeviceCka::new(Device::Cpu)?))
    }
}

/// The records of the golden suite under three protocols: whole layers, heads, products.
fn records<A: ModelAdapter<settling::checkpoint::Checkpoint>>(adapter: &A) -> Vec<Record> {
    settling::capture::set_threads(1);
    let out = TempDir::new().unwrap();
    let mixed = Protocol::read(golden("mixed.toml")).unwrap();
    let protocols = [Protocol::corrected(), Protocol::published(), mixed];
    let training = NpyTokens::open(golden("training.npy")).unwrap();
    let study = Study::new(Store::open(out.path()).unwrap(), protocols).unwrap();
    let study = study.with_training(TrainingData::new(training, 130).unwrap());
    let series = StepDirectories::open(golden("m")).unwrap();
    let rows = NpyTokens::open(golden("rows.npy")).unwrap();
    let plan = study.plan("m", &series, adapter, Some(&rows)).unwrap();
    plan.run(&mut |_| {}).unwrap().records
}

/// Numbers by what they are: how a spectrum was found is not part of it.
fn numbers(records: &[Record]) -> BTreeMap<String, (Signal, f64)> {
    let number = |record: &Record| {
        let Record { protocol, step, site, signal, metric, estimator, .. } = record;
        let estimator = if metric == "effective_rank" { "" } else { estimator };
        let name = format!("{protocol} {step} {site} {signal} {metric} {estimator}");
        (name, (*signal, record.value.clone().unwrap()))
    };
    records.iter().map(number).collect()
}

#[test]
fn the_engines_of_a_device_give_the_numbers_of_the_cpu() {
    let models = TransformerAdapter::new(Engine::default());
    let expected = numbers(&records(&models));
    let device = OnDevice { models, spectra: AtomicUsize::new(0), ckas: AtomicUsize::new(0) };
    let found = records(&device);
    // A solver for each of three steps under three protocols, a CKA for each of their sites.
    assert_eq!(device.spectra.into_inner(), 9);
    let ckas = found.iter().filter(|record| record.estimator == "biased").count();
    assert_eq!(device.ckas.into_inner(), ckas);

    let found = numbers(&found);
    assert_eq!(found.len(), expected.len());
    for (name, (signal, found)) in found {
        let (_, expected) = expected[&name];
        let error = match signal {
            Signal::Activation => (found - expected).abs() / 1e-11,
            _ => (found / expected - 1.0).abs() / 1e-9,
        };
        assert!(error <= 1.0, "{name}: {found}, on the CPU {expected}");
    }
}
