//! What a complete read leaves behind so that the next may be spared: of each page, in
//! order, how it was reached and the validators that came with it (RFC 9110 §8.8). The
//! next read asks for each page "if it has changed since"; only when the service says of
//! every page that it has not (304) has nothing changed.
//!
//! What is kept lies in the store in clear, so no secret may be in it. Pages whose place
//! can be computed are kept as numbers. Next URLs and cursors are the service's own words
//! and kept as such, but where a URL repeats the query of the settings only the place of
//! the repetition is kept; if anything secret is left in it, nothing is kept at all.

use reqwest::Url;
use reqwest::header::HeaderMap;
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

use super::paging::{Turner, Way, next_link};
use super::problem::Problem;
use super::settings::{Auth, Endpoint, Method, Paging, Settings};
use crate::web::client::Session;
use crate::web::validators::PageValidators;
use crate::{Secret, Validators};

/// All that is kept of one kind, in bytes; a source with more is always read.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What the settings hold counts as secret from so many bytes on: shorter texts stand
/// everywhere by chance.
const SECRET_BYTES_MIN: usize = 8;

/// All that is kept of a read. Stored as JSON, in [`Validators`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// Of what decides what the service answers: another client may see other people.
    asked: Fingerprint,
    users: Option<Vec<KeptPage>>,
    groups: Option<Vec<KeptPage>>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptPage {
    way: KeptWay,
    #[serde(flatten)]
    validators: PageValidators,
}

/// A [`Way`] without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeptWay {
    Start,
    Number(u64),
    Cursor(String),
    Url {
        path: String,
        query: Option<Vec<Piece>>,
    },
}

/// What stands between two `&` of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Piece {
    /// As this piece, from 0, of the query in the settings.
    Own(usize),
    /// The service's own.
    Text(String),
}

/// Keeps the pages of one pass while they go by, as long as each can be asked for again.
#[derive(Debug)]
pub(crate) struct Trail {
    secrets: Vec<Secret>,
    own_query: Vec<String>,
    pages: Option<Vec<KeptPage>>,
    bytes: usize,
}

impl Trail {
    /// Of an endpoint. Nothing is kept of a POST: a condition on it has another meaning
    /// (RFC 9110 §13.1.2).
    pub(crate) fn new(settings: &Settings, endpoint: &Endpoint) -> Self {
        let may = settings.conditional && matches!(endpoint.method, Method::Get);
        Self {
            secrets: secrets(settings),
            own_query: pieces_of(&endpoint.url),
            pages: may.then(Vec::new),
            bytes: 0,
        }
    }

    /// Notes a page and how it was reached.
    pub(crate) fn note(&mut self, way: &Way, headers: &HeaderMap) {
        let noted = PageValidators::of(headers)
            .zip(self.without_secrets(way))
            .map(|(validators, way)| KeptPage { way, validators });
        match (noted, &mut self.pages) {
            (Some(page), Some(pages)) => {
                self.bytes += page.bytes();
                pages.push(page);
            }
            _ => self.pages = None,
        }
        if self.bytes > KEPT_BYTES_MAX {
            self.pages = None;
        }
    }

    /// Gives up: what was delivered is not what these pages hold.
    pub(crate) fn give_up(&mut self) {
        self.pages = None;
    }

    /// The pages, if all of them can be asked for again.
    pub(crate) fn take(&mut self) -> Option<Vec<KeptPage>> {
        self.pages.take()
    }

    fn without_secrets(&self, way: &Way) -> Option<KeptWay> {
        match way {
            Way::Start => Some(KeptWay::Start),
            Way::Number(number) => Some(KeptWay::Number(*number)),
            Way::Cursor(cursor) => {
                (!self.gives_away(cursor)).then(|| KeptWay::Cursor(cursor.clone()))
            }
            Way::Url(url) => {
                let query = url.query().map(|query| self.cut(query)).map_or_else(
                    || Some(None),
                    |pieces| {
                        let known = |piece: &Piece| match piece {
                            Piece::Own(_) => false,
                            Piece::Text(text) => self.gives_away(text),
                        };
                        (!pieces.iter().any(known)).then_some(Some(pieces))
                    },
                )?;
                let path = url.path().to_owned();
                (!self.gives_away(&path)).then_some(KeptWay::Url { path, query })
            }
        }
    }

