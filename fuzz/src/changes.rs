//! Random changes of a file, for the tests `mutations.rs` of the crates.

use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set(Index, u8),
    Flip(Index, u32),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Some bytes over others.
    Copy(Index, Index, usize),
    Cut(Index),
}

/// A few changes, mostly of single bytes.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = any::<Index>;
    let change = prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (place(), 0..8_u32).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => (place(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, new)| Change::Insert(at, new)),
        1 => (place(), 1..9_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        2 => (place(), place(), 1..17_usize).prop_map(|(from, to, count)| Change::Copy(from, to, count)),
        1 => place().prop_map(Change::Cut),
    ];
    prop::collection::vec(change, 1..6)
}

/// `bytes` after `changes`, one after the other.
pub(crate) fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        // Never empty, so that an index into it is one.
        bytes.push(0);
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Insert(at, new) => {
                let at = at.index(length);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Change::Copy(from, to, count) => {
                let (from, to) = (from.index(length), to.index(length));
                let count = (*count).min(length - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
        }
        bytes.pop();
    }
    bytes
}
