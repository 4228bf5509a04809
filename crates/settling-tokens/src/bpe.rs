use std::path::Path;

use settling_core::TokenBatch;
use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::error::{Error, ErrorKind};

/// The token between documents; id 0, as in Pythia's vocabulary.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// A tokenizer: trained here as byte-level BPE, or read from a `tokenizer.json`.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Trains a byte-level BPE with `vocab_size` entries: [`END_OF_TEXT`], the 256 bytes, and the
    /// most frequent merges.
    ///
    /// The same texts give the same vocabulary. Fewer entries come out if the texts have no more
    /// pairs to merge.
    ///
    /// ```
    /// use settling_tokens::Tokenizer;
    ///
    /// let tokenizer = Tokenizer::train(&["aaaa aaaa"], 260)?;
    /// assert_eq!(tokenizer.vocab_size(), 260);
    /// let ids = tokenizer.encode("aaaa aaaa ß")?;
    /// assert_eq!(tokenizer.decode(&ids)?, "aaaa aaaa ß", "bytes that were never seen are still encoded");
    /// # Ok::<(), settling_tokens::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `vocab_size` has no room for the 257 entries that are always there.
    pub fn train<S: AsRef<str> + Send + Sync>(
        texts: &[S],
        vocab_size: usize,
    ) -> Result<Self, Error> {
        if vocab_size < 257 {
            let message =
                format!("a byte-level vocabulary of {vocab_size} entries: expected at least 257");
            return Err(Error::new(ErrorKind::Tokenizer, message));
        }
        let mut trainer = BpeTrainer::builder()
            .vocab_size(vocab_size)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
            .build();
        let mut inner = tokenizers::TokenizerImpl::<
            BPE,
            tokenizers::NormalizerWrapper,
            ByteLevel,
            tokenizers::PostProcessorWrapper,
            ByteLevel,
        >::new(BPE::default());
        let bytes = ByteLevel::default().add_prefix_space(false);
        inner.with_pre_tokenizer(Some(bytes)).with_decoder(Some(bytes));
        inner
            .train(&mut trainer, texts.iter().map(AsRef::as_ref))
            .map_err(|error| Error::tokenizer("train a tokenizer", error))?;
        // Through JSON, the one form that is the same for a trained and a stored tokenizer.
        let json =
            inner.to_string(false).map_err(|error| Error::tokenizer("train a tokenizer", error))?;
        Self::from_json(json.as_bytes(), "the trained tokenizer")
    }

    /// Reads a `tokenizer.json` of the tokenizers library.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no tokenizer.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let json = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        Self::from_json(&json, &path.display().to_string())
    }

    fn from_json(json: &[u8], name: &str) -> Result<Self, Error> {
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
    /// If it cannot be serialised.
    pub fn to_json(&self) -> Result<String, Error> {
        self.inner
            .to_string(true)
            .map_err(|error| Error::tokenizer("serialise the tokenizer", error))
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
        Ok(encoding.map_err(|error| Error::tokenizer("tokenise a text", error))?.get_ids().to_vec())
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
                .map_err(|error| Error::tokenizer("tokenise the documents", error))?;
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
