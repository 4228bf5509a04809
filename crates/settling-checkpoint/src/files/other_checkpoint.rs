//! What a folder is that has no weights under the names that are read.

use super::weights_file::is_weights_file;

/// What the names of a folder's files say that it is, and what to do with it.
pub(crate) fn other_checkpoint(names: &[String]) -> Option<String> {
    let any = |is: &dyn Fn(&str) -> bool| names.iter().any(|name| is(name));
    let has = |wanted: &str| any(&|name| name == wanted);
    let starts = |start: &str| any(&|name| name.starts_with(start));
    let ends = |end: &str| any(&|name| name.ends_with(end));
    // In order of how much a name tells.
    let formats: [(bool, &str); 14] = [
        (
            ends(".distcp") || has(".metadata"),
            "it is a distributed checkpoint of PyTorch (.distcp); make one file of it: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt",
        ),
        (
            starts("zero_pp_rank_") || starts("bf16_zero_pp_rank_") || has("zero_to_fp32.py"),
            "it is a checkpoint of DeepSpeed's ZeRO; make one file of it: python zero_to_fp32.py FOLDER OUTPUT, with the script that DeepSpeed saves beside it",
        ),
        (
            starts("mp_rank_") || starts("layer_"),
            "it is a checkpoint of DeepSpeed or Megatron; open each file with Checkpoint::open_file, or convert it with the trainer's own script",
        ),
        (
            starts("__") && ends(".metadata")
                || starts("iter_")
                || has("latest_checkpointed_iteration.txt"),
            "it is a checkpoint of Megatron; convert it with the trainer's own script to Hugging Face's format",
        ),
        (
            has("latest") || starts("global_step"),
            "it is a checkpoint of DeepSpeed; make one file of it: python zero_to_fp32.py FOLDER OUTPUT, with the script that DeepSpeed saves beside it",
        ),
        (
            has("_CHECKPOINT_METADATA")
                || has("manifest.ocdbt")
                || has("_METADATA")
                || has("ocdbt.process_0"),
            "it is a checkpoint of Orbax (JAX); load it with Orbax and save its arrays as safetensors",
        ),
        (
            ends(".gguf") || ends(".ggml"),
            "it has GGUF files of llama.cpp, whose weights are mostly quantized; use the model that they were made from",
        ),
        (
            ends(".msgpack"),
            "it has weights of Flax (.msgpack); load them with from_flax=True in transformers and save the model as safetensors",
        ),
        (
            ends(".h5") || ends(".keras"),
            "it has weights of Keras (.h5); load them with from_tf=True in transformers and save the model as safetensors",
        ),
        (
            has("saved_model.pb")
                || ends(".ckpt.index")
                || any(&|name| name.contains(".data-00000-of-")),
            "it is a checkpoint of TensorFlow; load it with TensorFlow and save its weights as safetensors",
        ),
        (
            ends(".onnx"),
            "it has ONNX files, which are programs; use the model that they were exported from",
        ),
        (
            starts("adapter_model."),
            "it has an adapter (LoRA) and not the model; merge it with its model: merge_and_unload() of peft, then save_pretrained()",
        ),
        (ends(".nemo"), "it has an archive of NeMo (.nemo), a tar file; unpack it first"),
        (
            starts("consolidated."),
            "it has consolidated weights as the model's authors name them; open each file with Checkpoint::open_file",
        ),
    ];
    if let Some((_, what)) = formats.into_iter().find(|(found, _)| *found) {
        return Some(what.to_owned());
    }
    let files: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| is_openable(name)).collect();
    let shown = files.iter().take(3).map(|name| format!("{}", name.escape_debug()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match files.len() {
        0 => None,
        1..=3 => {
            Some(format!("it has {shown}; open a file of another name with Checkpoint::open_file"))
        }
        more => Some(format!(
            "it has {more} files such as {shown} and no index of them; open each with Checkpoint::open_file"
        )),
    }
}

/// Whether a file of this name may be opened by itself.
fn is_openable(name: &str) -> bool {
    is_weights_file(name) && !name.ends_with(".h5") && !name.ends_with(".msgpack")
}

#[cfg(test)]
mod tests {
    use super::other_checkpoint;

    #[test]
    fn folders_are_named_for_what_they_are() {
        for (names, part) in [
            (&[".metadata", "__0_0.distcp"][..], "dcp_to_torch"),
            (&["__0_0.distcp"], "distributed checkpoint"),
            (
                &["zero_pp_rank_0_mp_rank_00_optim_states.pt", "mp_rank_00_model_states.pt"],
                "zero_to_fp32",
            ),
            (&["global_step100", "latest"], "DeepSpeed"),
            (&["mp_rank_00_model_states.pt"], "open_file"),
            (&["_CHECKPOINT_METADATA", "_METADATA", "d"], "Orbax"),
            (&["manifest.ocdbt"], "Orbax"),
            (&["model-q4.gguf"], "GGUF"),
            (&["flax_model.msgpack"], "Flax"),
            (&["tf_model.h5"], "Keras"),
            (&["model.ckpt.index", "model.ckpt.data-00000-of-00001"], "TensorFlow"),
            (&["adapter_config.json", "adapter_model.safetensors"], "merge_and_unload"),
            (
                &["diffusion_pytorch_model.safetensors"],
                "it has diffusion_pytorch_model.safetensors; open",
            ),
            (
                &["a.bin", "b.bin", "c.bin", "d.bin"],
                "4 files such as a.bin, b.bin, c.bin and no index",
            ),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let found = other_checkpoint(&names).unwrap();
            assert!(found.contains(part), "{names:?}: {found}");
        }
        assert_eq!(
            other_checkpoint(&["README.md".to_owned(), "training_args.bin".to_owned()]),
            None
        );
    }
}
