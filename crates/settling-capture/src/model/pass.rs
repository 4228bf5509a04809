//! How far a forward pass goes, at which positions, and what looks at it on the way.

use tch::{TchError, Tensor};

use crate::error::Error;
use crate::model::point::{Point, Tap};

/// Which positions are wanted.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Ascending.
    pub(crate) indices: Tensor,
    /// Whether it is the last position alone, which attends to every other.
    pub(crate) last_only: bool,
}

/// What looks at a pass.
pub(crate) trait Observer {
    fn wants(&self, point: Point) -> bool;

    /// Takes `value`, `(batch, tokens, ...)`. It has the chosen positions only where the pass has
    /// narrowed to them. What it holds may be written over as soon as this returns.
    fn see(&mut self, point: Point, value: &Tensor) -> Result<(), Halt>;
}

/// Why a pass ends before its end.
pub(crate) enum Halt {
    /// Nothing more is wanted.
    Done,
    Libtorch(TchError),
    Other(Error),
}

impl From<TchError> for Halt {
    fn from(error: TchError) -> Self {
        Self::Libtorch(error)
    }
}

/// How a batch is run.
pub(crate) struct Pass<'a> {
    pub(crate) observer: Option<&'a mut dyn Observer>,
    /// All positions, if `None`.
    pub(crate) chosen: Option<&'a Chosen>,
    /// The last point that is wanted, if not the result.
    pub(crate) until: Option<Point>,
    /// Whether tensors may be written over; not where gradients are wanted.
    pub(crate) in_place: bool,
}

impl<'a> Pass<'a> {
    /// All of it, for its result.
    pub(crate) fn whole(in_place: bool) -> Self {
        Self { observer: None, chosen: None, until: None, in_place }
    }

    pub(crate) fn wants(&self, point: Point) -> bool {
        self.observer.as_ref().is_some_and(|observer| observer.wants(point))
    }

    pub(crate) fn see(&mut self, point: Point, value: &Tensor) -> Result<(), Halt> {
        if let Some(observer) = &mut self.observer
            && observer.wants(point)
        {
            observer.see(point, value)?;
        }
        if self.until == Some(point) { Err(Halt::Done) } else { Ok(()) }
    }

    /// The chosen positions, if nothing after the queries of this layer is needed of the others:
    /// no later layer reads them.
    pub(crate) fn narrow_to(&self, layer: usize, layers: usize) -> Option<&'a Chosen> {
        let last = match self.until? {
            Point::Layer(last, tap) if tap >= Tap::Query => last,
            Point::Layer(..) => return None,
            Point::FinalNorm => layers - 1,
        };
        self.chosen.filter(|_| layer == last)
    }

    /// x + y, in place of x where that is allowed.
    pub(crate) fn add(&self, x: &mut Tensor, y: &Tensor) -> Result<Tensor, TchError> {
        if self.in_place { x.f_add_(y) } else { x.f_add(y) }
    }
}
