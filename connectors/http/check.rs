//! Tries the connection step by step: what [`crate::web::check`] does for every service, then
//! one page of each URL, whose items are counted and thrown away.

use reqwest::StatusCode;
use rollcall_directory::entry::Kind;

use super::paging::Turner;
use super::problem::Problem;
use super::settings::{Endpoint, Format, Paging, Settings};
use super::{ACCEPTED, envelope, urls};
use crate::CheckStep;
use crate::web::body::{check_type, text};
use crate::web::check::{Steps, Stop};
use crate::web::client::{Rate, Session};
use crate::web::envelope::{at, whole};
use crate::web::problem::{Problem as WebProblem, shown};

/// The steps, up to and with the first that fails.
pub(crate) async fn steps(settings: &Settings, rate: Option<&Rate>) -> Vec<CheckStep> {
    let mut steps = Steps::default();
    // A failed step ends the list; its sentence is in it.
    let _ = all(&mut steps, settings, rate).await;
    steps.0
}

async fn all(steps: &mut Steps, settings: &Settings, rate: Option<&Rate>) -> Result<(), Stop> {
    let endpoints = [
        (Kind::User, settings.users.as_ref()),
        (Kind::Group, settings.groups.as_ref()),
    ];
    let urls = urls(settings).unwrap_or_default();
    let mut session = steps.open(&settings.service, rate, &urls, ACCEPTED).await?;
    for (kind, endpoint) in endpoints {
        if let Some(endpoint) = endpoint {
            let step = format!("ask for the first page of {kind}s");
            steps
                .note(&step, first_page(&mut session, endpoint))
                .await?;
        }
    }
    Ok(())
}

async fn first_page(session: &mut Session<'_>, endpoint: &Endpoint) -> Result<String, Problem> {
    let ask = Turner::new(endpoint)?.first();
    if matches!(endpoint.format, Format::Lines) {
        let response = session.stream(&ask).await?;
        check_type(response.headers(), endpoint.format.is_lines(), &ask.place)?;
        return answered(response.status(), &ask.place, "JSON lines");
    }
    let page = session.page(&ask).await?;
    if page.status != StatusCode::OK {
        return answered(page.status, &ask.place, "nothing");
    }
    check_type(&page.headers, endpoint.format.is_lines(), &ask.place)?;
    let answer = whole(text(&page.headers, &page.body, &ask.place)?, &ask.place)?;
    let path = match &endpoint.format {
        Format::Object { items } => items.as_str(),
        Format::Array | Format::Lines => "",
    };
    let items = envelope::items(answer, path, &ask.place)?.len();
    let untold = match &endpoint.paging {
        Paging::Next { path } | Paging::Cursor { path, .. }
            if at(answer, path, &ask.place)?.is_none() =>
        {
            format!(", and no `{path}`: check `paging` if there are more")
        }
        _ => String::new(),
    };
    Ok(format!(
        "{} answers JSON with {items} items{untold}",
        shown(&page.url)
    ))
}

fn answered(status: StatusCode, place: &str, what: &str) -> Result<String, Problem> {
    match status {
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(format!("{place} answers {what}")),
        status => Err(WebProblem::NotFound {
            place: place.to_owned(),
            status,
        }
        .into()),
    }
}
