//! A model of any family.

use settling_core::{Component, Site, TensorMeta};

use crate::error::Error;
use crate::families::{Gpt2, GptNeox, Layout, Llama, ambiguous, canonical};
use crate::sizes::ModelSizes;
use crate::weight_block::WeightBlock;

/// What a decoder-only language model is besides its weights: one of the families that are known
/// here.
///
/// A description, not a file: [`parse_config`](crate::parse_config) reads it from a `config.json`.
///
/// # The blocks of an attention head
///
/// Attention head h reads the residual stream through its value projection V, `(head_dim, width)`,
/// and writes to it through its columns O of the output projection, `(width, head_dim)`. Where V is
/// depends on the family. By hand, for two heads of two dimensions, in a model of width 4:
///
/// ```
/// use settling_models::{Architecture, Gpt2, GptNeox, Llama};
///
/// // GPT-NeoX: a fused matrix of 12 rows, for each head [q q k k v v].
/// // V of head h is in the rows 3 h 2 + 2 2 .. 3 (h + 1) 2.
/// let neox = GptNeox { hidden_size: 4, num_attention_heads: 2, ..GptNeox::default() };
/// let v = Architecture::GptNeox(neox).value_weight(0, 1);
/// assert_eq!(v.name, "gpt_neox.layers.0.attention.query_key_value.weight");
/// assert_eq!((v.stored_shape(), v.outputs, v.inputs), ([12, 4], 10..12, 0..4));
///
/// // GPT-2: a fused matrix [queries | keys | values] of all heads, stored transposed.
/// // V of head h is in the columns from 2 4 + h 2 on.
/// let gpt2 = Architecture::Gpt2(Gpt2 { n_embd: 4, n_head: 2, ..Gpt2::default() });
/// let v = gpt2.value_weight(0, 0);
/// assert_eq!((v.stored_shape(), v.outputs, v.inputs), ([4, 12], 8..10, 0..4));
/// assert_eq!(gpt2.value_weight(0, 1).outputs, 10..12);
///
/// // Llama: a matrix of its own. Here four heads of queries share two of keys and values: head 3
/// // reads through the second.
/// let llama = Llama {
///     hidden_size: 4,
///     num_attention_heads: 4,
///     num_key_value_heads: 2,
///     head_dim: 2,
///     ..Llama::default()
/// };
/// let llama = Architecture::Llama(llama);
/// let v = llama.value_weight(0, 3);
/// assert_eq!((v.stored_shape(), v.outputs, v.inputs), ([4, 4], 2..4, 0..4));
///
/// // O of head h is the same columns everywhere: h head_dim .. (h + 1) head_dim. Four heads of two
/// // make 8 columns.
/// let o = llama.output_weight(0, 3);
/// assert_eq!((o.shape, o.outputs, o.inputs), ([4, 8], 0..4, 6..8));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Architecture {
    /// GPT-NeoX: Pythia.
    GptNeox(GptNeox),
    /// Llama and its relatives: Mistral, OLMo, OLMo 2, SmolLM, TinyLlama, Amber, Pico.
    Llama(Llama),
    /// GPT-2.
    Gpt2(Gpt2),
}

macro_rules! of_family {
    ($self:ident, $family:ident => $what:expr) => {
        match $self {
            Self::GptNeox($family) => $what,
            Self::Llama($family) => $what,
            Self::Gpt2($family) => $what,
        }
    };
}

impl Architecture {
    /// The architecture that a family describes, if its sizes fit each other: what `try_from` does.
    ///
    /// ```
    /// use settling_models::{Architecture, Gpt2};
    ///
    /// let gpt2 = Gpt2 { n_embd: 4, n_head: 3, ..Gpt2::default() };
    /// let error = Architecture::new(gpt2).unwrap_err();
    /// assert_eq!(error.to_string(), "n_layer must be at least 1, found 0");
    /// ```
    ///
    /// # Errors
    ///
    /// If a size is zero or beyond any model, or two do not fit each other.
    pub fn new(family: impl TryInto<Self, Error = Error>) -> Result<Self, Error> {
        family.try_into()
    }

