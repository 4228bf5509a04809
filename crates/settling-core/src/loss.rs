//! How the losses of a batch become the one number whose gradient is taken.

/// How the next-token loss is reduced over a batch before gradients are taken.
///
/// ```
/// use settling_core::LossReduction;
///
/// assert_eq!(LossReduction::Mean.sub_batches(6), [6]);
/// let published = LossReduction::SumOfMeans { largest: None };
/// assert_eq!(published.sub_batches(128), [1, 2, 4, 8, 16, 32, 64, 1]);
/// let bounded = LossReduction::SumOfMeans { largest: Some(4) };
/// assert_eq!(bounded.sub_batches(13), [1, 2, 4, 4, 2]);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LossReduction {
    /// The mean over all target tokens: each weighs the same.
    #[default]
    Mean,
    /// What the published code of "Tending Towards Stability" adds up: the batch is taken in
    /// sub-batches of 1, 2, 4, ... sequences, the rest in the last one, and the means of the
    /// sub-batches are *summed*. Of 128 sequences (1, 2, ..., 64, 1) the first and the last weigh
    /// 64 times what one of the 64 does.
    SumOfMeans {
        /// The sub-batches do not grow beyond this. The published code stopped doubling where its
        /// GPU ran out of memory, so that its gradients depend on the GPU; `None` is a GPU that
        /// never does.
        largest: Option<usize>,
    },
}

impl LossReduction {
    /// How many sequences each mean is taken over, in order; they add up to `rows`.
    #[must_use]
    pub fn sub_batches(self, rows: usize) -> Vec<usize> {
        let (mut next, largest) = match self {
            Self::Mean => (rows.max(1), usize::MAX),
            Self::SumOfMeans { largest } => (1, largest.unwrap_or(usize::MAX).max(1)),
        };
        let (mut left, mut sizes) = (rows, Vec::new());
        while left > 0 {
            sizes.push(next.min(left));
            left -= next.min(left);
            next = next.saturating_mul(2).min(largest);
        }
        sizes
    }
}
