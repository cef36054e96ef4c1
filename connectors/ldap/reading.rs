//! A read: users, then groups, in pages (RFC 2696). All pages of one kind come over one
//! connection, since the cookie lives there. When the connection is lost or the cookie is
//! refused, the kind is read again from page 1, [`RESTARTS_MAX`] times at most; entries may
//! then be delivered twice, which does no harm, since each delivery is the entry's state.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use rollcall_directory::entry::{Entry, Kind};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::LdapConnector;
use super::connection::{self, Patience, Session};
use super::convert::{Converter, Draft};
use super::errors::{Ending, Trouble, code, search_ending};
use super::message::{Answer, Outcome, Scope, Search};
use super::names::Names;
use super::schema::{self, Subschema};
use super::{dynamic, filter, look_up, ranges, referrals};
use crate::{Batch, KindRequest, ReadRequest, Verdict};

/// How often a kind is read again from page 1.
pub(super) const RESTARTS_MAX: usize = 2;
/// A server that is just restarted needs a moment.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// A batch is sent when its values reach this size, in bytes, however few entries it has.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many doubled keys are traced to both their entries.
const DOUBLES_TRACED_MAX: usize = 20;
/// How many references or entries a sentence names.
const NAMED_MAX: usize = 3;

/// One read under way.
pub(super) struct Reading<'a> {
    connector: &'a LdapConnector,
    out: mpsc::Sender<Batch>,
    /// See [`Batch::pass`].
    passes: u8,
    sample: Option<usize>,
    deadline: Instant,
    schema: Option<Subschema>,
    session: Option<Session>,
    /// For what must be asked while a paged search is open.
    side: Option<Session>,
    batch: Vec<Entry>,
    batch_bytes: usize,
    notes: Vec<String>,
    incomplete: Vec<String>,
}

/// What one pass over a kind met.
#[derive(Default)]
struct Pass {
    delivered: u64,
    keys: HashSet<u128>,
    doubles: usize,
    keyless: u64,
    keyless_named: Vec<String>,
    references: Vec<String>,
    dynamic: u64,
    dynamic_named: Vec<String>,
}

/// Reads everything that `request` asks for.
pub(super) async fn read(
    connector: &LdapConnector,
    request: &ReadRequest,
    out: mpsc::Sender<Batch>,
) -> Verdict {
    let limit = connector.settings.run_timeout;
    let mut reading = Reading {
        connector,
        passes: 0,
        out,
        sample: request.sample,
        deadline: Instant::now() + limit,
        schema: None,
        session: None,
        side: None,
        batch: Vec::with_capacity(Batch::ENTRIES_MAX),
        batch_bytes: 0,
        notes: Vec::new(),
        incomplete: Vec::new(),
    };
    for kind in [Kind::User, Kind::Group] {
        let Some(asked) = request.of(kind) else {
            continue;
        };
        if let Err(because) = reading.kind(kind, asked).await {
            return Verdict::Failed { because };
        }
    }
    for session in [reading.session.take(), reading.side.take()]
        .into_iter()
        .flatten()
    {
        session.close().await;
    }
    if reading.incomplete.is_empty() {
        Verdict::Complete {
            notes: reading.notes,
            hold_removals: None,
        }
    } else {
        Verdict::Incomplete {
            because: reading.incomplete.join("; "),
        }
    }
}

