//! Reads one kind of entry from its endpoint, page by page, and says whether that was all.
//! Items leave as batches while the page is still in hand: memory holds one page, one
//! batch, and a hash a key.

use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use rollcall_directory::entry::Flaw;
use rollcall_directory::fingerprint::Fingerprint;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::envelope;
use super::items::Shape;
use super::paging::{PageFacts, Turner, next_link};
use super::problem::Problem;
use super::settings::{Endpoint, Format, Paging, Settings, Total};
use super::validators::{KeptPage, Trail};
use crate::Batch;
use crate::web::ask::Ask;
use crate::web::body::{STEP_BYTES, Unpacker, check_type, text};
use crate::web::client::{Page, Session};
use crate::web::envelope::{at, whole};
use crate::web::outbox::Outbox;
use crate::web::outcome::Outcome;
use crate::web::problem::{Problem as WebProblem, shown};
use crate::web::seen::{Seen, SeenKeys, content_of};

/// Counts that look like a limit which the service applied without saying so.
const SUSPICIOUS_COUNTS: [u64; 7] = [20, 25, 50, 100, 200, 500, 1000];

/// The read of one kind, when it has not failed.
#[derive(Debug)]
pub(crate) struct Read {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The pages that hold just what was delivered, if each can be asked for again
    /// conditionally.
    pub(crate) pages: Option<Vec<KeptPage>>,
}

/// The read of one kind.
#[derive(Debug)]
pub(crate) struct Reading<'a, 's> {
    session: &'a mut Session<'s>,
    endpoint: &'a Endpoint,
    shape: Shape<'a>,
    bytes_max: u64,
    outbox: Outbox<'a>,
    seen: SeenKeys,
    trail: Trail,
    outcome: Outcome,
}

/// What one pass over all pages found.
#[derive(Debug, Default)]
struct Pass {
    items: u64,
    without_key: u64,
    equal: u64,
    stated: Option<u64>,
    cut_short: bool,
    /// Whether some page said anything about a next one, if only that there is none.
    tells_of_next: bool,
}

/// What is gathered while the items of a page go by.
#[derive(Debug)]
struct PageState {
    number: u32,
    place: String,
    items: u32,
    keys: Fingerprint,
}

impl<'a, 's> Reading<'a, 's> {
    pub(crate) fn new(
        session: &'a mut Session<'s>,
        endpoint: &'a Endpoint,
        shape: Shape<'a>,
        sample: Option<usize>,
        settings: &Settings,
        out: &'a mpsc::Sender<Batch>,
    ) -> Self {
        Self {
            session,
            endpoint,
            shape,
            bytes_max: settings.service.body_bytes_max,
            outbox: Outbox::new(out, sample),
            seen: SeenKeys::default(),
            trail: Trail::new(settings, endpoint),
            outcome: Outcome::default(),
        }
    }

    /// Reads everything; once more if it was less than the service says there is, since
    /// pages shift when people come and go during a read.
    pub(crate) async fn run(mut self) -> Result<Read, Problem> {
        let mut pass = self.pass().await?;
        if !pass.cut_short && pass.stated.is_some_and(|stated| self.seen.count() < stated) {
            self.outcome.notes.clear();
            // Who came in one pass and not in the other is on no page of either.
            self.trail.give_up();
            pass = self.pass().await?;
        }
        self.judge(&pass);
        let is_everything = self.outcome.incomplete.is_none();
        Ok(Read {
            pages: self.trail.take().filter(|_| is_everything),
            outcome: self.outcome,
        })
    }

    async fn pass(&mut self) -> Result<Pass, Problem> {
        self.seen.start_pass();
        let mut pass = Pass::default();
        let mut turner = Turner::new(self.endpoint)?;
        let mut ask = Some(turner.first());
        while let Some(now) = ask {
            let facts = match self.endpoint.format {
                Format::Lines => self.lines(&now, &turner, &mut pass).await,
                Format::Array | Format::Object { .. } => self.page(&now, &turner, &mut pass).await,
            };
            let flushed = self.outbox.flush(pass.stated).await;
            let facts = facts?;
            flushed?;
            ask = turner.next(&facts)?;
            if pass.cut_short || (ask.is_some() && self.outbox.is_full()) {
                pass.cut_short = true;
                break;
            }
        }
        Ok(pass)
    }

    async fn page(
        &mut self,
        ask: &Ask,
        turner: &Turner<'_>,
        pass: &mut Pass,
    ) -> Result<PageFacts, Problem> {
        let page = self.session.page(ask).await?;
        let mut state = PageState::new(ask, turner);
        let no_content = page.status == StatusCode::NO_CONTENT;
        let mut next = None;
        check_status(page.status, &ask.place)?;
        self.trail.note(turner.way(), &page.headers);
        if no_content {
            self.note_total(&page.headers, None, &ask.place, pass)?;
        } else {
            check_type(&page.headers, self.endpoint.format.is_lines(), &ask.place)?;
            let text = text(&page.headers, &page.body, &ask.place)?;
            let answer = whole(text, &ask.place)?;
            self.note_total(&page.headers, Some(answer), &ask.place, pass)?;
            next = self.next_in(&page, answer, &ask.place, pass)?;
            let path = match &self.endpoint.format {
                Format::Object { items } => items.as_str(),
                Format::Array | Format::Lines => "",
            };
            for item in envelope::items(answer, path, &ask.place)? {
                if !self.item(item, &mut state, pass).await? {
                    break;
                }
            }
        }
        Ok(state.facts(no_content, next, page.url))
    }

