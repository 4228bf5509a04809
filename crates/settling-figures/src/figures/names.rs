//! What figures call the things that they show.

use settling_analysis::Quantity;
use settling_core::Component;

/// The names of the rows of most figures, in the order of [`Component::ALL`].
pub(crate) const COMPONENTS: [&str; 2] = ["Attention", "MLP"];

/// The name of a component in a figure.
pub(crate) fn component_name(component: Component) -> &'static str {
    match component {
        Component::Attention => COMPONENTS[0],
        Component::Mlp => COMPONENTS[1],
        other => other.name(),
    }
}

/// The name of a quantity above a panel.
pub(crate) fn title(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::DebiasedCka => "CKA (debiased)",
        Quantity::BiasedCka => "CKA (biased)",
        Quantity::CkaFloor => "CKA (floor)",
        Quantity::WeightPer => "PER of weights",
        Quantity::GradientPer => "PER of gradients",
        other => other.metric(),
    }
}

/// The name of a quantity as part of a sentence.
pub(crate) fn phrase(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::DebiasedCka => "debiased CKA",
        Quantity::BiasedCka => "biased CKA",
        Quantity::CkaFloor => "floor of the biased CKA",
        Quantity::WeightPer => "PER of the weights",
        Quantity::GradientPer => "PER of the gradients",
        other => other.metric(),
    }
}
