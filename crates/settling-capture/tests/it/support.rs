//! The golden models, what can be captured of them, and comparison relative to the largest element.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use safetensors::SafeTensors;
use settling_capture::{Engine, Error, Intermediate, Options, Transformer};
use settling_checkpoint::Checkpoint;
use settling_core::{
    Capture, Component, Dtype, MatView, Positions, Site, TensorData, TensorMeta, TensorSource,
    TokenBatch, View,
};
use settling_models::{Architecture, GptNeox};

/// The golden models: tests/golden/make.py says what each of them is for.
pub(crate) const CASES: [&str; 13] = [
    "parallel",
    "parallel_fast",
    "sequential",
    "llama",
    "llama_plain",
    "llama_quick",
    "mistral",
    "olmo",
    "olmo2",
    "gpt2",
    "gpt2_plain",
    "gpt2_relu",
    "pico",
];

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

    pub(crate) fn expected(case: &str) -> Self {
        Self::read(case, "expected.safetensors")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(crate) fn f32(&self, name: &str) -> Vec<f32> {
        self.read(name).unwrap().to_f32().unwrap()
    }

    pub(crate) fn f64(&self, name: &str) -> Vec<f64> {
        let data = self.read(name).unwrap();
        assert_eq!(data.dtype(), Dtype::F64);
        let (words, rest) = data.bytes().as_chunks();
        assert!(rest.is_empty());
        words.iter().map(|&word| f64::from_le_bytes(word)).collect()
    }

    pub(crate) fn tokens(&self) -> TokenBatch {
        let (words, rest) = self.values["tokens"].as_chunks();
        assert!(rest.is_empty());
        let ids = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let meta = self.tensors.iter().find(|meta| meta.name == "tokens").unwrap();
        TokenBatch::new(ids, meta.shape[1]).unwrap()
    }

    /// Multiplies the f32 elements of a tensor for whose index `chosen` holds.
    pub(crate) fn scale(&mut self, name: &str, factor: f32, chosen: impl Fn(usize) -> bool) {
        self.change(name, |index, value| if chosen(index) { factor * value } else { value });
    }

    /// Changes the f32 elements of a tensor by their index.
    pub(crate) fn change(&mut self, name: &str, change: impl Fn(usize, f32) -> f32) {
        let values = self.f32(name).into_iter().enumerate();
        let bytes = values.flat_map(|(index, value)| change(index, value).to_le_bytes()).collect();
        self.values.insert(name.to_owned(), bytes);
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

fn folder(case: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case)
}

pub(crate) fn checkpoint(case: &str) -> Checkpoint {
    Checkpoint::open(folder(case)).unwrap()
}

pub(crate) fn architecture(case: &str) -> Architecture {
    checkpoint(case).architecture().unwrap()
}

pub(crate) fn config(case: &str) -> GptNeox {
    match architecture(case) {
        Architecture::GptNeox(config) => config,
        other => panic!("{case} is {}", other.family()),
    }
}

/// The golden model of a case, as a checkpoint is read from disk.
pub(crate) fn load(case: &str, options: &Options) -> Transformer {
    // The test harness runs tests side by side: libtorch must not take every core for each.
    settling_capture::set_threads(1);
    Transformer::load(&architecture(case), &checkpoint(case), options).unwrap()
}

/// The CPU, `micro_batch` sequences at a time.
pub(crate) fn in_micro_batches(micro_batch: usize) -> Engine {
    Engine { micro_batch: Some(micro_batch), ..Engine::default() }
}

pub(crate) fn model(case: &str, positions: Positions, micro_batch: usize) -> Transformer {
    let engine = in_micro_batches(micro_batch);
    load(case, &Options { engine, positions, ..Options::default() })
}

/// Every site that a model of this architecture has, ascending.
pub(crate) fn all_sites(architecture: &Architecture) -> Vec<Site> {
    let sizes = architecture.sizes();
    let neox = matches!(architecture, Architecture::GptNeox(_));
    let mut sites = Vec::new();
    for layer in 0..sizes.layers {
        for view in View::ALL {
            if view != View::OvFlat || neox {
                let whole = Site { view, ..Site::ov(layer) };
                sites.push(whole);
                sites.extend((0..sizes.heads).map(|head| whole.with_head(head)));
            }
        }
        sites.push(Site::write(layer, Component::Mlp));
    }
    sites
}

/// Every intermediate, in the order of the forward pass.
pub(crate) fn all_intermediates(architecture: &Architecture) -> Vec<Intermediate> {
    let names = [
        "input",
        "attention.input",
        "attention.key",
        "attention.value",
        "attention.query",
        "attention.mixed",
        "mlp.input",
        "mlp.hidden",
        "output",
    ];
    let of_layers = (0..architecture.sizes().layers)
        .flat_map(|layer| names.map(|name| format!("layer{layer}.{name}")));
    of_layers.chain(["final_norm".to_owned()]).map(|name| name.parse().unwrap()).collect()
}

/// What a sink has been given: the rows of each site, concatenated, and their width.
pub(crate) type Captured = BTreeMap<Site, (Vec<f32>, usize)>;

pub(crate) fn activations(model: &mut Transformer, batch: &TokenBatch) -> Result<Captured, Error> {
    let mut captured = Captured::new();
    model.activations(batch, &mut |site: &Site, rows: MatView<'_>| {
        let entry = captured.entry(*site).or_default();
        entry.0.extend(rows.to_vec());
        entry.1 = rows.cols();
        ControlFlow::Continue(())
    })?;
    Ok(captured)
}

