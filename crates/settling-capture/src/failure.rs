//! What libtorch reports when something fails, told apart by its words; and the first failure of a
//! GPU.

use std::sync::OnceLock;

use tch::TchError;

use crate::error::{Error, ErrorKind};

/// The first failure of a GPU in this process. CUDA does not recover from one: everything that is
/// asked of it afterwards fails too, or worse, does not.
static FAILED: OnceLock<String> = OnceLock::new();

/// The first failure of a GPU in this process, if one has failed.
pub(crate) fn first_of_a_gpu() -> Option<&'static str> {
    FAILED.get().map(String::as_str)
}

/// Says what was being done when libtorch failed. That a GPU failed is remembered.
pub(crate) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for Result<T, TchError> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| {
            let text = error.to_string();
            let kind = kind_of(&text);
            // The first line says what happened; a C++ stack trace follows.
            let line = text.lines().next().unwrap_or_default();
            let message = format!("{}: {line}", doing());
            if kind == ErrorKind::DeviceFailed {
                let _ = FAILED.set(message.clone());
            }
            Error::new(kind, message)
        })
    }
}

/// libtorch has no error codes: the words are its own, for a GPU and for the host.
fn kind_of(text: &str) -> ErrorKind {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "out of memory",
        "can't allocate memory",
        "bad_alloc",
        // oneDNN, which libtorch multiplies with on a CPU: it had no memory for the code or the
        // data of a product.
        "could not create a primitive",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUSOLVER_STATUS_ALLOC_FAILED",
    ]) {
        ErrorKind::OutOfMemory
    } else if has(&[
        "CUDA error",
        "CUDA driver error",
        "device-side assert",
        "CUBLAS_STATUS",
        "CUDNN_STATUS",
    ]) {
        ErrorKind::DeviceFailed
    } else {
        ErrorKind::Libtorch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of libtorch 2.11 and before, as users have reported them.
    #[test]
    fn failures_are_told_apart_by_libtorchs_words() {
        for (text, kind) in [
            (
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 10.76 GiB of which 4.46 MiB is free.",
                ErrorKind::OutOfMemory,
            ),
            ("MPS backend out of memory (MPS allocated: 9.03 GB)", ErrorKind::OutOfMemory),
            (
                "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes.",
                ErrorKind::OutOfMemory,
            ),
            ("std::bad_alloc", ErrorKind::OutOfMemory),
            ("could not create a primitive", ErrorKind::OutOfMemory),
            (
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                ErrorKind::OutOfMemory,
            ),
            (
                "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
                ErrorKind::OutOfMemory,
            ),
            ("CUDA error: device-side assert triggered", ErrorKind::DeviceFailed),
            ("CUDA error: an illegal memory access was encountered", ErrorKind::DeviceFailed),
            (
                "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
                ErrorKind::DeviceFailed,
            ),
            ("The size of tensor a (3) must match the size of tensor b (4)", ErrorKind::Libtorch),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }
}
