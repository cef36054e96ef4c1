//! From page to page, by cursor (RFC 9865) or by `startIndex` (RFC 7644 §3.4.2.4), until the
//! end is proven. An index moves on by what was received, never by what was asked for:
//! services give fewer than `count`. A service that repeats itself is noticed.

use std::collections::HashSet;

use reqwest::Url;
use rollcall_directory::fingerprint::Fingerprint;

use super::announced::Features;
use super::problem::Problem;
use crate::web::ask::Ask;
use crate::web::problem::shown;

/// More pages than any honest service has.
const PAGES_MAX: u64 = 100_000;

/// What a page said.
#[derive(Debug)]
pub(crate) struct PageFacts {
    /// How many resources it had.
    pub(crate) items: u64,
    /// The hash of their ids, in order.
    pub(crate) ids: Fingerprint,
    /// How many there are in all, if it said so.
    pub(crate) total: Option<u64>,
    /// The cursor of the next page.
    pub(crate) next_cursor: Option<String>,
}

/// What follows a page.
#[derive(Debug)]
pub(crate) enum Next {
    /// Another page.
    Page(Box<Ask>),
    /// The end, and it is proven.
    End,
    /// The end, as far as can be told: the service gave the very page again that held
    /// exactly as many as were asked for, and as many as it states.
    PerhapsEnd,
}

/// One walk over all pages.
#[derive(Debug)]
pub(crate) struct Walk {
    list: Url,
    count: u64,
    by_cursor: bool,
    page: u64,
    received: u64,
    contents: HashSet<Fingerprint>,
    cursors: HashSet<Fingerprint>,
}

impl Walk {
    /// Over the resources at `list` that fulfil `filter`.
    pub(crate) fn new(list: Url, filter: Option<&str>, count: u32, features: Features) -> Self {
        let mut list = list;
        {
            let mut query = list.query_pairs_mut();
            if let Some(filter) = filter {
                query.append_pair("filter", filter);
            }
            // An order of its own may change from page to page; a cursor keeps its own.
            if features.sort && !features.cursor {
                query.append_pair("sortBy", "id");
            }
            query.append_pair("count", &count.to_string());
        }
        Self {
            list,
            count: u64::from(count),
            by_cursor: features.cursor,
            page: 1,
            received: 0,
            contents: HashSet::new(),
            cursors: HashSet::new(),
        }
    }

    /// The page that is being read, from 1.
    pub(crate) fn page(&self) -> u64 {
        self.page
    }

    /// The request for the first page.
    pub(crate) fn first(&self) -> Ask {
        if self.by_cursor {
            // RFC 9865 §2: an empty cursor asks for the first page.
            self.ask("cursor", "")
        } else {
            self.ask("startIndex", "1")
        }
    }

    /// What follows the page that `facts` are about.
    pub(crate) fn next(&mut self, facts: &PageFacts) -> Result<Next, Problem> {
        let place = self.place();
        let repeats = facts.items > 0 && !self.contents.insert(facts.ids);
        if repeats && self.is_a_second_look(facts) {
            return Ok(Next::PerhapsEnd);
        }
        if repeats {
            return Err(Problem::PageRepeats { place });
        }
        let looks_again = self.is_exactly_what_was_asked_for(facts);
        self.received += facts.items;
        let value = if self.by_cursor {
            let Some(cursor) = &facts.next_cursor else {
                return Ok(Next::End);
            };
            if !self.cursors.insert(Fingerprint::of(cursor.as_bytes())) {
                return Err(Problem::CursorRepeats { place });
            }
            cursor.clone()
        } else {
            // A total that was passed is wrong: then only an empty page is the end.
            let reached = facts.total == Some(self.received);
            if facts.items == 0 || (reached && !looks_again) {
                return Ok(Next::End);
            }
            (self.received + 1).to_string()
        };
        if self.page == PAGES_MAX {
            return Err(Problem::TooManyPages {
                place,
                max: PAGES_MAX,
            });
        }
        self.page += 1;
        let parameter = if self.by_cursor {
            "cursor"
        } else {
            "startIndex"
        };
        Ok(Next::Page(Box::new(self.ask(parameter, &value))))
    }

    /// A first page with exactly as many as were asked for, and as many as the service
    /// states: it may have stated the page's number. The page behind it shows.
    fn is_exactly_what_was_asked_for(&self, facts: &PageFacts) -> bool {
        self.page == 1 && facts.items == self.count && facts.total == Some(facts.items)
    }

    fn is_a_second_look(&self, facts: &PageFacts) -> bool {
        !self.by_cursor
            && self.page == 2
            && self.received == self.count
            && facts.total == Some(self.received)
    }

    fn ask(&self, parameter: &str, value: &str) -> Ask {
        let mut url = self.list.clone();
        url.query_pairs_mut().append_pair(parameter, value);
        Ask {
            url,
            body: None,
            unless: None,
            place: self.place(),
        }
    }

    fn place(&self) -> String {
        format!("{}, page {}", shown(&self.list), self.page)
    }
}
