//! Text into tokens.

use std::path::Path;

use settling_core::TokenBatch;
use tokenizers::ModelWrapper;

use super::documents::without_mark;
use super::ending::{self, Ending};
use crate::error::{Error, ErrorKind};

/// A tokenizer of the tokenizers library, read from a `tokenizer.json`.
///
/// Of a text it gives all tokens and nothing but them: what the file says of cutting
/// (`truncation`), filling up (`padding`), leaving out merges by chance (`dropout`) and special
/// tokens around a text (`post_processor`) is for training and not followed. A text that mentions a
/// special token is taken as a text about it. This is what transformers'
/// `tokenizer(text, add_special_tokens=False, split_special_tokens=True)` gives.
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
    ending: Option<Ending>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json` of the tokenizers library, and which token ends a text (the
    /// `eos_token`) from `tokenizer_config.json` or `special_tokens_map.json` beside it, if they
    /// are there.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is no tokenizer or no JSON, or its `eos_token` is no token.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let json = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        let ending = Ending::beside(path)?;
        Ok(Self { ending, ..Self::parse(&json, &path.display().to_string())? })
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
        let mut inner = tokenizers::Tokenizer::from_bytes(without_mark(json))
            .map_err(|error| Error::tokenizer(&format!("read {name} as a tokenizer"), error))?;
        // A text that mentions `<|endoftext|>` does not end there.
        inner.set_encode_special_tokens(true);
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| Error::tokenizer("turn off truncation", error))?;
        if let ModelWrapper::BPE(model) = inner.get_model()
            && model.dropout.is_some()
        {
            let mut model = model.clone();
            model.dropout = None;
            inner.with_model(model);
        }
        Ok(Self { inner, ending: None })
    }

    /// The same tokenizer with another token behind every document of [`pack`](Self::pack).
    ///
    /// ```
    /// use settling_tokens::Tokenizer;
    ///
    /// # let json = settling_testkit::train_tokenizer(&["ab"], 257).unwrap();
    /// let tokenizer = Tokenizer::from_json(&json)?.with_end_of_text("b")?;
    /// assert_eq!([tokenizer.end_of_text()?], tokenizer.encode("b")?[..]);
    /// let error = tokenizer.with_end_of_text("</s>").unwrap_err();
    /// assert!(error.to_string().contains("<|endoftext|>"), "{error}");
    /// # Ok::<(), settling_tokens::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the vocabulary has no such token; its special tokens are named.
    pub fn with_end_of_text(mut self, token: &str) -> Result<Self, Error> {
        self.ending = Some(Ending { token: token.to_owned(), by: "the caller".to_owned() });
        self.end_of_text()?;
        Ok(self)
    }

    /// The id of the token that [`pack`](Self::pack) puts behind every document: the one of
    /// [`with_end_of_text`](Self::with_end_of_text); else the `eos_token` of the files beside the
    /// tokenizer; else the only one that is there of what published tokenizers call it, such as
    /// `<|endoftext|>` (GPT-2, Pythia, OLMo), `<|end_of_text|>` (Llama 3), `</s>` (Llama 2,
    /// Mistral) and `<eos>` (Gemma).
    ///
    /// # Errors
    ///
    /// If the vocabulary does not have the token, none of the known ones, or several of them; the
    /// candidates are named.
    pub fn end_of_text(&self) -> Result<u32, Error> {
        ending::find(&self.inner, self.ending.as_ref())
    }

    /// The tokenizer as `tokenizer.json`, for other tools, as it is used here: without truncation,
    /// padding and dropout.
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

    /// The ids of a text, all of them and without special tokens around it: none for an empty text.
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

    /// The documents as rows of `width` tokens: each followed by the
    /// [end of a text](Self::end_of_text), joined, cut; a last partial row is dropped, documents
    /// without a token are passed over.
    ///
    /// # Errors
    ///
    /// If the tokenizer cannot tell what ends a text or cannot encode a document, or the documents
    /// do not fill one row.
    pub fn pack<S: AsRef<str> + Sync>(
        &self,
        documents: &[S],
        width: usize,
    ) -> Result<TokenBatch, Error> {
        let end = self.end_of_text()?;
        let mut ids: Vec<u32> = Vec::new();
        // An encoding takes far more memory than its ids: a few at a time, on all cores.
        for some in documents.chunks(256) {
            let texts: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
            let encodings = self
                .inner
                .encode_batch_fast(texts, false)
                .map_err(|error| Error::tokenizer("tokenize the documents", error))?;
            for encoding in encodings.iter().filter(|encoding| !encoding.is_empty()) {
                ids.extend_from_slice(encoding.get_ids());
                ids.push(end);
            }
        }
        let found = ids.len();
        let rows = found.checked_div(width).unwrap_or(0);
        ids.truncate(rows * width);
        TokenBatch::new(ids, width).map_err(|_| {
            let message = format!(
                "{} documents give {found} tokens: too few for one row of {width}",
                documents.len()
            );
            Error::new(ErrorKind::Rows, message)
        })
    }
}
