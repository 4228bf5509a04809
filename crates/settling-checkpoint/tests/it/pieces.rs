//! Pieces of pickles, and of the files that PyTorch wrote before 1.6.

pub(crate) const GLOBALS: &str = "os.system posix.system nt.system os.popen os.execv os.remove subprocess.Popen subprocess.call \
    subprocess.check_output commands.getoutput builtins.eval builtins.exec builtins.compile builtins.getattr builtins.setattr \
    builtins.open builtins.__import__ builtins.breakpoint builtins.print __builtin__.eval __builtin__.apply __builtin__.file sys.exit \
    runpy._run_code pty.spawn socket.create_connection webbrowser.open shutil.rmtree pip.main pip._internal.main \
    importlib.import_module operator.attrgetter operator.methodcaller functools.partial types.CodeType types.FunctionType \
    code.interact cProfile.run profile.run timeit.timeit bdb.Bdb pdb.run doctest.debug_script ctypes.CDLL \
    multiprocessing.util.spawnv_passfds asyncio.run pickle.loads _pickle.loads marshal.loads copyreg._reconstructor \
    dill._dill._load_type joblib.load linecache.getline urllib.request.urlopen requests.get http.client.HTTPConnection \
    logging.config.dictConfig numpy.load numpy.testing._private.utils.runstring numpy.core.multiarray._reconstruct \
    numpy.core.multiarray.scalar _codecs.encode builtins.bytearray argparse.Namespace datetime.datetime pathlib.Path \
    torch.load torch.hub.load torch.jit.load torch.serialization.load torch.nn.Module torch.FloatStorage.from_file \
    torch.storage.torch.os.system torch._utils.torch.load torch._utils._rebuild_tensor_v2.__globals__ torch._utils._import_dotted_name \
    torch.distributed.rpc.internal._deserialize collections.OrderedDict.__reduce__ collections.namedtuple \
    collections.abc.os.system";

pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut bytes = b"X".to_vec();
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

pub(crate) fn int(value: i64) -> Vec<u8> {
    let mut bytes = b"\x8a\x08".to_vec();
    bytes.extend(value.to_le_bytes());
    bytes
}

pub(crate) fn ints(values: &[i64]) -> Vec<u8> {
    [b"(".to_vec(), values.iter().flat_map(|&value| int(value)).collect(), b"t".to_vec()].concat()
}

pub(crate) fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

pub(crate) fn storage(class: &str, key: &str, length: i64) -> Vec<u8> {
    let class = global("torch", class);
    let parts = [text("storage"), class, text(key), text("cpu"), int(length)];
    [b"(".to_vec(), parts.concat(), b"tQ".to_vec()].concat()
}

pub(crate) fn view(storage: &[u8], offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let function = global("torch._utils", "_rebuild_tensor_v2");
    let hooks = [b"\x89".to_vec(), global("collections", "OrderedDict"), b")R".to_vec()].concat();
    let arguments = [storage.to_vec(), int(offset), ints(shape), ints(strides), hooks].concat();
    [function, b"(".to_vec(), arguments, b"tR".to_vec()].concat()
}

/// A dict with this value under the key `a`.
pub(crate) fn dict(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02}".to_vec(), text("a"), value.to_vec(), b"s.".to_vec()].concat()
}

/// The magic number, the version and the facts about the machine.
pub(crate) const START: [&[u8]; 3] = [
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
    b"\x80\x02M\xe9\x03.",
    b"\x80\x02}\x8c\x0dlittle_endian\x88s.",
];

/// The list of keys, a pickle.
pub(crate) fn keys(keys: &[&str]) -> Vec<u8> {
    [b"\x80\x02](".to_vec(), keys.iter().flat_map(|key| text(key)).collect(), b"e.".to_vec()]
        .concat()
}

/// A file from before 1.6, up to the bytes of its one storage of `length` elements.
pub(crate) fn legacy(object: &[u8], key: &str, length: i64) -> Vec<u8> {
    [&START.concat(), object, &keys(&[key]), &length.to_le_bytes()[..]].concat()
}

/// The legacy file of a storage alone, up to its bytes.
pub(crate) fn stored(class: &str, length: i64) -> Vec<u8> {
    let object = [b"\x80\x02", &storage(class, "0", length)[..], b"."].concat();
    legacy(&object, "0", length)
}

/// A storage within a pickle, up to the bytes of its legacy file, which has so many.
pub(crate) fn embedded(length: u64) -> Vec<u8> {
    let function = global("torch.storage", "_load_from_bytes");
    [&function[..], b"\x8e", &length.to_le_bytes()].concat()
}

/// A storage within a pickle, of these bytes.
pub(crate) fn load_from_bytes(bytes: &[u8]) -> Vec<u8> {
    [&embedded(bytes.len() as u64)[..], bytes, b"\x85R"].concat()
}

/// Four floats.
pub(crate) fn floats() -> Vec<u8> {
    [stored("FloatStorage", 4), (0..16).collect()].concat()
}
