//! Single resources (RFC 7644 §3.4.1): whether somebody who was not listed is really gone,
//! and what one person looks like.

use reqwest::{StatusCode, Url};
use rollcall_directory::entry::{Entry, EntryKey, Kind};

use super::base::one as request;
use super::list::json;
use super::problem::Problem;
use super::resource::Shape;
use crate::web::client::Session;
use crate::web::problem::Problem as WebProblem;

/// The ids that the service still has: 200 is there, 404 and 410 are gone, anything else
/// is no answer.
pub(crate) async fn still_there(
    session: &mut Session<'_>,
    base: &Url,
    kind: Kind,
    ids: &[EntryKey],
) -> Result<Vec<EntryKey>, Problem> {
    let mut there = Vec::new();
    for id in ids {
        let Some(ask) = request(base, kind, id) else {
            // It cannot be asked for, so it is not proven gone.
            there.push(id.clone());
            continue;
        };
        match session.page(&ask).await?.status {
            StatusCode::OK => there.push(id.clone()),
            StatusCode::NOT_FOUND | StatusCode::GONE => {}
            status => {
                let place = ask.place;
                let said = None;
                return Err(Problem::Web(WebProblem::Status {
                    place,
                    status,
                    said,
                }));
            }
        }
    }
    Ok(there)
}

/// The resource with this id.
pub(crate) async fn one(
    session: &mut Session<'_>,
    base: &Url,
    shape: &Shape<'_>,
    id: &EntryKey,
) -> Result<Option<Entry>, Problem> {
    let Some(ask) = request(base, shape.kind, id) else {
        return Ok(None);
    };
    let page = session.page(&ask).await?;
    if matches!(page.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Ok(None);
    }
    let entry = shape.entry(json(&page, &ask.place)?, &ask.place)?;
    if entry.key.as_ref() != Ok(id) {
        return Err(Problem::OtherResource { place: ask.place });
    }
    Ok(Some(entry))
}
