//! Micro-batches that shrink where memory runs out.

use std::ops::Range;

use crate::error::{Error, ErrorKind};

/// A walk over the rows of a batch, or other things in a row, in micro-batches that shrink when
/// memory runs out.
pub(crate) struct Walk {
    rows: Range<usize>,
    size: usize,
}

impl Walk {
    pub(crate) fn new(rows: Range<usize>, size: usize) -> Self {
        Self { rows, size }
    }

    /// The rows that come next, if any are left.
    pub(crate) fn next(&self) -> Option<Range<usize>> {
        let Range { start, end } = self.rows;
        (start < end).then(|| start..(start + self.size).min(end))
    }

    /// Goes on after the rows that came next.
    pub(crate) fn advance(&mut self) {
        self.rows.start = (self.rows.start + self.size).min(self.rows.end);
    }

    /// After `error` of the rows that came next: tries half as many, or gives up with an error.
    pub(crate) fn retreat(&mut self, error: Error) -> Result<(), Error> {
        let tried = self.next().map_or(1, |rows| rows.len());
        if error.kind() != ErrorKind::OutOfMemory || tried == 1 {
            return Err(self.gave_up(error));
        }
        self.size = tried / 2;
        Ok(())
    }

    /// What to say of `error` of the rows that came next, where they are not tried again.
    pub(crate) fn gave_up(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::OutOfMemory {
            return error;
        }
        let message = match self.next().map_or(1, |rows| rows.len()) {
            1 => format!("one at a time does not fit; {error}"),
            more => {
                format!("{more} sequences at a time do not fit: use a smaller micro-batch; {error}")
            }
        };
        Error::new(ErrorKind::OutOfMemory, message)
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out_of_memory() -> Error {
        Error::new(
            ErrorKind::OutOfMemory,
            "running the model: CUDA out of memory. Tried to allocate 2.00 GiB",
        )
    }

    /// Every row is run once, whatever fails on the way.
    #[test]
    fn a_walk_halves_until_it_fits_and_leaves_nothing_out() {
        for fits in 1..=9 {
            let (mut walk, mut done) = (Walk::new(3..40, 8), Vec::new());
            while let Some(rows) = walk.next() {
                if rows.len() > fits {
                    walk.retreat(out_of_memory()).unwrap();
                } else {
                    done.extend(rows);
                    walk.advance();
                }
            }
            assert_eq!(done, (3..40).collect::<Vec<_>>());
            // It does not try the larger size again.
            assert!(walk.size() <= fits || fits == 9);
        }
    }

    #[test]
    fn a_walk_that_fits_nothing_says_how_much_was_needed() {
        let mut walk = Walk::new(0..5, 4);
        let mut tries = 0;
        let error = loop {
            assert_eq!(walk.next().map(|rows| rows.start), Some(0));
            tries += 1;
            if let Err(error) = walk.retreat(out_of_memory()) {
                break error;
            }
        };
        assert_eq!((tries, error.kind()), (3, ErrorKind::OutOfMemory));
        assert!(error.to_string().contains("one at a time"), "{error}");
        assert!(error.to_string().contains("2.00 GiB"), "{error}");
    }

    #[test]
    fn what_is_not_tried_again_says_what_to_do() {
        let error = Walk::new(0..5, 4).gave_up(out_of_memory());
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        for part in ["4 sequences at a time", "a smaller micro-batch", "2.00 GiB"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = Walk::new(4..5, 4).gave_up(out_of_memory()).to_string();
        assert!(error.contains("one at a time") && !error.contains("smaller"), "{error}");
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let mut walk = Walk::new(0..5, 4);
        let error = walk.retreat(Error::new(ErrorKind::DeviceFailed, "gone")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeviceFailed);
    }
}