    /// The family: `gpt_neox`, `llama` or `gpt2`.
    #[must_use]
    pub const fn family(&self) -> &'static str {
        match self {
            Self::GptNeox(_) => "gpt_neox",
            Self::Llama(_) => "llama",
            Self::Gpt2(_) => "gpt2",
        }
    }

    /// The sizes that every model has.
    #[must_use]
    pub fn sizes(&self) -> ModelSizes {
        of_family!(self, family => family.sizes())
    }

    /// Every setting of the description and its value, by the names of the family's fields, after
    /// `family` itself: what two models must have in common to compute the same with the same
    /// weights.
    ///
    /// ```
    /// use settling_models::{Architecture, GptNeox};
    ///
    /// let settings = Architecture::GptNeox(GptNeox::default()).settings();
    /// assert_eq!(settings[0], ("family", "gpt_neox".to_owned()));
    /// assert!(settings.contains(&("rotary_emb_base", "10000".to_owned())));
    /// ```
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![("family", self.family().to_owned())];
        settings.extend(of_family!(self, family => family.settings()));
        settings
    }

    /// Checks that the sizes fit each other, as [`new`](Self::new) does.
    ///
    /// The other methods are right for valid descriptions only: of a variant that was put together
    /// or changed by hand and is not, they may give nonsense or divide by zero.
    ///
    /// # Errors
    ///
    /// If a size is zero or beyond any model, or two do not fit each other.
    pub fn validate(&self) -> Result<(), Error> {
        of_family!(self, family => family.validate())
    }

    /// Every weight of a checkpoint: its name and the shape in which it is stored, in the order of
    /// the forward pass.
    ///
    /// The output embedding is among them unless it is tied to the input embedding; a file of such
    /// a model may have it none the less. Buffers are not weights and not listed.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        of_family!(self, family => family.parameters())
    }

    fn layout(&self) -> Layout {
        of_family!(self, family => family.layout())
    }

    /// The write sites of every layer, in the order of the forward pass.
    #[must_use]
    pub fn write_sites(&self) -> Vec<Site> {
        self.sizes().write_sites()
    }

    /// The weight of the module that writes a component's output to the residual stream:
    /// `(width, heads * head_dim)` of Attention, `(width, mlp_width)` of the MLP.
    ///
    /// ```
    /// use settling_core::Component;
    /// use settling_models::{Architecture, Gpt2};
    ///
    /// let gpt2 = Gpt2 { n_embd: 4, n_head: 2, n_inner: 16, ..Gpt2::default() };
    /// let gpt2 = Architecture::Gpt2(gpt2);
    /// let weight = gpt2.write_weight(7, Component::Mlp);
    /// assert_eq!(weight.name, "transformer.h.7.mlp.c_proj.weight");
    /// assert_eq!((weight.shape, weight.stored_shape()), ([4, 16], [16, 4]));
    /// ```
    #[must_use]
    pub fn write_weight(&self, layer: usize, component: Component) -> WeightBlock {
        self.layout().write_weight(&self.sizes(), layer, component)
    }

    /// The value projection of an attention head, `(head_dim, width)`. In grouped-query attention
    /// several heads share one.
    ///
    /// # Panics
    ///
    /// If there is no such head.
    #[must_use]
    #[track_caller]
    pub fn value_weight(&self, layer: usize, head: usize) -> WeightBlock {
        let sizes = self.sizes();
        assert!(head < sizes.heads, "head {head} of {}", sizes.heads);
        self.layout().value_weight(&sizes, layer, head)
    }

    /// The columns of the output projection that belong to an attention head, `(width, head_dim)`.
    ///
    /// # Panics
    ///
    /// If there is no such head.
    #[must_use]
    #[track_caller]
    pub fn output_weight(&self, layer: usize, head: usize) -> WeightBlock {
        let ModelSizes { heads, head_dim, .. } = self.sizes();
        assert!(head < heads, "head {head} of {heads}");
        let inputs = head * head_dim..(head + 1) * head_dim;
        WeightBlock { inputs, ..self.write_weight(layer, Component::Attention) }
    }

    /// The name of the input embedding.
    #[must_use]
    pub fn input_embedding(&self) -> &'static str {
        self.layout().input_embedding
    }

    /// Whether the output embedding is the input embedding.
    #[must_use]
    pub fn is_tied(&self) -> bool {
        of_family!(self, family => family.tie_word_embeddings)
    }

    /// The name of the output embedding. A file of a model whose embeddings are tied may have it as
    /// a copy of the input embedding, or in its place.
    #[must_use]
    pub fn output_embedding(&self) -> &'static str {
        self.layout().output_embedding[0]
    }

    /// Whether a tensor of this name is a buffer: a mask or a table of rotary frequencies that
    /// older files have among their weights, and that is computed, not read.
    #[must_use]
    pub fn is_buffer(&self, name: &str) -> bool {
        self.layout().buffers.iter().any(|end| name.ends_with(end))
    }

    /// The names of `tensors`, in order, in the spelling of [`parameters`](Self::parameters). A
    /// tensor that is not recognized keeps its name.
    ///
    /// Files have the same weights under different names: a model that was saved without its output
    /// embedding lacks a prefix (`h.0. ...` for `transformer.h.0. ...`), one that was saved in a
    /// wrapper has one more (`module.`, `_orig_mod.`, `pico_decoder.`), or one within
    /// (`h.0._checkpoint_wrapped_module.`), and transformers 5 calls
    /// GPT-NeoX's `embed_out` `lm_head`. [`CanonicalNames`](crate::CanonicalNames) is a source with
    /// these names.
    #[must_use]
    pub fn canonical_names(&self, tensors: &[TensorMeta]) -> Vec<String> {
        canonical(&self.layout(), tensors)
    }

    /// What the names begin with of the models in a file that has several, if none of them is named
    /// as the one that is meant; nothing otherwise.
    ///
    /// Meant is the model whose weights have the names of [`parameters`](Self::parameters), else
    /// the one whose names have no more before them than what wrappers add (`module.`,
    /// `_orig_mod.`, `state_dict.`, `model.`).
    ///
    /// ```
    /// use settling_core::{Dtype, TensorMeta};
    /// use settling_models::{Architecture, Gpt2};
    ///
    /// let meta = |part: &str| {
    ///     let name = format!("{part}.h.0.attn.c_proj.weight");
    ///     TensorMeta { name, dtype: Dtype::F32, shape: vec![4, 4] }
    /// };
    /// let gpt2 = Architecture::Gpt2(Gpt2::default());
    /// let found = gpt2.ambiguous_models(&[meta("student"), meta("teacher")]);
    /// assert_eq!(found, ["student.", "teacher."]);
    /// assert!(gpt2.ambiguous_models(&[meta("model_ema"), meta("model")]).is_empty());
    /// ```
    #[must_use]
    pub fn ambiguous_models(&self, tensors: &[TensorMeta]) -> Vec<String> {
        ambiguous(&self.layout(), tensors)
    }
}

macro_rules! try_from_family {
    ($($family:ident),*) => {
        $(impl TryFrom<$family> for Architecture {
            type Error = Error;

            fn try_from(model: $family) -> Result<Self, Error> {
                model.validate()?;
                Ok(Self::$family(model))
            }
        })*
    };
}

try_from_family!(GptNeox, Llama, Gpt2);
