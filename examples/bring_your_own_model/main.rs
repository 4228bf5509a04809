//! A model of your own behind the `Capture` trait: a small transformer in plain tch, that knows
//! nothing of this workspace, is trained for some steps and compared with what it becomes, layer by
//! layer (CKA).
//!
//! Needs: libtorch (`cargo xtask libtorch` once).
//! Run:   cargo run --release -p settling-examples --example bring_your_own_model
//! Gives: a table of how similar what each component writes to the residual stream is to what it
//!        writes at the end.

mod model;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error;

use clap::Parser;
use settling::cka::linear_cka;
use settling::core::{Activations, Capture, CaptureSink, MatView, Site, TokenBatch};
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, TchError, Tensor};

use model::{CONTEXT, Model, VOCABULARY, tensor};

/// Compares a model of your own with itself over training.
#[derive(Parser)]
struct Args {
    /// How many updates to train for
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Seeds weights and data
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

// ---- All that this workspace wants to know of it. ----

impl Capture for Model {
    type Error = TchError;

    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), TchError> {
        let _guard = tch::no_grad_guard();
        // All positions of all sequences are observations, in this order.
        let mut see = |site: Site, written: &Tensor| {
            let rows = written.f_flatten(0, 1)?.f_contiguous()?;
            let (count, width) = rows.size2()?;
            let mut values = vec![0.0_f32; (count * width) as usize];
            let length = values.len();
            rows.f_to_kind(Kind::Float)?.f_copy_data(&mut values, length)?;
            Ok(sink.accept(&site, MatView::new(&values, count as usize, width as usize)))
        };
        self.forward(&tensor(batch)?.f_narrow(1, 0, CONTEXT)?, &mut see).map(drop)
    }
}

// ---- The comparison. ----

/// Rows that count up by a step of their own, modulo the vocabulary: the first two tokens tell all
/// others. `first` and those that follow it number them.
fn sequences(rows: u64, first: u64) -> Result<TokenBatch, Box<dyn Error>> {
    let (vocabulary, tokens) = (VOCABULARY as u64, CONTEXT as u64 + 1);
    let row = |row: u64| {
        let (start, step) = (7 * row, 1 + row % (vocabulary - 1));
        (0..tokens).map(move |token| ((start + token * step) % vocabulary) as u32)
    };
    Ok(TokenBatch::new((first..first + rows).flat_map(row).collect(), tokens as usize)?)
}

/// The loss, and the debiased CKA of every site with the last step, after some numbers of updates.
struct Compared {
    steps: Vec<u32>,
    losses: Vec<f64>,
    cka: BTreeMap<Site, Vec<f64>>,
}

fn compare(args: &Args) -> Result<Compared, Box<dyn Error>> {
    // Threads would cost so small a model more than they gain.
    tch::set_num_threads(1);
    tch::manual_seed(args.seed.into());
    let store = nn::VarStore::new(Device::Cpu);
    let mut model = Model::new(&store.root());
    let mut optimizer = nn::Adam::default().build(&store, 3e-3)?;
    let evaluated = sequences(128, 1 << 20)?;

    let mut steps: Vec<u32> =
        [0, 3, 10, 30, 100, 300, 1000].into_iter().filter(|&step| step < args.steps).collect();
    steps.push(args.steps);
    let (mut snapshots, mut losses) = (Vec::new(), Vec::new());
    for step in 0..=args.steps {
        if steps.contains(&step) {
            snapshots.push(Activations::capture(&mut model, &evaluated)?);
            let _guard = tch::no_grad_guard();
            losses.push(model.loss(&tensor(&evaluated)?)?.f_double_value(&[])?);
        }
        let loss =
            model.loss(&tensor(&sequences(64, 64 * u64::from(step) + u64::from(args.seed))?)?)?;
        optimizer.backward_step(&loss);
    }
    let last = snapshots.last().ok_or("there is always a last step")?;
    let mut cka = BTreeMap::new();
    for site in model.sites() {
        let of_step = |kept: &Activations| -> Result<f64, Box<dyn Error>> {
            let (x, y) = (kept.get(site), last.get(site));
            Ok(linear_cka(x.ok_or("no rows")?, y.ok_or("no rows")?)?.debiased()?)
        };
        cka.insert(*site, snapshots.iter().map(of_step).collect::<Result<Vec<f64>, _>>()?);
    }
    Ok(Compared { steps, losses, cka })
}

fn main() -> Result<(), Box<dyn Error>> {
    print(&compare(&Args::parse())?);
    Ok(())
}

fn print(compared: &Compared) {
    let line = |name: &str, values: &mut dyn Iterator<Item = String>| {
        let cells: String = values.map(|value| format!("{value:>8}")).collect();
        println!("{name:<24}{cells}");
    };
    line("updates", &mut compared.steps.iter().map(u32::to_string));
    line("loss, nats", &mut compared.losses.iter().map(|loss| format!("{loss:.3}")));
    println!("debiased CKA with the last");
    for (site, values) in &compared.cka {
        line(&site.to_string(), &mut values.iter().map(|value| format!("{value:.3}")));
    }
}
