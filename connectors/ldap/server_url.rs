//! The URL of a server: `ldaps://host[:636]` or `ldap://host[:389]`, and nothing behind it.

use std::fmt;
use std::net::IpAddr;

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl {
    pub(super) ldaps: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
}

const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;

impl ServerUrl {
    /// The sentence says what is wrong with the URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('@') || text.to_ascii_lowercase().contains("bindname") {
            return Err(format!(
                "{:?} has a name or a password in it: write ldaps://host[:port] alone, and whom to bind as in bind_dn and bind_password",
                without_credentials(text)
            ));
        }
        let bad = |what: &str| {
            format!(
                "{:?} {what}: write ldaps://host, ldap://host or with :port",
                without_credentials(text)
            )
        };
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or_else(|| bad("is no URL"))?;
        let ldaps = match scheme.to_ascii_lowercase().as_str() {
            "ldaps" => true,
            "ldap" => false,
            _ => return Err(bad("is no LDAP URL")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(bad("has something behind the host"));
        }
        let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(|| bad("lacks a \"]\""))?;
            (host, rest.strip_prefix(':'))
        } else {
            match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(bad("has no host"));
        }
        let port = match port {
            Some(port) => port.parse().map_err(|_| bad("has an odd port"))?,
            None if ldaps => LDAPS_PORT,
            None => LDAP_PORT,
        };
        Ok(Self {
            ldaps,
            host: host.to_owned(),
            port,
        })
    }

    /// Whether it never leaves this machine, so that clear text harms nobody.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// `host:port`.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A text that should be a URL, as it may be shown: without what stands before the host and
/// behind a question mark (RFC 4516 §2 puts extensions there).
fn without_credentials(text: &str) -> String {
    let (text, cut) = match text.split_once('?') {
        Some((before, _)) => (before, "?…"),
        None => (text, ""),
    };
    match text.rsplit_once('@') {
        Some((_, host)) => {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            let scheme = scheme.map(|scheme| format!("{scheme}://"));
            format!("{}…@{host}{cut}", scheme.unwrap_or_default())
        }
        None => format!("{text}{cut}"),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.ldaps { "ldaps" } else { "ldap" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_filled_in_and_ipv6_is_understood() {
        for (text, shown, loopback) in [
            (
                "ldaps://dc1.example.com",
                "ldaps://dc1.example.com:636",
                false,
            ),
            ("LDAP://localhost/", "ldap://localhost:389", true),
            ("ldap://[::1]:3890", "ldap://[::1]:3890", true),
            ("ldap://10.0.0.1:390", "ldap://10.0.0.1:390", false),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.is_loopback(), loopback);
        }
    }

    #[test]
    fn what_is_no_server_url_is_refused() {
        for text in [
            "",
            "dc1",
            "http://dc1",
            "ldap://",
            "ldap://a:b",
            "ldap://a/dc=x",
            "ldap://u@a",
            "ldap://[::1",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for (text, shown) in [
            ("ldap://cn=a:hunter2@dc1", "\"ldap://…@dc1\""),
            ("cn=a:hunter2@dc1", "\"…@dc1\""),
            ("ldap://cn=a:hun@ter2@dc1:389", "\"ldap://…@dc1:389\""),
            (
                "ldap://dc1/????bindname=cn=a,X-BINDPW=hunter2",
                "\"ldap://dc1/?…\"",
            ),
            ("http://dc1/?pw=hunter2", "\"http://dc1/?…\""),
        ] {
            let told = ServerUrl::parse(text).unwrap_err();
            assert!(told.starts_with(shown), "{told}");
            assert!(!told.contains("ter2"), "{told}");
        }
    }
}
