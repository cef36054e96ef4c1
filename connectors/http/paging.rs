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
use super::validators::PageValidators;

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
    /// Only if it is no longer what these validators are of: else 304 is an answer too.
    pub(crate) unless: Option<PageValidators>,
}

/// How a page is reached from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is the one that the settings name.
    Start,
    /// By its number, or its offset.
    Number(u64),
    /// By a cursor of the service.
    Cursor(String),
    /// By a URL of the service.
    Url(Url),
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
    way: Way,
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
            way: Way::Start,
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

    /// How it was reached.
    pub(crate) fn way(&self) -> &Way {
        &self.way
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
        self.way = match &self.endpoint.paging {
            Paging::Page { first, .. } => Way::Number(*first),
            Paging::Offset { .. } => Way::Number(0),
            Paging::None | Paging::Link | Paging::Next { .. } | Paging::Cursor { .. } => Way::Start,
        };
        let ask = self.ask();
        self.visited
            .insert(Fingerprint::of(ask.url.as_str().as_bytes()));
        ask
    }

    /// The request for a page that was reached before, in the order of the pages.
    pub(crate) fn again(&mut self, way: Way) -> Ask {
        self.way = way;
        let ask = self.ask();
        self.page += 1;
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
            Paging::Page { first, .. } => {
                (facts.items > 0).then_some(Way::Number(first + self.page))
            }
            Paging::Offset { .. } => {
                (facts.items > 0).then_some(Way::Number(self.offset + facts.items))
            }
            Paging::Cursor { .. } => match &facts.next {
                None => None,
                Some(cursor) => {
                    if !self.visited.insert(Fingerprint::of(cursor.as_bytes())) {
                        return Err(Problem::NextRepeats { place });
                    }
                    Some(Way::Cursor(cursor.clone()))
                }
            },
        };
        let Some(way) = next else {
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
        self.way = way;
        Ok(Some(self.ask()))
    }

    fn by_url(&mut self, facts: &PageFacts, place: &str) -> Result<Option<Way>, Problem> {
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
        Ok(Some(Way::Url(url)))
    }

    /// The request for the page that the way leads to.
    fn ask(&self) -> Ask {
        let mut ask = Ask {
            url: match &self.way {
                Way::Url(url) => url.clone(),
                Way::Start | Way::Number(_) | Way::Cursor(_) => self.first.clone(),
            },
            body: match &self.endpoint.method {
                Method::Get => None,
                Method::Post { body } => Some(body.clone()),
            },
            place: self.place(),
            unless: None,
        };
        let limit = match (&self.endpoint.paging, &self.way) {
            (
                Paging::Page {
                    parameter,
                    size: limit,
                    ..
                }
                | Paging::Offset { parameter, limit },
                Way::Number(number),
            ) => {
                set(&mut ask, parameter, Json::from(*number));
                limit
            }
            (
                Paging::Cursor {
                    parameter, limit, ..
                },
                Way::Cursor(cursor),
            ) => {
                set(&mut ask, parameter, Json::from(cursor.as_str()));
                limit
            }
            (Paging::Cursor { limit, .. }, _) => limit,
            _ => &None,
        };
        if let Some((name, value)) = limit {
            set(&mut ask, name, Json::from(*value));
        }
        ask
    }

    fn place(&self) -> String {
        match self.endpoint.paging {
            Paging::None => shown(&self.first),
            _ => format!("{}, page {}", shown(&self.first), self.page),
        }
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
