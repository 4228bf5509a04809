//! Against Hugging Face transformers, on the same weights: tests/golden/make.py wrote the expected values.

use crate::support::{File, activations, gradients, model, relative_error};
use settling_core::Positions;

/// f32 products of inner dimension <= 14 in another order, through three layers: a few hundred roundings of 6e-8.
const TOLERANCE: f64 = 1e-5;

#[test]
fn write_activations_of_every_layer() {
    for case in ["parallel", "sequential"] {
        let expected = File::read(case, "expected.safetensors");
        let captured =
            activations(&mut model(case, Positions::All, 2), &expected.tokens()).unwrap();
        assert_eq!(captured.len(), if case == "parallel" { 6 } else { 4 });
        for (site, (rows, width)) in captured {
            assert_eq!(width, 12);
            let error = relative_error(&rows, &expected.f32(&format!("{site}.activation")));
            assert!(error <= TOLERANCE, "{case} {site}: {error:e}");
        }
    }
}

#[test]
fn logits() {
    for case in ["parallel", "sequential"] {
        let expected = File::read(case, "expected.safetensors");
        let logits = model(case, Positions::Last, 3).logits(&expected.tokens()).unwrap();
        let error = relative_error(&logits, &expected.f32("logits"));
        assert!(error <= TOLERANCE, "{case}: {error:e}");
    }
}

#[test]
fn loss_and_write_weight_gradients() {
    for case in ["parallel", "sequential"] {
        let expected = File::read(case, "expected.safetensors");
        let (loss, captured) =
            gradients(&mut model(case, Positions::Last, 2), &expected.tokens()).unwrap();
        let expected_loss = f64::from(expected.f32("loss")[0]);
        assert!(
            (loss - expected_loss).abs() <= TOLERANCE * expected_loss,
            "{loss} {expected_loss}"
        );
        assert_eq!(captured.len(), if case == "parallel" { 6 } else { 4 });
        for (site, (gradient, _)) in captured {
            let error = relative_error(&gradient, &expected.f32(&format!("{site}.gradient")));
            assert!(error <= TOLERANCE, "{case} {site}: {error:e}");
        }
    }
}
