//! A model of your own behind the `Capture` trait: a small transformer in plain tch, that knows
//! nothing of this workspace, is trained for some steps and compared with what it becomes, layer by
//! layer (CKA).
//!
//! Needs: libtorch (`cargo xtask libtorch` once). Run: cargo run --release -p settling-examples
//! --example bring_your_own_model Gives: a table of how similar what each component writes to the
//! residual stream is to what it writes at the end.

#[macro_use]
#[path = "support/print.rs"]
mod print;

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Parser;
use settling::cka::linear_cka;
use settling::core::{Capture, CaptureSink, Component, MatView, Site, TokenBatch};
use tch::nn::{self, Module, ModuleT, OptimizerConfig};
use tch::{Device, Kind, TchError, Tensor};

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

const VOCABULARY: i64 = 32;
const CONTEXT: i64 = 16;
const WIDTH: i64 = 32;
const LAYERS: usize = 3;

// ---- The model: yours, whatever it is. ----

struct Model {
    embedding: nn::Embedding,
    layers: Vec<Layer>,
    norm: nn::LayerNorm,
    output: nn::Linear,
    sites: Vec<Site>,
}

struct Layer {
    attention_norm: nn::LayerNorm,
    projection: nn::Linear,
    attention_output: nn::Linear,
    mlp_norm: nn::LayerNorm,
    up: nn::Linear,
    down: nn::Linear,
}

impl Layer {
    fn new(path: &nn::Path) -> Self {
        let linear = |name: &str, inputs, outputs| {
            nn::linear(path / name, inputs, outputs, nn::LinearConfig::default())
        };
        let norm = |name: &str| nn::layer_norm(path / name, vec![WIDTH], Default::default());
        Self {
            attention_norm: norm("attention_norm"),
            projection: linear("projection", WIDTH, 3 * WIDTH),
            attention_output: linear("attention_output", WIDTH, WIDTH),
            mlp_norm: norm("mlp_norm"),
            up: linear("up", WIDTH, 4 * WIDTH),
            down: linear("down", 4 * WIDTH, WIDTH),
        }
    }

    /// One head of causal attention.
    fn attention(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let parts = self.projection.forward(&self.attention_norm.forward(x)).f_chunk(3, -1)?;
        let none = None::<&Tensor>;
        let (q, k, v) = (&parts[0], &parts[1], &parts[2]);
        let mixed =
            Tensor::f_scaled_dot_product_attention(q, k, v, none, 0.0, true, None::<f64>, false)?;
        Ok(self.attention_output.forward(&mixed))
    }

    fn mlp(&self, x: &Tensor) -> Result<Tensor, TchError> {
        Ok(self.down.forward(&self.up.forward(&self.mlp_norm.forward(x)).f_gelu("none")?))
    }
}

/// Takes what a component writes.
type See<'a> = dyn FnMut(Site, &Tensor) -> Result<ControlFlow<()>, TchError> + 'a;

impl Model {
    fn new(path: &nn::Path) -> Self {
        let layers = (0..LAYERS).map(|layer| Layer::new(&(path / format!("layer{layer}"))));
        let sites = (0..LAYERS).flat_map(|layer| Component::ALL.map(|one| Site::write(layer, one)));
        Self {
            embedding: nn::embedding(path / "embedding", VOCABULARY, WIDTH, Default::default()),
            layers: layers.collect(),
            norm: nn::layer_norm(path / "norm", vec![WIDTH], Default::default()),
            output: nn::linear(path / "output", WIDTH, VOCABULARY, Default::default()),
            sites: sites.collect(),
        }
    }

    /// The logits; `see` is shown what each component writes and may end the pass.
    fn forward(&self, ids: &Tensor, see: &mut See<'_>) -> Result<Option<Tensor>, TchError> {
        let mut x = self.embedding.forward_t(ids, false);
        for (index, layer) in self.layers.iter().enumerate() {
            for component in Component::ALL {
                let written = match component {
                    Component::Attention => layer.attention(&x)?,
                    _ => layer.mlp(&x)?,
                };
                if see(Site::write(index, component), &written)?.is_break() {
                    return Ok(None);
                }
                x = x.f_add(&written)?;
            }
        }
        Ok(Some(self.output.forward(&self.norm.forward(&x))))
    }

