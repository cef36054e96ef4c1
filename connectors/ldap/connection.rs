//! One conversation with one server: name, TCP, TLS, bind, then messages one after the
//! other. Servers are tried in the order of `urls`; a refused StartTLS never goes on in
//! plain, and a wrong password is never tried on the next server (it would only help to
//! lock the account).
//!
//! Nothing is read from the socket before the messages that came are used up, so a slow
//! receiver slows the server down and memory stays flat.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ber;
use super::errors::{Trouble, bind_refused, code, describe};
use super::message::{self, Answer, Outcome, Search};
use super::server_url::ServerUrl;
use super::settings::Settings;
use super::tls;
use crate::CheckStep;

/// The longest message that is taken in at all, in bytes: a group of some million members.
pub(super) const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What is usually asked of the socket at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A bound connection.
pub(super) struct Session {
    stream: Stream,
    url: ServerUrl,
    received: Vec<u8>,
    /// `received[start..end]` came and is not used up; the first `current` bytes of it are
    /// the message that was handed out last.
    start: usize,
    end: usize,
    current: usize,
    last_id: i64,
    /// When the whole read must be over.
    deadline: Option<(Instant, Duration)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.url)
    }
}

/// The time that may still be spent waiting for one page. Only waiting for the server
/// counts, not what the receiver of the entries takes.
#[derive(Debug)]
pub(super) struct Patience {
    whole: Duration,
    left: Duration,
}

impl Patience {
    pub(super) fn new(whole: Duration) -> Self {
        Self { whole, left: whole }
    }
}

/// Why no server could be used, and whether another one is worth a try.
struct Refused {
    sentence: String,
    hopeless: bool,
}

/// Connects to the first server that can be used. The sentence names every one that
/// could not.
pub(super) async fn connect(
    settings: &Settings,
    servers: &[ServerUrl],
) -> Result<Session, Trouble> {
    let mut reasons = Vec::new();
    for url in servers {
        match connect_to(settings, url, &mut Vec::new()).await {
            Ok(session) => {
                if let Some(reason) = reasons.last() {
                    tracing::warn!(%url, reason, "an earlier server could not be used");
                }
                return Ok(session);
            }
            Err(refused) => {
                reasons.push(refused.sentence);
                if refused.hopeless {
                    break;
                }
            }
        }
    }
    Err(Trouble::Sentence(reasons.join("; ")))
}

/// Connects to one server, writing down each step.
pub(super) async fn connect_step_by_step(
    settings: &Settings,
    url: &ServerUrl,
    steps: &mut Vec<CheckStep>,
) -> Option<Session> {
    connect_to(settings, url, steps).await.ok()
}

async fn connect_to(
    settings: &Settings,
    url: &ServerUrl,
    steps: &mut Vec<CheckStep>,
) -> Result<Session, Refused> {
    let mut log = StepLog {
        steps,
        deadline: Instant::now() + settings.connect_timeout,
        limit: settings.connect_timeout,
        url,
    };
    let authority = url.authority();

    let addresses = log
        .step(format!("find the address of {}", url.host), async {
            let found: Vec<_> = tokio::net::lookup_host((url.host.as_str(), url.port))
                .await
                .map_err(|error| {
                    format!(
                        "the name {} cannot be resolved ({error}): check urls and DNS",
                        url.host
                    )
                })?
                .collect();
            let shown = found
                .iter()
                .map(|a| a.ip().to_string())
                .collect::<Vec<_>>()
                .join(", ");
            Ok((found, shown))
        })
        .await?;

    let tcp = log
        .step(format!("connect to {authority}"), async {
            let tcp = TcpStream::connect(addresses.as_slice()).await.map_err(|error| {
                format!(
                    "cannot connect to {authority} ({error}): check that the server runs, the port in urls and firewalls"
                )
            })?;
            let peer = tcp.peer_addr().map(|a| a.to_string()).unwrap_or_default();
            Ok((tcp, format!("connected to {peer}")))
        })
        .await?;
    // Requests are single small writes: nothing is gained by waiting for more.
    let _ = tcp.set_nodelay(true);

    let mut session = Session::over(Stream::Plain(tcp), url.clone());
    if !url.ldaps && settings.start_tls {
        session = log
            .step(format!("StartTLS with {authority}"), async {
                session.ask_for_tls().await?;
                Ok((session, "the server agreed".to_owned()))
            })
            .await?;
    }
    if url.ldaps || settings.start_tls {
        session = log
            .step(format!("TLS with {authority}"), session.encrypt(settings))
            .await?;
    }
    let who = settings
        .bind_dn
        .as_deref()
        .unwrap_or("nobody (anonymously)");
    let bound = log
        .step(format!("bind as {who}"), async {
            let outcome = session.bind(settings).await?;
            Ok(((session, outcome), "accepted".to_owned()))
        })
        .await;
    let (session, outcome) = bound?;
    if outcome.code == code::SUCCESS {
        return Ok(session);
    }
    let sentence = bind_refused(&url.to_string(), settings.bind_dn.as_deref(), &outcome);
    if let Some(step) = log.steps.last_mut() {
        step.outcome = Err(sentence.clone());
    }
    Err(Refused {
        sentence,
        hopeless: outcome.code == code::INVALID_CREDENTIALS,
    })
}

