//! A checkpoint under the names that its architecture gives its tensors.

use std::collections::HashMap;

use settling_core::{TensorData, TensorMeta, TensorSource};

use crate::architecture::Architecture;

/// A checkpoint whose tensors have the names of [`Architecture::parameters`], however its files
/// spell them.
///
/// ```
/// use settling_core::{Dtype, TensorData, TensorMeta, TensorSource};
/// use settling_models::{Architecture, CanonicalNames, Gpt2};
/// # struct File([TensorMeta; 1]);
/// # impl TensorSource for File {
/// #     type Error = std::convert::Infallible;
/// #     fn tensors(&self) -> &[TensorMeta] {
/// #         &self.0
/// #     }
/// #     fn read(&self, name: &str) -> Result<TensorData<'_>, Self::Error> {
/// #         assert_eq!(name, "h.0.attn.c_proj.weight");
/// #         Ok(TensorData::new(Dtype::U8, vec![1], vec![7]).unwrap())
/// #     }
/// # }
/// # let name = "h.0.attn.c_proj.weight".to_owned();
/// # let file = File([TensorMeta { name, dtype: Dtype::U8, shape: vec![1] }]);
/// # let gpt2 = Architecture::Gpt2(Gpt2::default());
///
/// // `file` was saved without its output embedding, and has `h.0.attn.c_proj.weight`.
/// let source = CanonicalNames::new(file, &gpt2);
/// assert_eq!(source.tensors()[0].name, "transformer.h.0.attn.c_proj.weight");
/// assert_eq!(source.read("transformer.h.0.attn.c_proj.weight")?.bytes(), [7]);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Clone, Debug)]
pub struct CanonicalNames<S> {
    source: S,
    tensors: Vec<TensorMeta>,
    /// The file's name of every tensor that has another here.
    stored: HashMap<String, String>,
}

impl<S: TensorSource> CanonicalNames<S> {
    /// The tensors of `source`, renamed as [`Architecture::canonical_names`] says.
    pub fn new(source: S, architecture: &Architecture) -> Self {
        let names = architecture.canonical_names(source.tensors());
        let (mut tensors, mut stored) = (source.tensors().to_vec(), HashMap::new());
        for (meta, name) in tensors.iter_mut().zip(names) {
            if meta.name != name {
                stored.insert(name.clone(), std::mem::replace(&mut meta.name, name));
            }
        }
        Self { source, tensors, stored }
    }

    /// The name that the source has for the tensor `name`.
    #[must_use]
    pub fn stored_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.stored.get(name).map_or(name, String::as_str)
    }
}

impl<S: TensorSource> TensorSource for CanonicalNames<S> {
    type Error = S::Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, S::Error> {
        self.source.read(self.stored_name(name))
    }
}

#[cfg(test)]
mod tests {
    use settling_core::{Dtype, TensorMeta};

    use crate::{Architecture, Gpt2, GptNeox, Llama, LlamaNames};

    fn names(architecture: Architecture, stored: &[&str]) -> Vec<String> {
        let meta = |name: &&str| TensorMeta {
            name: (*name).to_owned(),
            dtype: Dtype::F32,
            shape: Vec::new(),
        };
        let tensors: Vec<_> = stored.iter().map(meta).collect();
        architecture.canonical_names(&tensors)
    }

    #[test]
    fn wrapped_bare_and_renamed() {
        let neox = [
            "gpt_neox.embed_in.weight",
            "gpt_neox.layers.0.attention.dense.weight",
            "embed_out.weight",
        ];
        assert_eq!(names(Architecture::GptNeox(GptNeox::default()), &neox), neox);
        let wrapped = neox.map(|name| format!("_orig_mod.module.{name}"));
        assert_eq!(
            names(
                Architecture::GptNeox(GptNeox::default()),
                &wrapped.each_ref().map(String::as_str)
            ),
            neox
        );
        let bare = ["embed_in.weight", "layers.0.attention.dense.weight", "lm_head.weight"];
        assert_eq!(names(Architecture::GptNeox(GptNeox::default()), &bare), neox);

        let pico = Architecture::Llama(Llama { names: LlamaNames::Pico, ..Llama::default() });
        let wrapped = [
            "pico_decoder.layers.0.attention.o_proj.weight",
            "pico_decoder.de_embedding_proj.weight",
            "other.weight",
        ];
        let expected =
            ["layers.0.attention.o_proj.weight", "de_embedding_proj.weight", "other.weight"];
        assert_eq!(names(pico.clone(), &wrapped), expected);
        assert_eq!(names(pico, &expected), expected);
    }

