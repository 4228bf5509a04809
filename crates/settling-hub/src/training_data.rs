//! The token rows that published models were trained on.

use settling_tokens::{MegatronTokens, Shards, TokenType};

use crate::error::{Error, ErrorKind};
use crate::hub::Hub;
use crate::listing::RemoteFile;

/// The width of Pythia's rows: 2,048 inputs, and the target of the last.
const WIDTH: usize = 2049;

/// The training data of Pythia, in the order in which it was trained on, read by byte ranges: of
/// its 600 GB only the rows asked for come.
///
/// `dataset` is one of those that Pythia's authors published in this form:
/// `EleutherAI/pile-deduped-pythia-preshuffled` or `EleutherAI/pile-standard-pythia-preshuffled`;
/// or another one that holds rows of 2,049 tokens of 16 bits in files
/// `<name>-<number>-of-<number>.bin`.
///
/// A batch has 1,024 rows. The checkpoint of step N has seen the batches 0 to N - 1.
///
/// ```no_run
/// use settling_core::Step;
/// use settling_hub::{Hub, training_data};
///
/// let tokens = training_data(&Hub::from_env()?, "EleutherAI/pile-deduped-pythia-preshuffled")?;
/// // The last batch that Pythia was trained on: one request for 4 MB.
/// let batch = tokens.batch(Step(142_999), 1024)?;
/// assert_eq!((batch.rows(), batch.width()), (1024, 2049));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If the hub cannot be asked, the data set has no such files, one of the shards is missing, or
/// their bytes are no whole number of rows.
pub fn training_data(hub: &Hub, dataset: &str) -> Result<MegatronTokens, Error> {
    let repository = hub.dataset(dataset)?;
    let commit = repository.resolve("main")?;
    let mut shards: Vec<(u32, u32, RemoteFile)> = Vec::new();
    for file in repository.files(&commit)? {
        if let Some((number, last)) = shard_numbers(&file.path) {
            shards.push((number, last, file));
        }
    }
    shards.sort_by_key(|(number, ..)| *number);
    // Named by the number of the last one: 21 shards, 0 to 20, are all `-of-00020`.
    let complete = shards.iter().enumerate().all(|(place, (number, last, _))| {
        place == *number as usize && *last as usize == shards.len() - 1
    });
    if shards.is_empty() || !complete {
        let names =
            shards.iter().map(|(.., file)| file.path.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!(
            "{dataset}: expected shards such as document-00000-of-00020.bin to document-00020-of-00020.bin, found {}",
            if names.is_empty() { "none" } else { &names }
        );
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let parts = shards.iter().map(|(.., file)| repository.bytes(&commit, file)).collect();
    Shards::new(parts)
        .and_then(|shards| MegatronTokens::new(shards, WIDTH, TokenType::U16))
        .map_err(Error::content)
}

/// The numbers in `<name>-<number>-of-<number>.bin`.
fn shard_numbers(path: &str) -> Option<(u32, u32)> {
    let (rest, last) = path.strip_suffix(".bin")?.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    Some((number.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_known_by_their_names() {
        assert_eq!(shard_numbers("document-00003-of-00020.bin"), Some((3, 20)));
        for none in ["document.bin", "document-1-of-2.idx", "document-a-of-2.bin", "of-2.bin"] {
            assert_eq!(shard_numbers(none), None, "{none}");
        }
    }
}
