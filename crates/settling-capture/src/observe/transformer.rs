//! A language model in memory.

use settling_core::{Site, TensorSource, TokenBatch, View};
use settling_models::{Architecture, ModelSource};
use tch::{Tensor, no_grad_guard};

use crate::error::{Error, ErrorKind};
use crate::failure::Context;
use crate::family;
use crate::model::network::Network;
use crate::model::parameters::Parameters;
use crate::model::pass::{Halt, Pass};
use crate::observe::batch::{fed_tokens, suitable};
use crate::options::Options;
use crate::tensor::{as_usize, flatten_rows, ids, to_host};
use crate::walk::Walk;

/// A language model in memory, ready to be observed.
///
/// [`Capture`](settling_core::Capture) delivers the activations of the sites that
/// [`Options::sites`] names, and [`gradients`](Self::gradients) the gradients of their weights;
/// [`intermediates`](Self::intermediates) and [`parameter_gradients`](Self::parameter_gradients)
/// anything else. A row of a batch may have up to `context + 1` tokens; the last one of such a row
/// is a target only, unless [`Options::inputs`] feeds it where activations are taken.
///
/// Where a model normalizes what a component writes before it is added (OLMo 2), a write site's
/// activation is what is added, and its weight and the shares of its heads are those of the
/// projection before.
///
/// Values that are not finite, because a weight is not or because the precision overflows, are
/// delivered as they are, and so is a loss: what they mean is for the receiver to say. What does
/// not depend on them keeps every bit.
#[derive(Debug)]
pub struct Transformer {
    pub(crate) architecture: Architecture,
    pub(crate) net: Network,
    pub(crate) parameters: Parameters,
    pub(crate) device: tch::Device,
    pub(crate) options: Options,
    pub(crate) sites: Vec<Site>,
}

impl Transformer {
    /// Reads the weights of `architecture` from `source`, one after the other, onto the device, in
    /// the precision asked for.
    ///
    /// A file of a model whose embeddings are tied may have either of them, or both if they are
    /// equal. Where the output embedding is missing and not tied, there are activations, but no
    /// logits, loss or gradients.
    ///
    /// Names are those of [`CanonicalNames`](settling_models::CanonicalNames): wrapped, bare and
    /// renamed checkpoints are recognized. Tensors that are not weights of the architecture (the
    /// buffers in Pythia's files) are not read.
    ///
    /// # Errors
    ///
    /// If the architecture does not fit together, a site does not exist, the device does not exist,
    /// or a weight is missing, has another shape than the architecture says, is not of a
    /// floating-point type, or is an output embedding that differs from the input embedding to
    /// which the configuration ties it.
    pub fn load<S>(
        architecture: &Architecture,
        source: &S,
        options: &Options,
    ) -> Result<Self, Error>
    where
        S: TensorSource + ?Sized,
    {
        if options.engine.micro_batch == Some(0) {
            return Err(Error::new(ErrorKind::Config, "micro_batch must be at least 1, found 0"));
        }
        let device = options.engine.device.check(options.engine.precision)?;
        architecture.validate().map_err(|error| Error::relayed(ErrorKind::Config, error))?;
        // Before gigabytes are read, not after.
        let sites = match &options.sites {
            None => architecture.write_sites(),
            Some(wanted) => chosen_sites(architecture, wanted)?,
        };
        let kind = options.engine.precision.kind();
        let parameters = Parameters::read(architecture, source, kind, device)?;
        let net = family::network(architecture, &parameters, kind)?;
        let (architecture, options) = (architecture.clone(), options.clone());
        Ok(Self { architecture, net, parameters, device, options, sites })
    }

    /// What model a checkpoint is of, as its own configuration says: what [`load`](Self::load)
    /// takes.
    ///
    /// # Errors
    ///
    /// If there is no configuration, or it is not understood.
    pub fn architecture_of<S>(source: &S) -> Result<Architecture, Error>
    where
        S: ModelSource + ?Sized,
    {
        source.architecture().map_err(|error| Error::relayed(ErrorKind::Weights, error))
    }

    /// Checks that a model of `architecture` has `sites`: what [`load`](Self::load) does with those
    /// of its options, without weights.
    ///
    /// # Errors
    ///
    /// If a site does not exist; the message lists what there is.
    pub fn check_sites(architecture: &Architecture, sites: &[Site]) -> Result<(), Error> {
        chosen_sites(architecture, sites).map(drop)
    }

