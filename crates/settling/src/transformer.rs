//! Checkpoints of one architecture as the subject of a study.

use settling_capture::{Error, Options, Transformer};
use settling_core::{Architecture, CanonicalNames, Site, TensorSource, View, WeightBlock};

use crate::Subject;

/// Runs checkpoints of one architecture through libtorch.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerSubject {
    /// The architecture, the same for every step.
    pub architecture: Architecture,
    /// Device, precision, positions and micro-batch.
    pub options: Options,
}

impl<S> Subject<S> for TransformerSubject
where
    S: TensorSource,
    S::Error: std::error::Error + Send + Sync + 'static,
{
    type Model = Transformer;
    type Error = Error;

    fn load(&self, source: &S) -> Result<Transformer, Error> {
        Transformer::load(&self.architecture, source, &self.options)
    }

    fn weight(&self, source: &S, site: &Site) -> Option<WeightBlock> {
        let block = match (site.view, site.head) {
            (View::Write, None) => self.architecture.write_weight(site.layer, site.component),
            (View::Write, Some(head)) => self.architecture.output_weight(site.layer, head),
            // A product of two matrices.
            _ => return None,
        };
        let names = CanonicalNames::new(source, &self.architecture);
        Some(WeightBlock { name: names.stored_name(&block.name).to_owned(), ..block })
    }
}
