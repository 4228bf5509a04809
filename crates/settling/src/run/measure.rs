//! One unit: a checkpoint under one protocol.

use rayon::prelude::*;
use settling_cka::{Cka, CkaAccumulator, Side, Undefined};
use settling_core::{
    Activations, BoxError, Capture, Component, MatView, Signal, Site, Step, TensorSource,
    TokenBatch,
};
use settling_records::Record;

use super::reference::Reference;
use super::results::Progress;
use super::spectra::{Combined, Found, Spectra, Sums, Tensors};
use crate::adapter::{ModelAdapter, SiteWeight};
use crate::error::{Error, ErrorKind};
use crate::protocol::{Combine, Protocol};
use crate::store::Unit;

/// What one unit is measured with.
pub(crate) struct Measure<'a, A> {
    pub(crate) model: &'a str,
    pub(crate) step: Step,
    pub(crate) protocol: &'a Protocol,
    pub(crate) adapter: &'a A,
    /// The evaluation rows.
    pub(crate) batch: &'a TokenBatch,
    /// What gradients are taken on.
    pub(crate) gradient_batches: &'a [TokenBatch],
    /// What errors begin with.
    pub(crate) heading: &'a str,
}

impl<A> Measure<'_, A> {
    pub(crate) fn unit<Source>(
        &self,
        source: &Source,
        reference: &mut Reference<<A as ModelAdapter<Source>>::Model>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Unit, Error>
    where
        Source: TensorSource,
        A: ModelAdapter<Source>,
    {
        let mut loaded = self
            .adapter
            .load(source, self.protocol)
            .map_err(|error| self.error(ErrorKind::Input, error))?;
        let mut unit = Unit { records: Vec::new(), spectra: Vec::new() };
        self.similarities::<Source>(&mut loaded, reference, &mut unit)?;

        let view = self.protocol.views.weights;
        let of_weights = |site: &Site| match site.component {
            Component::Attention => Site { view, ..*site },
            _ => *site,
        };
        let sites: Vec<(Site, SiteWeight)> = loaded
            .sites()
            .iter()
            .map(of_weights)
            .filter_map(|site| Some((site, self.adapter.weight(source, &loaded, &site)?)))
            .collect();
        let solver =
            self.adapter.spectra().map_err(|error| self.error(ErrorKind::Compute, error))?;
        let spectra = Spectra { solver: &*solver, sites: &sites };
        let ranks = Ranks { measure: self, head_dim: self.adapter.head_dim(&loaded) };
        let (model, step, of) = (self.model, self.step, sites.len());
        let mut done = |signal: Signal, done: usize| {
            progress(Progress::Spectra { model, step, signal, done, of });
        };
        let found = spectra
            .of_weights(source, &mut |count| done(Signal::Weight, count))
            .map_err(|error| self.error(ErrorKind::Input, error))?;
        for ((site, _), found) in sites.iter().zip(found) {
            ranks.add(site, Signal::Weight, vec![found], &mut unit);
        }
        let mut done = |count: usize| done(Signal::Gradient, count);
        let found = self.gradients(source, &mut loaded, &spectra, &mut done)?;
        for ((site, _), found) in sites.iter().zip(found) {
            ranks.add(site, Signal::Gradient, found, &mut unit);
        }
        Ok(unit)
    }

    fn error(&self, kind: ErrorKind, cause: impl Into<BoxError>) -> Error {
        Error::caused(kind, self.heading, cause)
    }

    fn similarities<Source>(
        &self,
        loaded: &mut <A as ModelAdapter<Source>>::Model,
        reference: &mut Reference<<A as ModelAdapter<Source>>::Model>,
        unit: &mut Unit,
    ) -> Result<(), Error>
    where
        A: ModelAdapter<Source>,
    {
        let sites = loaded.sites().to_vec();
        let new = |_: &Site| self.adapter.cka().map(Similarity::new);
        let mut ckas = sites
            .iter()
            .map(new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.error(ErrorKind::Compute, error))?;
        for (index, part) in self.batch.parts(reference.sequences()).enumerate() {
            let rows = Activations::capture(loaded, &part)
                .map_err(|error| self.error(ErrorKind::Compute, error))?;
            let paired = reference
                .rows(index, &part)
                .map_err(|error| self.error(ErrorKind::Compute, error))?;
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
        Ok(())
    }

    fn cka_records(&self, site: &Site, cka: Similarity, records: &mut Vec<Record>) {
        let (rows, width) = (cka.rows, cka.width);
        let mut add = |estimator: &str, value: Result<f64, String>| {
            let record = self.record(site, Signal::Activation, "cka", value);
            let record = record.with_shape(rows, width).with_estimator(estimator);
            records.push(record.with_positions(self.protocol.rows.positions));
        };
        match cka.finish() {
            Ok(result) => {
                let reason = |reason: Undefined| match reason.side() {
                    Some(Side::X) => format!("{reason} (x is this step)"),
                    Some(Side::Y) => format!("{reason} (y is the last step)"),
                    None => reason.to_string(),
                };
                add("biased", result.biased().map_err(reason));
                add("debiased", result.debiased().map_err(reason));
                add("floor", result.floor().map_err(reason));
            }
            Err(reason) => {
                for estimator in ["biased", "debiased", "floor"] {
                    add(estimator, Err(reason.clone()));
                }
            }
        }
    }

    /// The spectra of the gradients of every site, one for each batch that they are not averaged
    /// over.
    fn gradients<Source>(
        &self,
        source: &Source,
        loaded: &mut <A as ModelAdapter<Source>>::Model,
        spectra: &Spectra<'_>,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<Found>>, Error>
    where
        Source: TensorSource,
        A: ModelAdapter<Source>,
    {
        let names = spectra.tensors();
        let mut take = |batch: &TokenBatch, share: f64, gradients: &mut Sums| {
            self.adapter
                .gradients(source, loaded, batch, &names, &mut |name, gradient| {
                    gradients.add(name, gradient, share);
                })
                .map_err(|error| self.error(ErrorKind::Compute, error))
        };
        let mut of_gradients = |gradients: &Tensors| {
            spectra
                .of_gradients(source, gradients, done)
                .map_err(|error| self.error(ErrorKind::Input, error))
        };
        let mut found: Vec<Vec<Found>> = spectra.sites.iter().map(|_| Vec::new()).collect();
        let mut keep = |of_batch: Vec<Found>| {
            found.iter_mut().zip(of_batch).for_each(|(found, one)| found.push(one));
        };
        if self.protocol.gradients.combine == Combine::MeanGradient {
            let mut mean = Sums::default();
            let share = 1.0 / self.gradient_batches.len() as f64;
            for batch in self.gradient_batches {
                take(batch, share, &mut mean)?;
            }
            keep(of_gradients(&mean.finish())?);
        } else {
            for batch in self.gradient_batches {
                let mut gradients = Sums::default();
                take(batch, 1.0, &mut gradients)?;
                keep(of_gradients(&gradients.finish())?);
            }
        }
        Ok(found)
    }

    /// A record of this unit.
    fn record(
        &self,
        site: &Site,
        signal: Signal,
        metric: &str,
        value: Result<f64, String>,
    ) -> Record {
        Record::new(self.model, self.step, *site, signal, metric, value)
            .with_protocol(&self.protocol.name)
    }
}

/// The ranks of weights and gradients.
struct Ranks<'a, A> {
    measure: &'a Measure<'a, A>,
    /// The width of an attention head.
    head_dim: Option<usize>,
}

impl<A> Ranks<'_, A> {
    /// Adds the ranks of a matrix from its spectra, one for each batch.
    fn add(&self, site: &Site, signal: Signal, found: Vec<Found>, unit: &mut Unit) {
        let Some(&Found { rows, cols, .. }) = found.first() else { return };
        let protocol = self.measure.protocol;
        let over = protocol.per.of(site);
        let denominator = over.denominator(cols, self.head_dim);
        let mut add = |metric: &str, estimator: &str, value: Result<f64, String>| {
            let record = self.measure.record(site, signal, metric, value);
            unit.records.push(record.with_shape(rows, cols).with_estimator(estimator));
        };
        match Combined::new(found, protocol.gradients.combine) {
            Ok(combined) => {
                add("effective_rank", &combined.method, combined.effective_rank());
                add("per", over.name(), denominator.and_then(|over| combined.per(over)));
                unit.spectra.extend(combined.named(&format!("{site}.{signal}")));
            }
            Err(reason) => {
                add("effective_rank", "svd", Err(reason.clone()));
                add("per", over.name(), Err(reason));
            }
        }
    }
}

/// The CKA of one site with the reference, or why there is none.
struct Similarity {
    accumulator: Result<Box<dyn CkaAccumulator>, String>,
    rows: usize,
    width: usize,
}

impl Similarity {
    fn new(accumulator: Box<dyn CkaAccumulator>) -> Self {
        Self { accumulator: Ok(accumulator), rows: 0, width: 0 }
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

    fn finish(self) -> Result<Cka, String> {
        self.accumulator?.finish().map_err(|error| error.to_string())
    }
}