    /// JSON lines, parsed while they come: the limit on size is one on each line.
    async fn lines(
        &mut self,
        ask: &Ask,
        turner: &Turner<'_>,
        pass: &mut Pass,
    ) -> Result<PageFacts, Problem> {
        let mut response = self.session.stream(ask).await?;
        let headers = response.headers().clone();
        let mut state = PageState::new(ask, turner);
        let no_content = response.status() == StatusCode::NO_CONTENT;
        check_status(response.status(), &ask.place)?;
        self.trail.note(turner.way(), &headers);
        self.note_total(&headers, None, &ask.place, pass)?;
        if !no_content {
            check_type(&headers, self.endpoint.format.is_lines(), &ask.place)?;
            let mut unpacker = Unpacker::new(&headers, &ask.place)?;
            let mut held = Vec::new();
            let mut wanted = true;
            while wanted && let Some(chunk) = self.session.chunk(&mut response, &ask.place).await? {
                for step in chunk.as_ref().chunks(STEP_BYTES) {
                    unpacker.unpack(step, &mut held, u64::MAX)?;
                    wanted = wanted
                        && self
                            .whole_lines(&mut held, &headers, &mut state, pass)
                            .await?;
                    self.check_line(&held, &ask.place)?;
                }
            }
            if wanted {
                unpacker.finish(&mut held)?;
                held.push(b'\n');
                self.whole_lines(&mut held, &headers, &mut state, pass)
                    .await?;
            }
        }
        Ok(state.facts(no_content, next_link(&headers), response.url().clone()))
    }

