//! The coefficient of k classes.

use crate::arithmetic::double::Double;
use crate::error::{Error, ErrorKind};

/// How often two variables of k classes take each pair of values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Confusion {
    /// How many observations each actual class has.
    actual: Vec<u64>,
    /// How many observations each predicted class has.
    predicted: Vec<u64>,
    correct: u64,
    total: u64,
}

/// The MCC of k classes, or why there is none: [`Confusion::mcc`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MulticlassMcc {
    /// The coefficient: 1 for perfect agreement; the least possible value lies between -1 and 0 and
    /// depends on the classes.
    Value(f64),
    /// A variable is constant, which makes the definition 0 / 0.
    Undefined(Constant),
}

impl MulticlassMcc {
    /// The coefficient, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Undefined(_) => None,
        }
    }
}

/// Which variable of a [`Confusion`] is constant. If both are, the first in this order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Constant {
    /// There are no observations.
    Empty,
    /// Every observation is predicted to be of this class.
    Predicted(usize),
    /// Every observation is of this class.
    Actual(usize),
}

impl Confusion {
    /// From a table of counts: `rows[i][j]` observations of the actual class i are predicted to be
    /// of class j.
    ///
    /// # Errors
    ///
    /// [`LengthMismatch`](ErrorKind::LengthMismatch), if the table is not square;
    /// [`TooMany`](ErrorKind::TooMany), if the counts add up to more than 2^64 - 1.
    pub fn from_counts<R: AsRef<[u64]>>(rows: &[R]) -> Result<Self, Error> {
        let mut table = Self::empty(rows.len());
        for (actual, row) in rows.iter().enumerate() {
            if row.as_ref().len() != rows.len() {
                let message = format!(
                    "expected a square table of {} rows, found {} counts in row {actual}",
                    rows.len(),
                    row.as_ref().len()
                );
                return Err(Error::new(ErrorKind::LengthMismatch, message));
            }
            for (predicted, &count) in row.as_ref().iter().enumerate() {
                table.add(actual, predicted, count)?;
            }
        }
        Ok(table)
    }

    /// Counts paired labels from 0 to `classes` - 1.
    ///
    /// # Errors
    ///
    /// [`LengthMismatch`](ErrorKind::LengthMismatch), if the slices differ in length;
    /// [`InvalidValue`](ErrorKind::InvalidValue), if a label is not below `classes`.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::Confusion;
    ///
    /// let table = Confusion::from_labels(3, &[0, 1, 2, 2], &[0, 1, 2, 1])?;
    /// // 3 of 4 correct; margins 1 1 2 and 1 2 1: (3 * 4 - 5) / sqrt((16 - 6) (16 - 6)).
    /// assert!((table.mcc().value().unwrap() - 0.7).abs() < 1e-15);
    /// # Ok::<(), settling_mcc::Error>(())
    /// ```
    pub fn from_labels(
        classes: usize,
        predicted: &[usize],
        actual: &[usize],
    ) -> Result<Self, Error> {
        if predicted.len() != actual.len() {
            return Err(Error::lengths(("predicted", predicted.len()), ("actual", actual.len())));
        }
        let mut table = Self::empty(classes);
        for (&predicted, &actual) in predicted.iter().zip(actual) {
            if let Some(label) = [predicted, actual].into_iter().find(|&label| label >= classes) {
                let message = format!(
                    "expected labels below the number of classes, {classes}, found {label}"
                );
                return Err(Error::new(ErrorKind::InvalidValue, message));
            }
            table.add(actual, predicted, 1)?;
        }
        Ok(table)
    }

    fn empty(classes: usize) -> Self {
        Self { actual: vec![0; classes], predicted: vec![0; classes], correct: 0, total: 0 }
    }

    fn add(&mut self, actual: usize, predicted: usize, count: u64) -> Result<(), Error> {
        self.total = self.total.checked_add(count).ok_or_else(|| {
            let message = "expected counts that add up to less than 2^64, found more".to_owned();
            Error::new(ErrorKind::TooMany, message)
        })?;
        // No part is larger than the whole.
        self.actual[actual] += count;
        self.predicted[predicted] += count;
        if actual == predicted {
            self.correct += count;
        }
        Ok(())
    }

    /// The number of observations.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The Matthews correlation coefficient of k classes; with two classes,
    /// [`Contingency::mcc`](crate::Contingency::mcc).
    ///
    /// # Definition
    ///
    /// With c correct of n observations, and p_i predicted and a_i actual observations of class i:
    ///
    /// ```text
    ///                    n c - sum p_i a_i
    /// mcc = -------------------------------------------
    ///       sqrt((n^2 - sum p_i^2) (n^2 - sum a_i^2))
    /// ```
    ///
    /// # Numerics
    ///
    /// Within one unit in the last place for all counts, and with the right sign, as for two
    /// classes.
    ///
    /// # Reference
    ///
    /// Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation
    /// coefficient", Computational Biology and Chemistry 28.
    #[must_use]
    pub fn mcc(&self) -> MulticlassMcc {
        if self.total == 0 {
            return MulticlassMcc::Undefined(Constant::Empty);
        }
        let whole = |counts: &[u64]| counts.iter().position(|&count| count == self.total);
        if let Some(class) = whole(&self.predicted) {
            return MulticlassMcc::Undefined(Constant::Predicted(class));
        }
        if let Some(class) = whole(&self.actual) {
            return MulticlassMcc::Undefined(Constant::Actual(class));
        }
        // Sums of products of parts of n are at most n^2, which fits u128.
        let product = |x: u64, y: u64| u128::from(x) * u128::from(y);
        let sum = |x: &[u64], y: &[u64]| x.iter().zip(y).map(|(&x, &y)| product(x, y)).sum();
        let (agreement, chance) =
            (product(self.total, self.correct), sum(&self.predicted, &self.actual));
        let square = product(self.total, self.total);
        let spread = |counts: &[u64]| Double::from(square - sum(counts, counts));
        let root = (spread(&self.predicted) * spread(&self.actual)).sqrt();
        let magnitude = Double::from(agreement.abs_diff(chance)).divided_by(root).round();
        MulticlassMcc::Value(if agreement < chance { -magnitude } else { magnitude })
    }
}
