//! Activations of sites and of intermediates.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use settling_core::{Capture, CaptureSink, MatView, Site, TokenBatch};
use tch::{Tensor, no_grad_guard};

use crate::device::Device;
use crate::error::{Error, ErrorKind};
use crate::failure::Context;
use crate::model::pass::{Chosen, Pass};
use crate::model::point::Intermediate;
use crate::observe::record::{Arrived, Deliver, Packed, Plan, Recorder};
use crate::observe::transformer::Transformer;
use crate::tensor::{as_i64, ids};
use crate::walk::Walk;

impl Capture for Transformer {
    type Error = Error;

    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn activations(&mut self, batch: &TokenBatch, sink: &mut dyn CaptureSink) -> Result<(), Error> {
        let sites = &self.sites;
        let mut deliver = |index: usize, rows: MatView<'_>| sink.accept(&sites[index], rows);
        self.capture(&Plan::for_sites(sites), batch, &mut deliver)
    }
}

impl Transformer {
    /// Runs the model on `batch` and hands `take` the rows of every intermediate asked for, at the
    /// positions of the options: `(observations, features)`, for each micro-batch once, in the
    /// order of the forward pass, each intermediate once however often it is named. What comes
    /// after the last of them is not computed.
    ///
    /// [`ControlFlow::Break`] ends the pass early, without an error.
    ///
    /// # Errors
    ///
    /// The same as [`Capture::activations`], and if an intermediate lies in a layer that does not
    /// exist or none is asked for.
    pub fn intermediates(
        &mut self,
        batch: &TokenBatch,
        intermediates: &[Intermediate],
        take: &mut dyn FnMut(&Intermediate, MatView<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let layers = self.net.layers.len();
        let in_no_layer = |one: &&Intermediate| one.layer().is_some_and(|layer| layer >= layers);
        if let Some(missing) = intermediates.iter().find(in_no_layer) {
            let message = format!(
                "there is no intermediate `{missing}`: the model has the layers 0 to {}",
                layers - 1
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        if intermediates.is_empty() {
            return Err(Error::new(ErrorKind::Config, "no intermediates were asked for"));
        }
        let wanted: BTreeSet<Intermediate> = intermediates.iter().copied().collect();
        let wanted: Vec<Intermediate> = wanted.into_iter().collect();
        let mut deliver = |index: usize, rows: MatView<'_>| take(&wanted[index], rows);
        self.capture(&Plan::for_intermediates(&wanted), batch, &mut deliver)
    }

    fn capture(
        &self,
        plan: &Plan,
        batch: &TokenBatch,
        deliver: &mut Deliver<'_>,
    ) -> Result<(), Error> {
        self.options.engine.device.still_usable()?;
        let fed = self.fed(batch)?;
        let chosen = self.chosen(fed)?;
        let observed = Observed { model: self, plan, batch, fed, chosen: &chosen };
        let walk = Walk::new(0..batch.rows(), self.micro_batch(fed));
        let _guard = no_grad_guard();
        // A CPU delivers while it runs, so that it need not hold more than one site; a device that
        // works beside the host delivers one micro-batch while it runs the next, in one transfer.
        match self.options.engine.device {
            Device::Cpu => observed.one_by_one(walk, deliver),
            _ => observed.side_by_side(walk, deliver),
        }
    }

    fn chosen(&self, fed: usize) -> Result<Chosen, Error> {
        let positions = self.options.positions;
        let indices = positions.indices(fed);
        let Some(&last) = indices.last() else {
            let message = format!(
                "positions `{positions}` name none of the {fed} tokens that each row feeds"
            );
            return Err(Error::new(ErrorKind::Tokens, message));
        };
        let last_only = indices.len() == 1 && last + 1 == fed;
        let indices: Vec<i64> = indices.into_iter().map(as_i64).collect();
        let indices = Tensor::f_from_slice(&indices)
            .and_then(|indices| indices.f_to_device(self.device))
            .context(|| "moving positions to the device".to_owned())?;
        Ok(Chosen { indices, last_only })
    }
}

/// A batch that is being run for a plan.
struct Observed<'a> {
    model: &'a Transformer,
    plan: &'a Plan,
    batch: &'a TokenBatch,
    fed: usize,
    chosen: &'a Chosen,
}

impl Observed<'_> {
    fn one_by_one(&self, mut walk: Walk, deliver: &mut Deliver<'_>) -> Result<(), Error> {
        while let Some(rows) = walk.next() {
            let mut take = |index: usize, rows: MatView<'_>| deliver(index, rows);
            let mut recorder = self.recorder(Some(&mut take));
            // Some of its rows may have been delivered: it cannot be tried again in halves.
            let ran = self.run(rows, &mut recorder);
            let flushed =
                ran.and_then(|()| if recorder.stopped { Ok(()) } else { recorder.flush() });
            flushed.map_err(|error| walk.gave_up(error))?;
            if recorder.stopped {
                break;
            }
            walk.advance();
        }
        Ok(())
    }

    /// Nothing of a micro-batch is delivered before all of it has been computed, so that one that
    /// runs out of memory can be tried again in halves without a row being delivered twice.
    fn side_by_side(&self, mut walk: Walk, deliver: &mut Deliver<'_>) -> Result<(), Error> {
        let mut before: Option<Arrived> = None;
        while let Some(rows) = walk.next() {
            let started = match self.start(rows) {
                Ok(started) => started,
                Err(error) => {
                    walk.retreat(error)?;
                    continue;
                }
            };
            walk.advance();
            // The device is busy meanwhile.
            if before.is_some_and(|arrived| arrived.deliver(deliver).is_break()) {
                return Ok(());
            }
            before = Some(started.arrive()?);
        }
        if let Some(arrived) = before {
            let _ = arrived.deliver(deliver);
        }
        Ok(())
    }

    fn start(&self, rows: Range<usize>) -> Result<Packed, Error> {
        let mut recorder = self.recorder(None);
        self.run(rows, &mut recorder)?;
        recorder.pack()
    }

    fn recorder<'a>(&'a self, deliver: Option<&'a mut Deliver<'a>>) -> Recorder<'a> {
        Recorder {
            plan: self.plan,
            network: &self.model.net,
            chosen: self.chosen,
            deliver,
            kept: Vec::new(),
            stopped: false,
        }
    }

    fn run(&self, rows: Range<usize>, recorder: &mut Recorder<'_>) -> Result<(), Error> {
        let ids = ids(self.batch, rows, 0..self.fed, self.model.device)?;
        let mut pass = Pass {
            observer: Some(recorder),
            chosen: Some(self.chosen),
            until: self.plan.until(),
            in_place: true,
        };
        self.model.run(&ids, &mut pass).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use settling_core::Positions;
    use settling_models::GptNeox;
    use settling_testkit::{AdamW, Trainer};

    use super::*;
    use crate::options::Options;

    fn model(positions: Positions) -> Transformer {
        let config = GptNeox {
            vocab_size: 32,
            hidden_size: 16,
            num_hidden_layers: 3,
            num_attention_heads: 2,
            intermediate_size: 64,
            max_position_embeddings: 8,
            ..GptNeox::default()
        };
        let architecture = settling_models::Architecture::new(config.clone()).unwrap();
        let trainer = Trainer::new(&config, AdamW::pythia(1e-3, 10), 7, tch::Device::Cpu);
        let mut sites = architecture.write_sites();
        sites.extend([Site::ov(1), Site::ov(2).with_head(1)]);
        let options = Options { positions, sites: Some(sites), ..Options::default() };
        Transformer::load(&architecture, &trainer, &options).unwrap()
    }

    /// What is delivered, in order, until `enough` deliveries have been taken.
    fn delivered(
        model: &Transformer,
        batch: &TokenBatch,
        enough: usize,
        run: impl FnOnce(&Observed<'_>, &mut Deliver<'_>),
    ) -> Vec<(usize, Vec<f32>)> {
        let plan = Plan::for_sites(&model.sites);
        let chosen = model.chosen(batch.width()).unwrap();
        let observed = Observed { model, plan: &plan, batch, fed: batch.width(), chosen: &chosen };
        let mut seen = Vec::new();
        let _guard = no_grad_guard();
        run(&observed, &mut |index, rows| {
            seen.push((index, rows.to_vec()));
            if seen.len() == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        seen
    }

    /// What a GPU's way of delivering gives on a CPU, which delivers otherwise.
    #[test]
    fn both_ways_deliver_the_same() {
        let batch = TokenBatch::new((0..30).map(|id| id * 7 % 32).collect(), 6).unwrap();
        for positions in
            [Positions::Last, Positions::All, Positions::Every(NonZeroUsize::MIN.saturating_add(1))]
        {
            let model = model(positions);
            // All of it; to the end of a micro-batch; from the middle of one.
            for enough in [usize::MAX, 8, 1, 11] {
                let walk = || Walk::new(0..batch.rows(), 2);
                let immediate = delivered(&model, &batch, enough, |observed, deliver| {
                    observed.one_by_one(walk(), deliver).unwrap();
                });
                let batched = delivered(&model, &batch, enough, |observed, deliver| {
                    observed.side_by_side(walk(), deliver).unwrap();
                });
                assert_eq!(immediate.len(), enough.min(3 * 8));
                assert_eq!(immediate, batched);
            }
        }
    }
}
