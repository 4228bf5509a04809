//! The fields of a description as text, to compare two.

use super::activation::Activation;

/// A value of a setting, as it is shown.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

macro_rules! shown_by_display {
    ($($value:ty),*) => {
        $(impl Shown for $value {
            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}

shown_by_display!(usize, f64, bool, Activation);

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Shown::shown)
    }
}

/// Names and values of all fields: one that is left out does not compile.
macro_rules! settings {
    ($self:ident: $($field:ident),*) => {{
        let Self { $($field),* } = $self;
        vec![$((stringify!($field), $crate::families::setting::Shown::shown($field))),*]
    }};
}

pub(super) use settings;
