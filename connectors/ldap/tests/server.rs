//! Servers that misbehave on demand: a proxy that cuts connections, and an LDAP server
//! that answers each search by script.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::ldap::ber::{self, Reader, Writer, tag};

/// Bytes of entries that pass before a cut: some whole ones and a part of one.
const BYTES_BEFORE_CUT: usize = 5_001;
/// In the search for people, which comes after those for the schema.
const SEARCH_FOR_PEOPLE: &[u8] = b"inetOrgPerson";

/// Passes a server's answers on and cuts the first connections in the middle.
pub(super) struct CuttingProxy {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl CuttingProxy {
    pub(super) async fn start(server: u16, cuts: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut count = 0;
            while let Ok((client, _)) = listener.accept().await {
                let cut = count < cuts;
                count += 1;
                tokio::spawn(pass(client, server, cut));
            }
        });
        Self { port, task }
    }

    pub(super) fn url(&self) -> String {
        format!("ldap://localhost:{}", self.port)
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, server: u16, cut: bool) {
    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let searched = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&searched);
    let up = tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            let found = buffer[..count]
                .windows(SEARCH_FOR_PEOPLE.len())
                .any(|w| w == SEARCH_FOR_PEOPLE);
            seen.fetch_or(found, Ordering::SeqCst);
            if to_server.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    });
    let mut left = BYTES_BEFORE_CUT;
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        let counted = cut && searched.load(Ordering::SeqCst);
        let passed = if counted { count.min(left) } else { count };
        if to_client.write_all(&buffer[..passed]).await.is_err() {
            break;
        }
        if counted {
            left -= passed;
        }
        if left == 0 {
            break;
        }
    }
    up.abort();
}

/// A search as the script sees it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: i64,
    pub(super) base: String,
    pub(super) attributes: Vec<String>,
    /// The cookie of the paging control, if there was one.
    pub(super) cookie: Option<Vec<u8>>,
}

/// An LDAP server whose binds end with `bind`, and whose searches under a base are
/// answered by the script with whole messages. Searches of the root DSE find nothing.
pub(super) struct Scripted {
    port: u16,
    pub(super) connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Scripted {
    pub(super) async fn start(
        bind: (i64, &'static str),
        script: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                tokio::spawn(async move { serve(client, bind, &*script).await });
            }
        });
        Self {
            port,
            connections,
            task,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("ldap://localhost:{}", self.port)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    bind: (i64, &str),
    script: &(impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync),
) {
    let mut waiting = Vec::new();
    loop {
        while let Ok(Some((_, head, length))) = ber::header(&waiting) {
            if waiting.len() < head + length {
                break;
            }
            let message: Vec<u8> = waiting.drain(..head + length).collect();
            let mut inside = Reader::new(&message).inside(tag::SEQUENCE).unwrap();
            let id = inside.number(tag::INTEGER).unwrap();
            let (operation, body) = inside.any().unwrap();
            let answers = match operation {
                0x60 => vec![done(id, 0x61, bind.0, bind.1, None)],
                0x77 => vec![done(id, 0x78, 2, "no TLS here", None)],
                0x63 => {
                    let asked = asked(id, body, inside);
                    if asked.base.is_empty() {
                        vec![end(id, 0, None)]
                    } else {
                        script(&asked)
                    }
                }
                _ => return,
            };
            for answer in answers {
                if answer.is_empty() || client.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
        let mut buffer = [0; 4096];
        match client.read(&mut buffer).await {
            Ok(count @ 1..) => waiting.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

fn asked(id: i64, body: &[u8], mut message: Reader<'_>) -> Asked {
    let mut body = Reader::new(body);
    let base = body.shown_text().unwrap();
    for _ in 0..6 {
        body.any().unwrap();
    }
    let mut list = body.inside(tag::SEQUENCE).unwrap();
    let mut attributes = Vec::new();
    while !list.is_empty() {
        attributes.push(list.shown_text().unwrap());
    }
    let cookie = message.optional(0xa0).unwrap().map(|controls| {
        let mut control = Reader::new(controls).inside(tag::SEQUENCE).unwrap();
        control.octets().unwrap();
        control.optional(tag::BOOLEAN).unwrap();
        let mut value = Reader::new(control.octets().unwrap())
            .inside(tag::SEQUENCE)
            .unwrap();
        value.number(tag::INTEGER).unwrap();
        value.octets().unwrap().to_vec()
    });
    Asked {
        id,
        base,
        attributes,
        cookie,
    }
}

fn message(id: i64, inner: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nest(tag::SEQUENCE, |w| {
        w.number(tag::INTEGER, id);
        inner(w);
    });
    writer.into_bytes()
}

fn done(id: i64, operation: u8, code: i64, text: &str, cookie: Option<&[u8]>) -> Vec<u8> {
    message(id, |w| {
        w.nest(operation, |w| {
            w.number(tag::ENUMERATED, code)
                .octets(b"")
                .octets(text.as_bytes());
        });
        if let Some(cookie) = cookie {
            w.nest(0xa0, |w| {
                w.nest(tag::SEQUENCE, |w| {
                    let mut value = Writer::default();
                    value.nest(tag::SEQUENCE, |w| {
                        w.number(tag::INTEGER, 0).octets(cookie);
                    });
                    w.octets(crate::ldap::message::PAGED_RESULTS.as_bytes())
                        .octets(&value.into_bytes());
                });
            });
        }
    })
}

/// The end of a search.
pub(super) fn end(id: i64, code: i64, cookie: Option<&[u8]>) -> Vec<u8> {
    done(id, 0x65, code, "", cookie)
}

/// A Notice of Disconnection.
pub(super) fn notice(code: i64) -> Vec<u8> {
    message(0, |w| {
        w.nest(0x78, |w| {
            w.number(tag::ENUMERATED, code)
                .octets(b"")
                .octets(b"going down")
                .put(0x8a, b"1.3.6.1.4.1.1466.20036");
        });
    })
}

/// A reference.
pub(super) fn reference(id: i64, url: &str) -> Vec<u8> {
    message(id, |w| {
        w.nest(0x73, |w| {
            w.octets(url.as_bytes());
        });
    })
}

/// An entry.
pub(super) fn entry(id: i64, dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    message(id, |w| {
        w.nest(0x64, |w| {
            w.octets(dn.as_bytes()).nest(tag::SEQUENCE, |w| {
                for (name, values) in attributes {
                    w.nest(tag::SEQUENCE, |w| {
                        w.octets(name.as_bytes()).nest(tag::SET, |w| {
                            for value in values {
                                w.octets(value);
                            }
                        });
                    });
                }
            });
        });
    })
}
