//! The families: each says what [parts](crate::model::parts) its models are made of, and what their
//! weights are called.
//!
//! A new family is one file here with one function from its description and the weights to a
//! [`Network`], a variant of [`Architecture`], and a golden model in `tests/golden`. How a network
//! is run, observed and differentiated it shares with the others.

use settling_models::Architecture;
use tch::Kind;

use crate::error::{Error, ErrorKind};
use crate::failure::Context;
use crate::model::network::Network;
use crate::model::parameters::Parameters;

mod gpt2;
mod llama;
mod neox;

/// The network that `architecture` describes, of weights that were read for it. It shares them.
pub(crate) fn network(
    architecture: &Architecture,
    weights: &Parameters,
    kind: Kind,
) -> Result<Network, Error> {
    let sizes = architecture.sizes();
    let output = weights.get(if architecture.is_tied() {
        architecture.input_embedding()
    } else {
        architecture.output_embedding()
    });
    let network = match architecture {
        Architecture::GptNeox(model) => neox::network(model, sizes, output, weights),
        Architecture::Llama(model) => llama::network(model, sizes, output, weights, kind),
        Architecture::Gpt2(model) => Ok(gpt2::network(model, sizes, output, weights)),
        other => {
            let message = format!("models of the family `{}` cannot be run", other.family());
            return Err(Error::new(ErrorKind::Config, message));
        }
    };
    network.context(|| format!("setting up a model of the family `{}`", architecture.family()))
}
