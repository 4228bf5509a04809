use settling_core::{Capture, MatView, Site, TokenBatch, WeightBlock};

use crate::Protocol;

/// How a checkpoint is turned into something that can be measured.
///
/// Implement it to study a model of your own: how it is loaded, and where its weights are. A model
/// with two matrices that write, whatever else it is:
///
/// ```
/// # use std::convert::Infallible;
/// # use settling_core::{CaptureSink, TensorSource};
/// use settling::{Protocol, SiteWeight, Subject};
/// use settling_core::{Capture, Component, MatView, Site, TokenBatch, WeightBlock};
///
/// # struct Model;
/// # impl Model {
/// #     fn of(_: &impl TensorSource) -> Result<Self, Infallible> { Ok(Self) }
/// #     fn gradient(&self, _: &TokenBatch, _: &str) -> (f64, Vec<f64>) { (0.0, vec![0.0; 8 * 32]) }
/// # }
/// # impl Capture for Model {
/// #     type Error = Infallible;
/// #     fn sites(&self) -> &[Site] { &[] }
/// #     fn activations(&mut self, _: &TokenBatch, _: &mut dyn CaptureSink) -> Result<(), Infallible> { Ok(()) }
/// # }
/// struct Mine;
///
/// impl<S: TensorSource> Subject<S> for Mine {
///     type Model = Model;
///     type Error = Infallible;
///
///     fn load(&self, source: &S, _: &Protocol) -> Result<Model, Infallible> {
///         Model::of(source)
///     }
///
///     fn weight(&self, _: &S, site: &Site) -> Option<SiteWeight> {
///         let name = format!("{}.{}.out", site.layer, site.component);
///         Some(WeightBlock { name, shape: [8, 32], transposed: false, outputs: 0..8, inputs: 0..32 }.into())
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
///             let (_, gradient) = model.gradient(batch, name);
///             take(name, MatView::new(&gradient, 8, 32));
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Subject<S> {
    /// A model that has been loaded. Its [sites](Capture::sites) are what is studied.
    type Model: Capture;
    /// Why a checkpoint cannot be loaded, or its gradients not be taken.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Loads the checkpoint, to be observed as `protocol` says: at its [rows](Protocol::rows) and
    /// through its [views](Protocol::views), with or without heads.
    ///
    /// # Errors
    ///
    /// If it is not a checkpoint of this model, or the model cannot be looked at like that.
    fn load(&self, source: &S, protocol: &Protocol) -> Result<Self::Model, Self::Error>;

    /// The weight of `site`, with the names that tensors have in `source`; `None` if it has none
    /// there.
    fn weight(&self, source: &S, site: &Site) -> Option<SiteWeight>;

    /// Hands `take` the gradient of the loss on `batch` with respect to each of `tensors`, once, in
    /// the shape in which the tensor is stored. The names are those of the blocks of
    /// [`weight`](Self::weight); the loss is the mean next-token cross-entropy over all target
    /// tokens, or what the [sub-batches](crate::Gradients::sub_batches) of the protocol say that
    /// the model was loaded for.
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
    fn head_dim(&self) -> Option<usize> {
        None
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
