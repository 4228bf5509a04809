//! How long a pass takes on the CPU and on the device.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use settling::capture::{
    Device, DeviceCka, DeviceSpectra, Engine, Options, Precision, Transformer,
};
use settling::cka::linear_cka;
use settling::core::{Capture, MatView, Positions, Site, TokenBatch};
use settling::models::{Architecture, GptNeox};
use settling::rank::spectra;

use super::card::{self, Load};
use super::random::{RandomWeights, matrix, tokens};
use crate::exit::Fallible;

/// What took how long, in seconds.
pub(super) struct Row {
    pub(super) name: String,
    /// Not measured where it would take minutes.
    pub(super) cpu: Option<f64>,
    pub(super) device: f64,
    pub(super) tokens: Option<usize>,
    pub(super) load: Option<Load>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        write!(
            f,
            "{:<56} {:>10} {:>10.4} {:>7} {:>12} {:>6} {:>9}",
            self.name,
            or_dash(self.cpu.map(|seconds| format!("{seconds:.4}"))),
            self.device,
            or_dash(self.cpu.map(|seconds| format!("{:.1}", seconds / self.device))),
            or_dash(self.tokens.map(|tokens| format!("{:.0}", tokens as f64 / self.device))),
            or_dash(self.load.as_ref().map(|load| format!("{:.0} %", load.utilisation))),
            or_dash(self.load.as_ref().map(|load| format!("{:.1} GB", load.memory / 1024.0))),
        )
    }
}

/// Runs every timing.
pub(super) fn all(
    device: Device,
    index: Option<usize>,
    quick: bool,
    tell: &mut dyn FnMut(Row),
) -> Fallible<()> {
    // Name, width, layers, heads; whether the CPU is timed too.
    let shapes: &[(&str, usize, usize, usize, bool)] = if quick {
        &[("tiny", 64, 2, 2, true)]
    } else {
        &[
            ("pythia-70m", 512, 6, 8, true),
            ("pythia-160m", 768, 12, 12, true),
            ("pythia-410m", 1024, 24, 16, false),
            ("pythia-1.4b", 2048, 24, 16, false),
            ("pythia-2.8b", 2560, 32, 32, false),
        ]
    };
    let (vocabulary, context) = if quick { (500, 64) } else { (50_304, 2048) };
    for &(name, width, layers, heads, on_cpu) in shapes {
        let architecture = Architecture::new(GptNeox {
            vocab_size: vocabulary,
            hidden_size: width,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * width,
            max_position_embeddings: context,
            ..GptNeox::default()
        })?;
        let weights = RandomWeights::of(&architecture);
        let batch = tokens(if quick { 4 } else { 16 }, context, vocabulary);
        // A CPU gets a sixteenth of it: its time is that of so many more.
        let few = tokens(1, context, vocabulary);
        for precision in [Precision::F32, Precision::Bf16] {
            for task in [Task::Last, Task::All, Task::Gradients] {
                let load = |device, precision| {
                    let positions =
                        if task == Task::All { Positions::All } else { Positions::Last };
                    let engine = Engine { device, precision, micro_batch: None };
                    let options = Options { engine, positions, ..Options::default() };
                    Transformer::load(&architecture, &weights, &options)
                };
                let cpu = if on_cpu && precision == Precision::F32 {
                    let seconds = best(&mut load(Device::Cpu, precision)?, &few, task, 2)?;
                    Some(seconds * (batch.rows() / few.rows()) as f64)
                } else {
                    None
                };
                let mut model = load(device, precision)?;
                let (seconds, load) = card::watch(index, || {
                    best(&mut model, &batch, task, if quick { 2 } else { 5 })
                });
                let name = format!("{name}, {precision}, {} x {context}: {task}", batch.rows());
                let tokens = Some(batch.rows() * context);
                tell(Row { name, cpu, device: seconds?, tokens, load });
            }
        }
    }
    if device != Device::Mps {
        spectra_of_weights(device, index, quick, tell)?;
        similarities(device, index, quick, tell)?;
    }
    Ok(())
}

/// Certified spectra of several matrices at once: all cores of the CPU against the device.
fn spectra_of_weights(
    device: Device,
    index: Option<usize>,
    quick: bool,
    tell: &mut dyn FnMut(Row),
) -> Fallible<()> {
    let shapes: &[_] =
        if quick { &[(64, 8)] } else { &[(512, 12), (1024, 24), (2048, 8), (2560, 4)] };
    let on_device = DeviceSpectra::new(device)?;
    for &(width, count) in shapes {
        let (rows, cols) = (width, 4 * width);
        let matrices: Vec<_> = (0..count).map(|seed| matrix(seed, rows, cols)).collect();
        let views: Vec<_> = matrices.iter().map(|m| MatView::new(m, rows, cols)).collect();
        let cpu = best_of(2, || {
            Ok(spectra(&views).into_iter().try_for_each(|found| found.map(drop))?)
        })?;
        let (seconds, load) = card::watch(index, || {
            best_of(3, || {
                Ok(on_device.certified(&views).into_iter().try_for_each(|found| found.map(drop))?)
            })
        });
        let name = format!("spectra of {count} matrices of {rows} x {cols}, f64");
        tell(Row { name, cpu: Some(cpu), device: seconds?, tokens: None, load });
    }
    Ok(())
}

/// CKA of rows that lie in host memory: one core of the CPU, as in a study, which has one for each
/// site, against the device.
fn similarities(
    device: Device,
    index: Option<usize>,
    quick: bool,
    tell: &mut dyn FnMut(Row),
) -> Fallible<()> {
    let shapes: &[_] = if quick { &[(500, 32)] } else { &[(16_384, 512), (16_384, 2560)] };
    for &(rows, width) in shapes {
        let (x, y) = (matrix(1, rows, width), matrix(2, rows, width));
        let (x, y) = (MatView::new(&x, rows, width), MatView::new(&y, rows, width));
        let cpu = best_of(1, || Ok(linear_cka(x, y).map(|_| ())?))?;
        let (seconds, load) = card::watch(index, || {
            best_of(3, || {
                let mut cka = DeviceCka::new(device)?;
                cka.update(x, y)?;
                Ok(cka.finish().map(|_| ())?)
            })
        });
        let name = format!("CKA of {rows} rows of {width}, f64, CPU: one core");
        tell(Row { name, cpu: Some(cpu), device: seconds?, tokens: None, load });
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Task {
    Last,
    All,
    Gradients,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Last => "writes, last position",
            Self::All => "writes, all positions",
            Self::Gradients => "gradients of write weights",
        })
    }
}

/// The shortest of `passes` passes, after one to warm up.
fn best(model: &mut Transformer, batch: &TokenBatch, task: Task, passes: usize) -> Fallible<f64> {
    best_of(passes, || {
        let mut take = |_: &Site, _: MatView<'_>| ControlFlow::Continue(());
        if task == Task::Gradients {
            model.gradients(batch, &mut take)?;
        } else {
            model.activations(batch, &mut take)?;
        }
        Ok(())
    })
}

/// In seconds.
fn best_of(passes: usize, mut pass: impl FnMut() -> Fallible<()>) -> Fallible<f64> {
    pass()?;
    let mut shortest = f64::INFINITY;
    for _ in 0..passes {
        let started = Instant::now();
        pass()?;
        shortest = shortest.min(started.elapsed().as_secs_f64());
    }
    Ok(shortest)
}
