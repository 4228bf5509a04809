//! Calls that no PyTorch of today writes, or that it writes for other machines only.

use settling_checkpoint::{Checkpoint, Error, ErrorKind};
use settling_core::TensorSource;

use crate::pieces::{START, dict, floats, global, int, ints, keys, load_from_bytes, text, view};

fn open(value: &[u8]) -> Checkpoint {
    Checkpoint::from_file("x.pickle", Box::new(dict(value))).unwrap()
}

/// What `a` is that is called with these arguments.
fn call(module: &str, name: &str, arguments: &[&[u8]]) -> Vec<u8> {
    [&global(module, name)[..], b"(", &arguments.concat(), b"tR"].concat()
}

fn bytes() -> Vec<u8> {
    load_from_bytes(&floats())
}

fn four() -> Vec<u8> {
    (0..16).collect()
}

#[track_caller]
fn reads(value: &[u8], expected: &[u8]) {
    let checkpoint = open(value);
    assert_eq!(checkpoint.unread().collect::<Vec<_>>(), []);
    assert_eq!(checkpoint.read("a").unwrap().bytes(), expected);
}

#[track_caller]
fn does_not_read(value: &[u8], kind: &str, why: &str) -> Error {
    let checkpoint = open(value);
    assert!(checkpoint.tensors().is_empty());
    assert_eq!(checkpoint.unread().collect::<Vec<_>>(), [("a", kind)]);
    let error = checkpoint.read("a").unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
    error
}

#[test]
fn tensors_of_the_first_versions() {
    let view = [&int(1)[..], &ints(&[2]), &ints(&[2])];
    let expected = [4, 5, 6, 7, 12, 13, 14, 15];
    let [offset, shape, strides] = view;
    let size = call("torch", "Size", &[shape]);
    reads(&call("torch._utils", "_rebuild_tensor", &[&bytes(), offset, &size, strides]), &expected);
    reads(&call("torch", "FloatTensor", &[&bytes(), offset, shape, strides]), &expected);
    reads(&call("torch.cuda", "FloatTensor", &[&bytes(), offset, shape, strides]), &expected);
    // An empty one that is filled, made in two ways.
    for made in [&b")R"[..], b")\x81"] {
        let state = [&b"("[..], &bytes(), offset, shape, strides, b"tb"].concat();
        reads(&[&global("torch", "FloatTensor")[..], made, &state].concat(), &expected);
    }
    // A parameter of a tensor, with the state that it had then.
    let tensor = call("torch._utils", "_rebuild_tensor", &[&bytes(), offset, shape, strides]);
    for (module, class) in
        [("torch.nn.parameter", "Parameter"), ("torch.autograd.variable", "Variable")]
    {
        let parameter = call(module, class, &[&tensor]);
        reads(&[&parameter[..], b"(\x88\x89Ntb"].concat(), &expected);
        let odd = [&parameter[..], b"(K\x01K\x02K\x03K\x04K\x05tb"].concat();
        does_not_read(&odd, "broken", "a state");
    }
}

/// The strings of Python 2, and its ordered dicts, which are made of lists of pairs.
#[test]
fn files_of_python_2() {
    let old = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
    let parts = [old("storage"), global("torch", "FloatStorage"), old("0"), old("cpu"), int(4)];
    let storage = [&b"("[..], &parts.concat(), b"tQ"].concat();
    let tensor =
        call("torch._utils", "_rebuild_tensor", &[&storage, b"K\0", &ints(&[4]), &ints(&[1])]);
    let pair = [&b"]("[..], &old("w"), &tensor, b"e"].concat();
    let pairs = [&b"]"[..], &pair, b"a"].concat();
    let dict = call("collections", "OrderedDict", &[&pairs]);
    let object = [b"\x80\x02", &dict[..], b"."].concat();
    let machine = [&b"\x80\x02}"[..], &old("little_endian"), b"\x88s."].concat();
    let data = [&4_i64.to_le_bytes()[..], &four()].concat();
    let file = [START[0], START[1], &machine, &object, &keys(&["0"]), &data].concat();
    let checkpoint = Checkpoint::from_file("x.pt", Box::new(file)).unwrap();
    assert_eq!(checkpoint.read("w").unwrap().bytes(), four());
}

