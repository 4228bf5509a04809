//! What a build without a part has in the place of the commands that need it.

#[cfg(not(feature = "hub"))]
pub(crate) mod hub;
#[cfg(not(feature = "capture"))]
pub(crate) mod libtorch;

/// What a build without the hub says of a command, or of an option, that needs it.
#[cfg(not(feature = "hub"))]
pub(crate) const NO_HUB: &str =
    "this build has no Hugging Face hub: cargo install settling-cli --features hub";
