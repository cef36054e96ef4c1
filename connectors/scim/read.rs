//! Reads one kind of resource, page by page, and says whether that was all. Pages that
//! drifted (the total changed, an id came twice, fewer came than are stated) are walked a
//! second time: whoever slipped between two pages the first time is found then.

use reqwest::{StatusCode, Url};
use rollcall_directory::entry::{Entry, Flaw};
use rollcall_directory::fingerprint::Fingerprint;
use serde_json::value::RawValue;

use super::announced::Features;
use super::base::{below, endpoint, one};
use super::list::{List, json};
use super::problem::Problem;
use super::resource::{KEY, Shape};
use super::walk::{Next, PageFacts, Walk};
use crate::web::ask::Ask;
use crate::web::client::Session;
use crate::web::outbox::Outbox;
use crate::web::outcome::Outcome;
use crate::web::problem::shown;
use crate::web::seen::{Seen, SeenKeys, content_of};

/// Where to read, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The service's base URL.
    pub(crate) base: &'a Url,
    /// What it can.
    pub(crate) features: Features,
    /// Resources a page.
    pub(crate) page_size: u32,
    /// Whether a group that is asked for by itself and has no `members` is empty.
    pub(crate) omits_empty_members: bool,
}

/// The read of one kind.
#[derive(Debug)]
pub(crate) struct Reading<'a, 's> {
    session: &'a mut Session<'s>,
    place: Place<'a>,
    shape: Shape<'a>,
    outbox: Outbox<'a>,
    seen: SeenKeys,
    passes: u8,
    /// Groups of which nobody knows the members.
    without_members: u64,
}

/// What one walk over all pages found.
#[derive(Debug, Default)]
struct Pass {
    /// The total that was stated last.
    stated: Option<u64>,
    total_changed: bool,
    /// Ids that came again.
    twice: u64,
    without_key: u64,
    end: End,
}

/// How a walk ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The end is proven.
    #[default]
    Reached,
    /// It is the end unless the service keeps the rest from us.
    Perhaps,
    /// A sample is full.
    CutShort,
    /// The service no longer knows its cursor.
    CursorLost,
}

impl<'a, 's> Reading<'a, 's> {
    pub(crate) fn new(
        session: &'a mut Session<'s>,
        place: Place<'a>,
        shape: Shape<'a>,
        outbox: Outbox<'a>,
    ) -> Self {
        Self {
            session,
            place,
            shape,
            outbox,
            seen: SeenKeys::default(),
            passes: 0,
            without_members: 0,
        }
    }

    /// Reads everything, and once more if the pages drifted.
    pub(crate) async fn run(mut self) -> Result<Outcome, Problem> {
        let mut pass = self.pass().await?;
        if pass.end != End::CutShort && self.drifted(&pass) {
            tracing::debug!(endpoint = self.url().as_str(), ?pass, "walking again");
            pass = self.pass().await?;
        }
        Ok(self.judge(&pass))
    }

    fn drifted(&self, pass: &Pass) -> bool {
        pass.total_changed || pass.twice > 0 || pass.end == End::CursorLost || self.is_short(pass)
    }

    fn is_short(&self, pass: &Pass) -> bool {
        pass.stated.is_some_and(|stated| self.seen.count() < stated)
    }

    async fn pass(&mut self) -> Result<Pass, Problem> {
        self.passes += 1;
        self.seen.start_pass();
        let Place {
            features,
            page_size,
            ..
        } = self.place;
        let filter = self.shape.request.filter.as_deref();
        let mut walk = Walk::new(self.url(), filter, page_size, features);
        let mut pass = Pass::default();
        let mut ask = walk.first();
        loop {
            let facts = match self.page(&ask, &walk, &mut pass).await {
                // A second walk may be quick enough.
                Err(Problem::CursorLost { .. }) if self.passes == 1 => {
                    pass.end = End::CursorLost;
                    return Ok(pass);
                }
                other => other,
            };
            let flushed = self.outbox.flush(pass.stated).await;
            let facts = facts?;
            flushed?;
            if pass.end == End::CutShort {
                return Ok(pass);
            }
            ask = match walk.next(&facts)? {
                Next::Page(ask) => *ask,
                Next::End => return Ok(pass),
                Next::PerhapsEnd => {
                    pass.end = End::Perhaps;
                    // It was only asked for to see whether there is more.
                    pass.twice = pass.twice.saturating_sub(facts.items);
                    return Ok(pass);
                }
            };
            if self.outbox.is_full() {
                pass.end = End::CutShort;
                return Ok(pass);
            }
        }
    }

    async fn page(
        &mut self,
        ask: &Ask,
        walk: &Walk,
        pass: &mut Pass,
    ) -> Result<PageFacts, Problem> {
        let page = self.session.page(ask).await?;
        if matches!(page.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Err(self.not_there(ask, walk.page(), page.status));
        }
        let list = List::of(&page, &ask.place)?;
        if let Some(total) = list.total {
            pass.total_changed |= pass.stated.is_some_and(|stated| stated != total);
            pass.stated = Some(total);
        }
        let mut facts = PageFacts {
            items: 0,
            ids: Fingerprint([0; 16]),
            total: list.total,
            next_cursor: list.next_cursor,
        };
        for resource in list.resources {
            if self.outbox.is_full() {
                pass.end = End::CutShort;
                break;
            }
            facts.items += 1;
            let place = format!("{}, item {}", ask.place, facts.items);
            let id = self
                .resource(resource, &place, walk.page(), facts.items, pass)
                .await?;
            facts.ids = Fingerprint::of_parts([&facts.ids.0[..], id.as_bytes()]);
        }
        Ok(facts)
    }

