//! Makes the rows that were asked for of what a pass shows.

use std::ops::{ControlFlow, Range};

use settling_core::{Component, MatView, Site, View};
use settling_models::ModelSizes;
use tch::{Kind, TchError, Tensor};

use crate::error::Error;
use crate::failure::Context;
use crate::model::attention::Attention;
use crate::model::network::Network;
use crate::model::parts::Linear;
use crate::model::pass::{Chosen, Halt, Observer};
use crate::model::point::{Intermediate, Point, Tap};
use crate::tensor::{Host, as_i64, as_usize, with_rows};

/// Something to deliver rows of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    Site(Site),
    Intermediate(Intermediate),
}

impl Want {
    /// Where in a pass it is made.
    fn point(self) -> Point {
        match self {
            Self::Intermediate(Intermediate { point }) => point,
            Self::Site(site) => {
                let tap = match (site.view, site.component, site.head) {
                    (View::Write, Component::Attention, Some(_)) => Tap::Mixed,
                    (View::Write, Component::Attention, None) => Tap::AttentionWrite,
                    (View::Ov, ..) => Tap::Value,
                    (View::OvFlat, ..) => Tap::Fused,
                    _ => Tap::MlpWrite,
                };
                Point::Layer(site.layer, tap)
            }
        }
    }

    /// What is delivered together, in the order of the list: the sites of one component, which are
    /// not made in that order.
    fn group(self) -> Point {
        match self {
            Self::Site(Site { layer, component: Component::Attention, .. }) => {
                Point::Layer(layer, Tap::AttentionWrite)
            }
            other => other.point(),
        }
    }

    /// `(rows, features)` from `seen`, `(batch, chosen positions, ...)`.
    fn rows(self, network: &Network, seen: &Tensor) -> Result<Tensor, TchError> {
        // One row for each position of each sequence.
        let rows = seen.f_flatten(0, 1)?;
        let Self::Site(Site { layer, view, component: Component::Attention, head }) = self else {
            return rows.f_flatten(1, -1);
        };
        let Attention { output, .. } = &network.layers[layer].attention;
        let ModelSizes { width, head_dim, .. } = network.sizes;
        match (view, head) {
            (View::Write, None) => rows.f_flatten(1, -1),
            (View::Write, Some(head)) => through(output, &rows, of_head(head, head_dim)),
            (View::Ov, None) => {
                let all = network.sizes.heads / network.sizes.key_value_heads;
                let values = rows.f_repeat_interleave_self_int(as_i64(all), 1, None)?;
                values.f_flatten(1, -1)?.f_linear(&output.matrix()?, None::<&Tensor>)
            }
            (View::Ov, Some(head)) => {
                let shared = as_i64(network.sizes.key_value_head(head));
                let value = rows.f_select(1, shared)?;
                value.f_linear(&columns(output, of_head(head, head_dim))?, None::<&Tensor>)
            }
            (_, head) => {
                let third = rows.f_narrow(1, as_i64(2 * width), as_i64(width))?;
                through(output, &third, head.map_or(0..width, |head| of_head(head, head_dim)))
            }
        }
    }
}

fn of_head(head: usize, head_dim: usize) -> Range<usize> {
    head * head_dim..(head + 1) * head_dim
}

fn columns(output: &Linear, of: Range<usize>) -> Result<Tensor, TchError> {
    output.matrix()?.f_narrow(1, as_i64(of.start), as_i64(of.len()))
}

/// What some inputs of the output projection contribute to its result.
fn through(output: &Linear, x: &Tensor, inputs: Range<usize>) -> Result<Tensor, TchError> {
    let part = x.f_narrow(1, as_i64(inputs.start), as_i64(inputs.len()))?;
    part.f_linear(&columns(output, inputs)?, None::<&Tensor>)
}

/// What to deliver, in this order.
#[derive(Debug)]
pub(crate) struct Plan {
    wants: Vec<Want>,
}

impl Plan {
    /// A plan for sites in ascending order, at least one.
    pub(crate) fn for_sites(sites: &[Site]) -> Self {
        Self { wants: sites.iter().copied().map(Want::Site).collect() }
    }

    /// A plan for intermediates in ascending order, at least one.
    pub(crate) fn for_intermediates(intermediates: &[Intermediate]) -> Self {
        Self { wants: intermediates.iter().copied().map(Want::Intermediate).collect() }
    }

    /// The last point that is needed.
    pub(crate) fn until(&self) -> Option<Point> {
        self.wants.iter().map(|want| want.point()).max()
    }
}

