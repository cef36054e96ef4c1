//! `rollcall connection log`: what a client asked, and how it was answered.

use std::time::Duration;

use rollcall_store::connections::LoggedRequest;
use serde_json::Value as Json;

use super::super::{CliError, Exit, Global, output, workspace::Workspace};
use super::named;
use crate::auth::connection::as_json;

/// How often `--follow` looks for new requests.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many new requests are shown at once.
const REQUESTS_A_LOOK: u32 = 500;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The connection
    name: String,
    /// Go on with new requests as they come
    #[arg(long)]
    follow: bool,
    /// How many, the newest last
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Show what was sent and answered, too
    #[arg(long)]
    bodies: bool,
}

pub(super) async fn run(
    global: &Global,
    workspace: &Workspace,
    args: Args,
) -> Result<Exit, CliError> {
    let known = named(global, workspace, &args.name).await?;
    let (store, source) = (&workspace.store, known.source.id);
    let requests = store.logged_requests(source, None, args.limit).await?;
    if global.json && !args.follow {
        let rows: Vec<Json> = requests.iter().map(as_json).collect();
        output::json(&rows)?;
        return Ok(Exit::Done);
    }
    let mut last = requests.last().map_or(0, |request| request.seq);
    show(global, &requests, args.bodies)?;
    if !args.follow {
        return Ok(Exit::Done);
    }
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let requests = store
            .logged_requests(source, Some(last), REQUESTS_A_LOOK)
            .await?;
        last = requests.last().map_or(last, |request| request.seq);
        show(global, &requests, args.bodies)?;
    }
}

fn show(global: &Global, requests: &[LoggedRequest], bodies: bool) -> std::io::Result<()> {
    for request in requests {
        if global.json {
            output::json_line(&as_json(request))?;
        } else {
            print(request, bodies)?;
        }
    }
    Ok(())
}

fn print(request: &LoggedRequest, bodies: bool) -> std::io::Result<()> {
    let body = &request.body;
    let of = |name: &str| body.get(name).unwrap_or(&Json::Null);
    let text = |name: &str| of(name).as_str().unwrap_or_default().to_owned();
    output::line(format!(
        "{}  {}  {} {}  {} ms",
        output::time(request.at),
        output::bold(&of("status").to_string()),
        text("method"),
        text("target"),
        of("took_ms")
    ))?;
    for (title, name) in [
        ("quirk", "quirks"),
        ("warning", "warnings"),
        ("overruled", "overruled"),
    ] {
        for item in of(name).as_array().into_iter().flatten() {
            output::folded(&format!("    {title}: {}", said(item)))?;
        }
    }
    let is_error = of("status").as_u64().is_some_and(|status| status >= 400);
    let detail = of("answer").get("detail").and_then(Json::as_str);
    if let (true, Some(detail)) = (is_error, detail) {
        output::folded(&format!("    {detail}"))?;
    }
    if bodies {
        for (arrow, name) in [("→", "request"), ("←", "answer")] {
            if !of(name).is_null() {
                output::line(format!("    {arrow} {}", &plain(of(name))))?;
            }
        }
    }
    Ok(())
}

/// A quirk or a warning in one line.
fn said(item: &Json) -> String {
    let text = |name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default();
    match (item.as_str(), text("path")) {
        (Some(text), _) => text.to_owned(),
        (None, "") => text("detail").to_owned(),
        (None, path) => format!("{path}: {}", text("detail")),
    }
}

fn plain(body: &Json) -> String {
    body.as_str()
        .map_or_else(|| body.to_string(), str::to_owned)
}
