//! Lists on the command line in which nothing may be named twice.

use std::fmt::Display;

use crate::exit::Failure;

/// Refuses a list of `option` that names something twice: it would be done twice, or one would
/// replace the other.
pub(crate) fn unique<T: PartialEq + Display>(option: &str, list: &[T]) -> Result<(), Failure> {
    for (place, one) in list.iter().enumerate() {
        if list[..place].contains(one) {
            return Err(Failure::usage(format!("{option}: `{one}` is named twice: name it once")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn what_is_named_twice_is_said() {
        assert!(unique("--models", &["a", "b"]).is_ok() && unique::<&str>("--models", &[]).is_ok());
        let error = unique("--models", &["a", "b", "a"]).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.message.contains("--models") && error.message.contains("`a`"), "{error}");
    }
}
