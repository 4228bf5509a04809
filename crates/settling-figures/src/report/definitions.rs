//! What a protocol decides, in words made from its rules.

use settling_analysis::{Quantity, Rules, Tables, Threshold, Window};
use settling_core::{Component, Signal, View};

use crate::figures::note::{self, reached};
use crate::figures::phrase;

/// The terms that the rules of `tables` define, each with its meaning.
pub(super) fn of_protocol(tables: &Tables) -> Vec<(&'static str, String)> {
    let rules = &tables.rules;
    let estimators = tables.layers.iter().map(|row| (row.quantity, row.estimator.as_str()));
    let decides = format!(
        "the {}: early convergence, settling steps and correlations are decided by it.",
        phrase(Quantity::deciding(rules))
    );
    let one = match rules.early.window {
        Window::UpTo(_) => " at some measured step",
        _ => "",
    };
    let early =
        format!("a layer's CKA is {}{one} {}.", reached(rules.early.cka), rules.early.window);
    let large = format!(
        "of a weight: PER {} at the end. Of a gradient: PER {} of the largest gradient PER of any \
         layer of the model at the end.",
        reached(rules.large.weight_per),
        percent(rules.large.gradient_per_share)
    );
    vec![
        ("Site", site(rules)),
        ("The CKA that decides", decides),
        ("Early convergence", early),
        ("Large PER", large),
        ("Averages", format!("{}{}", note::averages(rules), note::left_out(rules))),
        ("PER here", note::per(estimators).trim_start_matches("PER: ").to_owned()),
    ]
}

/// When a layer has converged early and when a PER is large, as sentences.
pub(super) fn variables(rules: &Rules) -> String {
    format!(
        "Early: the {} is {} {}. Large: at the end, the PER of a weight is {}, that of a gradient {} \
         of the largest.",
        phrase(Quantity::deciding(rules)),
        reached(rules.early.cka),
        rules.early.window,
        reached(rules.large.weight_per),
        percent(rules.large.gradient_per_share)
    )
}

/// A share, such as `>= 0.9`, in percent.
fn percent(share: Threshold) -> String {
    format!("{} %", reached(share.with_number(100.0 * share.number())))
}

fn site(rules: &Rules) -> String {
    let of = |signal, written: &str| match rules.views.of(Component::Attention, signal) {
        View::Write => format!("{written} (view write)"),
        view => format!("the output-value circuit of Attention (view {view})"),
    };
    let activations = of(Signal::Activation, "what Attention adds to the residual stream");
    let weights = of(Signal::Weight, "the matrix that writes it");
    let heads = if rules.views.heads { ", and those of every head" } else { "" };
    format!(
        "of activations, {activations}; of weights and gradients, {weights}{heads}. Of the MLP, what \
         it adds to the residual stream and the matrix that writes it."
    )
}