/// Runs the steps of one connection under one time limit and writes them down.
struct StepLog<'a> {
    steps: &'a mut Vec<CheckStep>,
    deadline: Instant,
    limit: Duration,
    url: &'a ServerUrl,
}

impl StepLog<'_> {
    async fn step<T>(
        &mut self,
        step: String,
        work: impl Future<Output = Result<(T, String), String>>,
    ) -> Result<T, Refused> {
        let started = Instant::now();
        let (result, outcome) = match timeout_at(self.deadline, work).await {
            Ok(Ok((value, shown))) => (Some(value), Ok(shown)),
            Ok(Err(sentence)) => (None, Err(sentence)),
            Err(_) => (
                None,
                Err(format!(
                    "{} did not answer within {} s ({step}): check the server and firewalls, or raise connect_timeout",
                    self.url,
                    self.limit.as_secs_f32()
                )),
            ),
        };
        let refused = outcome.as_ref().err().cloned();
        self.steps.push(CheckStep {
            step,
            outcome,
            took: started.elapsed(),
        });
        result.ok_or_else(|| Refused {
            sentence: refused.unwrap_or_default(),
            hopeless: false,
        })
    }
}

impl Session {
    fn over(stream: Stream, url: ServerUrl) -> Self {
        Self {
            stream,
            url,
            received: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            current: 0,
            last_id: 0,
            deadline: None,
        }
    }

    /// The server's URL, for sentences.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Nothing is waited for beyond this instant.
    pub(super) fn end_at(&mut self, deadline: Instant, limit: Duration) {
        self.deadline = Some((deadline, limit));
    }

    async fn ask_for_tls(&mut self) -> Result<(), String> {
        let outcome = self
            .ask(message::start_tls)
            .await
            .map_err(|trouble| format!("{} broke off at StartTLS: {trouble}", self.url))?;
        if outcome.code == code::SUCCESS {
            return Ok(());
        }
        Err(format!(
            "{} refused StartTLS with {}: set up TLS on the server or use its ldaps:// URL; nothing was sent in clear text",
            self.url,
            describe(&outcome)
        ))
    }

