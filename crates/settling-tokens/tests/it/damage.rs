//! Every way in which one byte of a file can be wrong.

/// Calls `check` with every beginning of `whole` but itself.
pub(crate) fn every_cut(whole: &[u8], mut check: impl FnMut(&[u8], &str)) {
    for length in 0..whole.len() {
        check(&whole[..length], &format!("cut to {length} bytes"));
    }
}

/// Calls `check` with `whole` but for one byte, for every byte and every other value.
pub(crate) fn every_change(whole: &[u8], mut check: impl FnMut(&[u8], &str)) {
    let mut changed = whole.to_vec();
    for place in 0..whole.len() {
        for value in (0..=u8::MAX).filter(|&value| value != whole[place]) {
            changed[place] = value;
            check(&changed, &format!("byte {place} = {value}"));
        }
        changed[place] = whole[place];
    }
}
