//! Range retrieval ([MS-ADTS] 3.1.1.3.1.3.3): Active Directory sends the first 1,500 or
//! 5,000 values of an attribute and wants to be asked for the rest. The values are asked
//! for anew from the first one, on a connection of their own to the same server, and once
//! more when the entry changed meanwhile, so that they are of one moment.

use super::connection::{Patience, Session};
use super::errors::{Trouble, code, describe};
use super::filter;
use super::message::{Answer, Scope, Search};
use super::settings::Settings;

/// How often an entry that keeps changing is read anew.
const TRIES_MAX: usize = 3;
/// Moved by the server with each change of the entry.
const CHANGE_NUMBER: &str = "uSNChanged";

/// One answer: values, the last one's number (`None`: the end), the change number.
struct Part {
    values: Vec<Vec<u8>>,
    last: Option<u64>,
    change: Vec<u8>,
}

/// All values of `attribute` of the entry `dn`. The inner error is the entry's flaw.
pub(super) async fn retrieve(
    session: &mut Session,
    settings: &Settings,
    dn: &str,
    attribute: &str,
) -> Result<Result<Vec<Vec<u8>>, String>, Trouble> {
    'tries: for _ in 0..TRIES_MAX {
        let mut values: Vec<Vec<u8>> = Vec::new();
        let mut change: Option<Vec<u8>> = None;
        loop {
            let first = values.len() as u64;
            let part = match part(session, settings, dn, attribute, first).await? {
                Ok(part) => part,
                Err(flaw) => return Ok(Err(flaw)),
            };
            if change.get_or_insert_with(|| part.change.clone()) != &part.change {
                continue 'tries;
            }
            let came = part.values.len();
            values.extend(part.values);
            match part.last {
                None => return Ok(Ok(values)),
                Some(last) if came > 0 && last + 1 == values.len() as u64 => {}
                Some(_) => return Ok(Err("the server left values out of a range".to_owned())),
            }
        }
    }
    Ok(Err(format!(
        "it changed during each of {TRIES_MAX} readings of its values"
    )))
}

async fn part(
    session: &mut Session,
    settings: &Settings,
    dn: &str,
    attribute: &str,
    first: u64,
) -> Result<Result<Part, String>, Trouble> {
    let filter = filter::encode(filter::ANYTHING).unwrap_or_default();
    let id = session
        .send_search(&Search {
            base: dn,
            scope: Scope::Base,
            filter: &filter,
            attributes: &[
                format!("{attribute};range={first}-*"),
                CHANGE_NUMBER.to_owned(),
            ],
            page: None,
        })
        .await?;
    let mut patience = Patience::new(settings.page_timeout);
    let mut part = None;
    let mut change = Vec::new();
    loop {
        match session.answer(id, &mut patience).await? {
            Answer::Entry(mut entry) => {
                while let Some((description, mut found)) = entry.next_attribute()? {
                    let description = String::from_utf8_lossy(description).to_ascii_lowercase();
                    if description.eq_ignore_ascii_case(CHANGE_NUMBER) {
                        change = found.next_value()?.unwrap_or_default().to_vec();
                        continue;
                    }
                    let Some((_, last)) = description
                        .split_once(";range=")
                        .and_then(|(_, bounds)| bounds.split_once('-'))
                    else {
                        continue;
                    };
                    let last: Option<u64> = last.parse().ok();
                    let mut values = Vec::new();
                    while let Some(value) = found.next_value()? {
                        values.push(value.to_vec());
                    }
                    part = Some((values, last));
                }
            }
            Answer::SearchDone(outcome, _) if outcome.code == code::SUCCESS => {
                return Ok(part
                    .map(|(values, last)| Part {
                        values,
                        last,
                        change,
                    })
                    .ok_or_else(|| format!("the server did not send values from {first} on")));
            }
            Answer::SearchDone(outcome, _) => {
                return Ok(Err(format!(
                    "values from {first} on cannot be read: {}",
                    describe(&outcome)
                )));
            }
            _ => {}
        }
    }
}
