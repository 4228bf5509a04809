//! The training of a byte-level tokenizer.

use settling_core::BoxError;
use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// Trains a byte-level BPE with `vocab_size` entries (`<|endoftext|>` with id 0, the 256 bytes, and
/// the most frequent merges) and returns its `tokenizer.json`.
///
/// The same texts give the same vocabulary. Fewer entries come out if the texts have no more pairs
/// to merge.
///
/// # Errors
///
/// If `vocab_size` has no room for the 257 entries that are always there.
pub fn train_tokenizer<S: AsRef<str> + Send + Sync>(
    texts: &[S],
    vocab_size: usize,
) -> Result<String, BoxError> {
    if vocab_size < 257 {
        let message =
            format!("a byte-level vocabulary of {vocab_size} entries: expected at least 257");
        return Err(message.into());
    }
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from("<|endoftext|>", true)])
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
    inner.train(&mut trainer, texts.iter().map(AsRef::as_ref))?;
    // As tokenizers itself would store it: once through its own reader.
    let json = inner.to_string(false)?;
    tokenizers::Tokenizer::from_bytes(json)?.to_string(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_a_tokenizer_twice_gives_the_same_one() {
        let texts: Vec<String> = (0..200)
            .map(|i| format!("fn f{i}(x: u{}) -> bool {{ x % {i} == 0 }}\n", i % 64))
            .collect();
        let trained = train_tokenizer(&texts, 400).unwrap();
        assert_eq!(trained, train_tokenizer(&texts, 400).unwrap());
        let read = tokenizers::Tokenizer::from_bytes(&trained).unwrap();
        assert_eq!(read.get_vocab_size(true), 400);
        assert!(train_tokenizer(&texts, 256).unwrap_err().to_string().contains("at least 257"));
    }
}
