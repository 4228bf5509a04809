//! What turns a checkpoint into something that can be measured.

#[cfg(feature = "capture")]
mod transformer;

use settling_cka::{CkaAccumulator, LinearCka};
use settling_core::{BoxError, Capture, MatView, Site, TokenBatch};
use settling_models::WeightBlock;
use settling_rank::{CpuSolver, SpectrumSolver};

#[cfg(feature = "capture")]
pub use transformer::TransformerAdapter;

use crate::protocol::Protocol;

/// How a checkpoint is turned into something that can be measured.
///
/// Implement it to study a model of your own: how it is loaded, where its weights are, and what
/// determines its numbers. A model with two matrices that write, whatever else it is:
///
/// ```
/// # use std::convert::Infallible;
/// # use settling_core::{CaptureSink, TensorSource};
/// use settling::{ModelAdapter, Protocol, SiteWeight};
/// use settling_core::{Capture, MatView, Site, TokenBatch};
/// use settling_models::WeightBlock;
///
/// # struct Model;
/// # impl Model {
/// #     fn new(_: &impl TensorSource) -> Result<Self, Infallible> { Ok(Self) }
/// #     fn gradient(&self, _: &TokenBatch, _: &str) -> Vec<f64> { vec![0.0; 8 * 32] }
/// # }
/// # impl Capture for Model {
/// #     type Error = Infallible;
/// #     fn sites(&self) -> &[Site] { &[] }
/// #     fn activations(
/// #         &mut self, _: &TokenBatch, _: &mut dyn CaptureSink,
/// #     ) -> Result<(), Infallible> { Ok(()) }
/// # }
/// struct Mine {
///     scale: f64,
/// }
///
/// impl<S: TensorSource> ModelAdapter<S> for Mine {
///     type Model = Model;
///     type Error = Infallible;
///
///     fn engine(&self) -> String {
///         format!("mine 1.0, scale {}", self.scale)
///     }
///
///     fn configuration(&self, _: &S) -> Result<String, Infallible> {
///         Ok(String::new()) // It has no settings besides its weights.
///     }
///
///     fn load(&self, source: &S, _: &Protocol) -> Result<Model, Infallible> {
///         Model::new(source)
///     }
///
///     fn weight(&self, _: &S, _: &Model, site: &Site) -> Option<SiteWeight> {
///         let name = format!("{}.{}.out", site.layer, site.component);
///         Some(WeightBlock::from_matrix(name, [8, 32]).into())
///     }
///
///     fn gradients(
///         &self,
///         _: &S,
///         model: &mut Model,
///         batch: &TokenBatch,
///         tensors: &[&str],
///         take: &mut dyn FnMut(&str, MatView<'_, f64>),
///     ) -> Result<(), Infallible> {
///         for name in tensors {
///             take(name, MatView::new(&model.gradient(batch, name), 8, 32));
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait ModelAdapter<S> {
    /// A model that has been loaded. Its [sites](Capture::sites) are what is studied.
    type Model: Capture;
    /// Why a checkpoint cannot be loaded, or its gradients not be taken.
    type Error: Into<BoxError>;

    /// What runs the model, and everything about it that determines the numbers besides the
    /// checkpoint and the protocol: the arithmetic, the version of a library, a setting of the
    /// adapter itself. Part of the key of every result, so that results of another engine are
    /// computed anew.
    fn engine(&self) -> String;

    /// What the model at this checkpoint is besides its weights: the settings that were read from
    /// its configuration, in any form that differs whenever they do. Part of the key of every
    /// result. It is not asked for of a series that knows a
    /// [fingerprint](settling_core::CheckpointSeries::fingerprint) of weights and configuration.
    ///
    /// # Errors
    ///
    /// If there is no configuration, or it is not understood.
    fn configuration(&self, source: &S) -> Result<String, Self::Error>;

    /// Loads the checkpoint, to be observed as `protocol` says: at its [rows](Protocol::rows) and
    /// through its [views](Protocol::views), with or without heads.
    ///
    /// # Errors
    ///
    /// If it is not a checkpoint of this model, or the model cannot be looked at like that.
    fn load(&self, source: &S, protocol: &Protocol) -> Result<Self::Model, Self::Error>;

    /// The weight of `site`, with the names that tensors have in `source`; `None` if it has none
    /// there.
    fn weight(&self, source: &S, model: &Self::Model, site: &Site) -> Option<SiteWeight>;

    /// Hands `take` the gradient of the loss on `batch` with respect to each of `tensors`, once, in
    /// the shape in which the tensor is stored. The names are those of the blocks of
    /// [`weight`](Self::weight); the loss is the next-token cross-entropy, reduced as
    /// [`Gradients::sub_batches`](crate::Gradients::sub_batches) of the protocol that the model was
    /// loaded for.
    ///
    /// # Errors
    ///
    /// If the rows do not fit the model, or it cannot be run.
    fn gradients(
        &self,
        source: &S,
        model: &mut Self::Model,
        batch: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), Self::Error>;

    /// The width of an attention head, if there are any: some PERs are [over](crate::PerOver) it.
    fn head_dim(&self, model: &Self::Model) -> Option<usize> {
        let _ = model;
        None
    }

    /// What computes singular values: the CPU, unless told otherwise.
    ///
    /// # Errors
    ///
    /// If the device cannot be used.
    fn spectra(&self) -> Result<Box<dyn SpectrumSolver>, Self::Error> {
        Ok(Box::new(CpuSolver))
    }

    /// An accumulator of CKA that has seen no rows: one on the CPU, unless told otherwise.
    ///
    /// # Errors
    ///
    /// If the device cannot be used.
    fn cka(&self) -> Result<Box<dyn CkaAccumulator>, Self::Error> {
        Ok(Box::new(LinearCka::new()))
    }
}

/// The weight of a site.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SiteWeight {
    /// A block of a matrix, or all of it.
    Block(WeightBlock),
    /// A sum of products, left factor times right factor, of the same `(outputs, inputs)`: the
    /// output-value circuit `O V` of a head is one, that of a layer the sum over its heads. Its
    /// gradient is how it changes with its factors to first order, the sum of `dO V + O dV`.
    Products(Vec<[WeightBlock; 2]>),
}

impl From<WeightBlock> for SiteWeight {
    fn from(block: WeightBlock) -> Self {
        Self::Block(block)
    }
}

impl SiteWeight {
    /// Every block of it.
    pub(crate) fn blocks(&self) -> &[WeightBlock] {
        match self {
            Self::Block(block) => std::slice::from_ref(block),
            Self::Products(products) => products.as_flattened(),
        }
    }
}