    fn cut(&self, query: &str) -> Vec<Piece> {
        query
            .split('&')
            .map(|piece| {
                let own = self.own_query.iter().position(|own| own == piece);
                own.map_or_else(|| Piece::Text(piece.to_owned()), Piece::Own)
            })
            .collect()
    }

    /// Whether a text, as it stands or decoded, holds something secret.
    fn gives_away(&self, text: &str) -> bool {
        let decoded = decoded(text);
        self.secrets.iter().any(|secret| {
            let secret = secret.reveal();
            text.contains(secret) || decoded.contains(secret)
        })
    }
}

/// What the settings hold that may be secret: what is one, and every value in a URL's query.
fn secrets(settings: &Settings) -> Vec<Secret> {
    let endpoints = [&settings.users, &settings.groups].into_iter().flatten();
    let mut urls: Vec<&str> = endpoints.map(|endpoint| endpoint.url.as_str()).collect();
    let mut secrets: Vec<Secret> = settings
        .service
        .headers
        .iter()
        .map(|(_, v)| v.clone())
        .collect();
    match &settings.service.auth {
        Auth::None => {}
        Auth::Bearer(token) => secrets.push(token.clone()),
        Auth::Basic { password, .. } => secrets.push(password.clone()),
        Auth::ClientCredentials {
            client_secret,
            token_url,
            ..
        } => {
            secrets.push(client_secret.clone());
            urls.push(token_url);
        }
    }
    for url in urls.into_iter().filter_map(|url| Url::parse(url).ok()) {
        let values = url.query_pairs().map(|(_, value)| value.into_owned());
        secrets.extend(values.map(Secret::new));
    }
    secrets.retain(|secret| secret.reveal().len() >= SECRET_BYTES_MIN);
    secrets
}

fn pieces_of(url: &str) -> Vec<String> {
    let url = Url::parse(url).ok();
    let query = url.as_ref().and_then(Url::query).unwrap_or_default();
    query.split('&').map(str::to_owned).collect()
}

/// A text of a URL without its `%XX` and `+`.
fn decoded(text: &str) -> String {
    let mut url = Url::parse("x:/").ok();
    if let Some(url) = &mut url {
        url.set_query(Some(text));
    }
    url.iter()
        .flat_map(Url::query_pairs)
        .flat_map(|(name, value)| [name.into_owned(), "=".to_owned(), value.into_owned()])
        .collect()
}

impl KeptPage {
    /// About as many as it takes in the store.
    fn bytes(&self) -> usize {
        let way = match &self.way {
            KeptWay::Start | KeptWay::Number(_) => 0,
            KeptWay::Cursor(cursor) => cursor.len(),
            KeptWay::Url { path, query } => {
                let pieces = query.iter().flatten().map(|piece| match piece {
                    Piece::Own(_) => 1,
                    Piece::Text(text) => text.len(),
                });
                path.len() + pieces.sum::<usize>()
            }
        };
        let texts = [&self.validators.etag, &self.validators.last_modified];
        let texts = texts.into_iter().flatten().map(String::len);
        way + texts.sum::<usize>() + size_of::<Self>()
    }

    fn way(&self, endpoint: &Endpoint) -> Option<Way> {
        Some(match &self.way {
            KeptWay::Start => Way::Start,
            KeptWay::Number(number) => Way::Number(*number),
            KeptWay::Cursor(cursor) => Way::Cursor(cursor.clone()),
            KeptWay::Url { path, query } => {
                let own = pieces_of(&endpoint.url);
                let mut url = Url::parse(&endpoint.url).ok()?;
                url.set_fragment(None);
                url.set_path(path);
                let query: Option<Vec<&str>> = match query {
                    None => None,
                    Some(pieces) => Some(
                        pieces
                            .iter()
                            .map(|piece| match piece {
                                Piece::Own(index) => own.get(*index).map(String::as_str),
                                Piece::Text(text) => Some(text.as_str()),
                            })
                            .collect::<Option<_>>()?,
                    ),
                };
                url.set_query(query.map(|pieces| pieces.join("&")).as_deref());
                Way::Url(url)
            }
        })
    }
}

