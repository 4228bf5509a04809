//! What a study wants to know of the suite: the checkpoints, the rows, how a checkpoint is run, and
//! where its weights are.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use settling::core::{
    Capture, CaptureSink, CheckpointSeries, Component, Dtype, MatView, Site, Step, TensorData,
    TensorMeta, TensorSource, TokenBatch, TokenSource,
};
use settling::models::WeightBlock;
use settling::{ModelAdapter, Protocol, SiteWeight};

use crate::model::{CONTEXT, HIDDEN, LAYERS, Model, WIDTH};

/// Checkpoints in a format of our own: a file `<step>.weights`, every weight after the other in
/// f32.
pub(crate) struct Series {
    pub(crate) folder: PathBuf,
}

impl Series {
    fn file(&self, step: Step) -> PathBuf {
        self.folder.join(format!("{step}.weights"))
    }

    pub(crate) fn save(&self, step: Step, model: &Model) -> io::Result<()> {
        let values = model.weights.iter().flat_map(|matrix| &matrix.values);
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        fs::write(self.file(step), bytes)
    }
}

impl CheckpointSeries for Series {
    type Source = Weights;
    type Error = io::Error;

    fn steps(&self) -> io::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let of_file = |path: &Path| path.file_stem()?.to_str()?.parse().ok().map(Step);
            steps.extend(of_file(&path));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    fn open(&self, step: Step) -> io::Result<Weights> {
        let bytes = fs::read(self.file(step))?;
        let mut model = Model::zeros();
        let expected = 4 * model.weights.iter().map(|matrix| matrix.values.len()).sum::<usize>();
        if bytes.len() != expected {
            let message = format!(
                "{}: expected {expected} bytes, found {}",
                self.file(step).display(),
                bytes.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let mut values =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        for matrix in &mut model.weights {
            matrix
                .values
                .iter_mut()
                .for_each(|value| *value = values.next().expect("counted above"));
        }
        Ok(Weights::of(model))
    }
}

/// An opened checkpoint.
pub(crate) struct Weights {
    model: Model,
    tensors: Vec<TensorMeta>,
}

impl Weights {
    fn of(model: Model) -> Self {
        let meta = |matrix: &crate::model::Matrix| TensorMeta {
            name: matrix.name.clone(),
            dtype: Dtype::F32,
            shape: vec![matrix.rows, matrix.cols],
        };
        Self { tensors: model.weights.iter().map(meta).collect(), model }
    }
}

impl TensorSource for Weights {
    type Error = io::Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> io::Result<TensorData<'_>> {
        let matrix = self.model.weights.iter().find(|matrix| matrix.name == name);
        let matrix =
            matrix.ok_or_else(|| io::Error::other(format!("there is no tensor `{name}`")))?;
        let bytes: Vec<u8> = matrix.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        TensorData::new(Dtype::F32, vec![matrix.rows, matrix.cols], bytes).map_err(io::Error::other)
    }
}

/// Text as rows of a context and the token that follows.
pub(crate) struct Text(pub(crate) Vec<u32>);

impl TokenSource for Text {
    type Error = io::Error;

    fn rows(&self) -> usize {
        self.0.len() / (CONTEXT + 1)
    }

    fn read_rows(&self, rows: Range<usize>) -> io::Result<TokenBatch> {
        let ids = &self.0[rows.start * (CONTEXT + 1)..rows.end * (CONTEXT + 1)];
        TokenBatch::new(ids.to_vec(), CONTEXT + 1).map_err(io::Error::other)
    }
}

/// A row as the model takes it.
pub(crate) fn example(row: &[u32]) -> (Vec<usize>, usize) {
    let tokens: Vec<usize> = row.iter().map(|&id| id as usize).collect();
    (tokens[..CONTEXT].to_vec(), tokens[CONTEXT])
}

/// A model that can be observed.
pub(crate) struct Observed {
    model: Model,
    sites: Vec<Site>,
}

impl Capture for Observed {
    type Error = Infallible;

    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), Infallible> {
        // One observation a row: what is written where the next token is predicted.
        let rows = (0..batch.rows()).map(|row| self.model.written(&example(batch.row(row)).0));
        let rows: Vec<Vec<Vec<f32>>> = rows.collect();
        for (layer, site) in self.sites.iter().enumerate() {
            let written: Vec<f32> = rows.iter().flat_map(|row| row[layer].clone()).collect();
            if sink.accept(site, MatView::new(&written, batch.rows(), WIDTH)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// How a study runs the model, and where its weights are.
pub(crate) struct Ngram;

impl ModelAdapter<Weights> for Ngram {
    type Model = Observed;
    type Error = Infallible;

    /// Part of the key of every result: results of another arithmetic are computed anew.
    fn engine(&self) -> String {
        "plain Rust, f32".to_owned()
    }

    /// The model has no settings besides its weights.
    fn configuration(&self, _: &Weights) -> Result<String, Infallible> {
        Ok(String::new())
    }

    fn load(&self, source: &Weights, _: &Protocol) -> Result<Observed, Infallible> {
        let sites = (0..LAYERS).map(|layer| Site::write(layer, Component::Mlp)).collect();
        Ok(Observed { model: source.model.clone(), sites })
    }

    fn weight(&self, _: &Weights, _: &Observed, site: &Site) -> Option<SiteWeight> {
        let name = format!("down.{}", site.layer);
        Some(WeightBlock::from_matrix(name, [WIDTH, HIDDEN]).into())
    }

    fn gradients(
        &self,
        _: &Weights,
        observed: &mut Observed,
        batch: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), Infallible> {
        let mut gradient = Model::zeros();
        for row in 0..batch.rows() {
            let (context, target) = example(batch.row(row));
            observed.model.backward(&context, target, 1.0 / batch.rows() as f32, &mut gradient);
        }
        for matrix in gradient.weights.iter().filter(|matrix| tensors.contains(&&*matrix.name)) {
            let values: Vec<f64> = matrix.values.iter().map(|&value| value.into()).collect();
            take(&matrix.name, MatView::new(&values, matrix.rows, matrix.cols));
        }
        Ok(())
    }
}
