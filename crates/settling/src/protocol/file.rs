//! Protocols as TOML.

use std::path::Path;

use serde::Deserialize;
use settling_core::BoxError;
use toml::{Table, Value};

use super::Protocol;
use crate::error::{Error, ErrorKind};

impl Protocol {
    /// Reads a protocol from TOML. Keys that are missing have the values of the
    /// protocol that the key `base` names, `corrected` or `published`; without `base` every key
    /// must be there, as [`to_toml`](Self::to_toml) writes them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], with the key, what was expected and what was found. A protocol that
    /// differs from a built-in one must not have its name: numbers of different definitions would
    /// look alike.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let wrong = |message: String| Error::new(ErrorKind::Usage, message);
        let mut table: Table = text
            .parse()
            .map_err(|error| Error::caused(ErrorKind::Usage, "a protocol in TOML", error))?;
        if !table.contains_key("name") {
            return Err(wrong("a protocol: expected a key `name`, found none".to_owned()));
        }
        if let Some(base) = table.remove("base") {
            let named = base.as_str().and_then(Self::named).ok_or_else(|| {
                wrong(format!(
                    "a protocol, `base`: expected \"corrected\" or \"published\", found {base}"
                ))
            })?;
            table = laid_over(named.table(), table);
        }
        let protocol = Self::deserialize(table).map_err(|error| {
            // It ends with the key, on a line of its own.
            let message = error.to_string();
            let message = message.trim_end().replace('\n', " ");
            wrong(format!(
                "a protocol in TOML: {message} (a key that is missing is that of `base`, if there is one)"
            ))
        })?;
        protocol.validate()?;
        match Self::named(&protocol.name) {
            Some(built_in) if built_in != protocol => Err(wrong(format!(
                "a protocol, `name`: `{}` is another one; expected a name of its own for a protocol that differs",
                protocol.name
            ))),
            _ => Ok(protocol),
        }
    }

    /// Reads [`from_toml`](Self::from_toml) from a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], with the name of the file: if it cannot be read, or is no protocol,
    /// for the same reasons as a text for [`from_toml`](Self::from_toml).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let named =
            |error: BoxError| Error::caused(ErrorKind::Usage, &path.display().to_string(), error);
        let text = std::fs::read_to_string(path).map_err(|error| named(error.into()))?;
        Self::from_toml(&text).map_err(|error| named(error.into()))
    }

    /// Every choice of the protocol as TOML: a file to start from.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every protocol can be written")]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a protocol is a table of tables of values")
    }

    fn table(&self) -> Table {
        Table::try_from(self).expect("a protocol is a table of tables of values")
    }
}