    fn loss(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        let inputs = ids.f_narrow(1, 0, CONTEXT)?;
        let logits = self.forward(&inputs, &mut |_, _| Ok(ControlFlow::Continue(())))?;
        let logits = logits.expect("nothing ends the pass").f_flatten(0, 1)?;
        let targets = ids.f_narrow(1, 1, CONTEXT)?.f_flatten(0, 1)?;
        logits.f_cross_entropy_loss(&targets, None::<&Tensor>, tch::Reduction::Mean, -100, 0.0)
    }
}

// ---- What this workspace wants to know of it. ----

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

fn tensor(batch: &TokenBatch) -> Result<Tensor, TchError> {
    let ids: Vec<i64> = batch.ids().iter().map(|&id| id.into()).collect();
    Tensor::f_from_slice(&ids)?.f_reshape([batch.rows() as i64, batch.width() as i64])
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

type Activations = BTreeMap<Site, Vec<f32>>;

fn captured(model: &mut Model, batch: &TokenBatch) -> Result<Activations, TchError> {
    let mut kept = Activations::new();
    model.activations(batch, &mut |site: &Site, rows: MatView<'_>| {
        kept.entry(*site).or_default().extend(rows.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(kept)
}

/// The loss, and the debiased CKA of every site with the last step, after some numbers of updates.
struct Compared {
    steps: Vec<u32>,
    losses: Vec<f64>,
    cka: BTreeMap<Site, Vec<f64>>,
}

fn matrix(rows: &[f32]) -> MatView<'_> {
    MatView::new(rows, rows.len() / WIDTH as usize, WIDTH as usize)
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
            snapshots.push(captured(&mut model, &evaluated)?);
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
        let values = snapshots
            .iter()
            .map(|one| Ok(linear_cka(matrix(&one[site]), matrix(&last[site]))?.debiased()?));
        cka.insert(*site, values.collect::<Result<Vec<f64>, Box<dyn Error>>>()?);
    }
    Ok(Compared { steps, losses, cka })
}

fn main() -> ExitCode {
    match compare(&Args::parse()) {
        Ok(compared) => {
            print(&compared);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// libtorch's generator of random numbers is one for the process: one model is made at a time.
    static GENERATOR: Mutex<()> = Mutex::new(());

    #[test]
    fn a_model_becomes_what_it_will_be() {
        let _alone = GENERATOR.lock().unwrap();
        let compare = |steps| compare(&Args { steps, seed: 1 }).unwrap();
        let compared = compare(120);
        assert_eq!(compared.steps, [0, 3, 10, 30, 100, 120]);
        // No better than a guess, which costs ln 32 = 3.47, and then well below it.
        assert!(
            compared.losses[0] > 3.4 && compared.losses[5] < 0.75 * 3.47,
            "{:?}",
            compared.losses
        );
        assert_eq!(compared.cka.len(), 2 * LAYERS);
        for (site, values) in &compared.cka {
            assert!((values[5] - 1.0).abs() < 1e-12, "{site}: {values:?}");
            assert!(values[4] > values[0] && values[0] < 0.9, "{site}: {values:?}");
        }
        let [one, two] = [compare(5), compare(5)];
        assert_eq!((one.losses, one.cka), (two.losses, two.cka), "it is seeded");
    }

    #[test]
    fn it_keeps_to_the_contract_of_captures() {
        let _alone = GENERATOR.lock().unwrap();
        let store = nn::VarStore::new(Device::Cpu);
        let mut model = Model::new(&store.root());
        let batch = sequences(4, 0).unwrap();
        let mut seen = Vec::new();
        model
            .activations(&batch, &mut |site: &Site, rows: MatView<'_>| {
                assert_eq!((rows.rows(), rows.cols()), (4 * CONTEXT as usize, WIDTH as usize));
                seen.push(*site);
                if seen.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!(seen, model.sites()[..4]);
        // A row is the same however many are run with it, but for a few hundred roundings of 6e-8.
        let first = TokenBatch::new(batch.row(0).to_vec(), batch.width()).unwrap();
        let (all, one) =
            (captured(&mut model, &batch).unwrap(), captured(&mut model, &first).unwrap());
        for (site, rows) in one {
            assert!(rows.iter().zip(&all[&site]).all(|(a, b)| (a - b).abs() < 1e-5), "{site}");
        }
    }
}