    /// What the model is, besides its weights.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The logits of every fed position, `(rows * fed tokens, vocabulary)` row-major: mostly for
    /// checks against other implementations.
    ///
    /// # Errors
    ///
    /// The same as [`Capture::activations`](settling_core::Capture::activations): tokens that do
    /// not fit the model, or a failure of the device; and if the weights have no output embedding.
    pub fn logits(&self, batch: &TokenBatch) -> Result<Vec<f32>, Error> {
        self.options.engine.device.still_usable()?;
        self.output_embedding()?;
        let fed = self.fed(batch)?;
        let _guard = no_grad_guard();
        let mut logits = Vec::new();
        let mut walk = Walk::new(0..batch.rows(), self.micro_batch(fed));
        while let Some(rows) = walk.next() {
            match self.logits_of(batch, rows, fed) {
                Ok(values) => {
                    logits.extend(values);
                    walk.advance();
                }
                Err(error) => walk.retreat(error)?,
            }
        }
        Ok(logits)
    }

    fn logits_of(
        &self,
        batch: &TokenBatch,
        rows: std::ops::Range<usize>,
        fed: usize,
    ) -> Result<Vec<f32>, Error> {
        let ids = ids(batch, rows, 0..fed, self.device)?;
        let x = self.run(&ids, &mut Pass::whole(true))?.expect("nothing ends the pass early");
        let logits = flatten_rows(&x)?.f_linear(self.output_embedding()?, None::<&Tensor>);
        to_host(&logits.context(|| "computing logits".to_owned())?)
    }

    /// What logits and the loss need besides the body.
    pub(crate) fn output_embedding(&self) -> Result<&Tensor, Error> {
        self.net.output_embedding.as_ref().ok_or_else(|| {
            let message = format!(
                "there is no `{}` among the weights: they are of a body without its output \
                 embedding, which has activations, but no logits, loss or gradients; expected \
                 the whole model, or `tie_word_embeddings` in the configuration if it is the input \
                 embedding",
                self.architecture.output_embedding()
            );
            Error::new(ErrorKind::Weights, message)
        })
    }

    /// What the output embedding reads, or `None` if the pass ended before it.
    pub(crate) fn run(&self, ids: &Tensor, pass: &mut Pass<'_>) -> Result<Option<Tensor>, Error> {
        match self.net.run(ids, pass) {
            Ok(x) => Ok(Some(x)),
            Err(Halt::Done) => Ok(None),
            Err(Halt::Libtorch(error)) => {
                Err(error).context(|| format!("running a model on {}", self.options.engine.device))
            }
            Err(Halt::Other(error)) => Err(error),
        }
    }

    /// How many tokens of each row are fed where a pass is observed, after the batch has been
    /// checked.
    pub(crate) fn fed(&self, batch: &TokenBatch) -> Result<usize, Error> {
        let positions = self.net.position_embedding.as_ref();
        let positions = positions.map(|learned| as_usize(learned.size()[0]));
        fed_tokens(&self.net.sizes, batch, self.options.inputs, positions)
    }

    pub(crate) fn micro_batch(&self, tokens: usize) -> usize {
        self.options
            .engine
            .micro_batch
            .unwrap_or_else(|| suitable(self.options.engine.device, tokens))
    }
}

/// `wanted` in the order in which a pass delivers it, each once.
fn chosen_sites(architecture: &Architecture, wanted: &[Site]) -> Result<Vec<Site>, Error> {
    let sizes = architecture.sizes();
    let flat = matches!(architecture, Architecture::GptNeox(_));
    let exists = |site: &Site| {
        let circuit = site.component == settling_core::Component::Attention;
        site.layer < sizes.layers
            && site.head.is_none_or(|head| head < sizes.heads && circuit)
            && match site.view {
                View::Write => true,
                View::Ov => circuit,
                View::OvFlat => circuit && flat,
                _ => false,
            }
    };
    if let Some(missing) = wanted.iter().find(|site| !exists(site)) {
        let flat = if flat { ", layerL.attention.ov_flat" } else { "" };
        let message = format!(
            "there is no site `{missing}`; there are layerL.attention.write, layerL.mlp.write, layerL.attention.ov{flat} of the \
             layers L = 0 to {}, those of attention also of one head, .headH, H = 0 to {}",
            sizes.layers - 1,
            sizes.heads - 1
        );
        return Err(Error::new(ErrorKind::Config, message));
    }
    if wanted.is_empty() {
        let message =
            "no sites were asked for: name at least one, or leave them out for all write sites";
        return Err(Error::new(ErrorKind::Config, message));
    }
    let mut sites = wanted.to_vec();
    sites.sort_unstable();
    sites.dedup();
    Ok(sites)
}
