//! `settling gradients`: loss, norm and PER of the gradients of a model, and the gradients
//! themselves.
//!
//! Held in memory are the weights, the gradients that are asked for (with --out twice), and what
//! one micro-batch needs.

use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::ValueEnum;
use settling::capture::{Options, Transformer};
use settling::core::{Capture, LossReduction, MatView, Site, View};
use settling::models::ModelSizes;
use settling::rank::{self, Denominator};

use crate::exit::{Exit, Outcome};
use crate::progress::bar;
use crate::subject;
use crate::tensor_file::TensorFile;
use crate::unique::unique;

/// Takes the gradients of a model on token rows.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a model's folder, or with --step the folder of its steps; token rows, or a text that its
       tokenizer cuts into rows.
Gives: the loss, and for each site norm and PER of the gradient; with --out the gradients, each in
       the shape (outputs, inputs) of its weight.

  settling gradients MODEL --tokens rows.npy
  settling gradients MODEL --text notes.txt --sites layer3.mlp.write --out x.safetensors")]
pub(crate) struct Args {
    #[command(flatten)]
    subject: subject::Subject,
    /// Sites, separated by commas: layerL.attention.write, layerL.mlp.write, layerL.attention.ov,
    /// those of attention also of one head, .headH [default: all write sites]
    #[arg(long, value_delimiter = ',')]
    sites: Vec<Site>,
    /// Of which loss: of the mean over all target tokens, or of what the published code of the
    /// paper adds up, the means over 1, 2, 4, ... sequences
    #[arg(long, value_enum, default_value_t = Rule::Mean)]
    rule: Rule,
    /// File for the gradients, safetensors [default: none is written]
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rule {
    Mean,
    Published,
}

pub(crate) fn run(args: Args) -> Outcome {
    let (loss, rows) = measure(&args)?;
    print(loss, &rows);
    Ok(Exit::Done)
}

/// The loss in nats, and a row of the table for each site.
fn measure(args: &Args) -> Result<(f64, Vec<Row>), Box<dyn Error>> {
    unique("--sites", &args.sites)?;
    let checkpoint = args.subject.open()?;
    args.subject.inputs(&checkpoint).keep("--out", &args.out)?;
    let architecture = checkpoint.architecture()?;
    let sizes = architecture.sizes();
    let batch = args.subject.rows(&checkpoint, sizes.context)?;
    let loss_reduction = match args.rule {
        Rule::Mean => LossReduction::Mean,
        Rule::Published => LossReduction::SumOfMeans { largest: None },
    };
    let sites = (!args.sites.is_empty()).then(|| args.sites.clone());
    let options = Options { loss_reduction, sites, ..args.subject.options() };
    let mut model = Transformer::load(&architecture, &checkpoint, &options)?;

    let bar = bar("measuring");
    bar.set_length(model.sites().len() as u64);
    let (mut rows, mut kept) = (Vec::new(), Vec::new());
    let loss = model.gradients(&batch, &mut |site: &Site, gradient: MatView<'_>| {
        rows.push(Row::of(site, gradient, &sizes));
        if args.out.is_some() {
            kept.push(gradient.to_vec());
        }
        bar.inc(1);
        ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();

    if let Some(out) = &args.out {
        let shapes: Vec<_> = rows.iter().map(|row| (row.site.to_string(), row.shape)).collect();
        let mut definitions = args.subject.definitions(&checkpoint, &batch)?;
        definitions.push(("rule", format!("{:?}", args.rule).to_lowercase()));
        definitions.push(("loss", loss.to_string()));
        let mut file = TensorFile::create(out, &shapes, &definitions)?;
        for ((name, [rows, cols]), values) in shapes.iter().zip(&kept) {
            file.append(name, MatView::new(values, *rows, *cols))?;
        }
        file.finish()?;
    }
    Ok((loss, rows))
}

/// What the table says of a site.
struct Row {
    site: Site,
    shape: [usize; 2],
    /// The Frobenius norm and PER.
    measures: Result<(f64, f64), rank::Error>,
}

impl Row {
    fn of(site: &Site, gradient: MatView<'_>, sizes: &ModelSizes) -> Self {
        let measures = || {
            let spectrum = rank::singular_values(gradient)?;
            let per = rank::proportional_effective_rank(&spectrum, attainable(site, sizes))?;
            Ok((rank::frobenius_norm(&spectrum), per))
        };
        Self { site: *site, shape: [gradient.rows(), gradient.cols()], measures: measures() }
    }
}

/// The largest rank that the gradient of a site can have: for the circuit of one head,
/// `dO V + O dV`, twice the size of a head.
fn attainable(site: &Site, sizes: &ModelSizes) -> Denominator {
    let twice = NonZeroUsize::new(sizes.width.min(2 * sizes.head_dim));
    match (site.view, site.head, twice) {
        (View::Ov | View::OvFlat, Some(_), Some(twice)) => Denominator::Dimensions(twice),
        _ => Denominator::Attainable,
    }
}

fn print(loss: f64, rows: &[Row]) {
    if loss.is_finite() {
        println!("loss      {loss:.6} nats");
    } else {
        println!("loss      not finite: a weight is not, or this precision overflows");
    }
    println!("{:<32} {:>16} {:>14}     PER", "gradient", "shape", "norm");
    for Row { site, shape: [rows, cols], measures } in rows {
        let (site, shape) = (site.to_string(), format!("{rows} x {cols}"));
        match measures {
            Ok((norm, per)) => println!("{site:<32} {shape:>16} {norm:>14.6e} {per:>7.4}"),
            Err(reason) => println!("{site:<32} {shape:>16} undefined: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;
    use settling::checkpoint::Checkpoint;
    use settling::core::{TensorSource, TokenBatch};
    use settling::tokens::write_npy;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn golden(name: &str) -> PathBuf {
        let goldens =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../settling-capture/tests/golden");
        goldens.join("parallel").join(name)
    }

    /// What transformers has computed, and the rows of tokens that it has computed it of.
    fn expected() -> (Checkpoint, TokenBatch) {
        let expected = Checkpoint::open_file(golden("expected.safetensors")).unwrap();
        let data = expected.read("tokens").unwrap();
        let (words, _) = data.bytes().as_chunks();
        let ids = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let tokens = TokenBatch::new(ids, data.shape()[1]).unwrap();
        drop(data);
        (expected, tokens)
    }

    #[test]
    fn loss_and_gradients_are_those_of_transformers() {
        let (expected, tokens) = expected();
        let folder = tempfile::tempdir().unwrap();
        let (npy, out) = (folder.path().join("rows.npy"), folder.path().join("x.safetensors"));
        write_npy(&npy, &tokens).unwrap();
        for (rule, prefix) in [("mean", ""), ("published", "published.")] {
            let model = golden("");
            let paths = [
                model.as_os_str(),
                "--tokens".as_ref(),
                npy.as_ref(),
                "--out".as_ref(),
                out.as_ref(),
            ];
            let rest = [
                "--rule",
                rule,
                "--device",
                "cpu",
                "--sites",
                "layer2.mlp.write,layer1.attention.ov.head1",
            ];
            let all =
                ["gradients".as_ref()].into_iter().chain(paths).chain(rest.map(AsRef::as_ref));
            let (loss, rows) = measure(&Line::try_parse_from(all).unwrap().args).unwrap();
            // A few hundred roundings of 6e-8.
            let golden = expected.read(&format!("{prefix}loss")).unwrap().to_f32().unwrap()[0];
            assert!((loss / f64::from(golden) - 1.0).abs() <= 1e-5, "{loss} {golden}");
            let written = Checkpoint::open_file(&out).unwrap();
            let names: Vec<String> = rows.iter().map(|row| row.site.to_string()).collect();
            assert_eq!(names, ["layer1.attention.ov.head1", "layer2.mlp.write"]);
            for row in &rows {
                let golden = expected.read(&format!("{prefix}{}.gradient", row.site)).unwrap();
                let found = written.read(&row.site.to_string()).unwrap();
                assert_eq!((found.shape(), row.shape.as_slice()), (golden.shape(), golden.shape()));
                let (found, golden) = (found.to_f32().unwrap(), golden.to_f32().unwrap());
                let largest = golden.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
                let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * largest;
                assert!(found.iter().zip(&golden).all(close), "{rule} {}", row.site);
                let (norm, per) = *row.measures.as_ref().unwrap();
                let squares: f64 = golden.iter().map(|&value| f64::from(value).powi(2)).sum();
                assert!((norm / squares.sqrt() - 1.0).abs() <= 1e-4, "{norm}");
                assert!(per > 0.0 && per <= 1.0, "{per}");
            }
        }
    }

    #[test]
    fn a_head_can_reach_twice_its_size() {
        let sizes = Checkpoint::open(golden("")).unwrap().architecture().unwrap().sizes();
        // Two heads of 6 in a width of 12.
        let count = |count| Denominator::Dimensions(NonZeroUsize::new(count).unwrap());
        assert_eq!(attainable(&Site::ov(0).with_head(1), &sizes), count(12));
        let mut narrow = sizes;
        narrow.head_dim = 2;
        assert_eq!(attainable(&Site::ov(0).with_head(1), &narrow), count(4));
        assert_eq!(attainable(&Site::ov(0), &narrow), Denominator::Attainable);
        // Zeros beyond what can be reached count for nothing: rank 4 of 4 is 1.
        let mut gradient = [0.0; 144];
        for index in 0..4 {
            gradient[13 * index] = 1.0;
        }
        let row = Row::of(&Site::ov(0).with_head(0), MatView::new(&gradient, 12, 12), &narrow);
        assert_eq!(row.measures, Ok((2.0, 1.0)));
    }

    #[test]
    fn what_is_not_finite_has_a_reason_and_no_value() {
        let sizes = Checkpoint::open(golden("")).unwrap().architecture().unwrap().sizes();
        let of =
            |values: &[f32]| Row::of(&Site::ov(0), MatView::new(values, 2, 2), &sizes).measures;
        let error = of(&[1.0, f32::NAN, 0.0, 1.0]).unwrap_err();
        assert_eq!(error.kind(), rank::ErrorKind::NonFinite);
        assert_eq!(
            of(&[0.0; 4]).unwrap_err().kind(),
            rank::ErrorKind::Undefined(rank::Undefined::Zero)
        );
    }
}