    /// Takes the lines that are whole out of `held`; whether more are wanted.
    async fn whole_lines(
        &mut self,
        held: &mut Vec<u8>,
        headers: &HeaderMap,
        state: &mut PageState,
        pass: &mut Pass,
    ) -> Result<bool, Problem> {
        let Some(end) = held.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(true);
        };
        let rest = held.split_off(end + 1);
        let lines = std::mem::replace(held, rest);
        for line in lines.split(|byte| *byte == b'\n') {
            self.check_line(line, &state.place)?;
            let line = text(headers, line, &state.next_place())?.trim();
            if line.is_empty() {
                continue;
            }
            let item = whole(line, &state.next_place())?;
            if !self.item(item, state, pass).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn check_line(&self, line: &[u8], place: &str) -> Result<(), Problem> {
        if line.len() as u64 > self.bytes_max {
            return Err(WebProblem::TooLarge {
                place: place.to_owned(),
                max: self.bytes_max,
            }
            .into());
        }
        Ok(())
    }

    /// Turns one item into an entry and delivers it; whether more are wanted.
    async fn item(
        &mut self,
        item: &RawValue,
        state: &mut PageState,
        pass: &mut Pass,
    ) -> Result<bool, Problem> {
        if self.outbox.is_full() {
            pass.cut_short = true;
            return Ok(false);
        }
        let place = state.next_place();
        state.items = state.items.saturating_add(1);
        pass.items += 1;
        let mut entry = self.shape.entry(item, place)?;
        let identity = match &entry.key {
            Ok(key) => key.as_str().to_owned(),
            Err(_) => item.get().to_owned(),
        };
        state.keys = Fingerprint::of_parts([&state.keys.0[..], identity.as_bytes()]);
        if entry.key.is_err() {
            pass.without_key += 1;
            // Without a key nothing tells that a second pass meets it again.
            if self.seen.is_first_pass() {
                self.outbox.take(entry, pass.stated).await?;
            }
            return Ok(true);
        }
        match self
            .seen
            .see(&identity, content_of(&entry), state.number, state.items)
        {
            Seen::New => self.outbox.take(entry, pass.stated).await?,
            Seen::InEarlierPass => {}
            Seen::Equal => pass.equal += 1,
            Seen::Different(page, item) => {
                entry.flaws.push(Flaw {
                    attribute: self.shape.request.key.clone(),
                    reason: format!(
                        "the key stands twice with different content: page {page} item {item}, \
                         and page {} item {}; have the source's operator remove one",
                        state.number, state.items
                    ),
                });
                self.outbox.take(entry, pass.stated).await?;
            }
        }
        Ok(true)
    }

    fn note_total(
        &self,
        headers: &HeaderMap,
        answer: Option<&RawValue>,
        place: &str,
        pass: &mut Pass,
    ) -> Result<(), Problem> {
        let stated = match (&self.endpoint.total, answer) {
            (Some(Total::Header(name)), _) => headers
                .get(name.as_str())
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            (Some(Total::Body(path)), Some(answer)) => envelope::text_at(answer, path, place)?,
            (Some(Total::Body(_)), None) | (None, _) => None,
        };
        if let Some(total) = stated.and_then(|text| text.trim().parse().ok()) {
            pass.stated = Some(total);
        }
        Ok(())
    }

    fn next_in(
        &self,
        page: &Page,
        answer: &RawValue,
        place: &str,
        pass: &mut Pass,
    ) -> Result<Option<String>, Problem> {
        match &self.endpoint.paging {
            Paging::None | Paging::Page { .. } | Paging::Offset { .. } => Ok(None),
            Paging::Link => {
                pass.tells_of_next |= page.headers.contains_key(header::LINK);
                Ok(next_link(&page.headers))
            }
            Paging::Next { path } | Paging::Cursor { path, .. } => {
                pass.tells_of_next |= at(answer, path, place)?.is_some();
                envelope::text_at(answer, path, place)
            }
        }
    }

    /// What a service that never speaks of a next page may mean: that there is none, or that
    /// `paging` looks in the wrong place.
    fn never_told_of_next(&self, pass: &Pass, url: &str) -> Option<String> {
        let place = match &self.endpoint.paging {
            Paging::None | Paging::Page { .. } | Paging::Offset { .. } => return None,
            Paging::Link => "a header `Link`".to_owned(),
            Paging::Next { path } | Paging::Cursor { path, .. } => format!("`{path}`"),
        };
        (!pass.tells_of_next && pass.items > 0 && !pass.cut_short).then(|| {
            format!(
                "the answer of {url} has no {place}, so its first page of {} {}s counts as all there are: check `paging` if there are more",
                pass.items, self.shape.kind
            )
        })
    }

    fn judge(&mut self, pass: &Pass) {
        let kind = self.shape.kind;
        let url = reqwest::Url::parse(&self.endpoint.url)
            .map(|url| shown(&url))
            .unwrap_or_default();
        let keys = self.seen.count();
        let incomplete = self.why_incomplete(pass, &url);
        let untold = self.never_told_of_next(pass, &url);
        let outcome = &mut self.outcome;
        outcome.incomplete = incomplete;
        if pass.equal > 0 {
            outcome.notes.push(format!(
                "{url}: {} {kind}s came twice with equal content and were counted once",
                pass.equal
            ));
        }
        match pass.stated {
            Some(stated) if keys > stated => outcome.notes.push(format!(
                "{url}: {keys} {kind}s came although the service states {stated}"
            )),
            _ => {}
        }
        let looks_cut = pass.stated.is_none() && SUSPICIOUS_COUNTS.contains(&pass.items);
        if looks_cut && (matches!(self.endpoint.paging, Paging::None) || untold.is_some()) {
            let because = format!(
                "{url} gave exactly {} {kind}s without paging, which looks like a limit that the \
                 service does not mention: set `paging` or `total`, or approve the removals",
                pass.items
            );
            outcome.notes.push(because.clone());
            outcome.hold_removals = Some(because);
        }
        outcome.notes.extend(untold);
    }

    fn why_incomplete(&self, pass: &Pass, url: &str) -> Option<String> {
        let kind = self.shape.kind;
        let keys = self.seen.count();
        if pass.cut_short {
            return Some(format!(
                "only a sample of {} {kind}s was read from {url}, as was asked for",
                self.outbox.delivered()
            ));
        }
        if pass.without_key > 0 {
            return Some(format!(
                "{} {kind}s of {url} have no usable key at `{}`, so nobody can tell who is \
                 missing: check `key` in the mapping, or have the source's operator fill it in",
                pass.without_key, self.shape.request.key
            ));
        }
        match (&self.endpoint.total, pass.stated) {
            (Some(_), None) => Some(format!(
                "{url} did not state its total where `total` says: check `total`"
            )),
            (_, Some(stated)) if keys < stated => Some(format!(
                "{url} states {stated} {kind}s but gave {keys}, twice: check `paging`, or ask \
                 the service's operator which {kind}s this client may read"
            )),
            _ => None,
        }
    }
}

impl PageState {
    fn new(ask: &Ask, turner: &Turner<'_>) -> Self {
        Self {
            number: u32::try_from(turner.page()).unwrap_or(u32::MAX),
            place: ask.place.clone(),
            items: 0,
            keys: Fingerprint([0; 16]),
        }
    }

    /// Where the next item stands.
    fn next_place(&self) -> String {
        format!("{}, item {}", self.place, u64::from(self.items) + 1)
    }

    fn facts(&self, no_content: bool, next: Option<String>, url: reqwest::Url) -> PageFacts {
        PageFacts {
            items: u64::from(self.items),
            keys: self.keys,
            no_content,
            next,
            url,
        }
    }
}

fn check_status(status: StatusCode, place: &str) -> Result<(), Problem> {
    match status {
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
        status => Err(WebProblem::NotFound {
            place: place.to_owned(),
            status,
        }
        .into()),
    }
}