    /// Turns one resource into an entry and delivers it; its id, or all of it if it has
    /// none.
    async fn resource(
        &mut self,
        resource: &RawValue,
        place: &str,
        page: u64,
        item: u64,
        pass: &mut Pass,
    ) -> Result<String, Problem> {
        let mut entry = self.shape.entry(resource, place)?;
        let Ok(key) = &entry.key else {
            pass.without_key += 1;
            // Without a key nothing tells that a second walk meets it again.
            if self.passes == 1 {
                self.outbox.take(entry, pass.stated).await?;
            }
            return Ok(resource.get().to_owned());
        };
        let id = key.as_str().to_owned();
        let position = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let content = content_of(&entry);
        match self.seen.see(&id, content, position(page), position(item)) {
            Seen::New => {
                if self.shape.lacks_members(&entry) {
                    entry = self.with_members(entry).await?;
                }
                self.outbox.take(entry, pass.stated).await?;
            }
            Seen::InEarlierPass => {}
            Seen::Equal => pass.twice += 1,
            Seen::Different(earlier_page, earlier_item) => {
                pass.twice += 1;
                // The first time somebody may have changed it between the two pages.
                if self.passes > 1 {
                    entry.flaws.push(Flaw {
                        attribute: KEY.to_owned(),
                        reason: format!(
                            "the id stands twice with different content: page {earlier_page} item \
                             {earlier_item}, and page {page} item {item}; have the service's \
                             operator remove one"
                        ),
                    });
                    self.outbox.take(entry, pass.stated).await?;
                }
            }
        }
        Ok(id)
    }

    /// The group as it is when it is asked for by itself, if that has its members; many
    /// services leave them out of lists.
    async fn with_members(&mut self, listed: Entry) -> Result<Entry, Problem> {
        let ask = listed
            .key
            .as_ref()
            .ok()
            .and_then(|id| one(self.place.base, self.shape.kind, id));
        let Some(ask) = ask else { return Ok(listed) };
        let page = self.session.page(&ask).await?;
        if page.status == StatusCode::OK {
            let entry = self.shape.entry(json(&page, &ask.place)?, &ask.place)?;
            if entry.key != listed.key {
                return Err(Problem::OtherResource { place: ask.place });
            }
            if !self.shape.lacks_members(&entry) {
                return Ok(entry);
            }
            if self.place.omits_empty_members {
                return Ok(self.shape.without_members(entry));
            }
        }
        self.without_members += 1;
        Ok(listed)
    }

    fn not_there(&self, ask: &Ask, page: u64, status: StatusCode) -> Problem {
        let place = ask.place.clone();
        if page == 1 {
            return Problem::NoEndpoint {
                place: shown(&self.url()),
                kind: self.shape.kind,
            };
        }
        Problem::PageGone {
            place,
            status: status.as_u16(),
        }
    }

    fn url(&self) -> Url {
        below(self.place.base, &[endpoint(self.shape.kind)])
    }

    fn judge(&self, pass: &Pass) -> Outcome {
        let kind = self.shape.kind;
        let url = shown(&self.url());
        let ids = self.seen.count();
        let mut notes = Vec::new();
        if self.passes > 1 {
            notes.push(format!(
                "{url}: the pages of {kind}s did not add up the first time, so they were read twice"
            ));
        }
        if pass.twice > 0 {
            notes.push(format!(
                "{url}: {} {kind}s came twice and were counted once",
                pass.twice
            ));
        }
        if let Some(stated) = pass.stated.filter(|stated| ids > *stated) {
            notes.push(format!(
                "{url}: {ids} {kind}s came although the service states {stated}"
            ));
        }
        if self.without_members > 0 {
            notes.push(format!(
                "{url}: {} groups came without `members`, listed and asked for one by one; their \
                 members stay as they are, since that may mean that there are none or that the \
                 service does not tell; if it always means that there are none, set \
                 omits_empty_members = true",
                self.without_members
            ));
        }
        Outcome {
            incomplete: self.why_incomplete(pass, &url),
            hold_removals: (pass.end == End::Perhaps).then(|| {
                format!(
                    "{url} states and gave exactly {ids} {kind}s, as many as were asked for, and \
                     then the same again: it seems to turn no pages; raise page_size, or approve \
                     the removals"
                )
            }),
            notes,
        }
    }

    fn why_incomplete(&self, pass: &Pass, url: &str) -> Option<String> {
        let kind = self.shape.kind;
        let ids = self.seen.count();
        if pass.end == End::CutShort {
            return Some(format!(
                "only a sample of {} {kind}s was read from {url}, as was asked for",
                self.outbox.delivered()
            ));
        }
        if pass.without_key > 0 {
            return Some(format!(
                "{} {kind}s of {url} have no usable id, so nobody can tell who is missing: ask \
                 the service's operator",
                pass.without_key
            ));
        }
        let stated = pass.stated.filter(|stated| ids < *stated)?;
        Some(format!(
            "{url} states {stated} {kind}s but gave {ids}, twice: ask the service's operator \
             which {kind}s this client may read, or read at a quieter time"
        ))
    }
}
