//! The JSON of the hub's API.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::Digest;

use crate::file::{File, hex};
use crate::http::{Request, form, is_yes};
use crate::repo::{Access, Repo, RepoKind};

pub(crate) fn plural(kind: RepoKind) -> &'static str {
    match kind {
        RepoKind::Model => "models",
        RepoKind::Dataset => "datasets",
    }
}

/// What `/api/models/<id>/revision/<revision>` says of a commit.
pub(crate) fn info(repo: &Repo, id: &str, blobs: bool) -> Value {
    let commit = &repo.commits[id];
    let siblings: Vec<Value> = commit
        .tree
        .values()
        .map(|file| {
            let mut sibling = json!({ "rfilename": file.path });
            if blobs {
                sibling["size"] = file.content.size.into();
                sibling["blobId"] = file.git_oid.as_str().into();
                if let Some(pointer_size) = file.pointer_size {
                    sibling["lfs"] = json!({
                        "sha256": file.sha256, "size": file.content.size, "pointerSize": pointer_size
                    });
                }
            }
            sibling
        })
        .collect();
    let mut info = json!({
        "_id": &id[..id.len().min(24)],
        "id": repo.id,
        "author": repo.id.split_once('/').map(|(author, _)| author),
        "sha": id,
        "lastModified": commit.date,
        "createdAt": "2024-01-01T00:00:00.000Z",
        "private": matches!(repo.access, Access::Private(_)),
        "gated": if matches!(repo.access, Access::Gated(_)) { json!("auto") } else { json!(false) },
        "disabled": false,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": siblings,
    });
    if repo.kind == RepoKind::Model {
        info["modelId"] = repo.id.as_str().into();
    }
    info
}

pub(crate) fn references(repo: &Repo, with_pull_requests: bool) -> Value {
    let those = |prefix: &str| -> Vec<Value> {
        let all = repo.references.iter();
        all.filter_map(|(full, commit)| {
            let name = full.strip_prefix(prefix)?;
            Some(json!({ "name": name, "ref": full, "targetCommit": commit }))
        })
        .collect()
    };
    let mut references = json!({
        "branches": those("refs/heads/"),
        "converts": those("refs/convert/"),
        "tags": those("refs/tags/"),
    });
    if with_pull_requests {
        references["pullRequests"] = those("refs/pr/").into();
    }
    references
}

pub(crate) fn commits(repo: &Repo, id: &str) -> Vec<Value> {
    repo.history(id)
        .map(|(id, commit)| {
            json!({
                "id": id,
                "title": commit.title,
                "message": "",
                "authors": [{ "user": "someone", "avatar": "" }],
                "date": commit.date,
            })
        })
        .collect()
}

/// The entries of a folder (`""`: of all), with those of the folders below it if recursive; `None`
/// if it is not there.
pub(crate) fn tree(
    repo: &Repo,
    commit: &str,
    folder: &str,
    recursive: bool,
    expand: bool,
) -> Option<Vec<Value>> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let tree = &repo.commits[commit].tree;
    let mut folders = BTreeSet::new();
    let mut entries = Vec::new();
    for (path, file) in tree {
        let Some(below) = path.strip_prefix(&prefix) else { continue };
        for (at, _) in below.match_indices('/').take(if recursive { usize::MAX } else { 1 }) {
            // (A path that begins with a slash has a folder without a name, which is none.)
            let folder = &path[..prefix.len() + at];
            if !folder.is_empty() && folders.insert(folder) {
                entries.push(folder_entry(repo, commit, folder, expand));
            }
        }
        if recursive || !below.contains('/') {
            entries.push(file_entry(repo, commit, file, expand));
        }
    }
    (folder.is_empty() || !entries.is_empty()).then_some(entries)
}

/// The entries of those paths that are there, as asked for by a form or by JSON.
pub(crate) fn paths_info(repo: &Repo, commit: &str, request: &Request) -> Value {
    let text = String::from_utf8_lossy(&request.body);
    let (paths, expand): (Vec<String>, bool) = match serde_json::from_str::<Value>(&text) {
        Ok(asked) => {
            let paths = asked["paths"].as_array().map_or(&[] as &[Value], Vec::as_slice);
            let paths = paths.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            (paths, asked["expand"].as_bool().unwrap_or(false))
        }
        Err(_) => {
            let fields = form(&text);
            let expand = fields.iter().any(|(name, value)| name == "expand" && is_yes(value));
            let paths = fields.into_iter().filter(|(name, _)| name == "paths");
            (paths.map(|(_, path)| path).collect(), expand)
        }
    };
    let tree = &repo.commits[commit].tree;
    let entries = paths.iter().filter_map(|path| match tree.get(path) {
        Some(file) => Some(file_entry(repo, commit, file, expand)),
        None => {
            let inside = format!("{path}/");
            let there = tree.keys().any(|one| one.starts_with(&inside));
            there.then(|| folder_entry(repo, commit, path, expand))
        }
    });
    entries.collect()
}

fn file_entry(repo: &Repo, commit: &str, file: &File, expand: bool) -> Value {
    let mut entry = json!({
        "type": "file", "oid": file.git_oid, "size": file.content.size, "path": file.path
    });
    if let Some(pointer_size) = file.pointer_size {
        entry["lfs"] = json!({
            "oid": file.sha256, "size": file.content.size, "pointerSize": pointer_size
        });
    }
    expanded(entry, repo, commit, &file.path, expand)
}

fn folder_entry(repo: &Repo, commit: &str, folder: &str, expand: bool) -> Value {
    let oid = oid_below(repo, commit, folder);
    let entry = json!({ "type": "directory", "oid": oid, "size": 0, "path": folder });
    expanded(entry, repo, commit, folder, expand)
}

fn expanded(mut entry: Value, repo: &Repo, commit: &str, path: &str, expand: bool) -> Value {
    if expand && let Some((id, title, date)) = last_change(repo, commit, path) {
        entry["lastCommit"] = json!({ "id": id, "title": title, "date": date });
    }
    entry
}

/// The newest commit in which what is at the path became what it is.
fn last_change<'a>(
    repo: &'a Repo,
    commit: &'a str,
    path: &str,
) -> Option<(&'a str, &'a str, &'a str)> {
    let now = oid_below(repo, commit, path);
    let same = repo.history(commit).take_while(|(id, _)| oid_below(repo, id, path) == now);
    same.last().map(|(id, commit)| (id, commit.title.as_str(), commit.date.as_str()))
}

/// Changes whenever a file at the path or below it does. (git's own ids of folders are other hashes
/// of the same.)
fn oid_below(repo: &Repo, commit: &str, path: &str) -> String {
    let mut hash = sha1::Sha1::new();
    let inside = format!("{path}/");
    for file in repo.commits[commit].tree.values() {
        if file.path == path || file.path.starts_with(&inside) {
            hash.update(format!("{}\0{}\0", file.path, file.git_oid));
        }
    }
    hex(&hash.finalize())
}
