//! What a number must reach to count as large.

use std::fmt;

use serde::{Deserialize, Serialize};

/// When a number counts as reaching a threshold.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// `>=`: the paper's text.
    AtLeast(f64),
    /// `>`: its published code.
    Above(f64),
}

impl Threshold {
    /// Whether `value` reaches it. NaN reaches nothing, and nothing reaches NaN.
    #[must_use]
    pub fn reached_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(threshold) => value >= threshold,
            Self::Above(threshold) => value > threshold,
        }
    }

    /// The same rule with another number.
    #[must_use]
    pub fn with_number(self, number: f64) -> Self {
        match self {
            Self::AtLeast(_) => Self::AtLeast(number),
            Self::Above(_) => Self::Above(number),
        }
    }

    /// The number, without the rule.
    #[must_use]
    pub fn number(self) -> f64 {
        match self {
            Self::AtLeast(threshold) | Self::Above(threshold) => threshold,
        }
    }
}

/// `number` to twelve significant digits, as it is meant to be read: 0.1 of 0.09999999999999999.
pub(crate) fn rounded(number: f64) -> f64 {
    // What is written so is a number.
    format!("{number:.11e}").parse().unwrap_or(number)
}

/// Writes `>= 0.45` or `> 0.45`, to twelve significant digits.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(threshold) => write!(f, ">= {}", rounded(*threshold)),
            Self::Above(threshold) => write!(f, "> {}", rounded(*threshold)),
        }
    }
}
