"""Drives a local hub with the official Python client, and stops at the first thing that is not as on the hub.

python check.py    with HF_ENDPOINT (the server's address) and HF_HOME (an empty folder) set, and this folder's
                   requirements.txt installed. `tests/it/python_client.rs` runs it, and says there what is served.
"""

import hashlib
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from huggingface_hub import (
    HfApi,
    HfFileSystem,
    __version__,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    RemoteEntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

MODEL, DATASET, OLD, NEW = "suite/model", "suite/rows", "suite/old-name", "suite/new-name"
CONFIG = b'{"hidden_size": 8}\n'
WEIGHTS = {step: f"weights of step {step}".encode() * 10_000 for step in (0, 1000)}
ROWS = bytes(i % 251 for i in range(100_000))
BIG = 30 << 30  # as served: byte i is i mod 251

api = HfApi()
cache = Path(os.environ["HF_HOME"]) / "hub"


def check(what, found, expected=True):
    if found != expected:
        print(f"FAILED {what}\n  expected {expected!r}\n  found    {found!r}")
        sys.exit(1)
    print(f"ok {what}")


def check_raises(what, error, call):
    try:
        found = call()
    except error as raised:
        check(what, type(raised), error)
        return raised
    check(what, found, error)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def git_oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer(data):
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()


print(f"huggingface_hub {__version__}")

# References and commits.
refs = api.list_repo_refs(MODEL, include_pull_requests=True)
heads = {ref.name: ref.target_commit for ref in refs.branches}
check("branches", sorted(heads), ["feature/x", "main", "step0", "step1000"])
check("main is step1000", heads["main"], heads["step1000"])
check("a branch's full name", {ref.ref for ref in refs.branches if ref.name == "main"}, {"refs/heads/main"})
check("tags", [(ref.name, ref.ref, ref.target_commit) for ref in refs.tags], [("v1", "refs/tags/v1", heads["step0"])])
check("pull requests", [(ref.name, ref.ref) for ref in refs.pull_requests], [("1", "refs/pr/1")])
check("converts", [ref.ref for ref in api.list_repo_refs(DATASET, repo_type="dataset").converts], ["refs/convert/parquet"])
commits = api.list_repo_commits(DATASET, repo_type="dataset")
check("commits, newest first, over pages", [commit.title for commit in commits], [f"Save rows -- Step {n}" for n in (3, 2, 1, 0)])
check("the first is the branch's", commits[0].commit_id, api.dataset_info(DATASET).sha)
check("a commit's date", commits[-1].created_at, datetime(2024, 1, 1, tzinfo=timezone.utc))

# Information on repositories.
info = api.model_info(MODEL, files_metadata=True)
check("model_info", (info.id, info.sha, info.private, info.gated, info.author), (MODEL, heads["main"], False, False, "suite"))
check("siblings", [one.rfilename for one in info.siblings], ["config.json", "model.safetensors", "shards/a.bin", "shards/b.bin", "shards/deep/c.txt"])
weights = info.siblings[1]
check("a large sibling", (weights.size, weights.lfs.sha256, weights.lfs.size), (len(WEIGHTS[1000]), sha256(WEIGHTS[1000]), len(WEIGHTS[1000])))
check("model_info of a branch", api.model_info(MODEL, revision="step0").sha, heads["step0"])
check("model_info of a commit", api.model_info(MODEL, revision=heads["step0"]).sha, heads["step0"])
check("model_info of a branch with a slash", api.model_info(MODEL, revision="feature/x").sha, heads["feature/x"])
check("model_info of a pull request", api.model_info(MODEL, revision="refs/pr/1").sha, heads["step0"])
check("a model is no dataset", api.repo_exists(MODEL, repo_type="dataset"), False)
check("revision_exists", [api.revision_exists(MODEL, name) for name in ("step0", "v1", "step1")], [True, True, False])

# Trees.
tree = list(api.list_repo_tree(MODEL))
check("tree", sorted(one.path for one in tree), ["config.json", "model.safetensors", "shards"])
check("a small file", [(one.size, one.blob_id, one.lfs) for one in tree if one.path == "config.json"], [(len(CONFIG), git_oid(CONFIG), None)])
large = next(one for one in tree if one.path == "model.safetensors")
own = pointer(WEIGHTS[1000])
check("a large file", (large.size, large.blob_id, large.lfs.sha256, large.lfs.pointer_size), (len(WEIGHTS[1000]), git_oid(own), sha256(WEIGHTS[1000]), len(own)))
everything = list(api.list_repo_tree(MODEL, recursive=True, expand=True))
paths = ["config.json", "model.safetensors", "shards", "shards/a.bin", "shards/b.bin", "shards/deep", "shards/deep/c.txt"]
check("recursive tree, over pages", sorted(one.path for one in everything), paths)
check("last commits", {one.path: one.last_commit.title for one in everything}, dict.fromkeys(paths, "Add weights"))
check("tree of a folder", sorted(one.path for one in api.list_repo_tree(MODEL, "shards")), ["shards/a.bin", "shards/b.bin", "shards/deep"])
check("tree of a nested folder", [one.path for one in api.list_repo_tree(MODEL, "shards/deep", revision="feature/x")], ["shards/deep/c.txt"])
last = list(api.list_repo_tree(DATASET, repo_type="dataset", recursive=True, expand=True))
titles = {one.path: one.last_commit.title for one in last}
check("last commit of a changed file", titles["rows.parquet"], "Save rows -- Step 3")
check("last commit of an unchanged file", titles["README.md"], "Save rows -- Step 0")
found = api.get_paths_info(MODEL, ["config.json", "shards", "no such"], expand=True)
check("get_paths_info", [(type(one).__name__, one.path) for one in found], [("RepoFile", "config.json"), ("RepoFolder", "shards")])
check("get_paths_info, expanded", [one.last_commit.oid for one in found], [heads["main"]] * 2)
check("file_exists", [api.file_exists(MODEL, name) for name in ("config.json", "model.safetensors", "no")], [True, True, False])
check_raises("tree of a missing folder", RemoteEntryNotFoundError, lambda: list(api.list_repo_tree(MODEL, "no")))

# Downloads and the cache they make.
folder = cache / "models--suite--model"
for name, data, blob in [("config.json", CONFIG, git_oid(CONFIG)), ("model.safetensors", WEIGHTS[1000], sha256(WEIGHTS[1000]))]:
    path = Path(hf_hub_download(MODEL, name))
    check(f"{name}: bytes", path.read_bytes() == data)
    check(f"{name}: snapshot", path, folder / "snapshots" / heads["main"] / name)
    check(f"{name}: blob", path.resolve(), (folder / "blobs" / blob).resolve())
check("refs/main", (folder / "refs/main").read_text(), heads["main"])
old = Path(hf_hub_download(MODEL, "model.safetensors", revision="step0"))
check("another branch", old.read_bytes() == WEIGHTS[0])
check("refs/step0", (folder / "refs/step0").read_text(), heads["step0"])
check("a tag", hf_hub_download(MODEL, "model.safetensors", revision="v1"), str(old))
check("a pull request", hf_hub_download(MODEL, "model.safetensors", revision="refs/pr/1"), str(old))
check_raises("a missing file", RemoteEntryNotFoundError, lambda: hf_hub_download(MODEL, "no.json"))
check("that it is missing is cached", (folder / ".no_exist" / heads["main"] / "no.json").is_file())
metadata = get_hf_file_metadata(hf_hub_url(MODEL, "shards/a.bin"))
check("metadata of a large file", (metadata.size, metadata.etag, metadata.commit_hash), (7, sha256(b"shard a"), heads["main"]))
snapshot = Path(snapshot_download(MODEL, revision="feature/x", allow_patterns=["shards/*.bin", "*.json"]))
got = sorted(str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if path.is_file())
check("snapshot_download with patterns", got, ["config.json", "shards/a.bin", "shards/b.bin"])
rows = hf_hub_download(DATASET, "rows.parquet", repo_type="dataset")
check("a dataset's file", Path(rows).read_bytes() == ROWS + b"3")
check("a dataset's folder", Path(rows).is_relative_to(cache / "datasets--suite--rows"))

# Ranges.
files = HfFileSystem()
check("a range of a large file", files.cat_file(f"datasets/{DATASET}/rows.parquet", start=70_000, end=70_020), ROWS[70_000:70_020])
check("a range of a small file", files.cat_file(f"{MODEL}/config.json", start=1, end=5), CONFIG[1:5])
start = 29 << 30
there = files.cat_file(f"datasets/{DATASET}/big.bin", start=start, end=start + 9)
check("a range of 30 GB", there, bytes((start + i) % 251 for i in range(9)))
check("its size", files.info(f"datasets/{DATASET}/big.bin")["size"], BIG)

# A download that is cut goes on where it was.
cut = Path(hf_hub_download(MODEL, "cut.bin", revision="step0"))
check("a download that was cut", cut.read_bytes() == bytes(i % 251 for i in range(12_000_000)))

# Renamed repositories.
renamed = api.model_info(OLD)
check("model_info of a renamed repository", (renamed.id, renamed.sha), (NEW, api.model_info(NEW).sha))
for name, data in [("config.json", CONFIG), ("model.safetensors", WEIGHTS[0])]:
    check(f"a renamed repository's {name}", Path(hf_hub_download(OLD, name)).read_bytes() == data)
check("a renamed repository's commits", [one.title for one in api.list_repo_commits(OLD)], ["Rename", "Add files"])
check("a renamed repository's branches", [ref.name for ref in api.list_repo_refs(OLD).branches], ["main"])
check("get_paths_info of a renamed repository", [one.path for one in api.get_paths_info(OLD, "config.json")], ["config.json"])
check("a renamed repository's tree", [one.path for one in api.list_repo_tree(OLD)], ["config.json", "model.safetensors"])

# What may not be had.
check_raises("a missing repository", RepositoryNotFoundError, lambda: api.model_info("suite/no"))
check_raises("a file of a missing repository", RepositoryNotFoundError, lambda: hf_hub_download("suite/no", "a.bin"))
check_raises("a missing revision", RevisionNotFoundError, lambda: api.model_info(MODEL, revision="step1"))
check_raises("a file of a missing revision", RevisionNotFoundError, lambda: hf_hub_download(MODEL, "config.json", revision="step1"))
check("a gated repository is listed", api.model_info("suite/gated").gated, "auto")
for token, status in [(None, 401), ("wrong", 403)]:
    raised = check_raises(f"a gated file, token {token}", GatedRepoError, lambda: hf_hub_download("suite/gated", "model.bin", token=token))
    check(f"a gated file, token {token}: status", raised.response.status_code, status)
check("a gated file, right token", Path(hf_hub_download("suite/gated", "model.bin", token="secret")).read_bytes(), b"gated")
for token in (None, "wrong"):
    check_raises(f"a private repository, token {token}", RepositoryNotFoundError, lambda: api.model_info("suite/private", token=token))
check("a private repository, right token", api.model_info("suite/private", token="secret").private)
check_raises("a server error", HfHubHTTPError, lambda: api.model_info("suite/broken"))
print("all checks passed")
