//! The sizes that every model has.

use settling_core::{Component, Site};

/// The sizes that every decoder-only transformer has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ModelSizes {
    /// The number of layers.
    pub layers: usize,
    /// The width of the residual stream, D.
    pub width: usize,
    /// The number of attention heads, counted by their queries.
    pub heads: usize,
    /// The number of heads of keys and values: divides `heads`, and is the same but in
    /// grouped-query attention.
    pub key_value_heads: usize,
    /// The width of one attention head.
    pub head_dim: usize,
    /// The width of the MLP.
    pub mlp_width: usize,
    /// Rows of the embedding: often more than the tokenizer has entries, for padding.
    pub vocabulary_rows: usize,
    /// How many tokens are fed at most.
    pub context: usize,
}

impl ModelSizes {
    /// The head of keys and values that an attention head uses: each serves
    /// `heads / key_value_heads` neighboring ones.
    #[must_use]
    pub fn key_value_head(&self, head: usize) -> usize {
        head / (self.heads / self.key_value_heads)
    }

    pub(crate) fn write_sites(&self) -> Vec<Site> {
        (0..self.layers)
            .flat_map(|layer| Component::ALL.map(|component| Site::write(layer, component)))
            .collect()
    }
}
