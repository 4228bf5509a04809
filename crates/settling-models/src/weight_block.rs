//! Where in which tensor the weight of a layer or a head is.

use std::ops::Range;

use settling_core::TensorData;

use crate::error::{Error, ErrorKind};

/// A block of a linear map's weight matrix, such as the value projection of one attention head: in
/// which tensor it is, and where. [`Architecture`](crate::Architecture) tells the blocks of a
/// model.
///
/// A linear map has a matrix of shape `(outputs, inputs)`, and `outputs` and `inputs` count in it,
/// however it is stored. In a fused projection they are also the columns of the activation that
/// belong to the block.
///
/// ```
/// use settling_core::{Dtype, TensorData};
/// use settling_models::WeightBlock;
///
/// // y = W x with W = [[1, 2, 3], [4, 5, 6]], stored transposed: [[1, 4], [2, 5], [3, 6]].
/// let values = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0];
/// let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
/// let stored = TensorData::new(Dtype::F32, vec![3, 2], bytes)?;
/// let block = WeightBlock {
///     transposed: true,
///     inputs: 1..3,
///     ..WeightBlock::from_matrix("c_proj.weight", [2, 3])
/// };
/// assert_eq!(block.cut(&stored)?, [2.0, 3.0, 5.0, 6.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WeightBlock {
    /// The tensor's name.
    pub name: String,
    /// `[outputs, inputs]` of the whole matrix.
    pub shape: [usize; 2],
    /// Whether the tensor is stored as `(inputs, outputs)`, as GPT-2's are, instead of
    /// `(outputs, inputs)`.
    pub transposed: bool,
    /// The outputs (rows) of the block.
    pub outputs: Range<usize>,
    /// The inputs (columns) of the block.
    pub inputs: Range<usize>,
}

impl WeightBlock {
    /// All of the matrix in the tensor `name`, stored as `(outputs, inputs)`: `shape`.
    ///
    /// ```
    /// use settling_models::WeightBlock;
    ///
    /// let block = WeightBlock::from_matrix("out.weight", [8, 32]);
    /// assert_eq!((block.outputs, block.inputs, block.transposed), (0..8, 0..32, false));
    /// ```
    #[must_use]
    pub fn from_matrix(name: impl Into<String>, shape: [usize; 2]) -> Self {
        Self::whole(name.into(), shape, false)
    }

    /// All of a matrix.
    pub(crate) fn whole(name: String, shape: [usize; 2], transposed: bool) -> Self {
        Self { name, shape, transposed, outputs: 0..shape[0], inputs: 0..shape[1] }
    }

    /// The shape that the tensor has in a file.
    #[must_use]
    pub fn stored_shape(&self) -> [usize; 2] {
        let [outputs, inputs] = self.shape;
        if self.transposed { [inputs, outputs] } else { [outputs, inputs] }
    }

    /// The block out of the tensor's data, as f32, row-major, of shape `(outputs, inputs)`:
    /// transposed if it is stored so.
    ///
    /// Read the tensor of a fused projection once, and cut every head's block.
    ///
    /// # Errors
    ///
    /// If the tensor has another shape than [`stored_shape`](Self::stored_shape), or elements that
    /// are not floating-point.
    ///
    /// # Panics
    ///
    /// If the block ends outside the matrix.
    pub fn cut(&self, tensor: &TensorData<'_>) -> Result<Vec<f32>, Error> {
        let (Range { start, end }, stored) = (self.outputs.clone(), self.stored_shape());
        assert!(
            start <= end && end <= self.shape[0] && self.inputs.end <= self.shape[1],
            "a block of the outputs {:?} and inputs {:?} of a matrix of shape {:?}",
            self.outputs,
            self.inputs,
            self.shape
        );
        let refused =
            |message: String| Error::new(ErrorKind::Tensor, format!("`{}`: {message}", self.name));
        if tensor.shape() != stored {
            return Err(refused(format!("expected shape {stored:?}, found {:?}", tensor.shape())));
        }
        let row = |row: usize, columns: &Range<usize>| {
            let element = |column: usize| row * stored[1] + column;
            tensor
                .to_f32_range(element(columns.start)..element(columns.end))
                .map_err(|error| refused(error.to_string()))
        };
        let mut block = Vec::with_capacity(self.outputs.len() * self.inputs.len());
        if self.transposed {
            block.resize(self.outputs.len() * self.inputs.len(), 0.0);
            for (column, input) in self.inputs.clone().enumerate() {
                for (output, value) in row(input, &self.outputs)?.into_iter().enumerate() {
                    block[output * self.inputs.len() + column] = value;
                }
            }
        } else {
            for output in self.outputs.clone() {
                block.extend(row(output, &self.inputs)?);
            }
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use settling_core::Dtype;

    fn block(transposed: bool) -> WeightBlock {
        let name = "w".to_owned();
        WeightBlock { name, shape: [2, 3], transposed, outputs: 1..2, inputs: 0..2 }
    }

    fn tensor(shape: &[usize]) -> TensorData<'static> {
        let bytes: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        TensorData::new(Dtype::F32, shape.to_vec(), bytes).unwrap()
    }

    #[test]
    fn blocks_are_cut_from_either_orientation() {
        // [[0, 1, 2], [3, 4, 5]], and [[0, 1], [2, 3], [4, 5]] transposed.
        assert_eq!(block(false).cut(&tensor(&[2, 3])).unwrap(), [3.0, 4.0]);
        assert_eq!(block(true).cut(&tensor(&[3, 2])).unwrap(), [1.0, 3.0]);
    }

    #[test]
    fn a_tensor_that_is_not_as_described_is_an_error() {
        for (transposed, shape) in [(false, [3, 2]), (true, [2, 3])] {
            let error = block(transposed).cut(&tensor(&shape)).unwrap_err().to_string();
            assert!(error.contains("`w`") && error.contains(&format!("{shape:?}")), "{error}");
        }
        assert!(block(false).cut(&tensor(&[6])).is_err());
        let mask = TensorData::new(Dtype::U8, vec![2, 3], vec![0; 6]).unwrap();
        let error = block(false).cut(&mask).unwrap_err().to_string();
        assert!(error.contains("`w`") && error.contains("found u8"), "{error}");
    }

    #[test]
    #[should_panic(expected = "of a matrix of shape")]
    fn a_block_outside_the_matrix_panics() {
        let _ = WeightBlock { outputs: 1..3, ..block(false) }.cut(&tensor(&[2, 3]));
    }
}
