//! What the documentation of `MatView` says of tch.

use settling_core::MatView;
use tch::Tensor;

#[test]
fn the_values_of_a_tensor_of_any_strides_are_copied_out_row_by_row() {
    let tensor = Tensor::from_slice2(&[[1.0_f32, 4.0], [2.0, 5.0], [3.0, 6.0]]).tr();
    assert!(!tensor.is_contiguous());
    let values = Vec::<f32>::try_from(tensor.contiguous().view(-1)).unwrap();
    assert_eq!(MatView::new(&values, 2, 3).row(1), [4.0, 5.0, 6.0]);
}
