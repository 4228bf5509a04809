//! The tensors of a checkpoint, held to what its architecture says of them.

use std::collections::HashMap;
use std::fmt;

use settling_core::TensorMeta;

use crate::architecture::Architecture;

/// The tensors of a checkpoint, sorted by what its architecture says of them. Nothing is read for
/// it but names and shapes.
///
/// Tensors have their names in the file; what is missing has the name that
/// [`Architecture::parameters`] gives.
///
/// ```
/// use settling_core::{Dtype, TensorMeta};
/// use settling_models::{Architecture, GptNeox, Inventory};
///
/// let config = GptNeox {
///     vocab_size: 8,
///     hidden_size: 4,
///     num_hidden_layers: 1,
///     num_attention_heads: 2,
///     intermediate_size: 16,
///     max_position_embeddings: 8,
///     ..GptNeox::default()
/// };
/// let architecture = Architecture::new(config)?;
/// let meta = |(name, shape)| TensorMeta { name, dtype: Dtype::F16, shape };
/// let mut tensors: Vec<_> = architecture.parameters().into_iter().map(meta).collect();
/// assert!(Inventory::new(&tensors, &architecture).is_complete());
///
/// tensors.pop();
/// tensors.push(meta(("gpt_neox.layers.0.attention.masked_bias".to_owned(), vec![])));
/// tensors.push(meta(("step".to_owned(), vec![1])));
/// let inventory = Inventory::new(&tensors, &architecture);
/// assert_eq!(inventory.missing[0].0, "embed_out.weight");
/// assert_eq!((inventory.buffers.len(), inventory.unknown.len()), (1, 1));
/// assert!(inventory.to_string().contains("missing: embed_out.weight [8, 4]"));
/// # Ok::<(), settling_models::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Inventory {
    /// The weights of the architecture that are there as they should be.
    pub weights: Vec<TensorMeta>,
    /// The weights that are not there: name and expected shape.
    pub missing: Vec<(String, Vec<usize>)>,
    /// The weights that are there in another shape.
    pub wrong_shape: Vec<WrongShape>,
    /// Masks and tables that older files have and no model needs.
    pub buffers: Vec<TensorMeta>,
    /// Everything else.
    pub unknown: Vec<TensorMeta>,
}

/// A weight whose shape is not that of its architecture.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WrongShape {
    /// The tensor in the file.
    pub found: TensorMeta,
    /// The shape that the architecture says.
    pub expected: Vec<usize>,
}

impl Inventory {
    /// Sorts the tensors of a checkpoint of a model of this architecture.
    #[must_use]
    pub fn new(tensors: &[TensorMeta], architecture: &Architecture) -> Self {
        let mut inventory = Self::default();
        let names = architecture.canonical_names(tensors);
        let mut places: HashMap<&str, &TensorMeta> =
            names.iter().map(String::as_str).zip(tensors).collect();
        let mut weights = architecture.parameters();
        // Tied to the input embedding, the output embedding may be in a file as a copy, or in its
        // place.
        let sizes = architecture.sizes();
        let copy = architecture.output_embedding();
        if architecture.is_tied() && places.contains_key(copy) {
            let input = architecture.input_embedding();
            weights.retain(|(name, _)| name != input || places.contains_key(input));
            weights.push((copy.to_owned(), vec![sizes.vocabulary_rows, sizes.width]));
        }
        for (name, expected) in weights {
            match places.remove(name.as_str()).cloned() {
                Some(found) if found.shape == expected => inventory.weights.push(found),
                Some(found) => inventory.wrong_shape.push(WrongShape { found, expected }),
                None => inventory.missing.push((name, expected)),
            }
        }
        for (name, meta) in names.iter().zip(tensors) {
            if places.contains_key(name.as_str()) {
                let buffer = architecture.is_buffer(name);
                let list = if buffer { &mut inventory.buffers } else { &mut inventory.unknown };
                list.push(meta.clone());
            }
        }
        inventory
    }

    /// Whether every weight is there in its shape.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.wrong_shape.is_empty()
    }

    /// The number of elements of the weights that are there.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let elements = |meta: &TensorMeta| {
            meta.shape.iter().fold(1_u64, |product, &dim| product.saturating_mul(dim as u64))
        };
        self.weights.iter().map(elements).fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Inventory {
    /// The weights that are not as they should be, one per line, then the other tensors; no more of
    /// a sort than a screen takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "weights: {}, of {} parameters", self.weights.len(), self.parameters())?;
        let missing = self.missing.iter().map(|(name, shape)| format!("{name} {shape:?}"));
        list(f, "missing", missing)?;
        let wrong = self.wrong_shape.iter().map(|WrongShape { found, expected }| {
            format!("{} {:?}, expected {expected:?}", Name(&found.name), found.shape)
        });
        list(f, "wrong shape", wrong)?;
        let shown =
            |meta: &TensorMeta| format!("{} {} {:?}", Name(&meta.name), meta.dtype, meta.shape);
        list(f, "buffer", self.buffers.iter().map(shown))?;
        list(f, "unknown", self.unknown.iter().map(shown))
    }
}

/// How many tensors of a sort are shown.
const SHOWN: usize = 10;

fn list(
    f: &mut fmt::Formatter<'_>,
    sort: &str,
    mut tensors: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    for tensor in tensors.by_ref().take(SHOWN) {
        writeln!(f, "{sort}: {tensor}")?;
    }
    match tensors.len() {
        0 => Ok(()),
        more => writeln!(f, "{sort}: and {more} more"),
    }
}

/// A name out of a file, on one line and of bounded length whatever it is.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(100) {
            write!(f, "{}", character.escape_debug())?;
        }
        f.write_str(if characters.next().is_some() { "..." } else { "" })
    }
}
