//! The last checkpoint of a series, which every other is compared with.

use std::borrow::Cow;

use settling_core::{Activations, Capture, TokenBatch};

/// How much the rows of one part of the evaluation data may take, in bytes, if it is more than one
/// sequence.
const PART: usize = 256 << 20;

/// The reference, as it is paired with the other checkpoints: part of the sequences by part. How
/// they are parted depends on the model and the positions alone, so that it changes no bit which of
/// the two this is.
pub(crate) enum Reference<M> {
    /// Its rows, captured once. For each part.
    Cached { parts: Vec<Activations>, sequences: usize },
    /// Itself, to run beside every other checkpoint: its rows would not fit.
    Loaded { model: M, sequences: usize },
}

impl<M: Capture> Reference<M> {
    /// Keeps the rows of `model` for `batch`, or the model itself if they take more than `memory`
    /// bytes.
    pub(crate) fn new(model: M, batch: &TokenBatch, memory: usize) -> Result<Self, M::Error> {
        Self::parted(model, batch, memory, PART)
    }

    fn parted(
        mut model: M,
        batch: &TokenBatch,
        memory: usize,
        part: usize,
    ) -> Result<Self, M::Error> {
        let first = batch.parts(1).next().expect("a batch has a row");
        let bytes = Activations::capture(&mut model, &first)?.bytes().max(1);
        let sequences = (part / bytes).clamp(1, batch.rows());
        if bytes.saturating_mul(batch.rows()) > memory {
            return Ok(Self::Loaded { model, sequences });
        }
        let parts = batch.parts(sequences).map(|part| Activations::capture(&mut model, &part));
        Ok(Self::Cached { parts: parts.collect::<Result<_, _>>()?, sequences })
    }

    /// How many sequences make a part.
    pub(crate) fn sequences(&self) -> usize {
        match self {
            Self::Cached { sequences, .. } | Self::Loaded { sequences, .. } => *sequences,
        }
    }

    /// The rows of `part`, the one with this index.
    pub(crate) fn rows(
        &mut self,
        index: usize,
        part: &TokenBatch,
    ) -> Result<Cow<'_, Activations>, M::Error> {
        match self {
            Self::Cached { parts, .. } => Ok(Cow::Borrowed(&parts[index])),
            Self::Loaded { model, .. } => Activations::capture(model, part).map(Cow::Owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use settling_core::{CaptureSink, Component, MatView, Site};

    use super::*;

    /// Two observations of two features, 16 bytes, for each sequence.
    struct Sequences(Site);

    impl Capture for Sequences {
        type Error = Infallible;

        fn sites(&self) -> &[Site] {
            std::slice::from_ref(&self.0)
        }

        fn activations(
            &mut self,
            batch: &TokenBatch,
            sink: &mut dyn CaptureSink,
        ) -> Result<(), Infallible> {
            for row in 0..batch.rows() {
                let rows: Vec<f32> = batch.row(row).iter().map(|&id| id as f32).collect();
                let _ = sink.accept(&self.0, MatView::new(&rows, 2, 2));
            }
            Ok(())
        }
    }

    #[test]
    fn what_is_kept_is_what_is_computed_again() {
        let batch = TokenBatch::new((0..28).collect(), 4).unwrap();
        let site = Site::write(0, Component::Mlp);
        for (part, sequences) in [(0, 1), (16, 1), (47, 2), (48, 3), (1 << 20, 7)] {
            let of = |memory| Reference::parted(Sequences(site), &batch, memory, part).unwrap();
            let (mut cached, mut loaded) = (of(7 * 16), of(7 * 16 - 1));
            assert!(matches!(&cached, Reference::Cached { .. }));
            assert!(matches!(&loaded, Reference::Loaded { .. }));
            assert_eq!((cached.sequences(), loaded.sequences()), (sequences, sequences));
            let mut seen = Vec::new();
            for (index, part) in batch.parts(sequences).enumerate() {
                let Ok(kept) = cached.rows(index, &part);
                let Ok(again) = loaded.rows(index, &part);
                assert_eq!(kept, again);
                seen.extend(kept.get(&site).unwrap().to_vec());
            }
            assert_eq!(seen, (0..28_u8).map(f32::from).collect::<Vec<_>>());
        }
    }
}
