//! Against Hugging Face transformers, on the same weights: tests/golden/make.py wrote the expected
//! values.

use crate::support::{
    CASES, Captured, File, activations, all_gradients, all_intermediates, all_sites, architecture,
    gradients, in_micro_batches, intermediates, load, relative_error,
};
use settling_capture::{Engine, Options, Precision};
use settling_core::{Component, LossReduction, Positions, Site, View};

/// f32 products of inner dimension <= 24 in another order, through three layers: a few hundred
/// roundings of 6e-8. What transformers computes lies within 3e-6 of the same in f64 (make.py
/// checks it).
const TOLERANCE: f64 = 1e-5;

/// As above in f64, a few hundred roundings of 1e-16.
const TOLERANCE_F64: f64 = 1e-12;

fn all(case: &str, positions: Positions) -> Options {
    // Three micro-batches of the five rows.
    let sites = Some(all_sites(&architecture(case)));
    Options { engine: in_micro_batches(2), positions, sites, ..Options::default() }
}

#[test]
fn activations_of_every_site() {
    for case in CASES {
        let expected = File::expected(case);
        let mut model = load(case, &all(case, Positions::All));
        let captured = activations(&mut model, &expected.tokens()).unwrap();
        let sizes = architecture(case).sizes();
        assert_eq!(captured.len(), all_sites(&architecture(case)).len());
        let mut compared = 0;
        for (site, (rows, width)) in &captured {
            assert_eq!((rows.len(), *width), (60 * sizes.width, sizes.width));
            let name = format!("{site}.activation");
            if expected.has(&name) {
                let error = relative_error(rows, &expected.f32(&name));
                assert!(error <= TOLERANCE, "{case} {site}: {error:e}");
                compared += 1;
            }
        }
        // Of every layer the whole sites, of layer 1 the heads'.
        let neox = usize::from(is_neox(case));
        assert_eq!(compared, (3 + neox) * sizes.layers + (2 + neox) * sizes.heads, "{case}");
        heads_add_up(case, &captured);
    }
}

fn is_neox(case: &str) -> bool {
    architecture(case).family() == "gpt_neox"
}

/// The heads of the layers that the golden files leave out: their sum is the layer's, but for the
/// output projection's bias.
fn heads_add_up(case: &str, captured: &Captured) {
    let sizes = architecture(case).sizes();
    for (site, (rows, width)) in captured.iter().filter(|(site, _)| site.head.is_none()) {
        // What OLMo 2 adds to the stream is normalised, its heads' shares are not.
        if site.component == Component::Mlp || (site.view == View::Write && case == "olmo2") {
            continue;
        }
        let mut rest: Vec<f64> = rows.iter().map(|&value| value.into()).collect();
        for head in 0..sizes.heads {
            for (rest, &part) in rest.iter_mut().zip(&captured[&site.with_head(head)].0) {
                *rest -= f64::from(part);
            }
        }
        if site.view == View::Write {
            let bias = rest[..*width].to_vec();
            for (index, rest) in rest.iter_mut().enumerate() {
                *rest -= bias[index % width];
            }
        }
        let largest = rows.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
        let worst = rest.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
        assert!(worst <= TOLERANCE * f64::from(largest), "{case} {site}: {worst:e} of {largest}");
    }
}

#[test]
fn intermediates_of_a_layer() {
    for case in CASES {
        let expected = File::expected(case);
        let wanted = all_intermediates(&architecture(case));
        let mut model = load(case, &all(case, Positions::All));
        let captured = intermediates(&mut model, &expected.tokens(), &wanted).unwrap();
        assert_eq!(captured.len(), wanted.len());
        let golden = captured.iter().filter(|(name, _)| expected.has(name));
        assert_eq!(golden.clone().count(), 11, "layer 1, the embedding, and the final norm");
        for (name, (rows, width)) in golden {
            let meta = expected.tensors.iter().find(|meta| meta.name == *name).unwrap();
            assert_eq!(meta.shape, [60, *width], "{case} {name}");
            let error = relative_error(rows, &expected.f32(name));
            assert!(error <= TOLERANCE, "{case} {name}: {error:e}");
        }
    }
}

