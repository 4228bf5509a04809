//! Where the weight of a layer or a head is, and what is cut out of its tensor.

use settling_core::{Component, Dtype, TensorData};
use settling_models::{Architecture, ErrorKind, Gpt2, GptNeox, Llama, WeightBlock};

/// The elements 0, 1, 2, ... in a tensor of this shape.
fn counting(shape: [usize; 2]) -> TensorData<'static> {
    let values = (0..shape[0] * shape[1]).map(|value| value as f32);
    let bytes = values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    TensorData::new(Dtype::F32, shape.to_vec(), bytes).unwrap()
}

#[test]
fn a_whole_matrix_is_cut_as_it_is() {
    let block = WeightBlock::from_matrix("w", [2, 3]);
    assert_eq!(block.cut(&counting([2, 3])).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let transposed = WeightBlock { transposed: true, ..block };
    assert_eq!(transposed.cut(&counting([3, 2])).unwrap(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    let error = transposed.cut(&counting([2, 3])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tensor);
    assert_eq!(error.to_string(), "`w`: expected shape [3, 2], found [2, 3]");
}

#[test]
fn the_values_of_all_heads_are_disjoint_and_fill_their_share() {
    let neox = GptNeox { hidden_size: 8, num_attention_heads: 4, ..GptNeox::default() };
    let gpt2 = Gpt2 { n_embd: 8, n_head: 4, ..Gpt2::default() };
    let llama = Llama {
        hidden_size: 8,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        head_dim: 2,
        ..Llama::default()
    };
    let families: [(Architecture, usize); 3] = [
        (Architecture::GptNeox(neox), 24),
        (Architecture::Gpt2(gpt2), 24),
        (Architecture::Llama(llama), 8),
    ];
    for (architecture, rows) in families {
        let mut taken: Vec<usize> = Vec::new();
        for head in 0..4 {
            let value = architecture.value_weight(0, head);
            assert_eq!((value.shape, value.inputs), ([rows, 8], 0..8), "{}", architecture.family());
            taken.extend(value.outputs);
            let output = architecture.output_weight(0, head);
            assert_eq!((output.outputs, output.inputs), (0..8, 2 * head..2 * head + 2));
            assert_eq!(output.name, architecture.write_weight(0, Component::Attention).name);
        }
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 8, "{}", architecture.family());
    }
}

#[test]
#[should_panic(expected = "head 4 of 4")]
fn there_is_no_head_after_the_last() {
    let gpt2 = Gpt2 { n_embd: 8, n_head: 4, ..Gpt2::default() };
    let _ = Architecture::Gpt2(gpt2).value_weight(0, 4);
}
