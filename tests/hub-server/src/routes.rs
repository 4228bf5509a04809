//! The hub's addresses and what it answers at each.

use serde_json::Value;

use crate::api;
use crate::file::File;
use crate::http::{Request, Response, decode, encode};
use crate::log::Listener;
use crate::repo::{Access, Repo, RepoKind};
use crate::state::State;

/// An answer, or a refusal with the status, code and message that the hub sends.
type Answer = Result<Response, Response>;

/// Where the parts of a path are.
struct Route<'a> {
    kind: RepoKind,
    /// The path before, of, and after the repository's id.
    before: &'a str,
    id: &'a str,
    after: &'a str,
    section: Section,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Api,
    Resolve,
    ResolveCache,
}

pub(crate) fn answer(state: &State, listener: Listener, request: &Request) -> Response {
    let answer = match listener {
        Listener::Cdn => cdn(state, request),
        Listener::Hub => hub(state, request),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

fn cdn(state: &State, request: &Request) -> Answer {
    let oid = request.path().strip_prefix("/cdn/").unwrap_or_default();
    let commits = state.repos.values().flat_map(|repo| repo.commits.values());
    let mut large = commits.flat_map(|commit| commit.tree.values());
    let file = large.find(|file| file.pointer_size.is_some() && file.sha256 == oid);
    let file = file.ok_or_else(|| Response::text(403, "AccessDenied"))?;
    // A store has its own idea of an ETag: it is not the file's sha256.
    let etag = format!("\"{}-1\"", &file.git_oid[..32]);
    Ok(Response::ranged(request, file.content.clone())
        .header("ETag", etag)
        .header("Content-Type", "application/octet-stream"))
}

fn hub(state: &State, request: &Request) -> Answer {
    let path = request.path();
    let route = parse(state, path)
        .ok_or_else(|| refusal(404, "", "Sorry, we can't find the page you are looking for."))?;
    if let Some(new) = state.renamed.get(&(route.kind, route.id.to_owned())) {
        let query = &request.target[path.len()..];
        let location = format!("{}{new}{}{query}", route.before, route.after);
        return Ok(Response::redirect(307, &location));
    }
    let repo = state.repos.get(&(route.kind, route.id.to_owned()));
    let repo = admit(state, repo, request, route.section)?;
    let rest: Vec<&str> = route.after.split('/').skip(1).collect();
    match (route.section, rest.as_slice()) {
        (Section::Api, []) => {
            let commit = revision(repo, "main")?;
            Ok(Response::json(200, &api::info(repo, commit, request.flag("blobs"))))
        }
        (Section::Api, ["refs"]) => {
            Ok(Response::json(200, &api::references(repo, request.flag("include_prs"))))
        }
        (Section::Api, ["revision", rest @ ..]) => {
            let (name, _) = split_revision(rest);
            let commit = revision(repo, &name)?;
            Ok(Response::json(200, &api::info(repo, commit, request.flag("blobs"))))
        }
        (Section::Api, ["commits", rest @ ..]) => {
            let (name, _) = split_revision(rest);
            let all = api::commits(repo, revision(repo, &name)?);
            Ok(page(state, request, all, 50, "p"))
        }
        (Section::Api, ["tree", rest @ ..]) => {
            let (name, folder) = split_revision(rest);
            let commit = revision(repo, &name)?;
            let (recursive, expand) = (request.flag("recursive"), request.flag("expand"));
            let entries = api::tree(repo, commit, &folder, recursive, expand).ok_or_else(|| {
                refusal(404, "EntryNotFound", &format!("{folder} does not exist on \"{name}\""))
            })?;
            Ok(page(state, request, entries, if expand { 100 } else { 1000 }, "cursor"))
        }
        (Section::Api, ["paths-info", rest @ ..]) if request.method == "POST" => {
            let (name, _) = split_revision(rest);
            Ok(Response::json(200, &api::paths_info(repo, revision(repo, &name)?, request)))
        }
        (Section::Resolve, [_, rest @ ..]) | (Section::ResolveCache, rest) => {
            let (name, path) = split_revision(rest);
            let commit = revision(repo, &name)?;
            resolve(state, request, repo, commit, &path, route.section)
                .map_err(|refusal| refusal.header("X-Repo-Commit", commit))
        }
        _ => Err(refusal(404, "", "Not found")),
    }
}

fn parse<'a>(state: &State, path: &'a str) -> Option<Route<'a>> {
    let sections = [
        ("/api/resolve-cache/models/", RepoKind::Model, Section::ResolveCache),
        ("/api/resolve-cache/datasets/", RepoKind::Dataset, Section::ResolveCache),
        ("/api/models/", RepoKind::Model, Section::Api),
        ("/api/datasets/", RepoKind::Dataset, Section::Api),
        ("/datasets/", RepoKind::Dataset, Section::Resolve),
        ("/", RepoKind::Model, Section::Resolve),
    ];
    let (before, kind, section) =
        sections.into_iter().find(|(prefix, ..)| path.starts_with(prefix))?;
    let rest = &path[before.len()..];
    // An id is one name, if there is such a repository, or two.
    let mut ends = rest.match_indices('/').map(|(at, _)| at).chain([rest.len()]);
    let one = ends.next()?;
    let two = ends.next().unwrap_or(one);
    let short = (kind, rest[..one].to_owned());
    let is_short = state.repos.contains_key(&short) || state.renamed.contains_key(&short);
    let (id, after) = rest.split_at(if is_short { one } else { two });
    // (The cache's addresses have no word between the id and the commit.)
    let known = section != Section::Resolve || after.starts_with("/resolve/");
    known.then_some(Route { kind, before, id, after, section })
}

