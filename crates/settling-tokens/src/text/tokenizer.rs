//! Text into tokens.

use std::path::Path;

use settling_core::TokenBatch;

use crate::error::{Error, ErrorKind};

/// The token between documents; id 0, as in Pythia's vocabulary.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// A tokenizer of the tokenizers library, read from a `tokenizer.json`.
///
/// ```no_run
/// use settling_tokens::{Tokenizer, read_text_files};
///
/// let tokenizer = Tokenizer::from_file("pythia-70m/tokenizer.json")?;
/// let rows = tokenizer.pack(&read_text_files(&["essay.txt"])?, 2049)?;
/// # Ok::<(), settling_tokens::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads a `tokenizer.json` of the tokenizers library.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no tokenizer.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let json = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        Self::parse(&json, &path.display().to_string())
    }

    /// The tokenizer whose `tokenizer.json` has this text.
    ///
    /// # Errors
    ///
    /// If the text is no tokenizer.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        Self::parse(json.as_bytes(), "the text")
    }

    fn parse(json: &[u8], name: &str) -> Result<Self, Error> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| Error::tokenizer(&format!("read {name} as a tokenizer"), error))?;
        // A text that mentions `<|endoftext|>` does not end there.
        inner.set_encode_special_tokens(true);
        Ok(Self { inner })
    }

    /// The tokenizer as `tokenizer.json`, for other tools.
    ///
    /// # Errors
    ///
    /// If it cannot be serialized.
    pub fn to_json(&self) -> Result<String, Error> {
        self.inner
            .to_string(true)
            .map_err(|error| Error::tokenizer("serialize the tokenizer", error))
    }

    /// The number of entries, special tokens included.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The ids of a text, without special tokens around it.
    ///
    /// # Errors
    ///
    /// If the tokenizer cannot encode the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self.inner.encode_fast(text, false);
        Ok(encoding.map_err(|error| Error::tokenizer("tokenize a text", error))?.get_ids().to_vec())
    }

    /// The text of ids.
    ///
    /// # Errors
    ///
    /// If an id is not in the vocabulary's reach.
    pub fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        self.inner.decode(ids, true).map_err(|error| Error::tokenizer("decode tokens", error))
    }

    /// The documents as rows of `width` tokens: each followed by [`END_OF_TEXT`], joined, cut; a
    /// last partial row is dropped.
    ///
    /// # Errors
    ///
    /// If the tokenizer has no end-of-text token or cannot encode a document, or the documents do
    /// not fill one row.
    pub fn pack<S: AsRef<str> + Sync>(
        &self,
        documents: &[S],
        width: usize,
    ) -> Result<TokenBatch, Error> {
        let end = self.inner.token_to_id(END_OF_TEXT).ok_or_else(|| {
            Error::new(ErrorKind::Tokenizer, format!("the tokenizer has no token {END_OF_TEXT}"))
        })?;
        let mut ids: Vec<u32> = Vec::new();
        // An encoding takes far more memory than its ids: a few at a time, on all cores.
        for some in documents.chunks(256) {
            let texts: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
            let encodings = self
                .inner
                .encode_batch_fast(texts, false)
                .map_err(|error| Error::tokenizer("tokenize the documents", error))?;
            for encoding in encodings {
                ids.extend_from_slice(encoding.get_ids());
                ids.push(end);
            }
        }
        let rows = ids.len().checked_div(width).unwrap_or(0);
        ids.truncate(rows * width);
        let found = ids.len();
        TokenBatch::new(ids, width).map_err(|_| {
            let message = format!(
                "{} documents give {found} tokens: too few for one row of {width}",
                documents.len()
            );
            Error::new(ErrorKind::Rows, message)
        })
    }
}
