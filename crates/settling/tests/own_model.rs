//! A study of a model that nothing here knows: no libtorch, a few lines.

use std::convert::Infallible;
use std::ops::Range;

use settling::{
    Combine, PerOver, Protocol, Settings, SiteWeight, Store, SubBatches, Subject, study_model,
};
use settling_core::{
    Capture, CaptureSink, CheckpointSeries, Component, Dtype, MatView, Signal, Site, Step,
    TensorData, TensorMeta, TensorSource, TokenBatch, TokenSource, WeightBlock,
};
use settling_records::Record;

/// A diagonal matrix of two by two: 1 and the step.
struct Source(Step, [TensorMeta; 1]);

impl TensorSource for Source {
    type Error = Infallible;

    fn tensors(&self) -> &[TensorMeta] {
        &self.1
    }

    fn read(&self, _: &str) -> Result<TensorData<'_>, Infallible> {
        let values = [1.0, 0.0, 0.0, self.0.0 as f32];
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        Ok(TensorData::new(Dtype::F32, vec![2, 2], bytes).unwrap())
    }
}

struct Series;

impl CheckpointSeries for Series {
    type Source = Source;
    type Error = Infallible;

    fn steps(&self) -> Result<Vec<Step>, Infallible> {
        Ok(vec![Step(0), Step(1), Step(3)])
    }

    fn open(&self, step: Step) -> Result<Source, Infallible> {
        let name = "out".to_owned();
        Ok(Source(step, [TensorMeta { name, dtype: Dtype::F32, shape: vec![2, 2] }]))
    }
}

struct Rows;

impl TokenSource for Rows {
    type Error = Infallible;

    fn rows(&self) -> usize {
        8
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Infallible> {
        let ids = rows.flat_map(|row| [row as u32, (row * row % 5) as u32]).collect();
        Ok(TokenBatch::new(ids, 2).unwrap())
    }
}

/// Writes the two tokens of a row, the second times the step.
struct Model(f32);

const SITE: Site = Site::write(0, Component::Mlp);

impl Capture for Model {
    type Error = Infallible;

    fn sites(&self) -> &[Site] {
        &[SITE]
    }

    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), Infallible> {
        let row = |row: usize| [batch.row(row)[0] as f32, batch.row(row)[1] as f32 * self.0];
        let rows: Vec<f32> = (0..batch.rows()).flat_map(row).collect();
        let _ = sink.accept(&SITE, MatView::new(&rows, batch.rows(), 2));
        Ok(())
    }
}

struct Mine;

impl Subject<Source> for Mine {
    type Model = Model;
    type Error = Infallible;

    fn load(&self, source: &Source, _: &Protocol) -> Result<Model, Infallible> {
        Ok(Model(source.0.0 as f32))
    }

    /// The product of the matrix with itself.
    fn weight(&self, _: &Source, _: &Site) -> Option<SiteWeight> {
        let block = WeightBlock {
            name: "out".to_owned(),
            shape: [2, 2],
            transposed: false,
            outputs: 0..2,
            inputs: 0..2,
        };
        Some(SiteWeight::Products(vec![[block.clone(), block]]))
    }

    /// The identity.
    fn gradients(
        &self,
        _: &Source,
        _: &mut Model,
        _: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), Infallible> {
        assert_eq!(tensors, ["out"]);
        take("out", MatView::new(&[1.0, 0.0, 0.0, 1.0], 2, 2));
        Ok(())
    }
}

fn records(protocol: Protocol) -> Vec<Record> {
    let settings = Settings {
        protocols: vec![protocol],
        training: None,
        steps: None,
        shard: None,
        reference_memory: 1 << 20,
        engine: "mine".to_owned(),
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    study_model("m", &Series, &Rows, &Mine, &settings, &store, &mut |_| {}).unwrap().records
}

fn value(records: &[Record], step: u64, signal: Signal, metric: &str) -> Result<f64, String> {
    let is = |record: &&Record| {
        record.step == Step(step) && record.signal == signal && record.metric == metric
    };
    records.iter().find(is).unwrap().value.clone()
}

#[test]
fn a_model_of_ones_own_is_studied() {
    let records = records(Protocol::corrected());
    assert_eq!(value(&records, 3, Signal::Activation, "cka"), Ok(1.0));
    // The square of diag(1, 1): two equal values. Of diag(1, 0): one.
    assert_eq!(value(&records, 1, Signal::Weight, "effective_rank"), Ok(2.0));
    assert_eq!(value(&records, 0, Signal::Weight, "per"), Ok(0.5));
    // dW W + W dW with dW the identity: diag(2, 2 * 3), whose shares are 1/4 and 3/4.
    let entropy = 0.25 * 4.0_f64.ln() + 0.75 * (4.0_f64 / 3.0).ln();
    let found = value(&records, 3, Signal::Gradient, "effective_rank").unwrap();
    assert!((found - entropy.exp()).abs() < 1e-12, "{found}");
}

#[test]
fn a_rank_over_heads_is_undefined_for_a_model_without() {
    let mut protocol = Protocol::corrected();
    protocol.per.mlp = PerOver::HeadDim;
    protocol.gradients.combine = Combine::MeanPer;
    protocol.gradients.sub_batches = SubBatches::Doubling;
    let records = records(protocol);
    let reason = "the width of an attention head is unknown".to_owned();
    assert_eq!(value(&records, 1, Signal::Weight, "per"), Err(reason));
    assert_eq!(value(&records, 1, Signal::Weight, "effective_rank"), Ok(2.0));
}
