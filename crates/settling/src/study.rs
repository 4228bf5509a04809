//! The runner: generic over where checkpoints and tokens come from and what runs the model.

use std::ops::ControlFlow;
use std::time::Instant;

use rayon::prelude::*;
use settling_checkpoint::{AuditReport, content_hash};
use settling_cka::LinearCka;
use settling_core::{
    Activations, Capture, CheckpointSeries, Gradients, MatView, Positions, Signal, Site, Step,
    TensorSource, TokenBatch, TokenSource, WeightBlock,
};
use settling_rank::{Denominator, effective_rank, proportional_effective_rank, spectra};
use settling_records::Record;
use sha2::{Digest, Sha256};

use crate::reference::Reference;
use crate::store::{check_model_name, hex, sha256};
use crate::{Error, ErrorKind, Protocol, Store, Unit};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a study measures, besides the models themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The choices of the paper's analysis.
    pub protocol: Protocol,
    /// Which steps; `None` for every step of the series. The last step of the series is always studied, as the reference.
    pub steps: Option<Vec<Step>>,
    /// How many sequences; `None` for every row of the tokens.
    pub sequences: Option<usize>,
    /// The positions that the model's captures deliver; they are recorded with every number.
    pub positions: Positions,
    /// How much memory the activations of the last checkpoint may take, in bytes. If they take more, it is run beside every other
    /// checkpoint instead, which takes twice the time and the memory of two models, and changes no number.
    pub reference_memory: usize,
    /// A word on what ran the model (device, precision): part of what determines a unit.
    pub engine: String,
}

/// How a checkpoint is turned into something that can be measured.
pub trait Subject<S> {
    /// A model that has been loaded.
    type Model: Capture + Gradients;
    /// Why a checkpoint cannot be loaded.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Loads the checkpoint.
    ///
    /// # Errors
    ///
    /// If it is not a checkpoint of this model.
    fn load(&self, source: &S) -> Result<Self::Model, Self::Error>;

    /// The weight of `site` and its name in `source`, if it is (a block of) one matrix of the checkpoint.
    fn weight(&self, source: &S, site: &Site) -> Option<WeightBlock>;
}

/// What a study is doing, for whoever shows progress.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The activations of the last checkpoint are being captured.
    Reference {
        /// The model.
        model: &'a str,
        /// How many steps will be studied.
        steps: usize,
    },
    /// A step is done.
    Step {
        /// The model.
        model: &'a str,
        /// The step.
        step: Step,
        /// Whether it was found done in the output folder, by an earlier run with the same settings and inputs.
        reused: bool,
    },
}

/// The results of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelStudy {
    /// The model's name.
    pub model: String,
    /// What was studied, ascending by step.
    pub steps: Vec<StepStudy>,
    /// SHA-256 of the token rows: width and ids, little-endian.
    pub tokens_sha256: String,
    /// The shape of the token rows that were used.
    pub tokens_shape: (usize, usize),
    /// Every number, by step.
    pub records: Vec<Record>,
    /// Whether the checkpoints are what their names say, if you have it: [`study_model`] leaves it empty, and
    /// [`write_tables`](crate::write_tables) keeps it with the numbers.
    pub audit: Option<AuditReport>,
}

