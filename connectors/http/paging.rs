//! How the next page is found, and what proves that there is none. Each kind of paging has
//! its own proof; nothing else ends a read. A service that repeats itself is noticed.

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use rollcall_directory::fingerprint::Fingerprint;
use serde_json::Value as Json;

use super::address::same_origin;
use super::problem::{Problem, shown, shown_origin};
use super::settings::{Endpoint, Method, Paging};

/// More pages than any honest service has.
pub(crate) const PAGES_MAX: u64 = 100_000;

/// One page to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Where.
    pub(crate) url: Url,
    /// The JSON body of a POST; `None` for GET.
    pub(crate) body: Option<Json>,
    /// In words, for sentences: "<https://hr.example.com/users>, page 7".
    pub(crate) place: String,
}

/// What a page said about the next one.
#[derive(Debug)]
pub(crate) struct PageFacts {
    /// How many items it had.
    pub(crate) items: u64,
    /// The hash of its keys, in order.
    pub(crate) keys: Fingerprint,
    /// Whether it was 204.
    pub(crate) no_content: bool,
    /// The next URL or cursor, from header or body.
    pub(crate) next: Option<String>,
    /// The URL that answered, for a relative next URL.
    pub(crate) url: Url,
}

/// Turns pages until the end is proven.
#[derive(Debug)]
pub(crate) struct Turner<'a> {
    endpoint: &'a Endpoint,
    first: Url,
    page: u64,
    offset: u64,
    visited: HashSet<Fingerprint>,
    contents: HashSet<Fingerprint>,
}

impl<'a> Turner<'a> {
    /// At the first page of `endpoint`.
    pub(crate) fn new(endpoint: &'a Endpoint) -> Result<Self, Problem> {
        let first = Url::parse(&endpoint.url)
            .map_err(|_| Problem::BadUrl("the users or groups URL".to_owned()))?;
        Ok(Self {
            endpoint,
            first,
            page: 1,
            offset: 0,
            visited: HashSet::new(),
            contents: HashSet::new(),
        })
    }

    /// The page that is being read, from 1.
    pub(crate) fn page(&self) -> u64 {
        self.page
    }

    /// Whether the end is only known from an empty page.
    pub(crate) fn ends_with_empty_page(&self) -> bool {
        matches!(
            self.endpoint.paging,
            Paging::Page { .. } | Paging::Offset { .. }
        )
    }

    /// The request for the first page.
    pub(crate) fn first(&mut self) -> Ask {
        let mut ask = self.ask(self.first.clone());
        match &self.endpoint.paging {
            Paging::None | Paging::Link | Paging::Next { .. } => {}
            Paging::Page {
                parameter,
                first,
                size,
            } => {
                set(&mut ask, parameter, Json::from(*first));
                set_limit(&mut ask, size.as_ref());
            }
            Paging::Offset { parameter, limit } => {
                set(&mut ask, parameter, Json::from(0_u64));
                set_limit(&mut ask, limit.as_ref());
            }
            Paging::Cursor { limit, .. } => set_limit(&mut ask, limit.as_ref()),
        }
        self.visited
            .insert(Fingerprint::of(ask.url.as_str().as_bytes()));
        ask
    }

