//! One unit: a checkpoint under one protocol.

use rayon::prelude::*;
use settling_cka::LinearCka;
use settling_core::{
    Activations, Capture, Component, MatView, Signal, Site, Step, TensorSource, TokenBatch,
};
use settling_records::Record;

use crate::reference::Reference;
use crate::spectra::{Combined, Found, Sums, Tensors, spectra_of};
use crate::{Combine, Error, ErrorKind, Protocol, SiteWeight, Subject, Unit};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What one unit is measured with.
pub(crate) struct Measure<'a, S> {
    pub(crate) model: &'a str,
    pub(crate) step: Step,
    pub(crate) protocol: &'a Protocol,
    pub(crate) subject: &'a S,
    /// The evaluation rows.
    pub(crate) batch: &'a TokenBatch,
    /// What gradients are taken on.
    pub(crate) gradient_batches: &'a [TokenBatch],
    /// The width of an attention head.
    pub(crate) head_dim: Option<usize>,
    /// What errors begin with.
    pub(crate) heading: &'a str,
}

impl<S> Measure<'_, S> {
    pub(crate) fn unit<Source>(
        &self,
        source: &Source,
        reference: &mut Reference<S::Model>,
    ) -> Result<Unit, Error>
    where
        Source: TensorSource<Error: Into<Cause>>,
        S: Subject<Source, Model: Capture<Error: Into<Cause>>>,
    {
        let mut loaded = self
            .subject
            .load(source, self.protocol)
            .map_err(|error| self.error(ErrorKind::Input, error))?;
        let mut unit = Unit { records: Vec::new(), spectra: Vec::new() };
        self.similarities(&mut loaded, reference, &mut unit)?;

        let view = self.protocol.views.weights;
        let of_weights = |site: &Site| match site.component {
            Component::Attention => Site { view, ..*site },
            _ => *site,
        };
        let sites: Vec<(Site, SiteWeight)> = loaded
            .sites()
            .iter()
            .map(of_weights)
            .filter_map(|site| Some((site, self.subject.weight(source, &site)?)))
            .collect();
        let found = spectra_of(&sites, source, None)
            .map_err(|error| self.error(ErrorKind::Input, error))?;
        for ((site, _), found) in sites.iter().zip(found) {
            self.ranks(site, Signal::Weight, vec![found], &mut unit);
        }
        self.gradients(source, &mut loaded, &sites, &mut unit)?;
        Ok(unit)
    }

    fn error(&self, kind: ErrorKind, cause: impl Into<Cause>) -> Error {
        Error::caused(kind, self.heading, cause)
    }

    fn similarities<M>(
        &self,
        loaded: &mut M,
        reference: &mut Reference<M>,
        unit: &mut Unit,
    ) -> Result<(), Error>
    where
        M: Capture<Error: Into<Cause>>,
    {
        let compute = |error: M::Error| self.error(ErrorKind::Compute, error);
        let sites = loaded.sites().to_vec();
        let mut ckas: Vec<Similarity> = sites.iter().map(|_| Similarity::new()).collect();
        for (index, part) in self.batch.parts(reference.sequences()).enumerate() {
            let rows = Activations::of(loaded, &part).map_err(compute)?;
            let paired = reference.rows(index, &part).map_err(compute)?;
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
        let mut add = |estimator: &str, value: Result<f64, String>| {
            records.push(Record {
                metric: "cka".to_owned(),
                value,
                n: cka.rows,
                width: cka.width,
                estimator: estimator.to_owned(),
                positions: Some(self.protocol.rows.positions),
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

    fn gradients<Source>(
        &self,
        source: &Source,
        loaded: &mut S::Model,
        sites: &[(Site, SiteWeight)],
        unit: &mut Unit,
    ) -> Result<(), Error>
    where
        Source: TensorSource<Error: Into<Cause>>,
        S: Subject<Source>,
    {
        let mut names: Vec<&str> =
            sites.iter().flat_map(|(_, weight)| weight.blocks()).map(|b| b.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut take = |batch: &TokenBatch, share: f64, gradients: &mut Sums| {
            self.subject
                .gradients(source, loaded, batch, &names, &mut |name, gradient| {
                    gradients.add(name, gradient, share);
                })
                .map_err(|error| self.error(ErrorKind::Compute, error))
        };
        let spectra = |gradients: &Tensors| {
            spectra_of(sites, source, Some(gradients))
                .map_err(|error| self.error(ErrorKind::Input, error))
        };
        let mut found: Vec<Vec<Found>> = sites.iter().map(|_| Vec::new()).collect();
        let mut keep = |of_batch: Vec<Found>| {
            found.iter_mut().zip(of_batch).for_each(|(found, one)| found.push(one));
        };
        if self.protocol.gradients.combine == Combine::MeanGradient {
            let mut mean = Sums::default();
            let share = 1.0 / self.gradient_batches.len() as f64;
            for batch in self.gradient_batches {
                take(batch, share, &mut mean)?;
            }
            keep(spectra(&mean.finish())?);
        } else {
            for batch in self.gradient_batches {
                let mut gradients = Sums::default();
                take(batch, 1.0, &mut gradients)?;
                keep(spectra(&gradients.finish())?);
            }
        }
        for ((site, _), found) in sites.iter().zip(found) {
            self.ranks(site, Signal::Gradient, found, unit);
        }
        Ok(())
    }

    /// The ranks of a matrix from its spectra, one for each batch.
    fn ranks(&self, site: &Site, signal: Signal, found: Vec<Found>, unit: &mut Unit) {
        let Some(&Found { rows, cols, .. }) = found.first() else { return };
        let over = self.protocol.per.of(site);
        let denominator = over.denominator(cols, self.head_dim);
        let mut add = |metric: &str, estimator: &str, value: Result<f64, String>| {
            unit.records.push(Record {
                metric: metric.to_owned(),
                value,
                n: rows,
                width: cols,
                estimator: estimator.to_owned(),
                ..self.record(site, signal)
            });
        };
        match Combined::new(found, self.protocol.gradients.combine) {
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
            protocol: self.protocol.name.clone(),
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
