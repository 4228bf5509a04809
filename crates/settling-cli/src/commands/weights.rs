//! `settling weights`: how many directions the weights of a checkpoint use.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use settling::checkpoint::{Checkpoint, FindingName, StepPattern};
use settling::core::{Component, MatView, Signal, Site, Step, TensorSource};
use settling::models::{Architecture, CanonicalNames, WeightBlock};
use settling::rank::{
    CertifiedSpectrum, Denominator, Error as RankError, effective_rank, marchenko_pastur_per,
    product_spectra, proportional_effective_rank, spectra, stable_rank,
};
use settling::records::{Record, write_records};

use crate::allow;
use crate::draw;
use crate::exit::{Exit, Failure, Outcome};
use crate::part::PartArgs;
use crate::places::Inputs;

/// Measures how many directions the weights of a checkpoint use.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a folder with config.json and weights in safetensors or PyTorch's .bin.
Gives: effective rank, PER and stable rank of every matrix that writes to the residual stream, and
       of the output-value circuit of every head, beside what random matrices of the shapes have;
       with --out DIR also weights.csv, weights.svg and weights.png.")]
pub(crate) struct Args {
    /// Folder with config.json and weights
    checkpoint: PathBuf,
    /// Folder, made if it is not there, for the table and the picture
    #[arg(long)]
    out: Option<PathBuf>,
    /// What the table calls the model [default: the name of the folder that has the step's folder]
    #[arg(long, requires = "out")]
    model: Option<String>,
    /// The step that the table gives [default: N of a folder that is called step<N>, checkpoint-<N>
    /// or the like]
    #[arg(long, requires = "out")]
    step: Option<Step>,
    #[command(flatten)]
    part: PartArgs,
    /// What may be: unknown-tensors, for a file with tensors that the model of config.json does not
    /// have and that are left out
    #[arg(long, value_delimiter = ',')]
    allow: Vec<FindingName>,
}

pub(crate) fn run(args: Args) -> Outcome {
    let table = match &args.out {
        Some(out) => Some((out, Named::new(&args)?)),
        None => None,
    };
    let checkpoint = args.part.of(Checkpoint::open(&args.checkpoint)?)?;
    allow::check_one(&checkpoint, &args.allow)?;
    if let Some(out) = &args.out {
        let outputs = ["weights.csv", "weights.svg", "weights.png"].map(|name| out.join(name));
        Inputs::new().checkpoint(&checkpoint).keep("--out", outputs)?;
    }
    let architecture = checkpoint.architecture()?;
    let source = CanonicalNames::new(&checkpoint, &architecture);

    println!(
        "site                        rows   cols  effective rank    PER  random  stable rank  method"
    );
    let mut records = Vec::new();
    for layer in 0..architecture.sizes().layers {
        for (site, shape, found) in measured(&source, &architecture, layer)? {
            let certified = match found {
                Ok(certified) => certified,
                Err(error) => {
                    println!("{site}: {error}");
                    continue;
                }
            };
            // The law is that of one matrix, not of a product.
            let random = site.head.is_none().then(|| marchenko_pastur_per(shape[0], shape[1]));
            // The circuit of a head has as many singular values as the head is wide.
            let per = proportional_effective_rank(certified.spectrum(), Denominator::Attainable);
            if let (Ok(rank), Ok(per)) = (effective_rank(certified.spectrum()), &per) {
                let stable = stable_rank(certified.spectrum())?;
                let random = random.map_or(String::new(), |random| format!("{random:.3}"));
                println!(
                    "{:<26} {:>5} {:>6} {rank:>15.3} {per:>6.3} {random:>7} {stable:>12.2}  {}",
                    site.to_string(),
                    shape[0],
                    shape[1],
                    certified.method()
                );
            }
            let Some((_, Named { model, step })) = &table else { continue };
            let record = |estimator: &str, value| {
                Record::new(model, *step, site, Signal::Weight, "per", value)
                    .with_shape(shape[0], shape[1])
                    .with_estimator(estimator)
                    .with_protocol("corrected")
            };
            records.push(record("attainable", per.map_err(|error| error.to_string())));
            records.extend(random.map(|random| record("marchenko_pastur", Ok(random))));
        }
    }
    if let Some((out, _)) = &table {
        fs::create_dir_all(out).map_err(|error| Failure::output(out, &error))?;
        let path = out.join("weights.csv");
        let file = File::create(&path).map_err(|error| Failure::output(&path, &error))?;
        write_records(file, &records).map_err(|error| Failure::output(&path, &error))?;
        draw::weights(&records, &out.join("weights"))?;
    }
    Ok(Exit::Done)
}

/// What the rows of the table are called by.
#[derive(Debug, Eq, PartialEq)]
struct Named {
    model: String,
    step: Step,
}