/// One step of a [`ModelStudy`].
#[derive(Clone, Debug, PartialEq)]
pub struct StepStudy {
    /// The step.
    pub step: Step,
    /// The [fingerprint](CheckpointSeries::fingerprint) of the checkpoint, if its series knows one, else its [`content_hash`].
    pub checkpoint_sha256: String,
    /// Whether it was found done in the output folder.
    pub reused: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Studies every step of one model.
///
/// For each step: CKA of every write site with the last checkpoint on the same observations (biased, debiased, and the floor
/// that independent features would reach); effective rank and PER of every write weight and of its gradient of the mean
/// next-token loss. A number that cannot be computed (a constant activation, a weight with a NaN) is recorded with the reason,
/// and the rest goes on. Steps that `store` has already, from the same inputs and settings, are taken from there, and are not even
/// opened if the series knows their [fingerprints](CheckpointSeries::fingerprint). The step that comes next is
/// [announced](CheckpointSeries::prefetch).
///
/// # Errors
///
/// If the steps or sequences asked for do not exist, a checkpoint or the tokens cannot be read, the model cannot be run, or
/// the output folder cannot be written.
pub fn study_model<C, T, S>(
    model: &str,
    series: &C,
    tokens: &T,
    subject: &S,
    settings: &Settings,
    store: &Store,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ModelStudy, Error>
where
    C: CheckpointSeries,
    C::Error: Into<Cause>,
    <C::Source as TensorSource>::Error: Into<Cause>,
    T: TokenSource,
    T::Error: Into<Cause>,
    S: Subject<C::Source>,
    <S::Model as Capture>::Error: Into<Cause>,
    <S::Model as Gradients>::Error: Into<Cause>,
{
    check_model_name(model)?;
    let steps = chosen_steps(model, series, settings)?;
    let batch = read_batch(tokens, settings)?;
    let last = *steps.last().ok_or_else(|| no_steps(model))?;
    progress(Progress::Reference { model, steps: steps.len() });

    let unreadable = |step: Step, error: Cause| {
        Error::caused(ErrorKind::Input, &format!("{model}, step {step}"), error)
    };
    let open = |step: Step| series.open(step).map_err(|error| unreadable(step, error.into()));
    let fingerprint =
        |step: Step| series.fingerprint(step).map_err(|error| unreadable(step, error.into()));
    // What a step's weights are, and its source if it had to be opened to be told.
    let identify = |step: Step| {
        if let Some(fingerprint) = fingerprint(step)? {
            return Ok((fingerprint, None));
        }
        let source = open(step)?;
        let hash = content_hash(&source).map_err(|error| unreadable(step, error.into()))?;
        Ok((hash, Some(source)))
    };
    let tokens_sha256 = hash_tokens(&batch);
    let (last_hash, last_source) = identify(last)?;
    let key_of = |step: Step, hash: &str| {
        unit_key(model, step, settings, [hash, &last_hash, &tokens_sha256])
    };
    // Of a series that is asked without opening: the first of `steps` that is still to be done.
    let next_of = |steps: &[Step]| -> Result<Option<Step>, Error> {
        for &step in steps {
            let Some(hash) = fingerprint(step)? else { return Ok(None) };
            if store.find(model, step, &key_of(step, &hash)?)?.is_none() {
                return Ok(Some(step));
            }
        }
        Ok(None)
    };
    // A study that finds every step done runs no model at all.
    let (mut last_source, mut reference) = (last_source, None);
    let mut study = ModelStudy {
        model: model.to_owned(),
        steps: Vec::new(),
        tokens_sha256: tokens_sha256.clone(),
        tokens_shape: (batch.rows(), batch.width()),
        records: Vec::new(),
        audit: None,
    };
    for (place, &step) in steps.iter().enumerate() {
        let started = Instant::now();
        // Opening and hashing reads the whole checkpoint: what the last one is, is known.
        let (hash, source) = if step == last { (last_hash.clone(), None) } else { identify(step)? };
        let key = key_of(step, &hash)?;
        let found = store.find(model, step, &key)?;
        let reused = found.is_some();
        let records = match found {
            Some(records) => records,
            None => {
                let heading = format!("{model}, step {step}");
                let reference = match &mut reference {
                    Some(reference) => reference,
                    None => {
                        let source = last_source.take().map_or_else(|| open(last), Ok)?;
                        let memory = settings.reference_memory;
                        reference.insert(load_reference(model, subject, &source, &batch, memory)?)
                    }
                };
                let source = source.map_or_else(|| open(step), Ok)?;
                // It comes while this one is studied.
                if let Some(next) = next_of(&steps[place + 1..])? {
                    series.prefetch(next);
                }
                let measure =
                    Measure { model, step, settings, subject, batch: &batch, heading: &heading };
                let unit = measure.unit(&source, reference)?;
                store.put(model, step, &key, &unit)?;
                unit.records
            }
        };
        study.records.extend(records);
        let seconds = started.elapsed().as_secs_f64();
        study.steps.push(StepStudy { step, checkpoint_sha256: hash, reused, seconds });
        progress(Progress::Step { model, step, reused });
    }
    Ok(study)
}

fn no_steps(model: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{model} has no checkpoint"))
}

fn chosen_steps<C: CheckpointSeries>(
    model: &str,
    series: &C,
    settings: &Settings,
) -> Result<Vec<Step>, Error>
where
    C::Error: Into<Cause>,
{
    let available =
        series.steps().map_err(|error| Error::caused(ErrorKind::Input, model, error))?;
    let last = *available.last().ok_or_else(|| no_steps(model))?;
    let Some(wanted) = &settings.steps else { return Ok(available) };
    if let Some(missing) = wanted.iter().find(|step| !available.contains(step)) {
        let available = available.iter().map(Step::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{model} has no step {missing}; it has {available}");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    Ok(available.into_iter().filter(|step| *step == last || wanted.contains(step)).collect())
}

fn read_batch<T: TokenSource>(tokens: &T, settings: &Settings) -> Result<TokenBatch, Error>
where
    T::Error: Into<Cause>,
{
    let available = tokens.rows();
    let rows = settings.sequences.unwrap_or(available);
    if rows == 0 || rows > available {
        let message = format!("{rows} sequences were asked for; the tokens have {available}");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    tokens.read_rows(0..rows).map_err(|error| Error::caused(ErrorKind::Input, "tokens", error))
}

/// Hash of everything that determines a unit.
fn unit_key(
    model: &str,
    step: Step,
    settings: &Settings,
    hashes: [&str; 3],
) -> Result<String, Error> {
    let key = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": model,
        "step": step.0,
        "protocol": settings.protocol,
        "positions": settings.positions.to_string(),
        "engine": settings.engine,
        "checkpoint": hashes[0],
        "reference": hashes[1],
        "tokens": hashes[2],
    });
    let key = serde_json::to_vec(&key)
        .map_err(|error| Error::caused(ErrorKind::Usage, "settings", error))?;
    Ok(sha256(&key))
}

/// SHA-256 over the width and the ids of the rows.
pub(crate) fn hash_tokens(batch: &TokenBatch) -> String {
    let mut hash = Sha256::new();
    hash.update((batch.width() as u64).to_le_bytes());
    for id in batch.ids() {
        hash.update(id.to_le_bytes());
    }
    hex(&hash.finalize())
}

fn load_reference<Source, S>(
    model: &str,
    subject: &S,
    source: &Source,
    batch: &TokenBatch,
    memory: usize,
) -> Result<Reference<S::Model>, Error>
where
    S: Subject<Source>,
    <S::Model as Capture>::Error: Into<Cause>,
{
    let heading = format!("{model}, last step");
    let loaded =
        subject.load(source).map_err(|error| Error::caused(ErrorKind::Input, &heading, error))?;
    Reference::new(loaded, batch, memory)
        .map_err(|error| Error::caused(ErrorKind::Compute, &heading, error))
}

/// What one unit is measured with.
struct Measure<'a, S> {
    model: &'a str,
    step: Step,
    settings: &'a Settings,
    subject: &'a S,
    batch: &'a TokenBatch,
    heading: &'a str,
}

impl<S> Measure<'_, S> {
    fn unit<Source>(
        &self,
        source: &Source,
        reference: &mut Reference<S::Model>,
    ) -> Result<Unit, Error>
    where
        Source: TensorSource,
        Source::Error: Into<Cause>,
        S: Subject<Source>,
        <S::Model as Capture>::Error: Into<Cause>,
        <S::Model as Gradients>::Error: Into<Cause>,
    {
        let compute = |error: Cause| Error::caused(ErrorKind::Compute, self.heading, error);
        let mut loaded = self
            .subject
            .load(source)
            .map_err(|error| Error::caused(ErrorKind::Input, self.heading, error))?;
        let sites = loaded.sites().to_vec();
        let mut unit = Unit { records: Vec::new(), spectra: Vec::new() };

        let mut ckas: Vec<Similarity> = sites.iter().map(|_| Similarity::new()).collect();
        for (index, part) in self.batch.parts(reference.sequences()).enumerate() {
            let rows =
                Activations::of(&mut loaded, &part).map_err(|error| compute(error.into()))?;
            let paired = reference.rows(index, &part).map_err(|error| compute(error.into()))?;
            // Sites are independent work for all cores, while libtorch waits.
            ckas.par_iter_mut().zip(&sites).for_each(|(cka, site)| {
                if let Some(rows) = rows.get(site) {
                    cka.add(rows, paired.get(site));
                }
            });
        }
        for (site, cka) in sites.iter().zip(ckas) {
            self.cka_records(site, cka, &mut unit.records);
        }

        let mut weights = Vec::new();
        for site in &sites {
            let Some(block) = self.subject.weight(source, site) else { continue };
            let matrix = read_matrix(source, &block)
                .map_err(|error| Error::caused(ErrorKind::Input, self.heading, error))?;
            weights.push((*site, matrix));
        }
        self.spectra(Signal::Weight, &weights, &mut unit);

        let mut gradients = Vec::new();
        let mut keep = |site: &Site, gradient: MatView<'_>| {
            gradients.push((*site, Matrix::of(gradient)));
            ControlFlow::Continue(())
        };
        loaded.gradients(self.batch, &mut keep).map_err(|error| compute(error.into()))?;
        self.spectra(Signal::Gradient, &gradients, &mut unit);
        Ok(unit)
    }