pub(crate) fn gradients(
    model: &mut Transformer,
    batch: &TokenBatch,
) -> Result<(f64, Captured), Error> {
    let mut captured = Captured::new();
    let loss = model.gradients(batch, &mut |site: &Site, gradient: MatView<'_>| {
        let before = captured.insert(*site, (gradient.to_vec(), gradient.cols()));
        assert!(before.is_none(), "{site} was delivered twice");
        ControlFlow::Continue(())
    })?;
    Ok((loss, captured))
}

/// The rows of each intermediate by its name, concatenated, and their width.
pub(crate) fn intermediates(
    model: &mut Transformer,
    batch: &TokenBatch,
    wanted: &[Intermediate],
) -> Result<BTreeMap<String, (Vec<f32>, usize)>, Error> {
    let mut captured = BTreeMap::<String, (Vec<f32>, usize)>::new();
    model.intermediates(batch, wanted, &mut |one: &Intermediate, rows: MatView<'_>| {
        let entry = captured.entry(one.to_string()).or_default();
        entry.0.extend(rows.to_vec());
        entry.1 = rows.cols();
        ControlFlow::Continue(())
    })?;
    Ok(captured)
}

/// The loss and the gradient of every parameter.
pub(crate) fn all_gradients(
    model: &mut Transformer,
    batch: &TokenBatch,
) -> (f64, BTreeMap<String, Vec<f64>>) {
    let parameters = model.architecture().parameters();
    let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    let mut captured = BTreeMap::new();
    let loss = model.parameter_gradients(batch, &names, &mut |name, gradient: MatView<'_, f64>| {
        captured.insert(name.to_owned(), gradient.to_vec());
    });
    assert_eq!(captured.len(), names.len());
    (loss.unwrap(), captured)
}

/// Those rows, each of `width` numbers, that `positions` selects from sequences of 12.
pub(crate) fn selected(rows: &[f32], width: usize, positions: Positions) -> Vec<f32> {
    let sequences = rows.chunks(12 * width);
    sequences
        .flat_map(|sequence| {
            let chosen = positions.indices(12).into_iter();
            chosen.flat_map(|index| &sequence[index * width..(index + 1) * width])
        })
        .copied()
        .collect()
}

/// The largest difference, relative to the largest element of `expected`.
#[track_caller]
pub(crate) fn relative_error<A: Copy + Into<f64>, B: Copy + Into<f64>>(
    found: &[A],
    expected: &[B],
) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |max, &value| max.max(value.into().abs()));
    let worst = found.iter().zip(expected).fold(0.0_f64, |max, (&a, &b)| {
        let difference = (a.into() - b.into()).abs();
        assert!(difference.is_finite());
        max.max(difference)
    });
    assert!(scale > 0.0);
    worst / scale
}