/// A revision, which may be `refs/pr/1` with its slashes encoded or not, and the path that follows
/// it.
fn split_revision(segments: &[&str]) -> (String, String) {
    let count = if segments.len() > 2 && segments[0] == "refs" { 3 } else { 1 };
    let (name, path) = segments.split_at(count.min(segments.len()));
    (decode(&name.join("/")), decode(&path.join("/")))
}

/// The repository, if it is there and this request may see it.
fn admit<'a>(
    state: &State,
    repo: Option<&'a Repo>,
    request: &Request,
    section: Section,
) -> Result<&'a Repo, Response> {
    let token = request.token();
    let missing = || match token {
        // Those who have not said who they are do not learn what is not there.
        None if !state.missing_is_404 => {
            refusal(401, "RepoNotFound", "Invalid username or password.")
        }
        _ => refusal(404, "RepoNotFound", "Repository not found"),
    };
    let repo = repo.ok_or_else(missing)?;
    match &repo.access {
        Access::Gated(own) if section != Section::Api && token != Some(own) => {
            let (status, why) = match token {
                None => (401, "you must be authenticated"),
                Some(_) => (403, "you are not in the authorized list"),
            };
            let message = format!("Access to {} is restricted: {why}.", repo.id);
            Err(refusal(status, "GatedRepo", &message))
        }
        Access::Private(own) if token != Some(own) => Err(missing()),
        _ => Ok(repo),
    }
}

fn revision<'a>(repo: &'a Repo, name: &str) -> Result<&'a str, Response> {
    repo.resolve(name)
        .ok_or_else(|| refusal(404, "RevisionNotFound", &format!("Invalid rev id: {name}")))
}

fn resolve(
    state: &State,
    request: &Request,
    repo: &Repo,
    commit: &str,
    path: &str,
    section: Section,
) -> Answer {
    let file: Option<&File> = repo.commits[commit].tree.get(path);
    let file = file.ok_or_else(|| refusal(404, "EntryNotFound", "Entry not found"))?;
    let etag = format!("\"{}\"", file.etag());
    let response = if file.pointer_size.is_some() {
        Response::redirect(302, &format!("{}/cdn/{}", state.cdn_url, file.sha256))
            .header("X-Linked-Size", file.content.size)
            .header("X-Linked-Etag", &etag)
            .header("Accept-Ranges", "bytes")
    } else if section == Section::Resolve && state.resolve_cache {
        let kind = api::plural(repo.kind);
        let location = format!("/api/resolve-cache/{kind}/{}/{commit}/{}", repo.id, encode(path));
        Response::redirect(307, &location)
    } else {
        Response::ranged(request, file.content.clone())
            .header("ETag", &etag)
            .header("Content-Type", "text/plain; charset=utf-8")
    };
    Ok(response.header("X-Repo-Commit", commit))
}

/// One page of a list, with the address of the next one in `Link`.
fn page(state: &State, request: &Request, all: Vec<Value>, most: usize, cursor: &str) -> Response {
    let query = request.query();
    let number = |name: &str| {
        let found = query.iter().find(|(one, _)| one == name);
        found.and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let most = state.page_size.unwrap_or(most);
    let size = number("limit").unwrap_or(most).clamp(1, most);
    let number = number(cursor).unwrap_or(0);
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip(number.saturating_mul(size)).take(size).collect();
    let response = Response::json(200, &Value::Array(items)).header("X-Total-Count", total);
    if (number + 1).saturating_mul(size) >= total {
        return response;
    }
    let kept = query.iter().filter(|(name, _)| name != cursor && name != "limit");
    let kept: String =
        kept.map(|(name, value)| format!("{}={}&", encode(name), encode(value))).collect();
    let next =
        format!("{}{}?{kept}limit={size}&{cursor}={}", state.url, request.path(), number + 1);
    response.header("Link", format!("<{next}>; rel=\"next\""))
}

fn refusal(status: u16, code: &str, message: &str) -> Response {
    let response = Response::json(status, &serde_json::json!({ "error": message }))
        .header("X-Error-Message", message);
    if code.is_empty() { response } else { response.header("X-Error-Code", code) }
}
