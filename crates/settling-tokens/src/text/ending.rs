//! Which token ends a text.

use std::path::Path;

use serde_json::Value;

use super::documents::without_mark;
use crate::error::{Error, ErrorKind};

/// What published tokenizers call it.
const KNOWN: [&str; 8] = [
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<EOS>",
    "[EOS]",
    "<|eos|>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
];

/// The files beside a `tokenizer.json` that say which token it is; the first one that does counts.
const FILES: [&str; 2] = ["tokenizer_config.json", "special_tokens_map.json"];

/// How many tokens a message names.
const MOST_NAMES: usize = 12;

/// A token that somebody chose, and who did.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) token: String,
    pub(super) by: String,
}

impl Ending {
    /// The `eos_token` of the files beside a tokenizer.
    pub(super) fn beside(tokenizer: &Path) -> Result<Option<Self>, Error> {
        for file in FILES {
            let path = tokenizer.with_file_name(file);
            let json = match std::fs::read(&path) {
                Ok(json) => json,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("read", &path, error)),
            };
            let fault = |message: String| Error::at(ErrorKind::Format, &path, message);
            let value: Value = serde_json::from_slice(without_mark(&json))
                .map_err(|error| fault(format!("expected a JSON object, found {error}")))?;
            let token = &value["eos_token"];
            // An added token is an object that says more of it.
            let token = match token {
                Value::Object(token) => token.get("content").unwrap_or(&Value::Null),
                Value::Null => continue,
                other => other,
            };
            let Value::String(token) = token else {
                let message = "`eos_token` is neither a text nor an object with a text `content`";
                return Err(fault(message.to_owned()));
            };
            return Ok(Some(Self { token: token.clone(), by: path.display().to_string() }));
        }
        Ok(None)
    }
}

/// The id of the token that ends a text: the one that was chosen, else the only known one that is
/// there.
pub(super) fn find(
    tokenizer: &tokenizers::Tokenizer,
    chosen: Option<&Ending>,
) -> Result<u32, Error> {
    let fault = |message: String| Error::new(ErrorKind::Tokenizer, message);
    let mut special: Vec<(u32, String)> = tokenizer
        .get_added_tokens_decoder()
        .into_iter()
        .filter(|(_, token)| token.special)
        .map(|(id, token)| (id, token.content))
        .collect();
    special.sort_unstable();
    if let Some(Ending { token, by }) = chosen {
        return tokenizer.token_to_id(token).ok_or_else(|| {
            fault(format!(
                "{by} ends texts with {token:?}, which the tokenizer does not have{}",
                listed(&special)
            ))
        });
    }
    let known = |(_, token): &&(u32, String)| KNOWN.contains(&token.as_str());
    let mut found: Vec<(u32, String)> = special.iter().filter(known).cloned().collect();
    if found.is_empty() {
        let plain = |token: &&str| Some((tokenizer.token_to_id(token)?, (*token).to_owned()));
        found = KNOWN.iter().filter_map(plain).collect();
    }
    let remedy = "name it with Tokenizer::with_end_of_text";
    match &found[..] {
        [(id, _)] => Ok(*id),
        [] => Err(fault(format!(
            "which token ends a text? The tokenizer has none of {}: {remedy}{}",
            KNOWN.join(" "),
            listed(&special)
        ))),
        several => {
            let several: Vec<&str> = several.iter().map(|(_, token)| token.as_str()).collect();
            Err(fault(format!(
                "which token ends a text? The tokenizer has {}: {remedy}",
                several.join(" and ")
            )))
        }
    }
}

fn listed(special: &[(u32, String)]) -> String {
    if special.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = special.iter().take(MOST_NAMES).map(|(_, name)| name.as_str()).collect();
    let more = if special.len() > MOST_NAMES { " ..." } else { "" };
    format!(" (its special tokens: {}{more})", names.join(" "))
}
