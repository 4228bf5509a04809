//! Records of every kind.

use proptest::prelude::*;
use settling_core::{Component, Positions, Signal, Site, Step, View};
use settling_records::Record;

fn text() -> impl Strategy<Value = String> {
    // Commas, quotes, line breaks, other scripts: a model may be named anything.
    proptest::string::string_regex("[a-z\",;\n=@Ωé ]{0,12}").unwrap()
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let value = prop_oneof![
        prop::num::f64::NORMAL.prop_map(Ok),
        Just(Ok(0.0)),
        "[a-z: ]{1,20}".prop_map(Err)
    ];
    let site = (0..200_usize, prop::bool::ANY, prop::option::of(0..64_usize)).prop_map(
        |(layer, mlp, head)| Site {
            layer,
            component: if mlp { Component::Mlp } else { Component::Attention },
            view: View::Write,
            head,
        },
    );
    let positions = prop_oneof![
        Just(None),
        Just(Some(Positions::All)),
        (0..9_usize).prop_map(|index| Some(Positions::Index(index)))
    ];
    (text(), any::<u64>(), site, 0..3_usize, value, any::<(u32, u32)>(), positions, text())
        .prop_map(|(model, step, site, signal, value, (n, width), positions, protocol)| {
            Record::new(model, Step(step), site, Signal::ALL[signal], "cka", value)
                .with_shape(n as usize, width as usize)
                .with_positions(positions)
                .with_estimator("debiased")
                .with_protocol(protocol)
        })
}
