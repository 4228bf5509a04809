//! What a file is that is not what its name says.

/// The format of a file that begins with `start`, if it is something that people take for a
/// checkpoint.
pub(crate) fn other_format(start: &[u8]) -> Option<&'static str> {
    let formats: [(&[u8], &str); 12] = [
        (b"PK\x03\x04", "a zip archive (a PyTorch .bin or .pt file?)"),
        (b"\x80", "a pickle (an old PyTorch file?)"),
        (b"<", "HTML or XML (an error page that was saved as the file?)"),
        (b"version ", "a git-lfs pointer (run `git lfs pull`)"),
        (b"\x1f\x8b", "gzip-compressed (decompress it first)"),
        (b"GGUF", "a GGUF file of llama.cpp (use the model that it was made from)"),
        (
            b"\x89HDF\r\n\x1a\n",
            "an HDF5 file of Keras (load it with from_tf=True and save it again)",
        ),
        (b"\x93NUMPY", "an array of NumPy (load it and save it as safetensors)"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed (decompress it first)"),
        (b"\xfd7zXZ\0", "xz-compressed (decompress it first)"),
        (b"BZh", "bzip2-compressed (decompress it first)"),
        (b"{", "JSON"),
    ];
    formats.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| name)
}
