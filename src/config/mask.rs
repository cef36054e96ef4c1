//! Covers secrets in the text of a configuration before any of its lines is shown: a
//! password that was written where it must not stand must not end in a log as well.

use std::ops::Range;

use super::tree::{Node, Place, Table, Value};

/// Parts of key names behind which a secret may stand.
const SECRET_NAMES: [&str; 5] = ["pass", "secret", "token", "bearer", "master_key"];
/// Keys that name the place of a secret, and others that only sound like one.
const NO_SECRETS: [&str; 4] = ["env", "file", "credential", "token_url"];
/// A table whose values may all be secrets.
const HEADERS: &str = "headers";
/// The secret itself.
const INSECURE: &str = "insecure";

/// The text with each octet of a secret replaced, so that places stay what they are.
/// `is_broken`: the text is no TOML, so lines are covered by how they look as well.
pub(super) fn covered(text: &str, table: &Table, is_broken: bool) -> String {
    let mut spans = Vec::new();
    of_table(text, table, false, &mut spans);
    if is_broken {
        of_lines(text, &mut spans);
    }
    let mut octets = text.as_bytes().to_vec();
    for octet in spans.into_iter().flat_map(|span: Range<usize>| span) {
        if let Some(octet) = octets.get_mut(octet)
            && *octet != b'\n'
        {
            *octet = b'*';
        }
    }
    // Spans begin and end at characters, so this is UTF-8; if not, nothing is shown.
    String::from_utf8(octets).unwrap_or_default()
}

fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key == INSECURE || SECRET_NAMES.iter().any(|name| key.contains(name))
}

fn of_table(text: &str, table: &Table, inside: bool, spans: &mut Vec<Range<usize>>) {
    for (key, node) in table {
        let secret =
            !NO_SECRETS.contains(&key.as_str()) && (inside || sounds_secret(key) || key == HEADERS);
        of_node(text, node, secret, spans);
    }
}

fn of_node(text: &str, node: &Node, secret: bool, spans: &mut Vec<Range<usize>>) {
    match (&node.value, &node.place) {
        (Value::Table(table), _) => of_table(text, table, secret, spans),
        (Value::List(list), _) => {
            for item in list {
                of_node(text, item, secret, spans);
            }
        }
        (_, Place::File(span)) if secret => spans.push(span.clone()),
        (Value::Text(_), Place::File(span)) => {
            let raw = text.get(span.clone()).unwrap_or_default();
            for part in secrets_of_url(raw) {
                spans.push(span.start + part.start..span.start + part.end);
            }
        }
        _ => {}
    }
}

/// Where the password of `scheme://user:password@host` stands.
pub(super) fn password_of_url(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let rest = url.get(start..)?;
    let at = rest.rfind('@')?;
    let colon = rest.get(..at)?.find(':')?;
    (colon + 1 < at).then_some(start + colon + 1..start + at)
}

/// What of a URL must not be shown: its password, and its query, in which a key of the
/// service may stand, or a password for LDAP (RFC 4516 §2 with `X-BINDPW` and the like).
fn secrets_of_url(url: &str) -> Vec<Range<usize>> {
    let query = url
        .contains("://")
        .then(|| url.find('?').map(|at| at + 1..url.len()))
        .flatten();
    let password = password_of_url(url).or_else(|| {
        // Without a scheme it is no URL, and the message will say so.
        let at = url.rfind('@')?;
        let colon = url.get(..at)?.find(':')?;
        (colon + 1 < at).then_some(colon + 1..at)
    });
    password.into_iter().chain(query).collect()
}

/// Everything behind the `=` of a line that speaks of a secret.
fn of_lines(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(equals) = line.find('=')
            && (sounds_secret(line.get(..equals).unwrap_or_default())
                || line.contains(INSECURE)
                || line.contains(HEADERS))
        {
            spans.push(start + equals + 1..start + line.len());
        }
        start += line.len();
    }
}