    #[test]
    fn no_two_tensors_get_one_name() {
        let both =
            ["gpt_neox.layers.0.attention.dense.weight", "lm_head.weight", "embed_out.weight"];
        assert_eq!(names(Architecture::GptNeox(GptNeox::default()), &both), both);
        // A file with two copies of a model: the one in our spelling is meant.
        let twice = ["h.0.attn.c_proj.weight", "transformer.h.0.attn.c_proj.weight"];
        assert_eq!(names(Architecture::Gpt2(Gpt2::default()), &twice), twice);
        let wrapped = [
            "a.transformer.h.0.attn.c_proj.weight",
            "transformer.wte.weight",
            "a.transformer.wte.weight",
        ];
        let found = names(Architecture::Gpt2(Gpt2::default()), &wrapped);
        assert_eq!(found[0], "transformer.h.0.attn.c_proj.weight");
        assert_eq!(found[1..], wrapped[1..]);
    }

    #[test]
    fn wrappers_within_a_name_are_no_part_of_it() {
        let wrapped = [
            "_orig_mod.gpt_neox.embed_in.weight",
            "_orig_mod.gpt_neox.layers.0._checkpoint_wrapped_module.attention.dense.weight",
            "embed_out._fsdp_wrapped_module.weight",
        ];
        let plain = [
            "gpt_neox.embed_in.weight",
            "gpt_neox.layers.0.attention.dense.weight",
            "embed_out.weight",
        ];
        assert_eq!(names(Architecture::GptNeox(GptNeox::default()), &wrapped), plain);
        // Where that would give two tensors one name, both keep theirs.
        let twice = [plain[1], wrapped[1].strip_prefix("_orig_mod.").unwrap(), plain[2]];
        assert_eq!(names(Architecture::GptNeox(GptNeox::default()), &twice), twice);
        let twice = ["_orig_mod.a", "a._orig_mod"];
        assert_eq!(names(Architecture::GptNeox(GptNeox::default()), &twice), twice);
    }

    #[test]
    fn of_two_models_none_is_taken_by_its_place() {
        let pair = |a: &str, b: &str| [a, b].map(|start| format!("{start}h.0.attn.c_proj.weight"));
        for (a, b, first) in [
            ("model_ema.", "model.", false),
            ("model.", "model_ema.", true),
            ("ema.", "", false),
            ("ema.transformer.", "module.transformer.", false),
        ] {
            let stored = pair(a, b);
            let found =
                names(Architecture::Gpt2(Gpt2::default()), &stored.each_ref().map(String::as_str));
            let meant = usize::from(!first);
            assert_eq!(found[meant], "transformer.h.0.attn.c_proj.weight", "{a} {b}");
            assert_eq!(found[1 - meant], stored[1 - meant]);
        }
        let stored = pair("student.", "teacher.");
        let stored = stored.each_ref().map(String::as_str);
        assert_eq!(names(Architecture::Gpt2(Gpt2::default()), &stored), stored);
    }

    #[test]
    fn nothing_is_renamed_where_the_model_is_not_recognised() {
        let strange = ["x", "", "..", "h.0.attn.c_proj.weight.weight", "xh.0.attn.c_proj.weight"];
        assert_eq!(names(Architecture::Gpt2(Gpt2::default()), &strange), strange);
        assert!(names(Architecture::Gpt2(Gpt2::default()), &[]).is_empty());
    }
}
