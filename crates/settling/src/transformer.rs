//! Checkpoints of one architecture as the subject of a study.

use std::collections::HashMap;

use settling_capture::{Error, GradientRule, Options, Transformer};
use settling_core::{
    Architecture, CanonicalNames, Component, MatView, Site, TensorSource, TokenBatch, View,
    WeightBlock,
};

use crate::{Protocol, SiteWeight, SubBatches, Subject};

/// Runs checkpoints of one architecture through libtorch.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerSubject {
    /// The architecture, the same for every step.
    pub architecture: Architecture,
    /// Device, precision and micro-batch. What is looked at, and of which loss gradients are, the
    /// protocol says: it takes the place of [`inputs`](Options::inputs),
    /// [`positions`](Options::positions), [`sites`](Options::sites) and
    /// [`gradient_rule`](Options::gradient_rule).
    pub options: Options,
}

impl TransformerSubject {
    /// All sites of a protocol, Attention's through one view.
    fn sites(&self, attention: View, protocol: &Protocol) -> Vec<Site> {
        let heads = if protocol.views.heads { self.architecture.sizes().heads } else { 0 };
        let of_site = |site: Site| {
            let (view, heads) = match site.component {
                Component::Attention => (attention, heads),
                _ => (site.view, 0),
            };
            let site = Site { view, ..site };
            std::iter::once(site).chain((0..heads).map(move |head| site.of_head(head)))
        };
        self.architecture.write_sites().into_iter().flat_map(of_site).collect()
    }

    /// The rows that the published code takes for those of a head's V: of the last third of the
    /// fused projection, as if it were queries, keys and values of all heads one after the other.
    fn flat_value_weight(&self, layer: usize, head: usize) -> WeightBlock {
        let sizes = self.architecture.sizes();
        let start = 2 * sizes.width + head * sizes.head_dim;
        WeightBlock {
            outputs: start..start + sizes.head_dim,
            ..self.architecture.value_weight(layer, head)
        }
    }
}

impl<S> Subject<S> for TransformerSubject
where
    S: TensorSource,
    S::Error: std::error::Error + Send + Sync + 'static,
{
    type Model = Transformer;
    type Error = Error;

    fn load(&self, source: &S, protocol: &Protocol) -> Result<Transformer, Error> {
        let sites = |view: View| self.sites(view, protocol);
        Transformer::check_sites(&self.architecture, &sites(protocol.views.weights))?;
        let options = Options {
            inputs: protocol.rows.inputs,
            positions: protocol.rows.positions,
            sites: Some(sites(protocol.views.activations)),
            gradient_rule: match protocol.gradients.sub_batches {
                SubBatches::Whole => GradientRule::Mean,
                SubBatches::Doubling => GradientRule::Published { largest: None },
                SubBatches::DoublingUpTo(largest) => {
                    GradientRule::Published { largest: Some(largest) }
                }
            },
            ..self.options.clone()
        };
        Transformer::load(&self.architecture, source, &options)
    }

    fn weight(&self, source: &S, site: &Site) -> Option<SiteWeight> {
        let names = CanonicalNames::new(source, &self.architecture);
        let stored = |block: WeightBlock| WeightBlock {
            name: names.stored_name(&block.name).to_owned(),
            ..block
        };
        let (architecture, layer) = (&self.architecture, site.layer);
        let value = |head: usize| match site.view {
            View::OvFlat => self.flat_value_weight(layer, head),
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
        let names = CanonicalNames::new(source, &self.architecture);
        let parameters = self.architecture.parameters();
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

    fn head_dim(&self) -> Option<usize> {
        Some(self.architecture.sizes().head_dim)
    }
}