    async fn encrypt(self, settings: &Settings) -> Result<(Self, String), String> {
        let Stream::Plain(tcp) = self.stream else {
            return Err("TLS is on already".to_owned());
        };
        if self.current < self.end - self.start {
            // Bytes from before the handshake could have been put there by anybody.
            return Err(format!(
                "{} sent data before TLS began: it cannot be trusted",
                self.url
            ));
        }
        let config = tls::client_config(settings.ca_file.as_deref())?;
        let name = ServerName::try_from(self.url.host.clone())
            .map_err(|_| format!("{} is no name that a certificate can be for", self.url.host))?;
        let stream = TlsConnector::from(config)
            .connect(name, tcp)
            .await
            .map_err(|error| tls::handshake_failed(&error, &self.url.host))?;
        let shown = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| tls::describe_certificate(certificate))
            .unwrap_or_default();
        Ok((Self::over(Stream::Tls(Box::new(stream)), self.url), shown))
    }

    async fn bind(&mut self, settings: &Settings) -> Result<Outcome, String> {
        let (dn, password) = match (&settings.bind_dn, &settings.bind_password) {
            (Some(dn), Some(password)) => (dn.as_str(), password.reveal()),
            _ => ("", ""),
        };
        self.ask(|id| message::bind(id, dn, password))
            .await
            .map_err(|trouble| {
                format!(
                    "{} broke off at the bind: {trouble}{}",
                    self.url,
                    trouble.remedy()
                )
            })
    }

    /// Sends a request that has one answer and waits for it: as long as the step's own time
    /// limit allows.
    async fn ask(&mut self, request: impl FnOnce(i64) -> Vec<u8>) -> Result<Outcome, Trouble> {
        let id = self.next_id();
        self.write(&request(id)).await?;
        let mut patience = Patience::new(Duration::MAX);
        loop {
            if let Answer::Done(outcome) = self.answer(id, &mut patience).await? {
                return Ok(outcome);
            }
        }
    }

    /// Sends a search; the answers to it have the number that is returned.
    pub(super) async fn send_search(&mut self, search: &Search<'_>) -> Result<i64, Trouble> {
        let id = self.next_id();
        self.write(&message::search(id, search)).await?;
        Ok(id)
    }

    /// The next answer to request `id`.
    pub(super) async fn answer(
        &mut self,
        id: i64,
        patience: &mut Patience,
    ) -> Result<Answer<'_>, Trouble> {
        loop {
            let (found, other) = {
                let (found, answer) = message::parse(self.next_message(patience).await?)?;
                (found, !matches!(answer, Answer::Disconnection(_)))
            };
            if other && found != id {
                continue;
            }
            // Parsed again because a borrow cannot be both returned and looped over; the
            // first look only took the header apart.
            let current = self.start..self.start + self.current;
            return match message::parse(self.received.get(current).unwrap_or_default())? {
                (_, Answer::Disconnection(outcome)) => Err(Trouble::Disconnection(outcome)),
                (_, answer) => Ok(answer),
            };
        }
    }

    fn next_id(&mut self) -> i64 {
        // RFC 4511 §4.1.1.1: 0 is the server's own, and 2^31 - 1 is the end.
        self.last_id = self.last_id % i64::from(i32::MAX) + 1;
        self.last_id
    }

    /// The next whole message.
    async fn next_message(&mut self, patience: &mut Patience) -> Result<&[u8], Trouble> {
        self.start += self.current;
        self.current = 0;
        loop {
            let waiting = self.received.get(self.start..self.end).unwrap_or_default();
            let needed = match ber::header(waiting)? {
                Some((ber::tag::SEQUENCE, head, length)) => head + length,
                Some(_) => return Err(ber::Malformed.into()),
                None => 0,
            };
            if needed > MESSAGE_BYTES_MAX {
                return Err(Trouble::TooLong(needed));
            }
            if needed > 0 && needed <= waiting.len() {
                self.current = needed;
                let message = self.start..self.start + needed;
                return Ok(self.received.get(message).unwrap_or_default());
            }
            self.make_room(needed);
            self.fill(patience).await?;
        }
    }

    /// Moves what is not used up to the front, in a buffer that holds `needed` bytes.
    fn make_room(&mut self, needed: usize) {
        self.received.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let size = needed.max(BUFFER_BYTES).max(self.end + 1);
        if self.received.len() < size {
            // Grown step by step: a length that is only claimed costs no memory.
            let step = (self.end * 2).clamp(BUFFER_BYTES, size);
            if self.received.len() <= self.end {
                self.received.resize(step.max(self.end + 1), 0);
            }
        } else if self.received.len() > size {
            self.received.truncate(size);
            self.received.shrink_to_fit();
        }
    }

    async fn fill(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        let started = Instant::now();
        let mut limit = patience.left;
        if let Some((deadline, whole)) = self.deadline {
            let left = deadline.saturating_duration_since(started);
            if left.is_zero() {
                return Err(Trouble::RunTimeout(whole));
            }
            limit = limit.min(left);
        }
        let room = self.received.get_mut(self.end..).unwrap_or_default();
        let read = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.read(room).await,
                Stream::Tls(stream) => stream.read(room).await,
            }
        };
        let count = match timeout(limit, read).await {
            Ok(Ok(0)) => return Err(Trouble::Lost("the other side closed it".to_owned())),
            Ok(Ok(count)) => count,
            Ok(Err(error)) => return Err(Trouble::Lost(error.to_string())),
            Err(_) => {
                return Err(match self.deadline {
                    Some((deadline, whole)) if Instant::now() >= deadline => {
                        Trouble::RunTimeout(whole)
                    }
                    _ => Trouble::PageTimeout(patience.whole),
                });
            }
        };
        patience.left = patience.left.saturating_sub(started.elapsed());
        self.end += count;
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).await,
            Stream::Tls(stream) => match stream.write_all(bytes).await {
                Ok(()) => stream.flush().await,
                failed => failed,
            },
        };
        written.map_err(|error| Trouble::Lost(error.to_string()))
    }

    /// Says good-bye; whether it is heard does not matter.
    pub(super) async fn close(mut self) {
        let id = self.next_id();
        let _ = timeout(Duration::from_secs(1), self.write(&message::unbind(id))).await;
    }
}
