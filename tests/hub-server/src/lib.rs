//! A local server that speaks the Hugging Face hub's protocol, and fails as it is told to, for
//! tests.
//!
//! It is checked against the official Python client (`tests/it/python_client.rs`).
//!
//! ```
//! use settling_hub_server::{Fault, File, HubServer, Repo, RepoKind, Rule};
//!
//! let server = HubServer::start();
//!
//! // What there is: repositories, whose branches have commits, whose trees have files.
//! let mut pythia = Repo::model("EleutherAI/pythia-70m-deduped");
//! for step in ["step0", "step1000"] {
//!     // In LFS, by its ending.
//!     let weights = File::new("model.safetensors", format!("weights of {step}"));
//!     pythia.commit(step, "Add weights", [File::new("config.json", "{}"), weights]);
//! }
//! pythia.point("main", "step1000");
//! pythia.point("refs/tags/v1", "step0");
//! server.add(pythia);
//! server.add(Repo::dataset("owner/gated").gated("secret"));
//!
//! // What goes wrong: the second byte of the first download is the last.
//! server.inject(Rule::new(Fault::Cut(2)).method("GET").path("/cdn/").first(1));
//!
//! // (A client is at work here, with `server.url()` as its endpoint. Meanwhile, a branch moves.)
//! server.edit(RepoKind::Model, "EleutherAI/pythia-70m-deduped", |repo| {
//!     repo.commit("main", "Update README.md", [File::new("README.md", "# Pythia")])
//! });
//!
//! // What was asked, in order, for assertions.
//! assert!(server.log().is_empty());
//! assert_eq!(server.count("GET", "/resolve/step0/"), 0);
//! assert_eq!(server.bytes_served("/cdn/"), 0);
//! // Dropping the server ends it.
//! ```
//!
//! # What is answered
//!
//! For models and, with `datasets` in the place of `models`, for datasets:
//!
//! * `GET /api/models/<id>` and `/api/models/<id>/revision/<revision>` (`?blobs=true`)
//! * `GET /api/models/<id>/refs` (`?include_prs=1`)
//! * `GET /api/models/<id>/tree/<revision>[/<folder>]` (`?recursive=`, `expand=`, `limit=`,
//!   `cursor=`), in pages: `Link`
//! * `GET /api/models/<id>/commits/<revision>` (`?limit=`, `p=`), in pages: `Link`, `X-Total-Count`
//! * `POST /api/models/<id>/paths-info/<revision>`, of a form or of JSON
//! * `HEAD` and `GET /<id>/resolve/<revision>/<path>` (of datasets: `/datasets/<id>/resolve/...`),
//!   with `X-Repo-Commit`. Small files come with `ETag`, or by way of a redirect
//!   ([`HubServer::set_resolve_cache`]). Files in LFS are answered by 302 to
//!   [`HubServer::cdn_url`]`/cdn/<sha256>` with `X-Linked-Etag` and `X-Linked-Size`. The redirect's
//!   own `Content-Length` is that of its body, and the store's `ETag` is not the sha256, as on the
//!   hub.
//!
//! Ranges (`bytes=a-b`, `bytes=a-`, `bytes=-n`) are answered by 206, or by 416 where the file has
//! no such bytes.
//!
//! Refusals have the hub's `X-Error-Code` (`RepoNotFound`, `GatedRepo`, `RevisionNotFound`,
//! `EntryNotFound`) and `X-Error-Message`. A gated repository is listed for all, and its files are
//! refused: 401 without a token, 403 with another. A private or missing one is 401 without a token
//! ([`HubServer::set_missing_is_404`]) and 404 with another.
//!
//! Not here: uploads, pull requests beyond their references, Xet, and HTTP/2 or TLS.
#![forbid(unsafe_code)]

mod api;
mod content;
mod fault;
mod file;
mod http;
mod log;
mod repo;
mod routes;
mod server;
mod state;

pub use fault::{Fault, Rule};
pub use file::File;
pub use log::{Exchange, Listener};
pub use repo::{Repo, RepoKind};
pub use server::HubServer;
