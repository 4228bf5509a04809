//! Architectures out of `config.json`.

mod activation;
mod gpt2;
mod json;
mod known;
mod llama;
mod neox;
mod rope;
mod settings;

use self::known::Known;
use self::settings::{Settings, unsupported};
use crate::architecture::Architecture;
use crate::error::{Error, ErrorKind};

/// A family of models, as files name it and as its settings are read.
struct Family {
    /// What `model_type` says.
    name: &'static str,
    /// What `architectures` says.
    class: &'static str,
    read: fn(&Settings<'_>) -> Result<Architecture, Error>,
    /// Of settings that are not read.
    known: &'static [&'static Known],
}

const FAMILIES: [Family; 7] = [
    Family {
        name: "gpt_neox",
        class: "GPTNeoXForCausalLM",
        read: |settings| neox::gpt_neox(settings).map(Architecture::GptNeox),
        known: &[&known::EVERYWHERE, &known::QUERIES_AS_THEY_ARE, &known::GPT_NEOX],
    },
    Family {
        name: "gpt2",
        class: "GPT2LMHeadModel",
        read: |settings| gpt2::gpt2(settings).map(Architecture::Gpt2),
        known: &[&known::EVERYWHERE, &known::QUERIES_AS_THEY_ARE, &known::GPT2],
    },
    Family {
        name: "llama",
        class: "LlamaForCausalLM",
        read: |settings| llama::llama(settings).map(Architecture::Llama),
        known: &[&known::EVERYWHERE, &known::QUERIES_AS_THEY_ARE, &known::LLAMA],
    },
    Family {
        name: "mistral",
        class: "MistralForCausalLM",
        read: |settings| llama::mistral(settings).map(Architecture::Llama),
        known: &[&known::EVERYWHERE, &known::QUERIES_AS_THEY_ARE, &known::MISTRAL],
    },
    Family {
        name: "olmo",
        class: "OlmoForCausalLM",
        read: |settings| llama::olmo(settings).map(Architecture::Llama),
        known: &[&known::EVERYWHERE, &known::QUERIES_AS_THEY_ARE, &known::OLMO],
    },
    Family {
        name: "olmo2",
        class: "Olmo2ForCausalLM",
        read: |settings| llama::olmo2(settings).map(Architecture::Llama),
        known: &[&known::EVERYWHERE, &known::OLMO],
    },
    Family {
        name: "pico_decoder",
        class: "PicoDecoderHF",
        read: |settings| llama::pico(settings).map(Architecture::Llama),
        known: &[&known::EVERYWHERE, &known::QUERIES_AS_THEY_ARE, &known::PICO],
    },
];

/// Reads the architecture of a model from the text of its `config.json`, as transformers 4 or 5
/// writes it.
///
/// Supported are the model types `gpt_neox`, `gpt2`, `llama`, `mistral`, `olmo`, `olmo2` and
/// `pico_decoder`; a file without a `model_type` is recognized by its `architectures`. Settings
/// that older files leave out have transformers' defaults; sizes have none.
///
/// Every setting of the file is accounted for: it is read, or known not to bear on the forward pass
/// of a trained model, or refused, as it might change what the model computes. The spellings that
/// one setting has had (`rotary_emb_base`, `rope_theta`, both within `rope_parameters`) may stand
/// side by side if they agree. `null` stands for a setting that is absent where it does so in
/// transformers.
///
/// The JSON is Python's, as transformers reads and writes it: with `NaN` and `Infinity` where no
/// number is needed, and perhaps a byte order mark.
///
/// ```
/// use settling_models::{Architecture, RopeScaling, parse_config};
///
/// let architecture = parse_config(r#"{
///     "model_type": "llama", "hidden_act": "silu", "vocab_size": 49152, "hidden_size": 576,
///     "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
///     "intermediate_size": 1536, "max_position_embeddings": 8192,
///     "rope_theta": 100000, "rms_norm_eps": 1e-05, "tie_word_embeddings": true
/// }"#)?;
/// assert_eq!(architecture.sizes().head_dim, 64);
/// let Architecture::Llama(llama) = architecture else { panic!("another family") };
/// assert_eq!((llama.rope_theta, llama.rope_scaling), (100_000.0, RopeScaling::Default));
/// assert!(parse_config(r#"{"model_type": "bert"}"#).unwrap_err().to_string().contains("`bert`"));
/// # Ok::<(), settling_models::Error>(())
/// ```
///
/// # Errors
///
/// If the text is not JSON, describes another architecture or a variant that is not supported
/// (another scaling of rotary embedding), lacks a size, has a setting that is not known, of another
/// type, beyond f32 or twice, if two spellings of one contradict each other, or its sizes do not
/// fit each other. The message names the setting, what was found and what was expected.
pub fn parse_config(text: &str) -> Result<Architecture, Error> {
    let json = json::parse(text)
        .map_err(|error| Error::caused(ErrorKind::Config, "is not JSON", error))?;
    let settings = Settings::new(&json)?;
    let family = family(&settings)?;
    let architecture = (family.read)(&settings)?;
    architecture.validate().map_err(|error| Error::new(ErrorKind::Config, error.to_string()))?;
    layer_types(&settings, &architecture)?;
    settings.nothing_left(family.known, &format!("`{}`", family.name))?;
    Ok(architecture)
}

fn family(settings: &Settings<'_>) -> Result<&'static Family, Error> {
    let of_class = |class: &str| FAMILIES.iter().find(|family| family.class == class);
    let class = settings.texts("architectures")?.unwrap_or_default().first().copied();
    let (found, family) = match settings.text("model_type")? {
        Some(name) => (name, FAMILIES.iter().find(|family| family.name == name)),
        None => match class {
            Some(class) => (class, of_class(class)),
            None => {
                let message = "there is no `model_type`: is this a model's config.json?";
                return Err(Error::new(ErrorKind::Config, message));
            }
        },
    };
    let Some(family) = family else {
        return unsupported(format!(
            "the architecture is `{}`: expected one of `{}`",
            found.escape_debug(),
            FAMILIES.each_ref().map(|family| family.name).join("`, `")
        ));
    };
    match class.and_then(of_class).filter(|other| other.name != family.name) {
        None => Ok(family),
        Some(other) => {
            let message = format!(
                "`model_type` is `{}` and `architectures` names `{}`, which is `{}`: correct the \
                 wrong one in a copy of the file",
                family.name, other.class, other.name
            );
            Err(Error::new(ErrorKind::Config, message))
        }
    }
}

/// Fails unless the file says of all layers that they attend as the model does.
fn layer_types(settings: &Settings<'_>, architecture: &Architecture) -> Result<(), Error> {
    let Some(kinds) = settings.texts("layer_types")? else { return Ok(()) };
    let layers = architecture.sizes().layers;
    if kinds.len() != layers {
        let message = format!("`layer_types` is of {} layers, the model has {layers}", kinds.len());
        return Err(Error::new(ErrorKind::Config, message));
    }
    let window = match architecture {
        Architecture::Llama(model) => model.sliding_window,
        _ => None,
    };
    let (expected, said) = match window {
        None => ("full_attention", "no `sliding_window`".to_owned()),
        Some(window) => ("sliding_attention", format!("a `sliding_window` of {window}")),
    };
    match kinds.iter().find(|kind| **kind != expected) {
        None => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(60).collect();
            unsupported(format!(
                "`layer_types` has `{}`: expected `{expected}` of every layer of a model with \
                 {said}, as all layers attend alike here",
                other.escape_debug()
            ))
        }
    }
}