#[test]
fn every_argument_counts_or_is_refused() {
    let hooks = call("collections", "OrderedDict", &[]);
    let with = |metadata: &[u8]| {
        let parts = [&bytes()[..], b"K\0", &ints(&[4]), &ints(&[1]), b"\x89", &hooks, metadata];
        call("torch._utils", "_rebuild_tensor_v2", &parts)
    };
    let set = |key: &str, value: &[u8]| [&b"}"[..], &text(key), value, b"s"].concat();
    reads(&with(b"N"), &four());
    reads(&with(b"}"), &four());
    reads(&with(&set("conj", b"\x89")), &four());
    let mut negative = four();
    for float in negative.chunks_exact_mut(4) {
        float[3] ^= 0x80;
    }
    reads(&with(&set("neg", b"\x88")), &negative);
    let error = does_not_read(&with(&set("conj", b"\x88")), "float32, conjugated", "resolve_conj");
    assert_eq!(error.kind(), ErrorKind::Dtype);
    does_not_read(&with(&set("zeroed", b"\x88")), "of metadata `zeroed`", "may change its values");
    let error = does_not_read(&with(b"K\x01"), "broken", "metadata are an integer");
    assert_eq!(error.kind(), ErrorKind::Format);

    // A tensor of another device, as it is there or in another type.
    let tensor = view(&bytes(), 0, &[4], &[1]);
    let on = |dtype: &str| {
        let dtype = global("torch", dtype);
        let function = "_rebuild_device_tensor_from_cpu_tensor";
        call("torch._utils", function, &[&tensor, &dtype, &text("xla:0"), b"\x89"])
    };
    reads(&on("float32"), &four());
    does_not_read(&on("bfloat16"), "bfloat16", "stored as float32");
    let array = call("numpy.core.multiarray", "_reconstruct", &[b"N"]);
    for function in ["_rebuild_device_tensor_from_numpy", "_rebuild_xla_tensor"] {
        let made = call("torch._utils", function, &[&array, b"N", &text("xla:0"), b"\x89"]);
        does_not_read(&made, "in a NumPy array", "t.cpu()");
    }
    // A wrapper has no values of its own.
    let wrapper = call("torch._utils", "_rebuild_wrapper_subclass", &[b"N"]);
    does_not_read(&wrapper, "of another class", "t.full_tensor()");
    let arguments = [&b"("[..], &bytes(), b"K\0", &ints(&[4]), &ints(&[1]), b"\x89", &hooks, b"t"];
    let of_class = |module: &str, class: &str| {
        let parts = [
            &global("torch._utils", "_rebuild_tensor_v2")[..],
            &global(module, class),
            &arguments.concat(),
            b"}",
        ];
        call("torch._tensor", "_rebuild_from_type_v2", &parts)
    };
    reads(&of_class("torch", "Tensor"), &four());
    reads(&of_class("torch.nn.parameter", "Parameter"), &four());
    let dtensor = of_class("torch.distributed.tensor", "DTensor");
    does_not_read(&dtensor, "of another class", "torch.distributed.tensor.DTensor");
    // An element type that nobody knew, and one whose values are in no file.
    let v3 = call(
        "torch._utils",
        "_rebuild_tensor_v3",
        &[&bytes(), b"K\0", &ints(&[4]), &ints(&[1]), b"\x89", &hooks, &global("torch", "posit8")],
    );
    does_not_read(&v3, "posit8", "not known");
}

#[test]
fn a_tensor_in_an_object_is_not_lost() {
    let tensor = view(&bytes(), 0, &[4], &[1]);
    // As an argument, in the state, as an item of a dict or list of one's own.
    let object = |arguments: &[&[u8]]| call("my.models", "Thing", arguments);
    let with_state = [&object(&[])[..], b"}", &text("w"), &tensor, b"sb"].concat();
    let with_item = [&object(&[])[..], &text("w"), &tensor, b"s"].concat();
    let appended = [&object(&[])[..], &tensor, b"a"].concat();
    for value in [object(&[&tensor]), with_state, with_item, appended] {
        let kind = "an object of my.models.Thing";
        assert_eq!(does_not_read(&value, kind, "state_dict()").kind(), ErrorKind::Dtype);
    }
    // One that refers to itself, with none.
    let cycle = [&object(&[])[..], b"q\x07}", &text("me"), b"h\x07sb"].concat();
    assert_eq!(open(&cycle).opaque_values(), [("my.models.Thing", 1)]);
    // Protocol 2 has no bytes, and one tensor of it hides no other.
    let encoded = call("_codecs", "encode", &[&text("x"), &text("latin1")]);
    let in_string = call("torch.storage", "_load_from_bytes", &[&encoded]);
    let both = [&view(&in_string, 0, &[4], &[1])[..], b"s", &text("b"), &tensor].concat();
    let checkpoint = open(&both);
    assert_eq!(checkpoint.unread().collect::<Vec<_>>(), [("a", "a storage in a string")]);
    assert_eq!(checkpoint.read("b").unwrap().bytes(), four());
}
