//! Tables and coefficients for serde.
#![cfg(feature = "serde")]

use serde_json::{from_value, json, to_value};
use settling_mcc::{Contingency, Mcc};

#[test]
fn tables_and_coefficients_are_written_and_read() {
    let table = Contingency { true_positives: 3, true_negatives: 3, ..Contingency::default() };
    let written = to_value(table).unwrap();
    assert_eq!(written["true_positives"], 3);
    assert_eq!(from_value::<Contingency>(written).unwrap(), table);
    assert_eq!(to_value(table.mcc()).unwrap(), json!({"value": 1.0}));
    let none = Contingency::default().mcc();
    assert_eq!(to_value(none).unwrap(), json!({"undefined": "total"}));
    assert_eq!(from_value::<Mcc>(json!({"undefined": "total"})).unwrap(), none);
    let tests = table.fisher_exact();
    assert_eq!(to_value(tests).unwrap()["two_sided"], json!(tests.two_sided));
}
