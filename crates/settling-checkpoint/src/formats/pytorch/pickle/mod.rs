//! A machine for the pickles that `torch.save` writes. It builds dictionaries of tensors'
//! descriptions, and can do nothing else.
//!
//! A pickle is a program, and Python's own machine calls whatever function the program names. This
//! one calls nothing. It knows the few functions in `globals.rs` by name and has a description of a
//! tensor as the result of each; the result of every other name is an opaque value, of which no
//! more is known than that name and what it was given. Values are nodes of an arena that refer to
//! each other by number: a value used a million times is there once, nothing is copied however
//! often the program asks, and nothing but a storage within a pickle (one level) recurses, so
//! neither a small program that describes a huge value nor one that nests it deeply costs more than
//! its own length.
//!
//! A pickle may hold the storages themselves, gigabytes of them. It is therefore read through a
//! small window, and a string of bytes is not read but remembered as a place in the file.

mod budget;
mod calls;
mod globals;
mod input;
mod legacy;
mod machine;
mod opcodes;
mod stack;
mod values;

use crate::files::Source;
use crate::formats::Fault;
use budget::Budget;
use input::Input;
use legacy::{load_after_magic, load_legacy};
use machine::{Storages, load};

pub(crate) use budget::MOST_INSTRUCTIONS;
pub(crate) use values::{Element, Id, Node, Place, Storage, Tensor, Unread, Values};

/// Runs the pickle of an archive, which is all of `record`; the archive has its storages.
///
/// # Errors
///
/// If the pickle is not one, or asks for anything else; with the place of the instruction.
pub(crate) fn load_record(record: &Source) -> Result<Values, Fault> {
    let mut input = Input::new(record);
    let values = load(&mut input, &mut Budget::full(), Storages::ByKey)?;
    expect_end(&input)?;
    Ok(values)
}

/// Runs a file that is a pickle and has its storages itself: what `pickle.dump` makes of tensors,
/// and what `torch.save` wrote before PyTorch 1.6.
///
/// # Errors
///
/// If the pickle is not one, or asks for anything else; with the place of the instruction.
pub(crate) fn load_file(file: &Source) -> Result<Values, Fault> {
    let (mut input, mut budget) = (Input::new(file), Budget::full());
    let values = load(&mut input, &mut budget, Storages::Embedded(load_legacy))?;
    if matches!(values.node(values.root()), Node::Magic) {
        return load_after_magic(&mut input, &mut budget);
    }
    expect_end(&input)?;
    Ok(values)
}

fn expect_end(input: &Input<'_>) -> Result<(), Fault> {
    if input.is_at_end() {
        return Ok(());
    }
    let place = input.position();
    Err(format!("at byte {place}: there are bytes after the pickle's STOP").into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::values::ELEMENTS;
    use super::*;

    /// Runs the pickle in both of its possible places, and as the object of a legacy file and of a
    /// storage within a pickle.
    fn run(pickle: &[u8]) {
        const START: &[u8] =
            b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\
            \x80\x02}\x8c\x0dlittle_endian\x88s.";
        const KEYS: &[u8] = b"\x80\x02].";
        let file = |bytes: &[u8]| Source::in_memory("x.pickle", bytes.to_vec());
        let _ = load_record(&file(pickle));
        let _ = load_file(&file(pickle));
        let legacy = [START, pickle, KEYS].concat();
        let _ = load_file(&file(&legacy));
        let length = (legacy.len() as u32).to_le_bytes();
        let call: [&[u8]; 5] =
            [b"\x80\x04ctorch.storage\n_load_from_bytes\nB", &length, &legacy, b"\x85R", b"."];
        let _ = load_file(&file(&call.concat()));
    }

    /// Instructions with plausible operands: random bytes alone seldom come past the second one.
    fn instruction() -> impl Strategy<Value = Vec<u8>> {
        let plain = b"N(012)ttl]aed}ssuRRbbQ\x85\x86\x87\x88\x8f\x90\x91\x94\x94\x94\x93";
        let globals =
            ELEMENTS.iter().map(|(class, _, _)| format!("ctorch\n{class}\n").into_bytes());
        let functions = ["_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"];
        let functions =
            functions.iter().map(|name| format!("ctorch._utils\n{name}\n").into_bytes());
        let others = [&b"ccollections\nOrderedDict\n"[..], b"ctorch.storage\nUntypedStorage\n"];
        let fixed = [
            &b"(\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x04tQ"[..],
            b"ctorch._utils\n_rebuild_tensor_v2\n",
            b"ctorch.storage\n_load_from_bytes\n",
            b"B\x03\0\0\0abc",
            b"K\x00K\x02\x85K\x01\x85\x89)",
            b"\x95\0\0\0\0\0\0\0\0",
            b"\x8b\x02\0\0\0\0\x80",
        ];
        let known = globals.chain(functions).chain(others.into_iter().chain(fixed).map(Vec::from));
        prop_oneof![
            8 => prop::sample::select(plain.to_vec()).prop_map(|opcode| vec![opcode]),
            2 => (prop::sample::select(b"KhqC\x8c\x8a".to_vec()), 0..4_u8).prop_map(|(a, b)| vec![a, b]),
            4 => prop::sample::select(known.collect::<Vec<_>>()),
            1 => any::<u8>().prop_map(|opcode| vec![opcode]),
        ]
    }

    proptest! {
        #[test]
        fn no_program_is_worse_than_an_error(
            program in prop::collection::vec(instruction(), 0..60),
            ends in any::<bool>(),
        ) {
            let mut pickle = vec![0x80, 2];
            pickle.extend(program.concat());
            if ends {
                pickle.push(b'.');
            }
            run(&pickle);
        }

        #[test]
        fn no_bytes_are_worse_than_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            run(&bytes);
            run(&[&[0x80, 4], &bytes[..]].concat());
        }
    }
}
