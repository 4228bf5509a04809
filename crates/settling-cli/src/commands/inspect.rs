//! `settling inspect`: what is in a checkpoint.

use std::path::PathBuf;

use settling::checkpoint::{Checkpoint, ErrorKind};
use settling::core::{Component, TensorSource};
use settling::models::{Architecture, CanonicalNames, Inventory, WeightBlock};

use crate::exit::{Exit, Outcome};
use crate::part::PartArgs;

/// Shows what is in a checkpoint.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a folder with config.json and weights in safetensors or PyTorch's .bin, or one such file.
Gives: settings, the weights that a study looks at, and what is missing or unknown. It exits with
       3 if a weight is missing, has another shape, or is in a type that no model runs in (8-bit
       integers, say), or if a file, or without config.json a tensor, cannot be read.")]
pub(crate) struct Args {
    /// Folder with config.json and weights, or one file of weights (its config.json is looked for
    /// beside it)
    path: PathBuf,
    #[command(flatten)]
    part: PartArgs,
}

pub(crate) fn run(args: Args) -> Outcome {
    let checkpoint = args.part.of(match args.path.is_dir() {
        true => Checkpoint::open(&args.path)?,
        false => Checkpoint::open_file(&args.path)?,
    })?;
    for file in checkpoint.files() {
        println!("file: {}", file.display());
    }
    let complete = match checkpoint.architecture() {
        Ok(architecture) => show_model(&checkpoint, &architecture),
        // Other tensors than those of a model have no config.json: activations, an optimizer's
        // state.
        Err(error) if error.kind() == ErrorKind::MissingFile => {
            println!("no config.json: tensors only");
            for meta in checkpoint.tensors() {
                println!("{:>6} {:?} {}", meta.dtype, meta.shape, meta.name.escape_debug());
            }
            checkpoint.unread().next().is_none()
        }
        Err(error) => return Err(error.into()),
    };
    for (name, dtype) in checkpoint.unread() {
        println!("cannot be read: {} {dtype}", name.escape_debug());
        if let Err(error) = checkpoint.read(name) {
            println!("    {error}");
        }
    }
    for name in checkpoint.unlisted() {
        println!("not in the index: {}", name.escape_debug());
    }
    if checkpoint.other_values() > 0 {
        println!("values that are no tensors: {}", checkpoint.other_values());
    }
    for (name, count) in checkpoint.opaque_values() {
        println!("    {count} of {}, which is not run here", name.escape_debug());
    }
    Ok(if complete { Exit::Done } else { Exit::Input })
}

/// The names of two embeddings that are one by the configuration, and are not.
fn untied<S: TensorSource>(
    source: &CanonicalNames<S>,
    architecture: &Architecture,
) -> Option<[String; 2]> {
    let names = [architecture.input_embedding(), architecture.output_embedding()];
    let has = |name: &str| source.tensors().iter().any(|meta| meta.name == name);
    if !architecture.is_tied() || !names.into_iter().all(has) {
        return None;
    }
    // What cannot be read was said.
    let [input, output] = names.map(|name| source.read(name).ok()?.to_f64().ok());
    (input? != output?)
        .then(|| names.map(|name| source.stored_name(name).escape_debug().to_string()))
}

/// Whether every weight is there and can be used.
fn show_model(checkpoint: &Checkpoint, architecture: &Architecture) -> bool {
    println!("{architecture:#?}");
    let source = CanonicalNames::new(checkpoint, architecture);
    let show = |layer: usize, role: &str, weight: &WeightBlock| {
        // What is not there is listed below.
        if let Some(meta) = source.tensors().iter().find(|meta| meta.name == weight.name) {
            let [rows, columns] = weight.stored_shape();
            let kind = if weight.transposed { "(inputs, outputs)" } else { "(outputs, inputs)" };
            let name = source.stored_name(&weight.name).escape_debug();
            println!(
                "layer {layer:>2} {role:<9} {:>4} {rows} x {columns} {kind} {name}",
                meta.dtype
            );
        }
    };
    for layer in 0..architecture.sizes().layers {
        show(layer, "value", &architecture.value_weight(layer, 0));
        for component in Component::ALL {
            show(layer, component.name(), &architecture.write_weight(layer, component));
        }
    }
    let inventory = Inventory::new(checkpoint.tensors(), architecture);
    print!("{inventory}");
    if !inventory.unknown.is_empty() {
        println!(
            "unknown tensors are left out; a study refuses them without --allow unknown-tensors"
        );
    }
    let (mut usable, mut shown) = (true, 0);
    for meta in inventory.weights.iter().filter(|meta| !meta.dtype.is_float()) {
        usable = false;
        shown += 1;
        if shown <= SHOWN {
            let (name, dtype) = (meta.name.escape_debug(), meta.dtype);
            println!("cannot be used: {name} is {dtype}, expected f16, bf16, f32 or f64");
        }
    }
    if shown > SHOWN {
        println!("cannot be used: and {} more", shown - SHOWN);
    }
    if !usable {
        println!("weights in integers are quantized: take the checkpoint as it was before that");
    }
    if let Some([input, output]) = untied(&source, architecture) {
        usable = false;
        println!(
            "cannot be used: the configuration says that the embeddings are tied \
             (tie_word_embeddings), but {output} differs from {input}"
        );
    }
    inventory.is_complete() && usable
}

/// How many weights of a sort are shown.
const SHOWN: usize = 10;