/// What is kept of a read under these settings: the pages of each kind that was asked for.
pub(crate) fn keep(
    settings: &Settings,
    users: Option<Vec<KeptPage>>,
    groups: Option<Vec<KeptPage>>,
) -> Option<Validators> {
    let kept = Kept {
        asked: asked(settings),
        users,
        groups,
    };
    serde_json::to_string(&kept).ok().map(Validators::new)
}

/// Whether the service says of every page of `endpoints` that it has not changed since
/// `last`. Everything else, trouble included, is no: then all is read, and that tells what
/// the matter is.
pub(crate) async fn nothing_changed(
    session: &mut Session<'_>,
    settings: &Settings,
    endpoints: &[(Kind, &Endpoint)],
    last: &Validators,
) -> bool {
    let Ok(mut last) = serde_json::from_str::<Kept>(last.as_str()) else {
        return false;
    };
    if !settings.conditional || last.asked != asked(settings) || endpoints.is_empty() {
        return false;
    }
    for (kind, endpoint) in endpoints {
        let pages = match kind {
            Kind::User => last.users.take(),
            Kind::Group => last.groups.take(),
            Kind::Custom(_) => None,
        };
        let Some(pages) = pages.filter(|pages| !pages.is_empty()) else {
            return false;
        };
        match same_pages(session, endpoint, &pages).await {
            Ok(true) => {}
            Ok(false) => return false,
            Err(problem) => {
                tracing::debug!(%problem, "asking conditionally failed; everything is read");
                return false;
            }
        }
    }
    // A kind that is no longer asked for: other people are looked for than before.
    last.users.is_none() && last.groups.is_none()
}

async fn same_pages(
    session: &mut Session<'_>,
    endpoint: &Endpoint,
    pages: &[KeptPage],
) -> Result<bool, Problem> {
    let mut turner = Turner::new(endpoint)?;
    let mut left = pages.len();
    for page in pages {
        left -= 1;
        let Some(way) = page.way(endpoint) else {
            return Ok(false);
        };
        let mut ask = turner.again(way);
        // That no page follows stands in a header, which a 304 need not repeat.
        let shows_the_end = left == 0 && matches!(endpoint.paging, Paging::Link);
        if !shows_the_end {
            ask.unless = Some(page.validators.clone());
        }
        let response = session.stream(&ask).await?;
        let same = if shows_the_end {
            PageValidators::of(response.headers()).is_some_and(|now| now.agrees(&page.validators))
                && next_link(response.headers()).is_none()
        } else {
            response.status() == reqwest::StatusCode::NOT_MODIFIED
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Of all settings that decide what the service answers, who asks among them. A password
/// is left out: it is nobody else's, and might be guessed from a hash.
fn asked(settings: &Settings) -> Fingerprint {
    let who = match &settings.service.auth {
        Auth::None => String::new(),
        Auth::Bearer(token) => token.reveal().to_owned(),
        Auth::Basic { user, .. } => user.clone(),
        Auth::ClientCredentials {
            token_url,
            client_id,
            scope,
            ..
        } => format!("{token_url} {client_id} {scope:?}"),
    };
    let who = Secret::new(who);
    let what = format!(
        "{:?} {:?} {:?}",
        settings.users, settings.groups, settings.service.client_certificate
    );
    let mut parts = vec![what.as_bytes(), who.reveal().as_bytes()];
    for (name, value) in &settings.service.headers {
        parts.push(name.as_bytes());
        parts.push(value.reveal().as_bytes());
    }
    Fingerprint::of_parts(parts)
}
