//! Single records: whether somebody who was not listed is really gone, and what one
//! person looks like. By the item URL where the service has one, else by reading until the
//! record comes by.

use reqwest::{StatusCode, Url};
use rollcall_directory::entry::{Entry, EntryKey};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::body::{check_type, text};
use super::client::Session;
use super::envelope;
use super::items::Shape;
use super::paging::Ask;
use super::problem::{Problem, shown};
use super::settings::{Endpoint, Format};
use crate::Batch;

/// The keys that the service still has: 200 is there, 404 and 410 are gone, anything else
/// is no answer.
pub(crate) async fn still_there(
    session: &mut Session<'_>,
    item_url: &str,
    keys: &[EntryKey],
) -> Result<Vec<EntryKey>, Problem> {
    let mut there = Vec::new();
    for key in keys {
        let Some(ask) = ask(item_url, key)? else {
            // It cannot be asked for, so it is not proven gone.
            there.push(key.clone());
            continue;
        };
        match session.page(&ask).await?.status {
            StatusCode::OK => there.push(key.clone()),
            StatusCode::NOT_FOUND | StatusCode::GONE => {}
            status => {
                return Err(Problem::Status {
                    place: ask.place,
                    status,
                });
            }
        }
    }
    Ok(there)
}

/// The record with this key.
pub(crate) async fn one(
    session: &mut Session<'_>,
    endpoint: &Endpoint,
    item_url: &str,
    shape: &Shape<'_>,
    key: &EntryKey,
) -> Result<Option<Entry>, Problem> {
    let Some(ask) = ask(item_url, key)? else {
        return Ok(None);
    };
    let page = session.page(&ask).await?;
    if page.status != StatusCode::OK {
        return Ok(None);
    }
    check_type(&page.headers, &Format::Array, &ask.place)?;
    let text = text(&page.headers, &page.body, &ask.place)?;
    let answer = envelope::whole(text, &ask.place)?;
    let entry = shape.entry(record(endpoint, answer, &ask.place)?, ask.place.clone())?;
    if entry.key.as_ref() != Ok(key) {
        return Err(Problem::OtherRecord { place: ask.place });
    }
    Ok(Some(entry))
}

/// A single record may stand alone, or where the list has its items, as itself or as an
/// array of one.
fn record<'a>(
    endpoint: &Endpoint,
    answer: &'a RawValue,
    place: &str,
) -> Result<&'a RawValue, Problem> {
    let inner = match &endpoint.format {
        Format::Object { items } => envelope::at(answer, items, place)?.unwrap_or(answer),
        Format::Array | Format::Lines => answer,
    };
    if !inner.get().starts_with('[') {
        return Ok(inner);
    }
    match envelope::items(inner, "", place)?.as_slice() {
        [one] => Ok(one),
        _ => Err(Problem::OtherRecord {
            place: place.to_owned(),
        }),
    }
}

/// The first entry with this key or at this place.
pub(crate) async fn first_named(mut batches: mpsc::Receiver<Batch>, name: &str) -> Option<Entry> {
    while let Some(batch) = batches.recv().await {
        let named = |entry: &Entry| {
            entry.key.as_ref().is_ok_and(|key| key.as_str() == name)
                || entry.locator.to_string() == name
        };
        if let Some(entry) = batch.entries.into_iter().find(named) {
            return Some(entry);
        }
    }
    None
}

/// The request for one record; `None` for a key that no URL can carry (`.` and `..` are
/// steps in a path).
fn ask(item_url: &str, key: &EntryKey) -> Result<Option<Ask>, Problem> {
    if matches!(key.as_str(), "." | "..") {
        return Ok(None);
    }
    let url = Url::parse(&item_url.replace("{key}", &percent_encoded(key.as_str())))
        .map_err(|_| Problem::BadUrl("item_url".to_owned()))?;
    Ok(Some(Ask {
        place: shown(&url),
        url,
        body: None,
        unless: None,
    }))
}

/// Everything but unreserved characters (RFC 3986 §2.3) as `%XX`: a key cannot add to the
/// path or the query.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
