use std::fmt;

use tch::TchError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a model could not be loaded or run, or a matrix not be dealt with on a device.
///
/// [`kind`](Error::kind) says what sort of problem it is; the message names the tensor, row or
/// operation, what was expected and what was found.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Cause>,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The settings of the model or of the capture do not fit together.
    Config,
    /// A weight is missing, cannot be read, or has another shape or type than the architecture asks
    /// for.
    Weights,
    /// The tokens do not fit the model: an id outside the vocabulary, rows too long or too short.
    Tokens,
    /// A matrix was refused or has no answer: an element is not finite, or a shape does not fit
    /// those before. Its [source](std::error::Error::source) is the error of `settling-rank` or
    /// `settling-cka`, with a kind of its own.
    Matrix,
    /// The device does not exist, this libtorch cannot use it, or it lacks the arithmetic.
    Device,
    /// There was not enough memory on the device or the host. Activations on a GPU, gradients and
    /// logits say so only when a single sequence does not fit; activations on a CPU at once, as
    /// some of their rows may have been delivered: use a smaller
    /// [`micro_batch`](crate::Options::micro_batch).
    OutOfMemory,
    /// A GPU failed: a device-side assertion, an illegal access, a lost driver. It cannot be used
    /// again in this process, and is not: every later call fails with this kind too.
    DeviceFailed,
    /// libtorch reported any other failure.
    Libtorch,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Cause>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Says what was being done when libtorch failed.
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
                crate::device::mark_failed(&message);
            }
            Error::new(kind, message).with_source(error)
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