impl Named {
    /// As the command line says, else as the folder `<model>/step<N>` of the checkpoint does.
    fn new(args: &Args) -> Result<Self, Failure> {
        // `.` and `..` have no names; what they stand for has.
        let folder = args.checkpoint.canonicalize().unwrap_or_else(|_| args.checkpoint.clone());
        let step_of_folder = name(&folder).and_then(|name| step_of(&name));
        let model_of_folder = match (step_of_folder, folder.parent()) {
            (Some(_), parent) => parent.and_then(name),
            // Hugging Face's cache: models--OWNER--NAME/snapshots/COMMIT.
            (None, Some(parent)) if name(parent).as_deref() == Some("snapshots") => {
                let model = parent.parent().and_then(name);
                model.and_then(|model| model.strip_prefix("models--").map(str::to_owned))
            }
            (None, _) => name(&folder),
        };
        let unknown = |what: &str, option: &str| {
            Failure::usage(format!(
                "{}: the folder does not say which {what} it is, as <model>/step<N> does: name it with {option}",
                args.checkpoint.display()
            ))
        };
        Ok(Self {
            step: args.step.or(step_of_folder).ok_or_else(|| unknown("step", "--step"))?,
            model: args
                .model
                .clone()
                .or(model_of_folder)
                .ok_or_else(|| unknown("model", "--model"))?,
        })
    }
}

type Measured = (Site, [usize; 2], Result<CertifiedSpectrum, RankError>);

/// The spectra of one layer, each on a thread of its own.
fn measured(
    source: &CanonicalNames<&Checkpoint>,
    architecture: &Architecture,
    layer: usize,
) -> Result<Vec<Measured>, Box<dyn Error>> {
    let read = |block: &WeightBlock| -> Result<Vec<f32>, Box<dyn Error>> {
        Ok(block.cut(&source.read(&block.name)?)?)
    };
    let whole = Component::ALL.map(|component| architecture.write_weight(layer, component));
    let data = whole.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = whole.iter().zip(&data).map(|(block, data)| view(block, data)).collect();
    let writes = Component::ALL.into_iter().zip(&whole).zip(spectra(&views));
    let mut all: Vec<Measured> = writes
        .map(|((component, block), found)| (Site::write(layer, component), block.shape, found))
        .collect();

    let heads = 0..architecture.sizes().heads;
    let blocks: Vec<_> = heads
        .map(|head| {
            (architecture.output_weight(layer, head), architecture.value_weight(layer, head))
        })
        .collect();
    let data = blocks
        .iter()
        .map(|(output, value)| Ok((read(output)?, read(value)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let pairs: Vec<_> = blocks
        .iter()
        .zip(&data)
        .map(|((output, value), (o, v))| (view(output, o), view(value, v)))
        .collect();
    for (head, found) in product_spectra(&pairs).into_iter().enumerate() {
        let (output, value) = &blocks[head];
        let shape = [output.outputs.len(), value.inputs.len()];
        all.push((Site::ov(layer).with_head(head), shape, found));
    }
    Ok(all)
}

fn view<'a>(block: &WeightBlock, data: &'a [f32]) -> MatView<'a> {
    MatView::new(data, block.outputs.len(), block.inputs.len())
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// The step of a folder that is called as trainers call those of steps.
fn step_of(folder: &str) -> Option<Step> {
    let patterns = ["step{N}", "step-{N}", "step_{N}", "global_step{N}", "checkpoint-{N}"];
    let more = ["checkpoint_{N}", "ckpt-{N}", "ckpt_{N}", "iter_{N}", "{N}"];
    let patterns = patterns.into_iter().chain(more);
    patterns.filter_map(|pattern| pattern.parse::<StepPattern>().ok()?.step(folder)).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(folder: &str, model: Option<&str>, step: Option<u64>) -> Result<Named, Failure> {
        Named::new(&Args {
            checkpoint: folder.into(),
            out: None,
            model: model.map(str::to_owned),
            step: step.map(Step),
            part: PartArgs::default(),
            allow: Vec::new(),
        })
    }

    #[test]
    fn a_row_has_the_step_and_the_model_of_its_folder_or_those_that_are_asked_for() {
        let expected = |model: &str, step| Named { model: model.to_owned(), step: Step(step) };
        assert_eq!(named("runs/a/step1000", None, None).unwrap(), expected("a", 1000));
        for name in ["step-1000", "checkpoint-1000", "global_step1000", "ckpt_1000", "1000"] {
            let folder = format!("runs/a/{name}");
            assert_eq!(named(&folder, None, None).unwrap(), expected("a", 1000), "{name}");
        }
        let snapshot = "hub/models--me--tiny/snapshots/0a1b2c3d";
        assert_eq!(named(snapshot, None, Some(7)).unwrap(), expected("me--tiny", 7));
        assert_eq!(named(snapshot, None, None).unwrap_err().exit, Exit::Usage);
        assert_eq!(named("runs/a/step1000", Some("b"), Some(7)).unwrap(), expected("b", 7));
        assert_eq!(named("runs/final", None, Some(7)).unwrap(), expected("final", 7));
        let error = named("runs/final", Some("a"), None).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.message.contains("--step"), "{error}");
        assert!(named("step5", None, None).unwrap_err().message.contains("--model"));
    }
}
