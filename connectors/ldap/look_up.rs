//! Single entries: who of the possible leavers is still there, one entry by key or DN, and
//! which entries share a key.

use rollcall_directory::dn::Dn;
use rollcall_directory::entry::{Entry, EntryKey, Kind};

use super::LdapConnector;
use super::connection::{self, Patience, Session};
use super::convert::Converter;
use super::errors::{Ending, Trouble, code, search_ending};
use super::filter;
use super::key;
use super::message::{Answer, Outcome, RawEntry, Scope, Search};
use super::names::{KeyKind, Names};
use super::schema;
use super::settings::Settings;
use super::{dynamic, ranges};
use crate::{ConnectorError, KindRequest, LookUp};

/// How many keys are asked for in one search.
const KEYS_A_SEARCH: usize = 50;
/// Only entries' names, no attributes (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// What is asked of a server at one time.
struct Question<'a> {
    base: &'a str,
    scope: Scope,
    filter: String,
    attributes: &'a [String],
    /// Stop after the first entry.
    first_only: bool,
}

impl LdapConnector {
    /// Which of `keys` the server still has, wherever under the base and whatever the
    /// mapping's filter says. A server that cannot find an entry by the key that it just
    /// gave is not believed when it finds none.
    pub(super) async fn still_there(
        &self,
        asked: &KindRequest,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError> {
        let mut session = self.connect_for(asked).await?;
        let schema = schema::read(&mut session, &self.settings)
            .await
            .map_err(|trouble| source(&session, &trouble))?;
        let mut names = Names::new(schema, &asked.key, Some(&[]));
        let base = self.base_of(kind);
        let known = self
            .any_key(&mut session, base, &asked.key, &mut names)
            .await?;
        let Some(known) = known else {
            return Ok(LookUp::NotPossible);
        };
        let kind = names.key_kind();
        if self
            .find_keys(
                &mut session,
                base,
                &asked.key,
                &mut names,
                &[filter::equality(&asked.key, &known)],
            )
            .await?
            .is_none_or(|found| found.is_empty())
        {
            return Ok(LookUp::NotPossible);
        }
        let mut still_there = Vec::new();
        for chunk in keys.chunks(KEYS_A_SEARCH) {
            let mut alternatives = Vec::new();
            for wanted in chunk {
                let Some(octets) = key::to_octets(kind, wanted.as_str()) else {
                    return Ok(LookUp::NotPossible);
                };
                alternatives.push(filter::equality(&asked.key, &octets));
            }
            match self
                .find_keys(&mut session, base, &asked.key, &mut names, &alternatives)
                .await?
            {
                None => return Ok(LookUp::NotPossible),
                Some(found) => still_there.extend(
                    chunk
                        .iter()
                        .filter(|wanted| found.iter().any(|f| same_key(f, wanted.as_str())))
                        .cloned(),
                ),
            }
        }
        session.close().await;
        Ok(LookUp::StillThere(still_there))
    }

    /// One entry, by DN where `name` is one, else by key.
    pub(super) async fn find_one(
        &self,
        asked: &KindRequest,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Entry>, ConnectorError> {
        let mut session = self.connect_for(asked).await?;
        let schema = schema::read(&mut session, &self.settings)
            .await
            .map_err(|trouble| source(&session, &trouble))?;
        let names = Names::new(schema, &asked.key, asked.attributes.as_deref());
        let key_kind = names.key_kind();
        let mut converter = Converter::new(kind, names, &self.settings.placeholder_members);
        let mut attributes = asked
            .attributes
            .clone()
            .unwrap_or_else(|| vec!["*".to_owned()]);
        attributes.push(asked.key.clone());
        attributes.push(dynamic::MEMBER_URL_ATTRIBUTE.to_owned());
        let is_dn = Dn::parse(name).is_ok_and(|dn| dn.rdn().is_some());
        let question = if is_dn {
            Question {
                base: name,
                scope: Scope::Base,
                filter: filter::ANYTHING.to_owned(),
                attributes: &attributes,
                first_only: false,
            }
        } else {
            let Some(octets) = key::to_octets(key_kind, name) else {
                return Ok(None);
            };
            Question {
                base: self.base_of(kind),
                scope: Scope::Subtree,
                filter: filter::equality(&asked.key, &octets),
                attributes: &attributes,
                first_only: false,
            }
        };
        let mut drafts = Vec::new();
        let outcome = ask(&mut session, &self.settings, &question, |raw| {
            drafts.push(converter.convert(raw)?);
            Ok(())
        })
        .await
        .map_err(|trouble| source(&session, &trouble))?;
        let nothing = is_dn && matches!(outcome.code, code::NO_SUCH_OBJECT | code::INVALID_DN);
        if !nothing {
            sound(&session, question.base, &outcome)?;
        }
        let Some(mut draft) = drafts.into_iter().next() else {
            return Ok(None);
        };
        for ranged in std::mem::take(&mut draft.ranged) {
            let dn = draft.dn.clone();
            match ranges::retrieve(&mut session, &self.settings, &dn, &ranged.description).await {
                Ok(Ok(values)) => converter
                    .complete(&mut draft, &ranged, &values)
                    .map_err(|error| source(&session, &error.into()))?,
                Ok(Err(flaw)) => draft.flaw(&ranged.description, flaw),
                Err(trouble) => return Err(source(&session, &trouble)),
            }
        }
        if self.settings.dynamic_groups && !draft.member_urls.is_empty() {
            dynamic::evaluate(&mut session, &self.settings, &converter, &mut draft)
                .await
                .map_err(|trouble| source(&session, &trouble))?;
        }
        session.close().await;
        Ok(Some(draft.finish(kind)))
    }

    async fn connect_for(&self, asked: &KindRequest) -> Result<Session, ConnectorError> {
        filter::encode(&filter::equality(&asked.key, b"")).map_err(|error| {
            ConnectorError::Settings(format!("the key {} is no attribute: {error}", asked.key))
        })?;
        connection::connect(&self.settings, &self.servers)
            .await
            .map_err(|trouble| ConnectorError::Source(trouble.to_string()))
    }

    /// The octets of the key of some entry.
    async fn any_key(
        &self,
        session: &mut Session,
        base: &str,
        key: &str,
        names: &mut Names,
    ) -> Result<Option<Vec<u8>>, ConnectorError> {
        let question = Question {
            base,
            scope: Scope::Subtree,
            filter: format!("({key}=*)"),
            attributes: &[key.to_owned()],
            first_only: true,
        };
        let mut found = None;
        let outcome = ask(session, &self.settings, &question, |mut raw| {
            while let Some((description, mut values)) = raw.next_attribute()? {
                if names.describe(description).meaning.is_key {
                    found = values.next_value()?.map(<[u8]>::to_vec);
                }
            }
            Ok(())
        })
        .await
        .map_err(|trouble| source(session, &trouble))?;
        if found.is_none() && !cannot_be_asked(&outcome) {
            sound(session, base, &outcome)?;
        }
        Ok(found)
    }

    /// The keys of the entries that any of the filters finds; `None`: not with this key.
    async fn find_keys(
        &self,
        session: &mut Session,
        base: &str,
        key: &str,
        names: &mut Names,
        alternatives: &[String],
    ) -> Result<Option<Vec<String>>, ConnectorError> {
        let key_kind = names.key_kind();
        let question = Question {
            base,
            scope: Scope::Subtree,
            filter: format!("(|{})", alternatives.concat()),
            attributes: &[key.to_owned()],
            first_only: false,
        };
        let mut found = Vec::new();
        let outcome = ask(session, &self.settings, &question, |mut raw| {
            while let Some((description, mut values)) = raw.next_attribute()? {
                if names.describe(description).meaning.is_key {
                    while let Some(value) = values.next_value()? {
                        found.extend(key::to_text(key_kind, value));
                    }
                }
            }
            Ok(())
        })
        .await
        .map_err(|trouble| source(session, &trouble))?;
        if cannot_be_asked(&outcome) {
            return Ok(None);
        }
        sound(session, base, &outcome)?;
        Ok(Some(found))
    }
}

/// The DNs of the entries that carry a key.
pub(super) async fn places(
    session: &mut Session,
    settings: &Settings,
    base: &str,
    attribute: &str,
    kind: KeyKind,
    wanted: &EntryKey,
) -> Result<Vec<String>, Trouble> {
    let Some(octets) = key::to_octets(kind, wanted.as_str()) else {
        return Ok(Vec::new());
    };
    let question = Question {
        base,
        scope: Scope::Subtree,
        filter: filter::equality(attribute, &octets),
        attributes: &[NO_ATTRIBUTES.to_owned()],
        first_only: false,
    };
    let mut found = Vec::new();
    ask(session, settings, &question, |raw| {
        found.push(String::from_utf8_lossy(raw.dn).into_owned());
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn ask(
    session: &mut Session,
    settings: &Settings,
    question: &Question<'_>,
    mut each: impl FnMut(RawEntry<'_>) -> Result<(), super::ber::Malformed>,
) -> Result<Outcome, Trouble> {
    let filter =
        filter::encode(&question.filter).map_err(|error| Trouble::Sentence(error.to_string()))?;
    // A page of one is the polite way to ask for one entry.
    let page = question.first_only.then_some((1, [].as_slice()));
    let id = session
        .send_search(&Search {
            base: question.base,
            scope: question.scope,
            filter: &filter,
            attributes: question.attributes,
            page,
        })
        .await?;
    let mut patience = Patience::new(settings.page_timeout);
    loop {
        match session.answer(id, &mut patience).await? {
            Answer::Entry(raw) => each(raw)?,
            Answer::SearchDone(outcome, _) => return Ok(outcome),
            _ => {}
        }
    }
}

/// Some servers compare names without case.
fn same_key(found: &str, wanted: &str) -> bool {
    found == wanted || found.to_lowercase() == wanted.to_lowercase()
}

fn cannot_be_asked(outcome: &Outcome) -> bool {
    matches!(
        outcome.code,
        code::UNDEFINED_TYPE | code::INAPPROPRIATE_MATCHING
    )
}

fn sound(session: &Session, base: &str, outcome: &Outcome) -> Result<(), ConnectorError> {
    match search_ending(&session.url().to_string(), base, 0, outcome) {
        Ending::Complete => Ok(()),
        Ending::Incomplete(because) | Ending::Failed(because) => {
            Err(ConnectorError::Source(because))
        }
    }
}

fn source(session: &Session, trouble: &Trouble) -> ConnectorError {
    ConnectorError::Source(format!("{}: {trouble}{}", session.url(), trouble.remedy()))
}
