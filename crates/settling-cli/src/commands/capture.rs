//! `settling capture`: activations of a model, as one safetensors file.
//!
//! Held in memory are the weights, the token rows and one micro-batch: rows go to disk as they
//! arrive. Sites and intermediates take a forward pass each.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use settling::capture::{self, Intermediate, Options, Transformer};
use settling::core::{Capture, MatView, Positions, Site, TokenBatch};

use crate::exit::{Exit, Outcome};
use crate::progress::bar;
use crate::subject;
use crate::tensor_file::TensorFile;
use crate::unique::unique;

/// Saves activations of a model as one safetensors file.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a model's folder, or with --step the folder of its steps; token rows, or a text that its
       tokenizer cuts into rows.
Gives: the file, and a table of what is in it: a matrix (observations, features) for each site.
       Row r of every tensor is the same observation: of the sequence r / P at its chosen position
       r % P, if P positions of each sequence are chosen. Definitions are in the file's
       `__metadata__`.

  settling capture MODEL --tokens rows.npy --out x.safetensors
  settling capture MODEL --text notes.txt --positions all --out x.safetensors \\
    --sites layer3.mlp.write,layer3.attention.ov.head0 --intermediates layer3.mlp.hidden")]
pub(crate) struct Args {
    #[command(flatten)]
    subject: subject::Subject,
    /// Sites, separated by commas: layerL.attention.write, layerL.mlp.write, layerL.attention.ov,
    /// those of attention also of one head, .headH [default: all write sites, or none with
    /// --intermediates]
    #[arg(long, value_delimiter = ',')]
    sites: Vec<Site>,
    /// What lies between, separated by commas: embedding, final_norm, layerL.mlp.hidden,
    /// layerL.attention.query, ...
    #[arg(long, value_delimiter = ',')]
    intermediates: Vec<Intermediate>,
    /// Token positions that are observations: last, all, every:K or index:I
    #[arg(long, default_value = "last")]
    positions: Positions,
    /// The file
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(args: Args) -> Outcome {
    save(&args)?;
    Ok(Exit::Done)
}

fn save(args: &Args) -> Result<(), Box<dyn Error>> {
    unique("--sites", &args.sites)?;
    unique("--intermediates", &args.intermediates)?;
    let checkpoint = args.subject.open()?;
    args.subject.inputs(&checkpoint).keep("--out", [&args.out])?;
    let architecture = checkpoint.architecture()?;
    let context = architecture.sizes().context;
    let batch = args.subject.rows(&checkpoint, context)?;
    let sites = (!args.sites.is_empty()).then(|| args.sites.clone());
    let options = Options { positions: args.positions, sites, ..args.subject.options() };
    let mut model = Transformer::load(&architecture, &checkpoint, &options)?;

    // The shapes, which the head of the file begins with, from the first row.
    let first = TokenBatch::new(batch.row(0).to_vec(), batch.width())?;
    let mut captured = Vec::new();
    pass(&mut model, args, &first, &mut |name, rows| {
        captured.push(Captured::new(name, [rows.rows() * batch.rows(), rows.cols()]));
        ControlFlow::Continue(())
    })?;
    let shapes: Vec<_> = captured.iter().map(|one| (one.name.clone(), one.shape)).collect();
    let mut definitions = args.subject.definitions(&checkpoint, &batch)?;
    definitions.push(("tokens_fed", batch.width().min(context).to_string()));
    definitions.push(("positions", args.positions.to_string()));
    let mut file = TensorFile::create(&args.out, &shapes, &definitions)?;

    let bar = bar("capturing");
    bar.set_length(shapes.iter().map(|(_, [rows, _])| *rows as u64).sum());
    let mut written = Ok(());
    pass(&mut model, args, &batch, &mut |name, rows| {
        let one = captured.iter_mut().find(|one| one.name == name).expect("it came before");
        one.add(rows);
        bar.inc(rows.rows() as u64);
        written = file.append(name, rows);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    file.finish()?;
    bar.finish_and_clear();

    println!("{:<32} {:>16}   mean norm", "tensor", "shape");
    for one in &captured {
        let [rows, cols] = one.shape;
        println!("{:<32} {:>16}   {}", one.name, format!("{rows} x {cols}"), one.mean_norm());
    }
    println!("written   {}", args.out.display());
    Ok(())
}

/// Runs the model once for the sites and once for the intermediates, as far as they are asked for.
fn pass(
    model: &mut Transformer,
    args: &Args,
    batch: &TokenBatch,
    take: &mut dyn FnMut(&str, MatView<'_>) -> ControlFlow<()>,
) -> Result<(), capture::Error> {
    let mut stopped = false;
    if !args.sites.is_empty() || args.intermediates.is_empty() {
        model.activations(batch, &mut |site: &Site, rows: MatView<'_>| {
            let flow = take(&site.to_string(), rows);
            stopped = flow.is_break();
            flow
        })?;
    }
    if !args.intermediates.is_empty() && !stopped {
        model.intermediates(batch, &args.intermediates, &mut |one, rows| {
            take(&one.to_string(), rows)
        })?;
    }
    Ok(())
}

/// What the table says of a tensor.
struct Captured {
    name: String,
    shape: [usize; 2],
    sum_of_norms: f64,
    not_finite: usize,
}

impl Captured {
    fn new(name: &str, shape: [usize; 2]) -> Self {
        Self { name: name.to_owned(), shape, sum_of_norms: 0.0, not_finite: 0 }
    }

    fn add(&mut self, rows: MatView<'_>) {
        for row in rows.iter_rows() {
            let norm = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if norm.is_finite() { self.sum_of_norms += norm } else { self.not_finite += 1 }
        }
    }

    /// Over the rows that have one.
    fn mean_norm(&self) -> String {
        let [rows, _] = self.shape;
        let finite = rows - self.not_finite;
        let mean = match finite {
            0 => "-".to_owned(),
            _ => format!("{:.6}", self.sum_of_norms / finite as f64),
        };
        match self.not_finite {
            0 => mean,
            some => format!("{mean}   {some} rows are not finite"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;
    use settling::checkpoint::Checkpoint;
    use settling::core::TensorSource;
    use settling::tokens::write_npy;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../settling-capture/tests/golden").join(name)
    }

    /// The rows of tokens whose activations transformers has computed.
    fn tokens() -> TokenBatch {
        let expected = Checkpoint::open_file(golden("parallel/expected.safetensors")).unwrap();
        let data = expected.read("tokens").unwrap();
        let (words, _) = data.bytes().as_chunks();
        let ids = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
        TokenBatch::new(ids, data.shape()[1]).unwrap()
    }

    /// Runs the command as from the command line; what it wrote.
    fn saved(folder: &Path, arguments: &[&str]) -> Result<Checkpoint, Box<dyn Error>> {
        let (rows, out) = (folder.join("rows.npy"), folder.join("x.safetensors"));
        write_npy(&rows, &tokens())?;
        let model = golden("parallel");
        let paths =
            [model.as_os_str(), "--tokens".as_ref(), rows.as_ref(), "--out".as_ref(), out.as_ref()];
        let all = ["capture_activations".as_ref()].into_iter().chain(paths);
        let all = all.chain(arguments.iter().map(AsRef::as_ref));
        save(&Line::try_parse_from(all)?.args)?;
        Ok(Checkpoint::open_file(&out)?)
    }

    #[test]
    fn the_file_has_what_transformers_computes() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = "layer2.mlp.write,layer1.attention.ov.head0";
        let arguments =
            ["--sites", chosen, "--intermediates", "layer1.mlp.hidden", "--positions", "all"];
        let batches = ["--device", "cpu", "--micro-batch", "2"];
        let file = saved(folder.path(), &[arguments.as_slice(), &batches].concat()).unwrap();
        let expected = Checkpoint::open_file(golden("parallel/expected.safetensors")).unwrap();
        let names = [
            ("layer2.mlp.write", "layer2.mlp.write.activation"),
            ("layer1.attention.ov.head0", "layer1.attention.ov.head0.activation"),
            ("layer1.mlp.hidden", "layer1.mlp.hidden"),
        ];
        assert_eq!(file.tensors().len(), names.len());
        for (name, golden) in names {
            let (found, golden) = (file.read(name).unwrap(), expected.read(golden).unwrap());
            // Five sequences of twelve tokens that are fed.
            assert_eq!((found.shape()[0], found.shape()), (60, golden.shape()), "{name}");
            let values = found.to_f32().unwrap().into_iter().zip(golden.to_f32().unwrap());
            // A few hundred roundings of 6e-8, relative to values of at most some units.
            for (found, golden) in values {
                assert!((found - golden).abs() <= 1e-5 * golden.abs().max(1.0), "{name}");
            }
        }
        let bytes = std::fs::read(folder.path().join("x.safetensors")).unwrap();
        let head = String::from_utf8_lossy(&bytes[8..2000]).into_owned();
        for part in [
            r#""positions":"all""#,
            r#""sequences":"5""#,
            r#""tokens_fed":"12""#,
            r#""precision":"f32""#,
        ] {
            assert!(head.contains(part), "{head}");
        }
    }

    #[test]
    fn without_a_choice_all_write_sites_and_with_intermediates_only_these() {
        let folder = tempfile::tempdir().unwrap();
        let names = |arguments: &[&str]| {
            let file = saved(folder.path(), arguments).unwrap();
            file.tensors().iter().map(|meta| (meta.name.clone(), meta.shape[0])).collect::<Vec<_>>()
        };
        let mut sites = names(&[]);
        sites.sort();
        let (first, last) = (sites.first().unwrap(), sites.last().unwrap());
        assert_eq!((sites.len(), first.1), (6, 5));
        assert_eq!(
            (first.0.as_str(), last.0.as_str()),
            ("layer0.attention.write", "layer2.mlp.write")
        );
        assert_eq!(
            names(&["--intermediates", "embedding", "--positions", "every:4"]),
            [("embedding".to_owned(), 15)]
        );
    }

    #[test]
    fn what_cannot_be_captured_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for (arguments, part) in [
            (["--sites", "layer3.mlp.write"], "`layer3.mlp.write`"),
            (["--intermediates", "layer9.mlp.hidden"], "`layer9.mlp.hidden`"),
            (["--positions", "index:12"], "index:12"),
            (["--sequences", "6"], "6 sequences"),
            (["--step", "3"], "step"),
        ] {
            let error = saved(folder.path(), &arguments).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
            assert!(!folder.path().join("x.safetensors").exists());
        }
    }

    #[test]
    fn a_row_that_is_not_finite_is_counted_and_not_averaged() {
        let mut one = Captured::new("x", [3, 2]);
        one.add(MatView::new(&[3.0, 4.0, f32::NAN, 0.0], 2, 2));
        one.add(MatView::new(&[0.0, 6.0], 1, 2));
        assert_eq!(one.mean_norm(), "5.500000   1 rows are not finite");
        let mut none = Captured::new("x", [1, 1]);
        none.add(MatView::new(&[f32::INFINITY], 1, 1));
        assert!(none.mean_norm().starts_with("-   1 rows"));
    }
}
