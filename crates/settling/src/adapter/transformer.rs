//! Checkpoints of the model families that settling-capture runs, as subjects of a study.

use std::collections::HashMap;

use settling_capture::{Device, DeviceCka, DeviceSpectra, Engine, Error, Options, Transformer};
use settling_cka::{CkaAccumulator, LinearCka};
use settling_core::{Component, MatView, Site, TokenBatch, View};
use settling_models::{Architecture, CanonicalNames, ModelSource, WeightBlock};
use settling_rank::{CpuSolver, SpectrumSolver};

use super::{ModelAdapter, SiteWeight};
use crate::protocol::Protocol;

/// Runs each checkpoint through libtorch, as its own configuration says. On a CUDA device singular
/// values and CKA are computed there too.
///
/// ```
/// use settling::TransformerAdapter;
/// use settling::capture::{Engine, Precision};
///
/// let adapter =
///     TransformerAdapter::new(Engine { precision: Precision::F64, ..Engine::default() });
/// # let _ = adapter;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerAdapter {
    engine: Engine,
}

impl TransformerAdapter {
    /// Models that run on `engine`.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

/// All sites of a protocol, Attention's through one view.
fn sites(architecture: &Architecture, attention: View, protocol: &Protocol) -> Vec<Site> {
    let heads = if protocol.views.heads { architecture.sizes().heads } else { 0 };
    let of_site = |site: Site| {
        let (view, heads) = match site.component {
            Component::Attention => (attention, heads),
            _ => (site.view, 0),
        };
        let site = Site { view, ..site };
        std::iter::once(site).chain((0..heads).map(move |head| site.with_head(head)))
    };
    architecture.write_sites().into_iter().flat_map(of_site).collect()
}

/// The rows that the published code takes for those of a head's V: of the last third of the
/// fused projection, as if it were queries, keys and values of all heads one after the other.
fn flat_value_weight(architecture: &Architecture, layer: usize, head: usize) -> WeightBlock {
    let sizes = architecture.sizes();
    let start = 2 * sizes.width + head * sizes.head_dim;
    WeightBlock { outputs: start..start + sizes.head_dim, ..architecture.value_weight(layer, head) }
}

impl<S: ModelSource> ModelAdapter<S> for TransformerAdapter {
    type Model = Transformer;
    type Error = Error;

    fn engine(&self) -> String {
        self.engine.to_string()
    }

    /// Every setting of the [`Architecture`].
    fn configuration(&self, source: &S) -> Result<String, Error> {
        Transformer::architecture_of(source).map(|architecture| format!("{architecture:?}"))
    }

    fn load(&self, source: &S, protocol: &Protocol) -> Result<Transformer, Error> {
        let architecture = Transformer::architecture_of(source)?;
        let sites = |view: View| sites(&architecture, view, protocol);
        Transformer::check_sites(&architecture, &sites(protocol.views.weights))?;
        let options = Options {
            engine: self.engine,
            inputs: protocol.rows.inputs,
            positions: protocol.rows.positions,
            sites: Some(sites(protocol.views.activations)),
            loss_reduction: protocol.gradients.sub_batches,
        };
        Transformer::load(&architecture, source, &options)
    }

    fn weight(&self, source: &S, model: &Transformer, site: &Site) -> Option<SiteWeight> {
        let (architecture, layer) = (model.architecture(), site.layer);
        let names = CanonicalNames::new(source, architecture);
        let stored = |block: WeightBlock| WeightBlock {
            name: names.stored_name(&block.name).to_owned(),
            ..block
        };
        let value = |head: usize| match site.view {
            View::OvFlat => flat_value_weight(architecture, layer, head),
            _ => architecture.value_weight(layer, head),
        };
        let circuit =
            |head: usize| [stored(architecture.output_weight(layer, head)), stored(value(head))];
        Some(match (site.view, site.head) {
            (View::Write, None) => stored(architecture.write_weight(layer, site.component)).into(),
            (View::Write, Some(head)) => stored(architecture.output_weight(layer, head)).into(),
            (_, None) => {
                SiteWeight::Products((0..architecture.sizes().heads).map(circuit).collect())
            }
            (_, Some(head)) => SiteWeight::Products(vec![circuit(head)]),
        })
    }

    fn gradients(
        &self,
        source: &S,
        model: &mut Transformer,
        batch: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), Error> {
        let names = CanonicalNames::new(source, model.architecture());
        let parameters = model.architecture().parameters();
        let canonical: HashMap<&str, &str> =
            parameters.iter().map(|(name, _)| (names.stored_name(name), name.as_str())).collect();
        let asked: Vec<&str> =
            tensors.iter().map(|name| canonical.get(name).copied().unwrap_or(name)).collect();
        // They come in this order.
        let mut next = tensors.iter();
        model.parameter_gradients(batch, &asked, &mut |_, gradient| {
            take(next.next().expect("a gradient for each"), gradient);
        })?;
        Ok(())
    }

    fn head_dim(&self, model: &Transformer) -> Option<usize> {
        Some(model.architecture().sizes().head_dim)
    }

    fn spectra(&self) -> Result<Box<dyn SpectrumSolver>, Error> {
        Ok(match self.engine.device {
            device @ Device::Cuda(_) => Box::new(DeviceSpectra::new(device)?),
            _ => Box::new(CpuSolver),
        })
    }

    fn cka(&self) -> Result<Box<dyn CkaAccumulator>, Error> {
        Ok(match self.engine.device {
            device @ Device::Cuda(_) => Box::new(DeviceCka::new(device)?),
            _ => Box::new(LinearCka::new()),
        })
    }
}