impl Reading<'_> {
    /// Reads one kind, again if need be. The error is why the read failed.
    async fn kind(&mut self, kind: Kind, asked: &KindRequest) -> Result<(), String> {
        let base = self.connector.base_of(kind).to_owned();
        let mut restarts = 0;
        loop {
            let mut pass = Pass::default();
            let ended = self.pass(kind, asked, &base, &mut pass).await;
            let where_ = self
                .session
                .as_ref()
                .map(|session| format!("{}: ", session.url()))
                .unwrap_or_default();
            let trouble = match ended {
                Ok(ending) => {
                    self.flush().await.map_err(|trouble| trouble.to_string())?;
                    self.count(kind, asked, pass);
                    return match ending {
                        Ending::Complete => Ok(()),
                        Ending::Incomplete(because) => {
                            self.incomplete.push(because);
                            Ok(())
                        }
                        Ending::Failed(because) => Err(because),
                    };
                }
                Err(trouble) => trouble,
            };
            self.session = None;
            self.side = None;
            let again = matches!(trouble, Trouble::Lost(_) | Trouble::CookieRefused(_));
            let so_far = if where_.is_empty() {
                String::new()
            } else {
                format!(" after {} {kind} entries under {base}", pass.delivered)
            };
            let sentence = match (&trouble, self.notes.last()) {
                // What broke the try before explains why this one was made.
                (Trouble::Sentence(reason), Some(before)) if restarts > 0 => {
                    format!("{before}: {reason}")
                }
                _ => format!("{where_}{trouble}{so_far}"),
            };
            // What came before may update, so it is delivered.
            self.flush().await.map_err(|trouble| trouble.to_string())?;
            if !again || restarts == RESTARTS_MAX {
                let tried = match restarts {
                    0 => String::new(),
                    n => format!(", for the {}. time", n + 1),
                };
                return Err(format!("{sentence}{tried}{}", trouble.remedy()));
            }
            restarts += 1;
            self.passes = self.passes.saturating_add(1);
            tracing::warn!(reason = sentence, "reading again from the first page");
            self.notes
                .push(format!("{sentence}; read again from the first page"));
            sleep(RESTART_PAUSE).await;
        }
    }

    /// One pass over all pages.
    async fn pass(
        &mut self,
        kind: Kind,
        asked: &KindRequest,
        base: &str,
        pass: &mut Pass,
    ) -> Result<Ending, Trouble> {
        let settings = &self.connector.settings;
        let text = asked.filter.as_deref().unwrap_or(filter::ANYTHING);
        let filter = filter::encode(text).map_err(|error| Trouble::Sentence(error.to_string()))?;
        if self.session.is_none() {
            self.session = Some(self.connect().await?);
        }
        if self.schema.is_none()
            && let Some(session) = &mut self.session
        {
            self.schema = Some(schema::read(session, settings).await?);
        }
        let names = Names::new(
            self.schema.clone().unwrap_or_default(),
            &asked.key,
            asked.attributes.as_deref(),
        );
        let mut converter = Converter::new(kind, names, &settings.placeholder_members);
        let attributes = attributes_to_ask_for(asked, kind);
        let sample = self
            .sample
            .map(|sample| u32::try_from(sample).unwrap_or(u32::MAX).max(1));
        let size = sample.map_or(settings.page_size, |sample| sample.min(settings.page_size));
        let mut cookie = Vec::new();
        loop {
            let Some(session) = &mut self.session else {
                return Err(Trouble::Lost("it was closed".to_owned()));
            };
            let id = session
                .send_search(&Search {
                    base,
                    scope: Scope::Subtree,
                    filter: &filter,
                    attributes: &attributes,
                    page: Some((size, &cookie)),
                })
                .await?;
            let first_page = cookie.is_empty();
            let mut patience = Patience::new(settings.page_timeout);
            let mut in_page: u32 = 0;
            let (outcome, next) = loop {
                let Some(session) = &mut self.session else {
                    return Err(Trouble::Lost("it was closed".to_owned()));
                };
                match session.answer(id, &mut patience).await? {
                    Answer::Entry(raw) => {
                        let draft = converter.convert(raw)?;
                        in_page += 1;
                        self.deliver(&converter, draft, kind, asked, base, pass)
                            .await?;
                        let enough =
                            sample.is_some_and(|sample| pass.delivered >= u64::from(sample));
                        if enough && !self.is_over(id, &mut patience).await? {
                            // The search is left open, so this connection is of no more use.
                            self.session = None;
                            return Ok(sampled(kind, pass.delivered));
                        } else if enough {
                            return Ok(Ending::Complete);
                        }
                    }
                    Answer::Reference(urls)
                        if !referrals::may_be_ignored(&urls, &settings.ignore_referrals) =>
                    {
                        pass.references.push(urls.join(" or "));
                    }
                    Answer::SearchDone(outcome, next) => break (outcome, next),
                    _ => {}
                }
            };
            tracing::debug!(base, entries = in_page, "a page was read");
            if let Some(ending) = self.page_ending(
                base,
                first_page,
                in_page,
                size,
                pass,
                &outcome,
                next.as_deref(),
            )? {
                return Ok(ending);
            }
            cookie = next.unwrap_or_default();
        }
    }

    /// After the last entry of a sample: whether the source ended with it.
    async fn is_over(&mut self, id: i64, patience: &mut Patience) -> Result<bool, Trouble> {
        let Some(session) = &mut self.session else {
            return Ok(false);
        };
        loop {
            match session.answer(id, patience).await? {
                Answer::SearchDone(outcome, cookie) => {
                    return Ok(outcome.code == code::SUCCESS && cookie.is_none_or(|c| c.is_empty()));
                }
                Answer::Entry(_) => return Ok(false),
                _ => {}
            }
        }
    }

    /// What the end of a page means; `None`: there is a next one.
    #[expect(
        clippy::too_many_arguments,
        reason = "one decision over all that is known at a page's end"
    )]
    fn page_ending(
        &self,
        base: &str,
        first_page: bool,
        in_page: u32,
        size: u32,
        pass: &Pass,
        outcome: &Outcome,
        cookie: Option<&[u8]>,
    ) -> Result<Option<Ending>, Trouble> {
        let refused = matches!(
            outcome.code,
            code::PROTOCOL_ERROR | code::CRITICAL_EXTENSION | code::UNWILLING
        );
        if refused && !first_page {
            return Err(Trouble::CookieRefused(outcome.clone()));
        }
        let url = self
            .session
            .as_ref()
            .map(|s| s.url().to_string())
            .unwrap_or_default();
        if outcome.code == code::REFERRAL
            && referrals::may_be_ignored(
                &outcome.referrals,
                &self.connector.settings.ignore_referrals,
            )
        {
            return Ok(Some(Ending::Complete));
        }
        if outcome.code != code::SUCCESS {
            return Ok(Some(search_ending(&url, base, pass.delivered, outcome)));
        }
        Ok(match cookie {
            // An empty page with a cookie is no end.
            Some(cookie) if !cookie.is_empty() => None,
            Some(_) => Some(Ending::Complete),
            None if in_page < size => Some(Ending::Complete),
            None => Some(Ending::Incomplete(format!(
                "{url} gave a full page of {in_page} entries under {base} without saying whether more follow (RFC 2696): \
                 the server, or a proxy before it, does not support paged results properly"
            ))),
        })
    }

    async fn deliver(
        &mut self,
        converter: &Converter,
        mut draft: Draft,
        kind: Kind,
        asked: &KindRequest,
        base: &str,
        pass: &mut Pass,
    ) -> Result<(), Trouble> {
        for ranged in std::mem::take(&mut draft.ranged) {
            let dn = draft.dn.clone();
            let settings = &self.connector.settings;
            let side = self.side().await?;
            match ranges::retrieve(side, settings, &dn, &ranged.description).await? {
                Ok(values) => converter.complete(&mut draft, &ranged, &values)?,
                Err(flaw) => draft.flaw(&ranged.description, flaw),
            }
        }
        if !draft.member_urls.is_empty() {
            self.dynamic(converter, &mut draft, pass).await?;
        }
        if let Ok(key) = draft.key() {
            if !pass.keys.insert(self.connector.hash(key.as_str())) {
                let key = key.clone();
                pass.doubles += 1;
                let mut places = Vec::new();
                if pass.doubles <= DOUBLES_TRACED_MAX {
                    let settings = &self.connector.settings;
                    let names = converter.names();
                    let side = self.side().await?;
                    places =
                        look_up::places(side, settings, base, &asked.key, names.key_kind(), &key)
                            .await?;
                }
                if places.len() < 2 {
                    places = vec![draft.dn.clone(), "an entry that came before".to_owned()];
                }
                let sentence = format!(
                    "{} {key} stands on {} entries: {}",
                    asked.key,
                    places.len(),
                    places.join(" and ")
                );
                if pass.doubles <= DOUBLES_TRACED_MAX {
                    self.notes.push(sentence.clone());
                }
                draft.flaw(&asked.key, sentence);
            }
        } else {
            pass.keyless += 1;
            if pass.keyless_named.len() < NAMED_MAX {
                pass.keyless_named.push(draft.dn.clone());
            }
        }
        pass.delivered += 1;
        self.batch_bytes += draft.size;
        self.batch.push(draft.finish(kind));
        if self.batch.len() >= Batch::ENTRIES_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// A group whose members are described: they are searched for, or it is noted.
    async fn dynamic(
        &mut self,
        converter: &Converter,
        draft: &mut Draft,
        pass: &mut Pass,
    ) -> Result<(), Trouble> {
        let settings = &self.connector.settings;
        if settings.dynamic_groups {
            let side = self.side().await?;
            return dynamic::evaluate(side, settings, converter, draft).await;
        }
        pass.dynamic += 1;
        if pass.dynamic_named.len() < NAMED_MAX {
            pass.dynamic_named.push(draft.dn.clone());
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Trouble> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let entries = std::mem::replace(&mut self.batch, Vec::with_capacity(Batch::ENTRIES_MAX));
        self.batch_bytes = 0;
        self.out
            .send(Batch {
                entries,
                announced: None,
                pass: self.passes,
            })
            .await
            .map_err(|_| Trouble::Cancelled)
    }

    /// What a finished pass says about the verdict.
    fn count(&mut self, kind: Kind, asked: &KindRequest, pass: Pass) {
        if pass.keyless > 0 {
            self.incomplete.push(format!(
                "{} {kind} entries have no usable {} ({}): let the bind account read it, or choose another key in the mapping",
                pass.keyless,
                asked.key,
                named(&pass.keyless_named, pass.keyless)
            ));
        }
        if pass.dynamic > 0 {
            self.notes.push(format!(
                "{} groups are dynamic, and only their listed members were read ({}): \
                 set dynamic_groups = true to search for those that memberURL describes",
                pass.dynamic,
                named(&pass.dynamic_named, pass.dynamic)
            ));
        }
        if !pass.references.is_empty() {
            let total = pass.references.len() as u64;
            let shown: Vec<String> = pass.references.into_iter().take(NAMED_MAX).collect();
            self.incomplete.push(format!(
                "the server referred to other servers, which are not followed: {}; read them as sources of their own \
                 and list them in ignore_referrals",
                named(&shown, total)
            ));
        }
    }

    async fn connect(&self) -> Result<Session, Trouble> {
        let mut session =
            connection::connect(&self.connector.settings, &self.connector.servers).await?;
        session.end_at(self.deadline, self.connector.settings.run_timeout);
        Ok(session)
    }

    /// A second connection to the server that is being read.
    async fn side(&mut self) -> Result<&mut Session, Trouble> {
        let side = if let Some(side) = self.side.take() {
            side
        } else {
            let servers: Vec<_> = self.session.iter().map(|s| s.url().clone()).collect();
            let mut side = connection::connect(&self.connector.settings, &servers).await?;
            side.end_at(self.deadline, self.connector.settings.run_timeout);
            side
        };
        Ok(self.side.insert(side))
    }
}

fn sampled(kind: Kind, delivered: u64) -> Ending {
    Ending::Incomplete(format!(
        "stopped after {delivered} {kind} entries, as asked"
    ))
}

fn named(shown: &[String], total: u64) -> String {
    let more = total.saturating_sub(shown.len() as u64);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Those of the mapping and the key's, by name: `+` would make the server compute more
/// than is needed, and `*` leaves operational ones like entryUUID out.
fn attributes_to_ask_for(asked: &KindRequest, kind: Kind) -> Vec<String> {
    let mut list = asked
        .attributes
        .clone()
        .unwrap_or_else(|| vec!["*".to_owned()]);
    if !list
        .iter()
        .any(|name| name.eq_ignore_ascii_case(&asked.key))
    {
        list.push(asked.key.clone());
    }
    if kind == Kind::Group {
        list.push(dynamic::MEMBER_URL_ATTRIBUTE.to_owned());
    }
    list
}

/// 128 bits of a key, so that a million keys cost 32 MB at most and no two collide.
pub(super) fn hash(states: &(RandomState, RandomState), key: &str) -> u128 {
    u128::from(states.0.hash_one(key)) << 64 | u128::from(states.1.hash_one(key))
}
