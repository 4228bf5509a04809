//! Arithmetic: what a micro-batch, a precision and a reduction of the loss change, and what they do
//! not.

use crate::support::{
    CASES, File, activations, all_gradients, all_sites, architecture, gradients, in_micro_batches,
    load, relative_error,
};
use settling_capture::{Engine, Options, Precision};
use settling_core::{LossReduction, Positions, TokenBatch};

fn tokens(case: &str) -> TokenBatch {
    File::expected(case).tokens()
}

fn options(case: &str, precision: Precision, micro_batch: usize) -> Options {
    Options {
        engine: Engine { precision, ..in_micro_batches(micro_batch) },
        positions: Positions::All,
        sites: Some(all_sites(&architecture(case))),
        ..Options::default()
    }
}

/// libtorch sums in another order for another shape: some ten roundings of 6e-8 that are not the
/// same.
#[test]
fn results_do_not_depend_on_the_micro_batch() {
    for case in CASES {
        let batch = tokens(case);
        let run = |micro_batch: usize| {
            let mut model = load(case, &options(case, Precision::F32, micro_batch));
            (activations(&mut model, &batch).unwrap(), gradients(&mut model, &batch).unwrap())
        };
        let (whole, (whole_loss, whole_gradients)) = run(5);
        for micro_batch in [1, 2, 3, 64] {
            let (split, (loss, split_gradients)) = run(micro_batch);
            assert!((loss - whole_loss).abs() <= 1e-6 * loss, "{case}: {loss} {whole_loss}");
            for (kind, found, expected) in
                [("activation", &split, &whole), ("gradient", &split_gradients, &whole_gradients)]
            {
                for (site, (values, _)) in found {
                    let error = relative_error(values, &expected[site].0);
                    assert!(error <= 1e-6, "{case} {kind} of {site} at {micro_batch}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn gradients_in_f64_do_not_depend_on_the_micro_batch() {
    for case in CASES {
        let batch = tokens(case);
        let run = |micro_batch: usize| {
            all_gradients(&mut load(case, &options(case, Precision::F64, micro_batch)), &batch)
        };
        let (loss, whole) = run(5);
        for micro_batch in [1, 2, 3, 64] {
            let (split_loss, split) = run(micro_batch);
            assert!((split_loss - loss).abs() <= 1e-12 * loss, "{case}: {split_loss} {loss}");
            for (name, gradient) in split {
                let error = relative_error(&gradient, &whole[&name]);
                assert!(error <= 1e-12, "{case} {name} at {micro_batch}: {error:e}");
            }
        }
    }
}

/// In a layer a value is rounded some 12 times in a row: a norm, a projection, the rotation, the
/// scores, their softmax, the mixing, a projection, a sum; again a norm, two projections, a sum.
/// Three layers are 36 roundings forward, each of half a unit in the last place, and backward as
/// many again of the value and of its gradient. If every one of them fell the same way:
const FORWARD: f64 = 36.0;
const BACKWARD: f64 = 108.0;

#[test]
fn every_precision_is_f64_but_for_its_roundings() {
    for case in CASES {
        let batch = tokens(case);
        let run = |precision: Precision| {
            let mut model = load(case, &options(case, precision, 5));
            let captured = activations(&mut model, &batch).unwrap();
            let logits = model.logits(&batch).unwrap();
            let (loss, of_sites) = gradients(&mut model, &batch).unwrap();
            (captured, logits, loss, of_sites, all_gradients(&mut model, &batch).1)
        };
        let reference = run(Precision::F64);
        for (precision, bits) in [(Precision::F32, 24), (Precision::Bf16, 8), (Precision::F16, 11)]
        {
            let (captured, logits, loss, of_sites, of_parameters) = run(precision);
            let unit = 0.5_f64.powi(bits);
            let mut worst = relative_error(&logits, &reference.1) / unit;
            for (site, (rows, _)) in captured {
                worst = worst.max(relative_error(&rows, &reference.0[&site].0) / unit);
            }
            assert!(worst <= FORWARD, "{case} {precision}: {worst} units");
            // That it was run in this precision and in no better one.
            assert!(worst >= 0.5, "{case} {precision}: {worst} units");
            let off = (loss - reference.2).abs() / reference.2 / unit;
            assert!(off <= FORWARD, "{case} {precision}: {off} units");
            for (site, (gradient, _)) in of_sites {
                let error = relative_error(&gradient, &reference.3[&site].0) / unit;
                assert!(error <= BACKWARD, "{case} {precision} {site}: {error} units");
            }
            for (name, gradient) in of_parameters {
                let error = relative_error(&gradient, &reference.4[&name]) / unit;
                assert!(error <= BACKWARD, "{case} {precision} {name}: {error} units");
            }
        }
    }
}

/// Sub-batches of one sequence each have as many targets: the sum of their means is five times the
/// mean of all.
#[test]
fn the_published_rule_sums_means() {
    for case in CASES {
        let batch = tokens(case);
        let run = |loss_reduction: LossReduction, micro_batch: usize| {
            let options = Options { loss_reduction, ..options(case, Precision::F64, micro_batch) };
            all_gradients(&mut load(case, &options), &batch)
        };
        let single = LossReduction::SumOfMeans { largest: Some(1) };
        let (loss, mean) = run(LossReduction::Mean, 5);
        let (sum, gradients) = run(single, 5);
        assert!((sum - 5.0 * loss).abs() <= 1e-12 * sum, "{case}: {sum} {loss}");
        for (name, gradient) in gradients {
            let five: Vec<f64> = mean[&name].iter().map(|value| 5.0 * value).collect();
            let error = relative_error(&gradient, &five);
            assert!(error <= 1e-12, "{case} {name}: {error:e}");
        }
        // A micro-batch is no sub-batch: 1, 2, 2 sequences, run one by one.
        let doubling = LossReduction::SumOfMeans { largest: None };
        let ((loss, whole), (split_loss, split)) = (run(doubling, 5), run(doubling, 1));
        assert!((loss - split_loss).abs() <= 1e-12 * loss, "{case}: {loss} {split_loss}");
        for (name, gradient) in split {
            let error = relative_error(&gradient, &whole[&name]);
            assert!(error <= 1e-12, "{case} {name}: {error:e}");
        }
    }
}
