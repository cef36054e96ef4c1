//! Tries the connection step by step: what [`crate::web::check`] does for every service, then what
//! the service says about itself, and one resource of each kind, which is counted and thrown
//! away.

use reqwest::{StatusCode, Url};
use rollcall_directory::entry::Kind;

use super::announced::{Attributes, Features};
use super::base::{below, endpoint};
use super::list::List;
use super::problem::Problem;
use super::settings::Settings;
use super::walk::Walk;
use super::{ACCEPTED, urls};
use crate::CheckStep;
use crate::web::check::{Steps, Stop};
use crate::web::client::{Rate, Session};
use crate::web::problem::shown;

/// The steps, up to and with the first that fails.
pub(crate) async fn steps(settings: &Settings, base: &Url, rate: Option<&Rate>) -> Vec<CheckStep> {
    let mut steps = Steps::default();
    // A failed step ends the list; its sentence is in it.
    let _ = all(&mut steps, settings, base, rate).await;
    steps.0
}

async fn all(
    steps: &mut Steps,
    settings: &Settings,
    base: &Url,
    rate: Option<&Rate>,
) -> Result<(), Stop> {
    let urls = urls(base);
    let mut session = steps.open(&settings.service, rate, &urls, ACCEPTED).await?;
    let features = steps
        .note_with("ask what the service can", async {
            let features = Features::ask(&mut session, base).await?;
            Ok::<_, Problem>((features, words(features)))
        })
        .await?;
    steps
        .note("ask for its schemas", schemas(&mut session, base))
        .await?;
    steps
        .note(
            "ask for one user",
            first(&mut session, base, features, Kind::User),
        )
        .await?;
    steps
        .note(
            "ask for one group",
            first(&mut session, base, features, Kind::Group),
        )
        .await
}

fn words(features: Features) -> String {
    let paging = match (features.cursor, features.sort) {
        (true, _) => "pages by cursor",
        (false, true) => "pages by startIndex, sorted by id",
        (false, false) => "pages by startIndex, in the service's own order",
    };
    let filter = if features.filter {
        "filters"
    } else {
        "no filters"
    };
    format!("{paging}; {filter}")
}

async fn schemas(session: &mut Session<'_>, base: &Url) -> Result<String, Problem> {
    let attributes = Attributes::ask(session, base).await?;
    Ok(match attributes.names().count() {
        0 => "it has none to show: what is missing from a resource counts as empty".to_owned(),
        count => format!("{count} attributes"),
    })
}

async fn first(
    session: &mut Session<'_>,
    base: &Url,
    features: Features,
    kind: Kind,
) -> Result<String, Problem> {
    let url = below(base, &[endpoint(kind)]);
    let shown = shown(&url);
    let ask = Walk::new(url, None, 1, features).first();
    let page = session.page(&ask).await?;
    if matches!(page.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        if kind == Kind::Group {
            // Not every service has groups, and not every mapping reads them.
            return Ok(format!("{shown} is not there: this service has no groups"));
        }
        return Err(Problem::NoEndpoint { place: shown, kind });
    }
    let list = List::of(&page, &ask.place)?;
    Ok(match list.total {
        Some(total) => format!("{shown} states {total} {kind}s"),
        None => format!("{shown} answers with {} {kind}s", list.resources.len()),
    })
}