    fn cka_records(&self, site: &Site, cka: Similarity, records: &mut Vec<Record>) {
        let mut add = |estimator: &str, value: Result<f64, String>| {
            records.push(Record {
                metric: "cka".to_owned(),
                value,
                n: cka.rows,
                width: cka.width,
                estimator: estimator.to_owned(),
                positions: Some(self.settings.positions),
                ..self.record(site, Signal::Activation)
            });
        };
        match cka.accumulator {
            Ok(accumulator) => {
                let result = accumulator.finish();
                add("biased", result.biased().map_err(|reason| reason.to_string()));
                add("debiased", result.debiased().map_err(|reason| reason.to_string()));
                add("floor", result.floor().map_err(|reason| reason.to_string()));
            }
            Err(reason) => {
                for estimator in ["biased", "debiased", "floor"] {
                    add(estimator, Err(reason.clone()));
                }
            }
        }
    }

    fn spectra(&self, signal: Signal, matrices: &[(Site, Matrix)], unit: &mut Unit) {
        let views: Vec<_> = matrices.iter().map(|(_, matrix)| matrix.view()).collect();
        for ((site, matrix), found) in matrices.iter().zip(spectra(&views)) {
            let mut add = |metric: &str, estimator: &str, value: Result<f64, String>| {
                unit.records.push(Record {
                    metric: metric.to_owned(),
                    value,
                    n: matrix.rows,
                    width: matrix.cols,
                    estimator: estimator.to_owned(),
                    ..self.record(site, signal)
                });
            };
            match found {
                Ok(found) => {
                    // How the spectrum was found: that of the matrix, or of its Gram matrix where the rank is certain to 1e-9.
                    let method = found.method().as_str();
                    let spectrum = found.into_spectrum();
                    let reason = |error: settling_rank::Error| error.to_string();
                    add("effective_rank", method, effective_rank(&spectrum).map_err(reason));
                    let per = proportional_effective_rank(&spectrum, Denominator::Attainable);
                    add("per", "attainable", per.map_err(reason));
                    unit.spectra.push((*site, signal, spectrum));
                }
                Err(error) => {
                    add("effective_rank", "svd", Err(error.to_string()));
                    add("per", "attainable", Err(error.to_string()));
                }
            }
        }
    }

