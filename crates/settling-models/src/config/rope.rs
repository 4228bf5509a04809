//! The settings of rotary position embedding, as transformers 4 and 5 spell them.

use crate::families::RopeScaling;

use super::known::ROTARY;
use super::settings::{Settings, agreed};
use crate::error::{Error, ErrorKind};

/// What a configuration says of rotary position embedding.
pub(super) struct Rope {
    pub(super) theta: Option<f64>,
    pub(super) scaling: RopeScaling,
    /// The share of each head's dimensions that is rotated.
    pub(super) partial: Option<f64>,
}

/// The names that theta and the share of a head have beside `rope_parameters`.
pub(super) struct Names {
    pub(super) theta: &'static [&'static str],
    pub(super) partial: &'static [&'static str],
}

/// The names of most families.
pub(super) const NAMES: Names =
    Names { theta: &["rope_theta"], partial: &["partial_rotary_factor"] };

/// How a number is read.
type Read<'a> = fn(&Settings<'a>, &str) -> Result<Option<f64>, Error>;

const KINDS: [&str; 3] = ["default", "linear", "llama3"];

impl Rope {
    /// Reads `rope_parameters`, as transformers 5 writes it, `rope_scaling`, as transformers 4 did,
    /// and what stands beside them. All of them may say the same of one setting, and nothing else.
    pub(super) fn read<'a>(
        settings: &Settings<'a>,
        names: &Names,
        context: usize,
    ) -> Result<Self, Error> {
        let mut objects = Vec::new();
        for name in ["rope_parameters", "rope_scaling"] {
            objects.extend(settings.object(name)?);
        }
        let number = |inside: &str, beside: &[&str], read: Read<'a>| {
            let mut found = settings.spellings(beside, read)?;
            for object in &objects {
                found.extend(object.spellings(&[inside], read)?);
            }
            agreed(found)
        };
        let theta = number("rope_theta", names.theta, Settings::given_number)?;
        let partial = number("partial_rotary_factor", names.partial, Settings::share)?;

        let mut found = Vec::new();
        for object in &objects {
            found.extend(object.spellings(&["rope_type", "type"], |object, name| {
                object.choice(
                    name,
                    None,
                    |kind| KINDS.into_iter().find(|one| *one == kind).map(Some),
                    &KINDS,
                )
            })?);
        }
        let kind = agreed(found)?.unwrap_or("default");

        // Phi and its relatives have it where there is no scaling, too.
        let original = "original_max_position_embeddings";
        let mut found = settings.spellings(&[original], Settings::optional_size)?;
        for object in &objects {
            found.extend(object.spellings(&[original], Settings::optional_size)?);
        }
        let original = agreed(found)?.unwrap_or(context);

        let needed = |name: &str| match number(name, &[], Settings::given_number)? {
            Some(value) => Ok(value),
            None => {
                let message = format!(
                    "there is no `{name}` in `rope_parameters` or `rope_scaling`, which rotary \
                     embedding of the type `{kind}` needs"
                );
                Err(Error::new(ErrorKind::Config, message))
            }
        };
        let scaling = match kind {
            "linear" => RopeScaling::Linear { factor: needed("factor")? },
            "llama3" => RopeScaling::Llama3 {
                factor: needed("factor")?,
                low_freq_factor: needed("low_freq_factor")?,
                high_freq_factor: needed("high_freq_factor")?,
                original_max_position_embeddings: original,
            },
            _ => RopeScaling::Default,
        };
        for object in &objects {
            object.nothing_left(&[&ROTARY], &format!("rotary embedding of the type `{kind}`"))?;
        }
        Ok(Self { theta, scaling, partial })
    }
}