    /// The request for the page after the one that `facts` are about; `None` at the end.
    pub(crate) fn next(&mut self, facts: &PageFacts) -> Result<Option<Ask>, Problem> {
        let place = self.place();
        if facts.no_content && !self.ends_with_empty_page() {
            return Err(Problem::NoContent { place });
        }
        if facts.items > 0 && !self.contents.insert(facts.keys) {
            return Err(Problem::PageRepeats { place });
        }
        let next = match &self.endpoint.paging {
            Paging::None => None,
            Paging::Link | Paging::Next { .. } => self.by_url(facts, &place)?,
            Paging::Page {
                parameter,
                first,
                size,
            } => (facts.items > 0).then(|| {
                let mut ask = self.ask(self.first.clone());
                set(&mut ask, parameter, Json::from(first + self.page));
                set_limit(&mut ask, size.as_ref());
                ask
            }),
            Paging::Offset { parameter, limit } => (facts.items > 0).then(|| {
                let mut ask = self.ask(self.first.clone());
                set(&mut ask, parameter, Json::from(self.offset + facts.items));
                set_limit(&mut ask, limit.as_ref());
                ask
            }),
            Paging::Cursor {
                parameter, limit, ..
            } => match &facts.next {
                None => None,
                Some(cursor) => {
                    if !self.visited.insert(Fingerprint::of(cursor.as_bytes())) {
                        return Err(Problem::NextRepeats { place });
                    }
                    let mut ask = self.ask(self.first.clone());
                    set(&mut ask, parameter, Json::from(cursor.as_str()));
                    set_limit(&mut ask, limit.as_ref());
                    Some(ask)
                }
            },
        };
        let Some(mut ask) = next else {
            return Ok(None);
        };
        if self.page == PAGES_MAX {
            return Err(Problem::TooManyPages {
                place,
                max: PAGES_MAX,
            });
        }
        self.page += 1;
        self.offset += facts.items;
        ask.place = self.place();
        Ok(Some(ask))
    }

    fn by_url(&mut self, facts: &PageFacts, place: &str) -> Result<Option<Ask>, Problem> {
        let Some(next) = &facts.next else {
            return Ok(None);
        };
        let url = facts.url.join(next).map_err(|_| Problem::BadNext {
            place: place.to_owned(),
            path: match &self.endpoint.paging {
                Paging::Next { path } => path.clone(),
                _ => "Link".to_owned(),
            },
        })?;
        if !same_origin(&url, &self.first) {
            return Err(Problem::NextElsewhere {
                place: place.to_owned(),
                to: shown_origin(&url),
            });
        }
        if !self
            .visited
            .insert(Fingerprint::of(url.as_str().as_bytes()))
        {
            return Err(Problem::NextRepeats {
                place: place.to_owned(),
            });
        }
        Ok(Some(self.ask(url)))
    }

    fn ask(&self, url: Url) -> Ask {
        Ask {
            url,
            body: match &self.endpoint.method {
                Method::Get => None,
                Method::Post { body } => Some(body.clone()),
            },
            place: self.place(),
        }
    }

    fn place(&self) -> String {
        match self.endpoint.paging {
            Paging::None => shown(&self.first),
            _ => format!("{}, page {}", shown(&self.first), self.page),
        }
    }
}

fn set_limit(ask: &mut Ask, limit: Option<&(String, u64)>) {
    if let Some((name, value)) = limit {
        set(ask, name, Json::from(*value));
    }
}

/// Sets a parameter: a member of a POST's body, else in the query, where it replaces one
/// of the same name.
fn set(ask: &mut Ask, name: &str, value: Json) {
    if let Some(Json::Object(body)) = &mut ask.body {
        body.insert(name.to_owned(), value);
        return;
    }
    let others: Vec<(String, String)> = ask
        .url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    ask.url
        .query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, &text);
}

/// The target of the link with the relation `next` (RFC 8288), if there is one. A link
/// with an anchor speaks about another resource.
pub(crate) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_in)
}

fn next_in(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, from)) = rest.split_once('<') {
        let (target, after) = from.split_once('>')?;
        let (parameters, others) = until_comma(after);
        let mut relation = None;
        let mut anchored = false;
        for parameter in split_outside_quotes(parameters, ';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                // RFC 8288 §3.3: a second rel is ignored.
                "rel" if relation.is_none() => relation = Some(value.trim().trim_matches('"')),
                "anchor" => anchored = true,
                _ => {}
            }
        }
        let is_next = relation.is_some_and(|r| {
            r.split_whitespace()
                .any(|one| one.eq_ignore_ascii_case("next"))
        });
        if is_next && !anchored {
            return Some(target.trim().to_owned());
        }
        rest = others;
    }
    None
}

fn until_comma(text: &str) -> (&str, &str) {
    let head = split_outside_quotes(text, ',').next().unwrap_or(text);
    text.split_at(head.len())
}

fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        if c == '"' {
            quoted = !quoted;
        }
        c == separator && !quoted
    })
}
