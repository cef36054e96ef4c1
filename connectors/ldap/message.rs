//! LDAP messages (RFC 4511 §4): the requests that this connector sends and the answers
//! that it understands. It only ever binds, searches, starts TLS and unbinds.

use super::ber::{Malformed, Reader, Writer, tag};

/// Paged results (RFC 2696), which is also the control of the answer.
pub(super) const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// The StartTLS operation (RFC 4511 §4.14.1).
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The name of an unsolicited Notice of Disconnection (RFC 4511 §4.4.1).
const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// How far below the base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Base = 0,
    OneLevel = 1,
    Subtree = 2,
}

/// One search.
#[derive(Debug, Clone)]
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    /// As BER, from [`super::filter`].
    pub(super) filter: &'a [u8],
    pub(super) attributes: &'a [String],
    /// Entries a page and the cookie of the page before; `None`: without paging.
    pub(super) page: Option<(u32, &'a [u8])>,
}

/// How an operation ended (RFC 4511 §4.1.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: i64,
    pub(super) matched: String,
    pub(super) text: String,
    pub(super) referrals: Vec<String>,
}

/// An entry, still in the bytes that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEntry<'a> {
    pub(super) dn: &'a [u8],
    attributes: Reader<'a>,
}

impl<'a> RawEntry<'a> {
    /// The next attribute: its description and a reader over its values.
    pub(super) fn next_attribute(&mut self) -> Result<Option<(&'a [u8], Values<'a>)>, Malformed> {
        if self.attributes.is_empty() {
            return Ok(None);
        }
        let mut attribute = self.attributes.inside(tag::SEQUENCE)?;
        let description = attribute.octets()?;
        let values = attribute.inside(tag::SET)?;
        Ok(Some((description, Values(values))))
    }
}

/// The values of one attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(Reader<'a>);

impl<'a> Values<'a> {
    pub(super) fn next_value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        self.0.octets().map(Some)
    }
}

/// What a message says.
#[derive(Debug)]
pub(super) enum Answer<'a> {
    Entry(RawEntry<'a>),
    Reference(Vec<String>),
    /// The end of a search, with the cookie of the paging control if one came.
    SearchDone(Outcome, Option<Vec<u8>>),
    /// The end of a bind or an extended operation.
    Done(Outcome),
    /// The server says good-bye by itself.
    Disconnection(Outcome),
    /// Intermediate responses and unsolicited notices that mean nothing to us.
    Other,
}

/// Takes one whole message apart: its number and what it says.
pub(super) fn parse(message: &[u8]) -> Result<(i64, Answer<'_>), Malformed> {
    let mut inside = Reader::new(message).inside(tag::SEQUENCE)?;
    let id = inside.number(tag::INTEGER)?;
    let (operation, content) = inside.any()?;
    let mut body = Reader::new(content);
    let answer = match operation {
        0x64 => Answer::Entry(RawEntry {
            dn: body.octets()?,
            attributes: body.inside(tag::SEQUENCE)?,
        }),
        0x73 => Answer::Reference(urls(body)?),
        0x65 => {
            let outcome = outcome(&mut body)?;
            let cookie = match inside.optional(0xa0)? {
                Some(controls) => paging_cookie(Reader::new(controls))?,
                None => None,
            };
            Answer::SearchDone(outcome, cookie)
        }
        0x61 => Answer::Done(outcome(&mut body)?),
        0x78 => {
            let outcome = outcome(&mut body)?;
            let name = body.optional(0x8a)?;
            match (id, name) {
                (0, Some(name)) if name != DISCONNECTION.as_bytes() => Answer::Other,
                (0, _) => Answer::Disconnection(outcome),
                _ => Answer::Done(outcome),
            }
        }
        _ => Answer::Other,
    };
    Ok((id, answer))
}

fn outcome(body: &mut Reader<'_>) -> Result<Outcome, Malformed> {
    Ok(Outcome {
        code: body.number(tag::ENUMERATED)?,
        matched: body.shown_text()?,
        text: body.shown_text()?,
        referrals: match body.optional(0xa3)? {
            Some(list) => urls(Reader::new(list))?,
            None => Vec::new(),
        },
    })
}

fn urls(mut list: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut urls = Vec::new();
    while !list.is_empty() {
        urls.push(list.shown_text()?);
    }
    Ok(urls)
}

fn paging_cookie(mut controls: Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    while !controls.is_empty() {
        let mut control = controls.inside(tag::SEQUENCE)?;
        let name = control.octets()?;
        control.optional(tag::BOOLEAN)?;
        if name != PAGED_RESULTS.as_bytes() {
            continue;
        }
        let mut value = Reader::new(control.octets()?).inside(tag::SEQUENCE)?;
        value.number(tag::INTEGER)?;
        return value.octets().map(|cookie| Some(cookie.to_vec()));
    }
    Ok(None)
}

/// A simple bind (RFC 4513 §5.1); empty name and password: anonymous.
pub(super) fn bind(id: i64, dn: &str, password: &str) -> Vec<u8> {
    message(id, |w| {
        w.nest(0x60, |w| {
            w.number(tag::INTEGER, 3)
                .octets(dn.as_bytes())
                .put(0x80, password.as_bytes());
        });
    })
}

/// The request to start TLS.
pub(super) fn start_tls(id: i64) -> Vec<u8> {
    message(id, |w| {
        w.nest(0x77, |w| {
            w.put(0x80, START_TLS.as_bytes());
        });
    })
}

/// Good-bye.
pub(super) fn unbind(id: i64) -> Vec<u8> {
    message(id, |w| {
        w.put(0x42, &[]);
    })
}

/// A search request, with its paging control.
pub(super) fn search(id: i64, search: &Search<'_>) -> Vec<u8> {
    message(id, |w| {
        w.nest(0x63, |w| {
            w.octets(search.base.as_bytes())
                .number(tag::ENUMERATED, search.scope as i64)
                .number(tag::ENUMERATED, 0) // aliases are never dereferenced
                .number(tag::INTEGER, 0) // no size limit of ours
                .number(tag::INTEGER, 0) // no time limit of ours: we watch the clock
                .boolean(tag::BOOLEAN, false)
                .append(search.filter)
                .nest(tag::SEQUENCE, |w| {
                    for attribute in search.attributes {
                        w.octets(attribute.as_bytes());
                    }
                });
        });
        if let Some((size, cookie)) = search.page {
            w.nest(0xa0, |w| {
                w.nest(tag::SEQUENCE, |w| {
                    let mut value = Writer::default();
                    value.nest(tag::SEQUENCE, |w| {
                        w.number(tag::INTEGER, i64::from(size)).octets(cookie);
                    });
                    w.octets(PAGED_RESULTS.as_bytes())
                        .boolean(tag::BOOLEAN, true)
                        .octets(&value.into_bytes());
                });
            });
        }
    })
}

fn message(id: i64, operation: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nest(tag::SEQUENCE, |w| {
        w.number(tag::INTEGER, id);
        operation(w);
    });
    writer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_message_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = Writer::default();
            framed.nest(tag::SEQUENCE, |w| {
                w.number(tag::INTEGER, 1).put(0x64, &bytes);
            });
            if let Ok((_, Answer::Entry(mut entry))) = parse(&framed.into_bytes()) {
                while let Ok(Some((_, mut values))) = entry.next_attribute() {
                    while let Ok(Some(_)) = values.next_value() {}
                }
            }
            let _ = parse(&bytes);
        }
    }
}
