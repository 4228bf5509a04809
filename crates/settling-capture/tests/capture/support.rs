//! The golden models as a `TensorSource`, and comparison relative to the largest element.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::SafeTensors;
use settling_capture::{Error, GptNeoxModel, Options};
use settling_checkpoint::Checkpoint;
use settling_core::{
    Capture, Dtype, GptNeox, Gradients, MatView, Positions, Site, TensorData, TensorMeta,
    TensorSource, TokenBatch,
};

/// A safetensors file in memory.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) tensors: Vec<TensorMeta>,
    pub(crate) values: BTreeMap<String, Vec<u8>>,
}

impl File {
    pub(crate) fn read(case: &str, name: &str) -> Self {
        let path = folder(case).join(name);
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (mut tensors, mut values) = (Vec::new(), BTreeMap::new());
        for (name, view) in file.iter() {
            let dtype = match view.dtype() {
                safetensors::Dtype::F32 => Dtype::F32,
                safetensors::Dtype::F64 => Dtype::F64,
                safetensors::Dtype::I32 => Dtype::I32,
                other => panic!("{name} is {other:?}"),
            };
            tensors.push(TensorMeta { name: name.to_owned(), dtype, shape: view.shape().to_vec() });
            values.insert(name.to_owned(), view.data().to_vec());
        }
        Self { tensors, values }
    }

    pub(crate) fn f32(&self, name: &str) -> Vec<f32> {
        self.read(name).unwrap().to_f32().unwrap()
    }

    pub(crate) fn tokens(&self) -> TokenBatch {
        let (words, rest) = self.values["tokens"].as_chunks();
        assert!(rest.is_empty());
        let ids = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let meta = self.tensors.iter().find(|meta| meta.name == "tokens").unwrap();
        TokenBatch::new(ids, meta.shape[1]).unwrap()
    }
}

impl TensorSource for File {
    type Error = std::io::Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, std::io::Error> {
        let meta = self.tensors.iter().find(|meta| meta.name == name);
        let meta = meta.ok_or_else(|| std::io::Error::other(format!("no tensor `{name}`")))?;
        TensorData::new(meta.dtype, meta.shape.clone(), self.values[name].as_slice())
            .map_err(std::io::Error::other)
    }
}

pub(crate) fn folder(case: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case)
}

pub(crate) fn config(case: &str) -> GptNeox {
    Checkpoint::open(folder(case)).unwrap().config().unwrap()
}

pub(crate) fn model(case: &str, positions: Positions, micro_batch: usize) -> GptNeoxModel {
    // The test harness runs tests side by side: libtorch must not take every core for each.
    settling_capture::set_threads(1);
    let options = Options { positions, micro_batch, ..Options::default() };
    GptNeoxModel::load(&config(case), &Checkpoint::open(folder(case)).unwrap(), &options).unwrap()
}

/// What a sink has been given: the rows of each site, concatenated.
pub(crate) type Captured = BTreeMap<Site, (Vec<f32>, usize)>;

pub(crate) fn activations(model: &mut GptNeoxModel, batch: &TokenBatch) -> Result<Captured, Error> {
    let mut captured = Captured::new();
    model.activations(batch, &mut |site: &Site, rows: MatView<'_>| {
        let entry = captured.entry(*site).or_default();
        entry.0.extend(rows.to_vec());
        entry.1 = rows.cols();
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(captured)
}

pub(crate) fn gradients(
    model: &mut GptNeoxModel,
    batch: &TokenBatch,
) -> Result<(f64, Captured), Error> {
    let mut captured = Captured::new();
    let loss = model.gradients(batch, &mut |site: &Site, gradient: MatView<'_>| {
        captured.insert(*site, (gradient.to_vec(), gradient.cols()));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok((loss, captured))
}

/// The largest difference, relative to the largest element of `expected`.
#[track_caller]
pub(crate) fn relative_error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |max, &value| max.max(f64::from(value).abs()));
    let worst = found.iter().zip(expected).fold(0.0_f64, |max, (&a, &b)| {
        let difference = (f64::from(a) - f64::from(b)).abs();
        assert!(difference.is_finite());
        max.max(difference)
    });
    worst / scale
}
