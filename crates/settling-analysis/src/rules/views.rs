//! Which map of Attention the numbers are of.

use serde::{Deserialize, Serialize};
use settling_core::{Component, Signal, View};

/// Which map of Attention is looked at, `write`, `ov` or `ov_flat`. The MLP has one, its write.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// The map whose activations are compared.
    #[serde(with = "by_name")]
    pub activations: View,
    /// The map whose weights and gradients are measured.
    #[serde(with = "by_name")]
    pub weights: View,
    /// Whether every attention head is recorded too, beside its layer.
    pub heads: bool,
}

impl Views {
    /// The view of a component's activations, or of its weights and gradients.
    ///
    /// ```
    /// use settling_analysis::Rules;
    /// use settling_core::{Component, Signal, View};
    ///
    /// let views = Rules::published().views;
    /// assert_eq!(views.of(Component::Attention, Signal::Weight), View::OvFlat);
    /// assert_eq!(views.of(Component::Mlp, Signal::Weight), View::Write);
    /// ```
    #[must_use]
    pub fn of(&self, component: Component, signal: Signal) -> View {
        match (component, signal) {
            (Component::Attention, Signal::Activation) => self.activations,
            (Component::Attention, _) => self.weights,
            _ => View::Write,
        }
    }
}

/// A view, by its name.
mod by_name {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use settling_core::View;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(view: &View, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(view.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<View, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
