use std::collections::BTreeSet;

use settling_core::{Signal, View};
use settling_records::Record;

/// Where the numbers of a figure come from: their protocol, the observations, and how many are
/// undefined.
pub(crate) fn source(used: &[&Record]) -> String {
    let activations = used.iter().filter(|record| record.signal == Signal::Activation);
    let sizes: BTreeSet<usize> = activations.clone().map(|record| record.n).collect();
    let positions = activations.filter_map(|record| record.positions);
    let positions: BTreeSet<String> = positions.map(|positions| positions.to_string()).collect();
    let protocols: BTreeSet<&str> = used.iter().map(|record| record.protocol.as_str()).collect();
    let undefined = used.iter().filter(|record| record.value.is_err()).count();

    let mut source = format!("Protocol: {}.", listed(protocols));
    let circuits = used.iter().filter(|record| record.site.view != View::Write);
    let circuits: BTreeSet<&str> =
        circuits.map(|record| circuit(record.site.view, record.signal)).collect();
    if !circuits.is_empty() {
        source += &format!(" Attention: {}.", listed(circuits));
    }
    if !sizes.is_empty() {
        source += &format!(" Observations for CKA: {}", listed(sizes));
        if !positions.is_empty() {
            source += &format!(" (positions: {})", listed(positions));
        }
        source += ".";
    }
    if undefined > 0 {
        source += &format!(" Undefined and left out: {undefined} of {} values.", used.len());
    }
    source
}

/// What is looked at in the place of what Attention writes.
fn circuit(view: View, signal: Signal) -> &'static str {
    match (view, signal) {
        (View::OvFlat, Signal::Activation) => "activations of the OV circuit (ov_flat)",
        (View::OvFlat, _) => "weights of the OV circuit (ov_flat)",
        (_, Signal::Activation) => "activations of the OV circuit",
        _ => "weights of the OV circuit",
    }
}

pub(crate) fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
