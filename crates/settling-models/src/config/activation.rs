//! The activation function of the MLP.

use crate::families::Activation;

use super::settings::Settings;
use crate::error::Error;

pub(super) fn read(
    settings: &Settings<'_>,
    name: &str,
    default: Activation,
) -> Result<Activation, Error> {
    settings.choice(name, default, Activation::from_name, &Activation::NAMES.map(|(name, _)| name))
}
