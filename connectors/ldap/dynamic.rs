//! Dynamic groups: entries whose `memberURL` describes their members by a search (RFC 4516)
//! instead of listing them. Evaluated on wish; the members found stand beside those that are
//! listed. A URL that cannot be evaluated is the entry's flaw, so that a group is never
//! emptied by it.

use std::collections::HashSet;

use rollcall_directory::dn;
use rollcall_directory::entry::Value;

use super::connection::{Patience, Session};
use super::convert::{Converter, Draft};
use super::errors::{Trouble, code, describe};
use super::filter;
use super::message::{Answer, Scope, Search};
use super::referrals::percent_decoded;
use super::settings::Settings;

/// The attribute, folded.
pub(super) const MEMBER_URL: &str = "memberurl";
/// As it is asked for.
pub(super) const MEMBER_URL_ATTRIBUTE: &str = "memberURL";
/// Only entries' names, no attributes (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// Where members are found.
#[derive(Debug, PartialEq, Eq)]
struct MemberUrl {
    base: String,
    scope: Scope,
    filter: String,
}

/// Adds the members that the URLs of an entry describe.
pub(super) async fn evaluate(
    session: &mut Session,
    settings: &Settings,
    converter: &Converter,
    draft: &mut Draft,
) -> Result<(), Trouble> {
    let Some(attribute) = converter.names().member_attribute() else {
        return Ok(());
    };
    let mut members = Vec::new();
    for text in std::mem::take(&mut draft.member_urls) {
        let found = match parse(&text) {
            Ok(url) => search(session, settings, &url).await?,
            Err(reason) => Err(reason),
        };
        match found {
            Ok(dns) => members.extend(dns),
            Err(reason) => {
                draft.flaw(MEMBER_URL_ATTRIBUTE, reason);
                return Ok(());
            }
        }
    }
    let own = dn::normalised(&draft.dn);
    let listed = draft.values_of(&attribute);
    let mut known: HashSet<String> = listed
        .iter()
        .filter_map(|value| value.as_text().map(dn::normalised))
        .collect();
    known.insert(own);
    let new = members
        .into_iter()
        .filter(|member| known.insert(dn::normalised(member)))
        .map(Value::Text)
        .collect();
    draft.add(attribute, new);
    Ok(())
}

/// The DNs that a URL finds. The inner error is the entry's flaw.
async fn search(
    session: &mut Session,
    settings: &Settings,
    url: &MemberUrl,
) -> Result<Result<Vec<String>, String>, Trouble> {
    let encoded = match filter::encode(&url.filter) {
        Ok(encoded) => encoded,
        Err(error) => return Ok(Err(format!("its filter is none: {error}"))),
    };
    let attributes = [NO_ATTRIBUTES.to_owned()];
    let mut found = Vec::new();
    let mut cookie = Vec::new();
    loop {
        let id = session
            .send_search(&Search {
                base: &url.base,
                scope: url.scope,
                filter: &encoded,
                attributes: &attributes,
                page: Some((settings.page_size, &cookie)),
            })
            .await?;
        let mut patience = Patience::new(settings.page_timeout);
        let next = loop {
            match session.answer(id, &mut patience).await? {
                Answer::Entry(raw) => match std::str::from_utf8(raw.dn) {
                    Ok(dn) if !dn.contains('\0') => found.push(dn.to_owned()),
                    _ => return Ok(Err("it finds a DN that is no UTF-8".to_owned())),
                },
                Answer::SearchDone(outcome, next) if outcome.code == code::SUCCESS => break next,
                Answer::SearchDone(outcome, _) => {
                    return Ok(Err(format!(
                        "the search under {} ended early: {}",
                        url.base,
                        describe(&outcome)
                    )));
                }
                _ => {}
            }
        };
        match next {
            Some(next) if !next.is_empty() => cookie = next,
            _ => return Ok(Ok(found)),
        }
    }
}

/// `ldap:///BASE?ATTRIBUTES?SCOPE?FILTER`, everything behind the base optional. A URL with a
/// host is about another server and is not followed.
fn parse(text: &str) -> Result<MemberUrl, String> {
    let rest = text
        .get(.."ldap:///".len())
        .filter(|start| start.eq_ignore_ascii_case("ldap:///"))
        .and_then(|start| text.get(start.len()..))
        .ok_or_else(|| "it is no URL of this server: write ldap:///BASE??sub?FILTER".to_owned())?;
    let mut parts = rest.split('?');
    let mut part = || percent_decoded(parts.next().unwrap_or_default());
    let (base, _attributes, scope, filter) = (part(), part(), part(), part());
    let scope = match scope.to_ascii_lowercase().as_str() {
        "" | "base" => Scope::Base,
        "one" => Scope::OneLevel,
        "sub" => Scope::Subtree,
        _ => {
            return Err(format!(
                "it has the unknown scope {scope:?}: write base, one or sub"
            ));
        }
    };
    Ok(MemberUrl {
        base,
        scope,
        filter: if filter.is_empty() {
            filter::ANYTHING.to_owned()
        } else {
            filter
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_url_is_taken_apart() {
        let url = parse("LDAP:///ou=people,dc=example,dc=org?dn?SUB?(cn=a%20b)").unwrap();
        assert_eq!(url.base, "ou=people,dc=example,dc=org");
        assert_eq!(
            (url.scope, url.filter.as_str()),
            (Scope::Subtree, "(cn=a b)")
        );
        let short = parse("ldap:///uid=ada,dc=example").unwrap();
        assert_eq!(
            (short.scope, short.filter.as_str()),
            (Scope::Base, filter::ANYTHING)
        );
    }

    #[test]
    fn a_url_of_another_server_or_an_unknown_scope_is_refused() {
        for text in [
            "",
            "ldap://other.example.org/dc=x??sub",
            "https://example.org",
            "ldap:///dc=x??subtree",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
