//! GPT-NeoX checkpoints as the subject of a study.

use settling_capture::{Error, GptNeoxModel, Options};
use settling_core::{GptNeox, Site, TensorSource};

use crate::Subject;

/// Runs checkpoints of one GPT-NeoX architecture through libtorch.
#[derive(Clone, Debug, PartialEq)]
pub struct GptNeoxSubject {
    /// The architecture, the same for every step.
    pub config: GptNeox,
    /// Device, positions and micro-batch.
    pub options: Options,
}

impl<S> Subject<S> for GptNeoxSubject
where
    S: TensorSource,
    S::Error: std::error::Error + Send + Sync + 'static,
{
    type Model = GptNeoxModel;
    type Error = Error;

    fn load(&self, source: &S) -> Result<GptNeoxModel, Error> {
        GptNeoxModel::load(&self.config, source, &self.options)
    }

    fn weight(&self, site: &Site) -> String {
        self.config.write_weight(site)
    }
}
