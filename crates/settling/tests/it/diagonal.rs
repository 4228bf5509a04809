//! A model that nothing in the crate knows: no libtorch, a few lines.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use settling::{ModelAdapter, Protocol, SiteWeight};
use settling_core::{
    Capture, CaptureSink, CheckpointSeries, Component, Dtype, MatView, Site, Step, TensorData,
    TensorMeta, TensorSource, TokenBatch, TokenSource,
};
use settling_models::WeightBlock;

/// A diagonal matrix of two by two: 1 and the step. What else there is to say of it comes with it.
pub(crate) struct Source {
    step: Step,
    configuration: String,
    tensors: [TensorMeta; 1],
}

impl TensorSource for Source {
    type Error = Infallible;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, _: &str) -> Result<TensorData<'_>, Infallible> {
        let values = [1.0, 0.0, 0.0, self.step.0 as f32];
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        Ok(TensorData::new(Dtype::F32, vec![2, 2], bytes).unwrap())
    }
}

/// The steps 0, 1 and 3.
pub(crate) struct Series {
    /// What the model at a step is besides its weights; nothing, unless it is said here.
    pub(crate) configurations: BTreeMap<Step, String>,
}

pub(crate) static SERIES: Series = Series { configurations: BTreeMap::new() };

impl CheckpointSeries for Series {
    type Source = Source;
    type Error = Infallible;

    fn steps(&self) -> Result<Vec<Step>, Infallible> {
        Ok(vec![Step(0), Step(1), Step(3)])
    }

    fn open(&self, step: Step) -> Result<Source, Infallible> {
        let name = "out".to_owned();
        Ok(Source {
            step,
            configuration: self.configurations.get(&step).cloned().unwrap_or_default(),
            tensors: [TensorMeta { name, dtype: Dtype::F32, shape: vec![2, 2] }],
        })
    }
}

pub(crate) struct Rows;

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
pub(crate) struct Model(f32);

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

/// Runs them. The second feature of what they write is multiplied by `scale`, too.
pub(crate) struct Mine<'a> {
    /// What it is called.
    pub(crate) engine: &'a str,
    pub(crate) scale: f32,
}

impl ModelAdapter<Source> for Mine<'_> {
    type Model = Model;
    type Error = Infallible;

    fn engine(&self) -> String {
        format!("{}, times {}", self.engine, self.scale)
    }

    fn configuration(&self, source: &Source) -> Result<String, Infallible> {
        Ok(source.configuration.clone())
    }

    fn load(&self, source: &Source, _: &Protocol) -> Result<Model, Infallible> {
        Ok(Model(source.step.0 as f32 * self.scale))
    }

    /// The product of the matrix with itself.
    fn weight(&self, _: &Source, _: &Model, _: &Site) -> Option<SiteWeight> {
        let block = WeightBlock::from_matrix("out", [2, 2]);
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
