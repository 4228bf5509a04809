//! What makes two tensors, and two checkpoints, the same.

use std::fmt::Write as _;

use settling_core::{TensorData, TensorMeta, TensorSource};
use sha2::{Digest, Sha256};

/// SHA-256 over the name, type, shape and elements of every tensor: the same for the same weights,
/// however they are stored.
///
/// # Definition
///
/// The digest, in lower-case hexadecimal, of one block per tensor in the byte order of the names. A
/// block is the length of the name (u64, little-endian), the name, the element type and the shape
/// as text (`f32[2, 3]`), the length of the elements in bytes (u64, little-endian), the elements
/// (row-major, little-endian). Lengths come first, so no two different lists of tensors give the
/// same bytes. A re-sharded copy has the same hash; a copy in another element type has not.
///
/// One tensor at a time is in memory.
///
/// # Errors
///
/// If a tensor cannot be read.
pub fn content_hash<S: TensorSource>(source: &S) -> Result<String, S::Error> {
    let mut whole = Sha256::new();
    for meta in by_name(source) {
        let data = source.read(&meta.name)?;
        block(&mut whole, meta, &data);
    }
    Ok(hex(whole))
}

/// The hashes of a checkpoint's tensors, and of the whole, from one pass over it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TensorHashes {
    content: String,
    tensors: Vec<TensorHash>,
    bytes: u64,
}

/// The hash of one tensor: what [`content_hash`] of a checkpoint with nothing else in it would be.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TensorHash {
    /// The tensor.
    pub meta: TensorMeta,
    /// SHA-256 over name, type, shape and elements, in lower-case hexadecimal.
    pub sha256: String,
    /// Whether all elements are the same, as before training zeros or ones are. So is a tensor of
    /// one element, or of none.
    pub uniform: bool,
}

impl TensorHashes {
    /// Hashes every tensor of `source`, one in memory at a time.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let one = settling_core::TensorData::new(settling_core::Dtype::U8, vec![1], vec![7])?;
    /// # let path = folder.path().join("model.safetensors");
    /// # settling_checkpoint::write_safetensors(path, &[("a".to_owned(), one)])?;
    /// use settling_checkpoint::{Checkpoint, TensorHashes, content_hash};
    ///
    /// let checkpoint = Checkpoint::open(folder.path())?;
    /// let hashes = TensorHashes::from_source(&checkpoint)?;
    /// assert_eq!(hashes.content(), content_hash(&checkpoint)?);
    /// assert_eq!(hashes.tensors()[0].meta.name, "a");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a tensor cannot be read.
    pub fn from_source<S: TensorSource>(source: &S) -> Result<Self, S::Error> {
        Self::with(source, |_, _| {})
    }

    /// The same, and shows each tensor to `look` while it is in memory.
    pub(crate) fn with<S: TensorSource>(
        source: &S,
        mut look: impl FnMut(&TensorMeta, &TensorData<'_>),
    ) -> Result<Self, S::Error> {
        let (mut whole, mut tensors, mut bytes) = (Sha256::new(), Vec::new(), 0);
        for meta in by_name(source) {
            let data = source.read(&meta.name)?;
            let mut one = Sha256::new();
            block(&mut one, meta, &data);
            block(&mut whole, meta, &data);
            bytes += data.bytes().len() as u64;
            let mut elements = data.bytes().chunks_exact(meta.dtype.size());
            let first = elements.next();
            let uniform = elements.all(|element| Some(element) == first);
            look(meta, &data);
            tensors.push(TensorHash { meta: meta.clone(), sha256: hex(one), uniform });
        }
        Ok(Self { content: hex(whole), tensors, bytes })
    }

    /// The hash of the whole: [`content_hash`].
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }

    /// The tensors, in the order of their names.
    #[must_use]
    pub fn tensors(&self) -> &[TensorHash] {
        &self.tensors
    }

    /// How many bytes the elements of all tensors take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn by_name<S: TensorSource>(source: &S) -> Vec<&TensorMeta> {
    let mut metas: Vec<_> = source.tensors().iter().collect();
    metas.sort_by(|a, b| a.name.cmp(&b.name));
    metas
}

fn block(hash: &mut Sha256, meta: &TensorMeta, data: &TensorData<'_>) {
    hash.update((meta.name.len() as u64).to_le_bytes());
    hash.update(&meta.name);
    hash.update(format!("{}{:?}", meta.dtype, meta.shape));
    hash.update((data.bytes().len() as u64).to_le_bytes());
    hash.update(data.bytes());
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
