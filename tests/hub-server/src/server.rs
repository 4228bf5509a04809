//! Two listeners, one thread per connection, and what they share.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::fault::Rule;
use crate::http::{Point, Request, Response};
use crate::log::{Exchange, Listener, Log};
use crate::repo::{Repo, RepoKind};
use crate::routes;
use crate::state::{State, lock};

/// A running server. It ends when it is dropped, with every connection.
#[derive(Debug)]
pub struct HubServer {
    shared: Arc<Shared>,
    addresses: [SocketAddr; 2],
    acceptors: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    log: Log,
    life: Mutex<Life>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Life {
    over: bool,
    connections: BTreeMap<u64, TcpStream>,
    accepted: u64,
}

impl HubServer {
    /// Starts an empty hub on this machine, on a port that the system picks.
    ///
    /// # Panics
    ///
    /// If this machine gives no port.
    pub fn start() -> Self {
        let listen = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let address = listener.local_addr().expect("a bound listener has an address");
            (listener, address)
        };
        let ((hub, hub_address), (cdn, cdn_address)) = (listen(), listen());
        let state = State {
            url: format!("http://{hub_address}"),
            cdn_url: format!("http://{cdn_address}"),
            ..State::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            log: Log::default(),
            life: Mutex::default(),
            ended: Condvar::new(),
        });
        let acceptors = [(hub, Listener::Hub), (cdn, Listener::Cdn)].map(|(socket, listener)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.accept(&socket, listener))
        });
        let addresses = [hub_address, cdn_address];
        Self { shared, addresses, acceptors: acceptors.into() }
    }

    /// The hub's address, `http://127.0.0.1:<port>`: what HF_ENDPOINT is set to.
    pub fn url(&self) -> String {
        self.state().url.clone()
    }

    /// The address of the store that large files are redirected to: another port, and so another
    /// host to a careful client.
    pub fn cdn_url(&self) -> String {
        self.state().cdn_url.clone()
    }

    /// Adds a repository, in place of one of the same kind and id.
    pub fn add(&self, repo: Repo) {
        self.state().repos.insert((repo.kind, repo.id.clone()), repo);
    }

    /// Changes a repository between two requests: moves a branch, adds a commit.
    ///
    /// # Panics
    ///
    /// If there is no such repository.
    pub fn edit<T>(&self, kind: RepoKind, id: &str, change: impl FnOnce(&mut Repo) -> T) -> T {
        let mut state = self.state();
        let repo = state.repos.get_mut(&(kind, id.to_owned()));
        change(repo.unwrap_or_else(|| panic!("no repository {id}")))
    }

    /// Gives a repository another id. Requests for the old one are answered by 307 with a
    /// `Location` relative to the host.
    ///
    /// # Panics
    ///
    /// If there is no such repository.
    pub fn rename(&self, kind: RepoKind, from: &str, to: &str) {
        let mut state = self.state();
        let repo = state.repos.remove(&(kind, from.to_owned()));
        let mut repo = repo.unwrap_or_else(|| panic!("no repository {from}"));
        to.clone_into(&mut repo.id);
        state.repos.insert((kind, to.to_owned()), repo);
        state.renamed.insert((kind, from.to_owned()), to.to_owned());
    }

    /// Adds a rule of failure.
    pub fn inject(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// Forgets all rules of failure.
    pub fn clear_faults(&self) {
        self.state().rules.clear();
    }

    /// Sets how many entries a page of `/tree` and `/commits` has at most. The hub's are 1000 (100
    /// if expanded) and 50.
    pub fn set_page_size(&self, entries: usize) {
        self.state().page_size = Some(entries.max(1));
    }

    /// Answers 404 for missing repositories to those without a token too. The hub says 401 to them.
    pub fn set_missing_is_404(&self, yes: bool) {
        self.state().missing_is_404 = yes;
    }

    /// Redirects small files to `/api/resolve-cache/...` on the same host, by 307 with a relative
    /// `Location`, as the hub does.
    pub fn set_resolve_cache(&self, yes: bool) {
        self.state().resolve_cache = yes;
    }

    /// Lets so much time pass before each answer, so that requests at once can be told from
    /// requests in turn.
    pub fn set_delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
    }

    /// The most requests that waited for their answers to begin at once: with a delay, how many the
    /// client has under way.
    pub fn most_at_once(&self) -> usize {
        self.state().most_waiting
    }

    /// All requests so far, in the order in which they came.
    pub fn log(&self) -> Vec<Exchange> {
        self.shared.log.all()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.shared.log.clear();
    }

    /// How many requests of this method so far have `fragment` in their path or query.
    pub fn count(&self, method: &str, fragment: &str) -> usize {
        let log = self.log();
        log.iter().filter(|one| one.method == method && one.target.contains(fragment)).count()
    }

    /// How many bytes of bodies went to requests so far that have `fragment` in their path or
    /// query.
    pub fn bytes_served(&self, fragment: &str) -> u64 {
        let log = self.log();
        log.iter().filter(|one| one.target.contains(fragment)).map(|one| one.sent).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        let mut life = lock(&self.shared.life);
        life.over = true;
        for connection in life.connections.values() {
            // It may have ended by itself.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(life);
        self.shared.ended.notify_all();
        for address in self.addresses {
            // Wakes the acceptor, which then sees that it is over.
            let _ = TcpStream::connect(address);
        }
        for acceptor in self.acceptors.drain(..) {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(&self, socket: &TcpListener, listener: Listener) {
        std::thread::scope(|scope| {
            for stream in socket.incoming() {
                // An error here is a client that went away at once.
                let Ok(entered) = stream.and_then(|stream| self.enter(stream)) else { continue };
                let Some((number, stream)) = entered else { break };
                scope.spawn(move || {
                    // Or later.
                    let _ = self.converse(stream, listener);
                    lock(&self.life).connections.remove(&number);
                });
            }
        });
    }

    /// Registers a connection, so that the end of the server ends it; `None` after the end.
    fn enter(&self, stream: TcpStream) -> io::Result<Option<(u64, TcpStream)>> {
        let mut life = lock(&self.life);
        if life.over {
            return Ok(None);
        }
        let number = life.accepted;
        life.accepted += 1;
        life.connections.insert(number, stream.try_clone()?);
        Ok(Some((number, stream)))
    }

    fn converse(&self, mut stream: TcpStream, listener: Listener) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut open = true;
        while open && let Some(request) = Request::read(&mut reader)? {
            let number = self.log.begin(listener, &request);
            let (response, delay) = self.prepare(listener, &request);
            if delay.is_some() {
                self.pause(delay);
            }
            if let Some((Point::BeforeAnswer, time)) = response.stall {
                self.pause(time);
            }
            // Before the client can have the answer, and ask again.
            lock(&self.state).waiting -= 1;
            if response.end != Some(Point::BeforeAnswer) {
                self.log.update(number, |exchange| exchange.status = response.status);
            }
            let progress = |sent| self.log.update(number, |exchange| exchange.sent = sent);
            open = response.send(&mut stream, &request, |time| self.pause(time), progress)?;
        }
        stream.shutdown(Shutdown::Both)
    }

    fn prepare(&self, listener: Listener, request: &Request) -> (Response, Option<Duration>) {
        let mut state = lock(&self.state);
        state.waiting += 1;
        state.most_waiting = state.most_waiting.max(state.waiting);
        let mut response = routes::answer(&state, listener, request);
        for rule in &mut state.rules {
            if let Some(fault) = rule.fires(request) {
                response = fault.befall(response);
            }
        }
        (response, state.delay)
    }

    /// Waits for so long, or for ever, but not beyond the server's end.
    fn pause(&self, time: Option<Duration>) {
        let life = lock(&self.life);
        let goes_on = |life: &mut Life| !life.over;
        match time {
            Some(time) => drop(self.ended.wait_timeout_while(life, time, goes_on)),
            None => drop(self.ended.wait_while(life, goes_on)),
        }
    }
}