    /// A record of this unit, to be filled in.
    fn record(&self, site: &Site, signal: Signal) -> Record {
        Record {
            model: self.model.to_owned(),
            step: self.step,
            site: *site,
            signal,
            metric: String::new(),
            value: Ok(0.0),
            n: 0,
            width: 0,
            positions: None,
            estimator: String::new(),
            protocol: self.settings.protocol.name.clone(),
        }
    }
}

/// The CKA of one site with the reference, or why there is none.
struct Similarity {
    accumulator: Result<LinearCka, String>,
    rows: usize,
    width: usize,
}

impl Similarity {
    fn new() -> Self {
        Self { accumulator: Ok(LinearCka::new()), rows: 0, width: 0 }
    }

    /// Adds the next rows, paired with those of the reference.
    fn add(&mut self, rows: MatView<'_>, reference: Option<MatView<'_>>) {
        (self.rows, self.width) = (self.rows + rows.rows(), rows.cols());
        let Ok(accumulator) = &mut self.accumulator else { return };
        let added = match reference {
            Some(reference) => {
                accumulator.update(rows, reference).map_err(|error| error.to_string())
            }
            None => Err("the last checkpoint has no such site".to_owned()),
        };
        if let Err(reason) = added {
            self.accumulator = Err(reason);
        }
    }
}

/// An owned matrix.
#[derive(Default)]
struct Matrix {
    values: Vec<f32>,
    rows: usize,
    cols: usize,
}

impl Matrix {
    fn of(view: MatView<'_>) -> Self {
        let mut matrix = Self::default();
        matrix.append(view);
        matrix
    }

    fn append(&mut self, view: MatView<'_>) {
        self.values.reserve(view.rows() * view.cols());
        for row in view.iter_rows() {
            self.values.extend_from_slice(row);
        }
        self.rows += view.rows();
        self.cols = view.cols();
    }

    fn view(&self) -> MatView<'_> {
        MatView::new(&self.values, self.rows, self.cols)
    }
}

fn read_matrix<S: TensorSource>(source: &S, block: &WeightBlock) -> Result<Matrix, Cause>
where
    S::Error: Into<Cause>,
{
    let data = source.read(&block.name).map_err(Into::into)?;
    let values = block.cut(&data)?;
    Ok(Matrix { values, rows: block.outputs.len(), cols: block.inputs.len() })
}