/// `base` with what `over` says. Sections are merged, values are replaced.
fn laid_over(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(section)), Value::Table(value)) => section.extend(value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use settling_analysis::Window;
    use settling_core::{Inputs, LossReduction};

    use crate::GradientBatches;

    const BUILT_IN: [fn() -> Protocol; 2] = [Protocol::corrected, Protocol::published];

    #[test]
    fn a_protocol_reads_back_from_its_file_and_from_the_manifest() {
        for protocol in BUILT_IN.map(|protocol| protocol()) {
            assert_eq!(Protocol::from_toml(&protocol.to_toml()).unwrap(), protocol);
            let json = serde_json::to_string(&protocol).unwrap();
            assert_eq!(serde_json::from_str::<Protocol>(&json).unwrap(), protocol);
            assert_eq!(Protocol::named(&protocol.name), Some(protocol));
        }
    }

    /// Every choice of either protocol can be made in the other: row by row of the list of
    /// differences.
    #[test]
    fn a_file_turns_each_built_in_protocol_into_the_other() {
        for [from, to] in [[0, 1], [1, 0]] {
            let (from, to) = (BUILT_IN[from](), BUILT_IN[to]());
            let mut over = to.table();
            over.insert("base".to_owned(), from.name.clone().into());
            assert_eq!(Protocol::from_toml(&over.to_string()).unwrap(), to);
        }
    }

    #[test]
    fn a_value_replaces_that_of_the_base_and_nothing_else() {
        let text = "
            name = 'mine'
            base = 'published'
            rows.sequences = 'all'
            rows.inputs = 'context'
            early.window = { up_to = 0.2 }
            gradients.batches = 'evaluation'
            gradients.sub_batches = { doubling_up_to = 8 }
        ";
        let mut expected = Protocol::published();
        expected.name = "mine".to_owned();
        expected.rows.sequences = None;
        expected.rows.inputs = Inputs::Context;
        expected.early.window = Window::UpTo(0.2);
        expected.gradients.batches = GradientBatches::Evaluation;
        expected.gradients.sub_batches = LossReduction::SumOfMeans { largest: Some(8) };
        assert_eq!(Protocol::from_toml(text).unwrap(), expected);
        assert_eq!(Protocol::from_toml(&expected.to_toml()).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        let with = |lines: &str| format!("name = 'mine'\nbase = 'corrected'\n{lines}");
        for (text, parts) in [
            ("base = 'corrected'".to_owned(), ["`name`", "none"]),
            ("name = 'mine'".to_owned(), ["missing field", "`base`"]),
            ("name = 'mine'\nbase = 'paper'".to_owned(), ["\"published\"", "\"paper\""]),
            ("name = 'corrected'\nbase = 'published'".to_owned(), ["`corrected`", "another"]),
            ("name = '../up'\nbase = 'published'".to_owned(), ["`name`", "../up"]),
            ("name = ".to_owned(), ["TOML", "1"]),
            (with("color = 'red'"), ["`color`", "`views`"]),
            (with("views.colour = 'red'"), ["`colour`", "`heads`"]),
            (with("views.weights = 'values'"), ["views.weights", "`ov_flat`"]),
            (with("views.heads = 'yes'"), ["views.heads", "boolean"]),
            (with("rows.positions = 'first'"), ["rows.positions", "`last`"]),
            (with("rows.inputs = 'most'"), ["rows.inputs", "`whole`"]),
            (with("rows.sequences = -1"), ["rows.sequences", "\"all\""]),
            (with("rows.sequences = 'some'"), ["rows.sequences", "\"all\""]),
            (with("rows.sequences = 0"), ["rows.sequences", "at least 1"]),
            (with("early.window = { up_to = 1.5 }"), ["early.window", "1.5"]),
            (with("early.window = 'early'"), ["early.window", "`index`"]),
            (with("early.cka = { at_most = 0.5 }"), ["early.cka", "`at_least`"]),
            (with("large.weight_per = { above = nan }"), ["large.weight_per", "finite"]),
            (
                with("gradients.batches = { training = { from = 5, to = -5, take = 'all' } }"),
                ["gradients.batches", "`from`"],
            ),
            (
                with("gradients.batches = { training = { from = -5, to = 5, take = 0 } }"),
                ["gradients.batches", "`take`"],
            ),
            (
                with("gradients.batches = { training = { from = -5, to = 5 } }"),
                ["batches", "`take`"],
            ),
            (
                with("gradients.sub_batches = { doubling_up_to = 0 }"),
                ["gradients.sub_batches", "at least 1"],
            ),
            (with("per.mlp = 'rank'"), ["per.mlp", "`top_head_dim`"]),
        ] {
            let error = Protocol::from_toml(&text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let message = error.to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
            assert!(!message.contains('\n') || text.ends_with("name = "), "{message}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        assert!(Protocol::read(&path).unwrap_err().to_string().contains("mine.toml"));
        std::fs::write(&path, "name = 1").unwrap();
        assert!(Protocol::read(&path).unwrap_err().to_string().contains("mine.toml"));
        std::fs::write(&path, Protocol::published().to_toml()).unwrap();
        assert_eq!(Protocol::read(&path).unwrap(), Protocol::published());
    }
}
