//! Architectures out of `config.json`.

mod gpt2;
mod llama;
mod neox;
mod rope;
mod settings;

use serde_json::Value;

use self::settings::{Settings, unsupported};
use crate::architecture::Architecture;
use crate::error::{Error, ErrorKind};

type Parse = fn(&Settings<'_>) -> Result<Architecture, Error>;

/// What `model_type` says, what `architectures` says, and how the settings are read.
const FAMILIES: [(&str, &str, Parse); 7] = [
    ("gpt_neox", "GPTNeoXForCausalLM", |settings| neox::gpt_neox(settings).map(Into::into)),
    ("gpt2", "GPT2LMHeadModel", |settings| gpt2::gpt2(settings).map(Into::into)),
    ("llama", "LlamaForCausalLM", |settings| llama::llama(settings).map(Into::into)),
    ("mistral", "MistralForCausalLM", |settings| llama::mistral(settings).map(Into::into)),
    ("olmo", "OlmoForCausalLM", |settings| llama::olmo(settings).map(Into::into)),
    ("olmo2", "Olmo2ForCausalLM", |settings| llama::olmo2(settings).map(Into::into)),
    ("pico_decoder", "PicoDecoderHF", |settings| llama::pico(settings).map(Into::into)),
];

/// Reads the architecture of a model from the text of its `config.json`, as transformers 4 or 5
/// writes it.
///
/// Supported are the model types `gpt_neox`, `gpt2`, `llama`, `mistral`, `olmo`, `olmo2` and
/// `pico_decoder`; a file without a `model_type` is recognized by its `architectures`. Settings
/// that older files leave out have transformers' defaults; sizes have none. Settings that do not
/// bear on the forward pass of a trained model are not looked at.
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
/// (another activation function, another scaling of rotary embedding), lacks a size, has a setting
/// of another type, or its sizes do not fit each other. The message names the setting, what was
/// found and what was expected.
pub fn parse_config(text: &str) -> Result<Architecture, Error> {
    let json: Value = serde_json::from_str(text)
        .map_err(|error| Error::caused(ErrorKind::Config, "is not JSON", error))?;
    let object =
        json.as_object().ok_or_else(|| Error::new(ErrorKind::Config, "is no JSON object"))?;
    let settings = Settings::new(object);
    let architecture = family(&settings)?(&settings)?;
    Architecture::new(architecture)
        .map_err(|error| Error::new(ErrorKind::Config, error.to_string()))
}

fn family(settings: &Settings<'_>) -> Result<Parse, Error> {
    let (found, index) = match settings.text("model_type")? {
        Some(name) => (name, FAMILIES.iter().position(|family| family.0 == name)),
        None => {
            let first = settings.get("architectures").and_then(|list| list.get(0));
            let Some(name) = first.and_then(Value::as_str) else {
                let message = "there is no `model_type`: is this a model's config.json?";
                return Err(Error::new(ErrorKind::Config, message));
            };
            (name, FAMILIES.iter().position(|family| family.1 == name))
        }
    };
    match index {
        Some(index) => Ok(FAMILIES[index].2),
        None => unsupported(format!(
            "the architecture is `{}`: expected one of `{}`",
            found.escape_debug(),
            FAMILIES.map(|family| family.0).join("`, `")
        )),
    }
}
