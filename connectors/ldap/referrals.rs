//! References to other servers (RFC 4511 §4.5.3): never followed. Active Directory's own
//! three, which hold no people, and those that the administrator listed are passed over;
//! any other makes the read incomplete.

use rollcall_directory::dn;

/// The partitions that every Active Directory search refers to, as first part of the DN.
const ACTIVE_DIRECTORY_PARTITIONS: &[&str] =
    &["dc=domaindnszones", "dc=forestdnszones", "cn=configuration"];

/// Whether people behind these URLs of one reference may be missed.
pub(super) fn may_be_ignored(urls: &[String], listed: &[String]) -> bool {
    urls.iter().any(|url| {
        let (host, base) = parts(url);
        let first = base.split(',').next().unwrap_or_default();
        ACTIVE_DIRECTORY_PARTITIONS.contains(&first)
            || listed.iter().any(|listed| {
                let (listed_host, listed_base) = if listed.contains("://") {
                    parts(listed)
                } else {
                    (listed.to_ascii_lowercase(), dn::normalised(listed))
                };
                listed_host == host || (!listed_base.is_empty() && listed_base == base)
            })
    })
}

/// Host and normalised DN of an LDAP URL (RFC 4516).
fn parts(url: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.split(':').next().unwrap_or_default();
    let base = base.split('?').next().unwrap_or_default();
    (
        host.to_ascii_lowercase(),
        dn::normalised(&percent_decoded(base)),
    )
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(octet) = code {
            octets.push(octet);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            octets.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(url: &str, listed: &[&str]) -> bool {
        let listed: Vec<String> = listed.iter().map(|text| (*text).to_owned()).collect();
        may_be_ignored(&[url.to_owned()], &listed)
    }

    #[test]
    fn active_directorys_own_partitions_hold_no_people() {
        for url in [
            "ldap://ad.example.com/CN=Configuration,DC=ad,DC=example,DC=com",
            "ldap://DomainDnsZones.ad.example.com/DC=DomainDnsZones,DC=ad,DC=example,DC=com",
            "ldap://ForestDnsZones.ad.example.com/DC=ForestDnsZones,DC=ad,DC=example,DC=com",
        ] {
            assert!(ignored(url, &[]), "{url}");
        }
        assert!(!ignored(
            "ldap://child.ad.example.com/DC=child,DC=ad,DC=example,DC=com",
            &[]
        ));
    }

    #[test]
    fn a_reference_may_be_listed_by_host_dn_or_url() {
        let url = "ldap://child.example.com:389/DC=child%2cDC=example??sub";
        for listed in [
            "CHILD.example.com",
            "dc=Child, dc=example",
            "ldap://child.example.com/",
        ] {
            assert!(ignored(url, &[listed]), "{listed}");
        }
        assert!(!ignored(url, &["other.example.com", "dc=other"]));
    }
}
