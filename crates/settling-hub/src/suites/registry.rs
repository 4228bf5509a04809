//! The registry's file.

use serde::Deserialize;

use super::{StepNames, Suite};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    about: String,
    family: String,
    models: Vec<String>,
    steps: Names,
    training_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Names {
    Revisions { pattern: String, main: Option<u64> },
    Commits { title: String, branch: String },
}

/// The suites that the file lists, or what is wrong with it.
pub(super) fn parse(json: &str) -> Result<Vec<Suite>, String> {
    let entries: Vec<Entry> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    entries.into_iter().map(suite).collect()
}

fn suite(entry: Entry) -> Result<Suite, String> {
    let Entry { name, about, family, models, steps, training_data } = entry;
    let pattern = |text: String| text.parse().map_err(|error| format!("{name}: {error}"));
    let steps = match steps {
        Names::Revisions { pattern: text, main } => {
            StepNames::Revisions { pattern: pattern(text)?, main }
        }
        Names::Commits { title, branch } => StepNames::Commits { title: pattern(title)?, branch },
    };
    Ok(Suite { name, about, family, models, steps, training_data })
}