#[test]
fn logits() {
    for case in CASES {
        let expected = File::expected(case);
        let logits = load(case, &all(case, Positions::Last)).logits(&expected.tokens()).unwrap();
        let error = relative_error(&logits, &expected.f32("logits"));
        assert!(error <= TOLERANCE, "{case}: {error:e}");
    }
}

#[test]
fn loss_and_gradients_of_every_site() {
    for case in CASES {
        let expected = File::expected(case);
        let mut model = load(case, &all(case, Positions::Last));
        let (loss, captured) = gradients(&mut model, &expected.tokens()).unwrap();
        let expected_loss = f64::from(expected.f32("loss")[0]);
        assert!((loss - expected_loss).abs() <= TOLERANCE * expected_loss, "{case} {loss}");
        assert_eq!(captured.len(), all_sites(&architecture(case)).len());
        compare_gradients(case, &captured, &expected, "");
    }
}

#[test]
fn gradients_of_the_published_schedule() {
    let expected = File::expected("parallel");
    // Five rows are 1, 2, 2 in either way.
    for largest in [None, Some(2)] {
        let loss_reduction = LossReduction::SumOfMeans { largest };
        let options = Options { loss_reduction, ..all("parallel", Positions::Last) };
        let mut model = load("parallel", &options);
        let (loss, captured) = gradients(&mut model, &expected.tokens()).unwrap();
        let expected_loss = f64::from(expected.f32("published.loss")[0]);
        assert!((loss - expected_loss).abs() <= TOLERANCE * expected_loss, "{loss}");
        compare_gradients("parallel", &captured, &expected, "published.");
    }
}

fn compare_gradients(case: &str, captured: &Captured, expected: &File, prefix: &str) {
    let sizes = architecture(case).sizes();
    for (site, (gradient, _)) in captured {
        let name = format!("{prefix}{site}.gradient");
        let expected = match site {
            // The columns of a head are not stored for themselves.
            Site { view: View::Write, head: Some(head), .. } => {
                let whole =
                    expected.f32(&format!("{prefix}{}.gradient", Site { head: None, ..*site }));
                let columns = head * sizes.head_dim..(head + 1) * sizes.head_dim;
                let rows = whole.chunks(sizes.heads * sizes.head_dim);
                rows.flat_map(|row| row[columns.clone()].to_vec()).collect()
            }
            Site { view: View::OvFlat, .. } if case != "parallel" => continue,
            _ => expected.f32(&name),
        };
        let error = relative_error(gradient, &expected);
        assert!(error <= TOLERANCE, "{case} {name}: {error:e}");
    }
}

#[test]
fn gradients_of_every_parameter_in_f64() {
    for case in CASES {
        let expected = File::expected(case);
        let engine = Engine { precision: Precision::F64, ..in_micro_batches(2) };
        let options = Options { engine, ..all(case, Positions::Last) };
        let mut model = load(case, &options);
        let (loss, captured) = all_gradients(&mut model, &expected.tokens());
        let expected_loss = expected.f64("f64/loss")[0];
        let error = (loss - expected_loss).abs() / expected_loss;
        assert!(error <= TOLERANCE_F64, "{case}: {error:e}");
        for (name, gradient) in captured {
            let error = relative_error(&gradient, &expected.f64(&format!("f64/{name}.gradient")));
            assert!(error <= TOLERANCE_F64, "{case} {name}: {error:e}");
        }
    }
}

#[test]
fn gradients_of_every_parameter_in_f32() {
    for case in CASES {
        let expected = File::expected(case);
        let mut model = load(case, &all(case, Positions::Last));
        let (_, captured) = all_gradients(&mut model, &expected.tokens());
        for (name, gradient) in captured {
            let error = relative_error(&gradient, &expected.f64(&format!("f64/{name}.gradient")));
            assert!(error <= TOLERANCE, "{case} {name}: {error:e}");
        }
    }
}
