//! A file of a repository, as git or as git-lfs stores it.

use std::sync::Arc;

use sha2::Digest;

use crate::content::Content;

/// What the hub keeps in LFS unless told otherwise (those of its endings that occur here).
const LFS_ENDINGS: [&str; 11] = [
    ".arrow",
    ".bin",
    ".gz",
    ".npy",
    ".npz",
    ".parquet",
    ".pkl",
    ".pt",
    ".pth",
    ".safetensors",
    ".zip",
];

/// A file at a path of a repository. Cheap to clone: the bytes are shared.
///
/// Paths are not checked, so that a repository can name `../../evil` or `/abs`.
#[derive(Clone, Debug)]
pub struct File {
    pub(crate) path: String,
    pub(crate) content: Content,
    /// The object id that git knows: of the bytes, or of the pointer to them if they are in LFS.
    pub(crate) git_oid: String,
    pub(crate) sha256: String,
    pub(crate) pointer_size: Option<u64>,
}

impl File {
    /// A file of these bytes: in LFS if its ending says so (`.bin`, `.safetensors`, `.parquet`,
    /// `.pt` and such), else in git.
    ///
    /// ```
    /// use settling_hub_server::File;
    ///
    /// let hello = File::new("hello.txt", "hello\n");
    /// // What `git hash-object` says.
    /// assert_eq!(hello.etag(), "ce013625030ba8dba906f756967f9e9ca394464a");
    /// let weights = File::new("a.bin", "hello\n");
    /// // What `sha256sum` says.
    /// let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    /// assert_eq!(weights.etag(), sha256);
    /// ```
    pub fn new(path: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        let path = path.into();
        let bytes: Arc<[u8]> = bytes.as_ref().into();
        let sha256 = hex(&sha2::Sha256::digest(&bytes));
        let git_oid = blob_oid(&bytes);
        let file =
            Self { content: Content::bytes(bytes), git_oid, sha256, pointer_size: None, path };
        let large = LFS_ENDINGS.iter().any(|ending| file.path.ends_with(ending));
        if large { file.in_lfs() } else { file }
    }

    /// A file of `size` bytes in LFS that `fill(offset, buffer)` makes as they are asked for.
    /// `sha256` is what the server says of it, and finds it by: true or not, it must be this file's
    /// alone.
    pub fn made(
        path: impl Into<String>,
        size: u64,
        sha256: impl Into<String>,
        fill: impl Fn(u64, &mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        let content = Content::made(size, fill);
        let (sha256, git_oid) = (sha256.into(), String::new());
        Self { path: path.into(), content, git_oid, sha256, pointer_size: None }.in_lfs()
    }

    /// Keeps the file in LFS whatever its ending.
    pub fn in_lfs(mut self) -> Self {
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n",
            self.sha256, self.content.size
        );
        self.git_oid = blob_oid(pointer.as_bytes());
        self.pointer_size = Some(pointer.len() as u64);
        self
    }

    /// The identity that the server tells in its `ETag` (git) or `X-Linked-Etag` (LFS), without
    /// quotes.
    pub fn etag(&self) -> &str {
        if self.pointer_size.is_some() { &self.sha256 } else { &self.git_oid }
    }
}

fn blob_oid(bytes: &[u8]) -> String {
    let mut hash = sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
