//! The settings of rotary position embedding, as transformers 4 and 5 spell them.

use crate::families::RopeScaling;

use super::settings::{Settings, unsupported};
use crate::error::{Error, ErrorKind};

/// What a configuration says of rotary position embedding.
pub(super) struct Rope {
    pub(super) theta: Option<f64>,
    pub(super) scaling: RopeScaling,
    /// The share of each head's dimensions that is rotated.
    pub(super) partial: Option<f64>,
}

impl Rope {
    /// Reads `rope_parameters`, as transformers 5 writes it, and `rope_scaling` with `rope_theta`,
    /// as transformers 4 did.
    pub(super) fn read(settings: &Settings<'_>, context: usize) -> Result<Self, Error> {
        let new = settings.object("rope_parameters")?;
        let old = settings.object("rope_scaling")?;
        let scaling = match (&new, &old) {
            (Some(new), Some(old)) => {
                let (new, old) = (scaling(new, context)?, scaling(old, context)?);
                if new != old {
                    let message = format!(
                        "`rope_parameters` and `rope_scaling` contradict each other: {new:?} and {old:?}"
                    );
                    return Err(Error::new(ErrorKind::Config, message));
                }
                new
            }
            (Some(only), None) | (None, Some(only)) => scaling(only, context)?,
            (None, None) => RopeScaling::Default,
        };
        let number = |name: &str| match &new {
            Some(new) if new.get(name).is_some() => new.optional_number(name),
            _ => settings.optional_number(name),
        };
        let (theta, partial) = (number("rope_theta")?, number("partial_rotary_factor")?);
        Ok(Self { theta, scaling, partial })
    }
}

fn scaling(settings: &Settings<'_>, context: usize) -> Result<RopeScaling, Error> {
    let kind = if settings.get("rope_type").is_some() { "rope_type" } else { "type" };
    settings.expect(kind, &["default", "linear", "llama3"])?;
    Ok(match settings.text(kind)? {
        Some("linear") => RopeScaling::Linear { factor: settings.number("factor")? },
        Some("llama3") => RopeScaling::Llama3 {
            factor: settings.number("factor")?,
            low_freq_factor: settings.number("low_freq_factor")?,
            high_freq_factor: settings.number("high_freq_factor")?,
            original_max_position_embeddings: settings
                .optional_size("original_max_position_embeddings")?
                .unwrap_or(context),
        },
        Some(_) => RopeScaling::Default,
        // Without a type these would be settings of something else, such as one set for each type
        // of layer.
        None if settings
            .names()
            .any(|name| name != "rope_theta" && name != "partial_rotary_factor") =>
        {
            return unsupported(format!(
                "`{kind}` is missing among the settings {:?} of rotary embedding",
                settings.names().collect::<Vec<_>>()
            ));
        }
        None => RopeScaling::Default,
    })
}