/// Takes the rows of the want with this index.
pub(crate) type Deliver<'a> = dyn FnMut(usize, MatView<'_>) -> ControlFlow<()> + 'a;

/// Makes the rows of a plan while a pass runs.
pub(crate) struct Recorder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) network: &'a Network,
    pub(crate) chosen: &'a Chosen,
    /// Delivers as soon as a group is complete; otherwise everything is kept on the device until
    /// [`pack`](Self::pack).
    pub(crate) deliver: Option<&'a mut Deliver<'a>>,
    pub(crate) kept: Vec<(usize, Tensor)>,
    /// Whether the receiver has had enough.
    pub(crate) stopped: bool,
}

impl Recorder<'_> {
    /// Delivers what is kept.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.kept.sort_by_key(|(index, _)| *index);
        let kept = std::mem::take(&mut self.kept);
        let Some(deliver) = &mut self.deliver else { return Ok(()) };
        for (index, rows) in kept {
            if with_rows(&rows, |rows| deliver(index, rows))?.is_break() {
                self.stopped = true;
                break;
            }
        }
        Ok(())
    }

    /// What is kept, on its way to the host in one transfer.
    pub(crate) fn pack(self) -> Result<Packed, Error> {
        let mut kept = self.kept;
        kept.sort_by_key(|(index, _)| *index);
        let shape =
            |rows: &Tensor| rows.size2().map(|(rows, cols)| (as_usize(rows), as_usize(cols)));
        let pack = || {
            let parts = kept.iter().map(|(index, rows)| Ok((*index, shape(rows)?)));
            let parts = parts.collect::<Result<Vec<_>, TchError>>()?;
            let flat = kept.iter().map(|(_, rows)| rows.f_to_kind(Kind::Float)?.f_flatten(0, -1));
            let flat = flat.collect::<Result<Vec<_>, TchError>>()?;
            Ok(Packed { parts, values: Host::start(&Tensor::f_cat(&flat, 0)?)? })
        };
        pack().context(|| "copying activations to host memory".to_owned())
    }
}

/// The rows of a micro-batch.
pub(crate) struct Packed {
    parts: Vec<(usize, (usize, usize))>,
    values: Host,
}

impl Packed {
    /// Waits until the rows have arrived.
    pub(crate) fn arrive(self) -> Result<Arrived, Error> {
        Ok(Arrived { parts: self.parts, values: self.values.finish()? })
    }
}

/// The rows of a micro-batch, in host memory.
pub(crate) struct Arrived {
    parts: Vec<(usize, (usize, usize))>,
    values: Vec<f32>,
}

impl Arrived {
    pub(crate) fn deliver(&self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        let mut rest = self.values.as_slice();
        for &(index, (rows, cols)) in &self.parts {
            let (part, after) = rest.split_at(rows * cols);
            rest = after;
            deliver(index, MatView::new(part, rows, cols))?;
        }
        ControlFlow::Continue(())
    }
}

impl Observer for Recorder<'_> {
    fn wants(&self, point: Point) -> bool {
        self.plan.wants.iter().any(|want| want.point() == point)
    }

    fn see(&mut self, point: Point, value: &Tensor) -> Result<(), Halt> {
        let group_of = |index: usize| self.plan.wants[index].group();
        let wants = self.plan.wants.iter().enumerate().filter(|(_, want)| want.point() == point);
        let wants: Vec<(usize, Want)> = wants.map(|(index, want)| (index, *want)).collect();
        let complete = match (self.kept.first(), wants.first()) {
            (Some((kept, _)), Some((next, _))) => group_of(*kept) != group_of(*next),
            _ => false,
        };
        if complete && self.deliver.is_some() {
            self.flush().map_err(Halt::Other)?;
            if self.stopped {
                return Err(Halt::Done);
            }
        }
        let wanted = self.chosen.indices.size()[0];
        let whole = value.size()[1] == wanted;
        // Of the residual stream a copy, also where it is read as it is: it is written over.
        let reused = matches!(
            point,
            Point::Layer(_, Tap::Input | Tap::AttentionInput | Tap::MlpInput | Tap::Output)
        );
        let seen = match (whole, reused) {
            (true, true) => value.f_to_device_(value.device(), value.kind(), false, true)?,
            (true, false) => value.shallow_clone(),
            (false, _) => value.f_index_select(1, &self.chosen.indices)?,
        };
        for (index, want) in wants {
            self.kept.push((index, want.rows(self.network, &seen)?));
        }
        Ok(())
    }
}
