//! How a model family names and stores its tensors.

use settling_core::Component;

use crate::sizes::ModelSizes;
use crate::weight_block::WeightBlock;

/// Where the value projection of a head is.
#[derive(Clone, Copy)]
pub(crate) enum Values {
    /// A projection of its own, head after head (grouped-query attention: a head of keys and
    /// values for several of queries).
    Separate,
    /// A fused one: query, key and value of the first head, those of the second, ...
    PerHead,
    /// A fused one: the queries of all heads, the keys of all, the values of all.
    Blocks,
}

/// The names of a family's tensors and how its weights are stored.
pub(crate) struct Layout {
    /// What all names start with but that of the output embedding.
    pub(crate) body: &'static str,
    /// What follows `body` in names of tensors of layers, up to the layer's number.
    pub(crate) layers: &'static str,
    /// The module that writes Attention's output.
    pub(crate) attention: &'static str,
    /// The module that writes the MLP's output.
    pub(crate) mlp: &'static str,
    /// The module that has the value projection.
    pub(crate) value: &'static str,
    /// Where in it a head's values are.
    pub(crate) values: Values,
    /// Whether weights are stored as `(inputs, outputs)`.
    pub(crate) transposed: bool,
    /// The name of the input embedding.
    pub(crate) input_embedding: &'static str,
    /// The names of the output embedding, ours first.
    pub(crate) output_embedding: &'static [&'static str],
    /// How the names of buffers end, which older files have among their weights.
    pub(crate) buffers: &'static [&'static str],
}

impl Layout {
    /// The full name of the weight of a layer's module.
    fn weight(&self, layer: usize, module: &str) -> String {
        format!("{}{}{layer}.{module}.weight", self.body, self.layers)
    }

    /// A tensor that every model of the family has, by which a file's spelling is recognized.
    pub(crate) fn landmark(&self) -> String {
        self.weight(0, self.attention)
    }

    pub(crate) fn write_name(&self, layer: usize, component: Component) -> String {
        let module = match component {
            Component::Attention => self.attention,
            _ => self.mlp,
        };
        self.weight(layer, module)
    }

    pub(crate) fn write_weight(
        &self,
        sizes: &ModelSizes,
        layer: usize,
        component: Component,
    ) -> WeightBlock {
        let inputs = match component {
            Component::Attention => sizes.heads * sizes.head_dim,
            _ => sizes.mlp_width,
        };
        let name = self.write_name(layer, component);
        WeightBlock::whole(name, [sizes.width, inputs], self.transposed)
    }

    pub(crate) fn value_weight(
        &self,
        sizes: &ModelSizes,
        layer: usize,
        head: usize,
    ) -> WeightBlock {
        let (heads, key_value_heads) = (sizes.heads, sizes.key_value_heads);
        // Which piece of head_dim outputs, of how many.
        let (piece, pieces) = match self.values {
            Values::Separate => (sizes.key_value_head(head), key_value_heads),
            Values::PerHead => (3 * head + 2, 3 * heads),
            Values::Blocks => (2 * heads + head, 3 * heads),
        };
        let shape = [pieces * sizes.head_dim, sizes.width];
        WeightBlock {
            outputs: piece * sizes.head_dim..(piece + 1) * sizes.head_dim,
            ..WeightBlock::whole(self.weight(layer, self.value), shape, self.transposed)
        }
    }
}
