//! The same numbers on the device as on the CPU.

use std::num::NonZeroUsize;

use settling::capture::{
    Device, DeviceCka, DeviceSpectra, Engine, Options, Precision, Transformer,
};
use settling::cka::linear_cka;
use settling::core::{Activations, Component, MatView, Positions, Site, TokenBatch};
use settling::models::{Architecture, Gpt2, GptNeox, Llama};
use settling::rank::{Method, effective_rank, singular_values};

use super::random::{RandomWeights, matrix, tokens};
use crate::exit::Fallible;

/// A difference and how large it may be.
pub(super) struct Check {
    pub(super) name: String,
    pub(super) found: f64,
    pub(super) allowed: f64,
    pub(super) note: String,
}

impl Check {
    pub(super) fn holds(&self) -> bool {
        self.found <= self.allowed
    }
}

const VOCABULARY: usize = 1000;
const WIDTH: usize = 256;
const CONTEXT: usize = 128;

/// One small model of each family, of this width and context.
fn models(width: usize, context: usize) -> [(&'static str, Architecture); 3] {
    let (layers, heads) = (4, 4);
    let neox = GptNeox {
        vocab_size: VOCABULARY,
        hidden_size: width,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        intermediate_size: 4 * width,
        max_position_embeddings: context,
        ..GptNeox::default()
    };
    let llama = Llama {
        vocab_size: VOCABULARY,
        hidden_size: width,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: 2,
        head_dim: width / heads,
        intermediate_size: 3 * width,
        max_position_embeddings: context,
        ..Llama::default()
    };
    let gpt2 = Gpt2 {
        vocab_size: VOCABULARY,
        n_embd: width,
        n_layer: layers,
        n_head: heads,
        n_positions: context,
        n_inner: 4 * width,
        ..Gpt2::default()
    };
    [
        ("GPT-NeoX", Architecture::GptNeox(neox)),
        ("Llama", Architecture::Llama(llama)),
        ("GPT-2", Architecture::Gpt2(gpt2)),
    ]
}

/// Runs every check.
pub(super) fn all(device: Device, quick: bool, tell: &mut dyn FnMut(Check)) -> Fallible<()> {
    let (width, context) = if quick { (WIDTH / 4, CONTEXT / 4) } else { (WIDTH, CONTEXT) };
    let batch = tokens(8, context + 1, VOCABULARY);
    for (family, architecture) in models(width, context) {
        model(family, &architecture, &batch, device, tell)?;
    }
    if device != Device::Mps {
        spectra(device, quick, tell)?;
        cka(device, tell)?;
    }
    out_of_memory(device, quick, tell)
}

/// Effective ranks against an SVD on the CPU.
fn spectra(device: Device, quick: bool, tell: &mut dyn FnMut(Check)) -> Fallible<()> {
    let on_device = DeviceSpectra::new(device)?;
    let sizes: &[_] = if quick { &[(64, 256)] } else { &[(64, 256), (512, 512), (512, 2048)] };
    for &(rows, cols) in sizes {
        let matrices: Vec<Vec<f32>> = (0..4).map(|seed| matrix(seed, rows, cols)).collect();
        let views: Vec<_> = matrices.iter().map(|m| MatView::new(m, rows, cols)).collect();
        let (mut found, mut passed) = (0.0_f64, 0);
        for (certified, view) in on_device.certified(&views).into_iter().zip(&views) {
            let (certified, exact) = (certified?, effective_rank(&singular_values(*view)?)?);
            passed += usize::from(certified.method() == Method::Gram);
            found = found.max((effective_rank(certified.spectrum())? / exact - 1.0).abs());
        }
        tell(Check {
            name: format!("effective rank, {rows} x {cols}"),
            found,
            allowed: 1e-9,
            note: format!("{passed} of {} without the CPU", views.len()),
        });
    }
    Ok(())
}

/// CKA of rows that lie far from zero.
fn cka(device: Device, tell: &mut dyn FnMut(Check)) -> Fallible<()> {
    let (rows, x_cols, y_cols) = (3000, 96, 64);
    let offset = |values: Vec<f32>| values.into_iter().map(|x| x + 1000.0).collect::<Vec<f32>>();
    let (x, y) = (offset(matrix(1, rows, x_cols)), offset(matrix(2, rows, y_cols)));
    let (x, y) = (MatView::new(&x, rows, x_cols), MatView::new(&y, rows, y_cols));
    let mut on_device = DeviceCka::new(device)?;
    on_device.update(x, y)?;
    let (found, expected) = (on_device.finish()?, linear_cka(x, y)?);
    let off = (found.biased()? - expected.biased()?).abs();
    let off = off.max((found.debiased()? - expected.debiased()?).abs());
    let name = format!("CKA, {rows} rows, offset of 1000 standard deviations");
    tell(Check { name, found: off, allowed: 1e-11, note: String::new() });
    Ok(())
}

/// Every kind of site of a layer, and all write sites.
fn sites(architecture: &Architecture) -> Vec<Site> {
    let mut sites = architecture.write_sites();
    sites.extend([
        Site::ov(1),
        Site::ov(2).with_head(1),
        Site::write(3, Component::Attention).with_head(2),
    ]);
    sites
}

fn model(
    family: &str,
    architecture: &Architecture,
    batch: &TokenBatch,
    device: Device,
    tell: &mut dyn FnMut(Check),
) -> Fallible<()> {
    let weights = RandomWeights::of(architecture);
    let load = |device, precision, micro_batch| {
        let options = Options {
            engine: Engine { device, precision, micro_batch },
            positions: Positions::Every(NonZeroUsize::MIN.saturating_add(4)),
            sites: Some(sites(architecture)),
            ..Options::default()
        };
        Transformer::load(architecture, &weights, &options)
    };
    let mut check = |what: &str, found: f64, allowed: f64| {
        tell(Check { name: format!("{family}, {what}"), found, allowed, note: String::new() });
    };
    // Exact references on the CPU: what a precision is off is its own rounding.
    let mut exact = load(Device::Cpu, Precision::F64, None)?;
    let rows = Activations::capture(&mut exact, batch)?;
    let (loss, gradients) = gradients(&mut exact, batch)?;
    let logits = exact.logits(batch)?;

    for (precision, off) in [
        (Precision::F64, 1e-6),
        (Precision::F32, 1e-5),
        (Precision::Bf16, 0.1),
        (Precision::F16, 0.02),
    ] {
        if device == Device::Mps && precision == Precision::F64 {
            continue;
        }
        let mut here = load(device, precision, None)?;
        let found = Activations::capture(&mut here, batch)?;
        check(&format!("{precision}: activations"), difference(&rows, &found), off);
        let found = largest_difference(&logits, &here.logits(batch)?);
        check(&format!("{precision}: logits"), found, off);
        let (found_loss, found) = self::gradients(&mut here, batch)?;
        check(&format!("{precision}: loss"), (found_loss / loss - 1.0).abs(), off);
        check(&format!("{precision}: gradients"), difference(&gradients, &found), 2.0 * off);
    }
    // What is delivered is f32, so that f64 is compared to f32's rounding; gradients of parameters
    // are f64.
    if device != Device::Mps {
        let names: Vec<String> = architecture.parameters().into_iter().map(|one| one.0).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = |model: &mut Transformer| -> Fallible<Vec<Vec<f64>>> {
            let mut all = Vec::new();
            model.parameter_gradients(batch, &names, &mut |_, gradient| {
                all.push(gradient.to_vec())
            })?;
            Ok(all)
        };
        let expected = all(&mut exact)?;
        for micro_batch in [None, Some(3), Some(1)] {
            let found = all(&mut load(device, Precision::F64, micro_batch)?)?;
            let off = expected.iter().zip(&found).map(|(a, b)| largest_difference(a, b));
            let split =
                micro_batch.map_or("all rows".to_owned(), |rows| format!("{rows} at a time"));
            check(
                &format!("f64: every parameter's gradient, {split}"),
                off.fold(0.0, f64::max),
                1e-11,
            );
        }
    }
    for micro_batch in [1, 3] {
        let mut whole = load(device, Precision::F32, Some(8))?;
        let mut split = load(device, Precision::F32, Some(micro_batch))?;
        let found = difference(
            &Activations::capture(&mut whole, batch)?,
            &Activations::capture(&mut split, batch)?,
        );
        check(&format!("f32: activations, {micro_batch} at a time against 8"), found, 1e-5);
        let (a, b) = (self::gradients(&mut whole, batch)?.1, self::gradients(&mut split, batch)?.1);
        check(
            &format!("f32: gradients, {micro_batch} at a time against 8"),
            difference(&a, &b),
            1e-5,
        );
    }
    Ok(())
}

/// The loss, and the gradients of all sites.
fn gradients(model: &mut Transformer, batch: &TokenBatch) -> Fallible<(f64, Activations)> {
    let mut kept = Activations::new();
    let loss = model.gradients(batch, &mut kept)?;
    Ok((loss, kept))
}

/// A batch whose gradients take more memory than any card has, at once: smaller micro-batches are
/// tried until one fits.
fn out_of_memory(device: Device, quick: bool, tell: &mut dyn FnMut(Check)) -> Fallible<()> {
    if !matches!(device, Device::Cuda(_)) || quick {
        return Ok(());
    }
    let [(_, architecture), ..] = models(WIDTH, CONTEXT);
    let weights = RandomWeights::of(&architecture);
    // About 140 KB a token, so 290 GB.
    let batch = tokens(16_384, CONTEXT + 1, VOCABULARY);
    let load = |micro_batch| {
        let engine = Engine { device, micro_batch: Some(micro_batch), ..Engine::default() };
        let options = Options { engine, ..Options::default() };
        Transformer::load(&architecture, &weights, &options)
    };
    let (_, small) = gradients(&mut load(256)?, &batch)?;
    let (_, halved) = gradients(&mut load(batch.rows())?, &batch)?;
    tell(Check {
        name: "out of memory: gradients, 16384 sequences against 256".to_owned(),
        found: difference(&small, &halved),
        allowed: 1e-5,
        note: String::new(),
    });
    let small = Activations::capture(&mut load(256)?, &batch)?;
    let large = Activations::capture(&mut load(batch.rows())?, &batch)?;
    tell(Check {
        name: "large micro-batch: activations, 16384 sequences against 256".to_owned(),
        found: difference(&small, &large),
        allowed: 1e-5,
        note: String::new(),
    });
    Ok(())
}

/// The largest over the sites.
fn difference(expected: &Activations, found: &Activations) -> f64 {
    let of = |(site, expected): (&Site, MatView<'_>)| {
        let Some(found) = found.get(site) else { return f64::INFINITY };
        largest_difference(&expected.to_vec(), &found.to_vec())
    };
    expected.iter().map(of).fold(0.0, f64::max)
}

/// The largest difference of two elements, relative to the largest element. Infinite if the lengths
/// differ or one is not a number.
pub(super) fn largest_difference<T: Copy + Into<f64>>(expected: &[T], found: &[T]) -> f64 {
    if expected.len() != found.len() {
        return f64::INFINITY;
    }
    let largest = expected.iter().map(|&x| x.into().abs()).fold(0.0, f64::max);
    let differences = expected.iter().zip(found).map(|(&a, &b)| (a.into() - b.into()).abs());
    let nan_is_infinite = |x: f64| if x.is_nan() { f64::INFINITY } else { x };
    differences.map(nan_is_infinite).fold(0.0, f64::max) / largest
}
