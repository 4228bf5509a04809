//! Where the elements of a tensor are in its storage.

/// A view of a storage: the element at `(i, j, ...)` is at
/// `offset + i * strides[0] + j * strides[1] + ...`, which is in the storage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Layout {
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: u64,
    elements: u64,
    /// The elements of the storage from the first of the view to the last, both included.
    span: u64,
}

impl Layout {
    /// The view, if it stays within a storage of `storage` elements.
    pub(crate) fn new(
        shape: &[i64],
        strides: &[i64],
        offset: i64,
        storage: u64,
    ) -> Result<Self, String> {
        let fault = |what: &str| {
            Err(format!(
                "{what} (shape {shape:?}, strides {strides:?}, offset {offset}, storage of {storage} elements)"
            ))
        };
        let positive = |values: &[i64]| -> Option<Vec<usize>> {
            values.iter().map(|&value| value.try_into().ok()).collect()
        };
        let (Some(dims), Some(steps), Ok(start)) =
            (positive(shape), positive(strides), u64::try_from(offset))
        else {
            return fault("negative sizes");
        };
        let product = |dims: &[usize]| {
            dims.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim as u64))
        };
        // A tensor without elements may still have dimensions whose product overflows; PyTorch
        // makes no such tensor.
        let (Some(elements), Some(_)) =
            (product(&dims), product(&dims.iter().map(|&dim| dim.max(1)).collect::<Vec<_>>()))
        else {
            return fault("its number of elements overflows");
        };
        let last = dims.iter().zip(&steps).try_fold(0_u64, |last, (&dim, &step)| {
            last.checked_add((dim.saturating_sub(1) as u64).checked_mul(step as u64)?)
        });
        let span = if elements == 0 { Some(0) } else { last.and_then(|last| last.checked_add(1)) };
        let end = span.and_then(|span| start.checked_add(span));
        match (span, end) {
            (Some(span), Some(end)) if end <= storage => {
                Ok(Self { shape: dims, strides: steps, offset: start, elements, span })
            }
            _ => fault("it reaches outside its storage"),
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// The first element in the storage that the view needs, and the number of elements from there
    /// on.
    pub(crate) fn range(&self) -> (u64, u64) {
        (self.offset, self.span)
    }

    /// Whether the elements follow one another in the storage in row-major order.
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.elements == 0
            || self.shape.iter().zip(&self.strides).rev().all(|(&dim, &stride)| {
                let fits = dim == 1 || stride == expected;
                expected *= dim;
                fits
            })
    }

    /// The elements in row-major order, from the bytes of [`Self::range`]; they are `size` bytes
    /// each.
    pub(crate) fn gather(&self, bytes: Vec<u8>, size: usize) -> Vec<u8> {
        if self.is_contiguous() {
            return bytes;
        }
        let mut gathered = Vec::with_capacity(self.elements as usize * size);
        let mut index = vec![0; self.shape.len()];
        let mut place = 0;
        for _ in 0..self.elements {
            gathered.extend_from_slice(&bytes[place * size..][..size]);
            // The next index, the last dimension first.
            for axis in (0..self.shape.len()).rev() {
                index[axis] += 1;
                place += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                place -= self.shape[axis] * self.strides[axis];
                index[axis] = 0;
            }
        }
        gathered
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn views_that_leave_their_storage() {
        for (shape, strides, offset, storage) in [
            (&[2][..], &[1][..], 0, 1),
            (&[2], &[1], 1, 2),
            (&[1], &[1], -1, 2),
            (&[-1], &[1], 0, 2),
            (&[2], &[-1], 1, 2),
            (&[2, 2], &[i64::MAX, i64::MAX], 0, 4),
            (&[1 << 40, 1 << 40], &[0, 0], 0, 1),
            (&[0, i64::MAX, i64::MAX], &[1, 1, 1], 0, 1),
            (&[i64::MAX, i64::MAX], &[i64::MAX, 1], i64::MAX, u64::MAX),
            (&[0], &[1], 3, 2),
        ] {
            assert!(Layout::new(shape, strides, offset, storage).is_err(), "{shape:?} {strides:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_view_is_read_in_bounds_and_in_order(
            dims in prop::collection::vec((0..4_i64, 0..5_i64), 0..4),
            offset in 0..4_i64,
            storage in 0..40_u64,
        ) {
            let (shape, strides): (Vec<i64>, Vec<i64>) = dims.into_iter().unzip();
            let Ok(layout) = Layout::new(&shape, &strides, offset, storage) else { return Ok(()) };
            let (start, length) = layout.range();
            prop_assert!(start + length <= storage);
            let bytes: Vec<u8> = (start..start + length).map(|place| place as u8).collect();
            let gathered = layout.gather(bytes, 1);
            prop_assert_eq!(gathered.len() as u64, layout.elements());
            for (number, &element) in gathered.iter().enumerate() {
                let (mut rest, mut place) = (number as i64, offset);
                for (&dim, &stride) in shape.iter().zip(&strides).rev() {
                    place += rest % dim * stride;
                    rest /= dim;
                }
                prop_assert_eq!(i64::from(element), place);
            }
        }
    }
}
