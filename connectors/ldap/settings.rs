//! The settings of one LDAP source.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

use super::server_url::ServerUrl;

/// Where and how to read a directory server over LDAP (RFC 4511).
#[derive(Debug, Clone)]
pub struct Settings {
    /// `ldaps://host[:636]` or `ldap://host[:389]`, tried in order. Never empty.
    pub urls: Vec<String>,
    /// Use StartTLS on `ldap://` URLs. A refusal ends the attempt: never on in plain.
    pub start_tls: bool,
    /// Allow `ldap://` without StartTLS outside loopback. Passwords and people then cross
    /// the network in clear text.
    pub allow_plain: bool,
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The DN to bind as; `None`: anonymous.
    pub bind_dn: Option<String>,
    /// Its password: never empty when `bind_dn` is set (RFC 4513 §5.1.2: an empty one
    /// would silently be anonymous).
    pub bind_password: Option<Secret>,
    /// Where users are read from.
    pub base: String,
    /// Where groups are read from; `None`: `base`.
    pub group_base: Option<String>,
    /// Bases of referrals and references that are known and may be ignored without making
    /// the read incomplete (compared as DNs, and as host names).
    pub ignore_referrals: Vec<String>,
    /// DNs that stand in groups as placeholders and are no members.
    pub placeholder_members: Vec<String>,
    /// Search for the members that a group's `memberURL` describes; else such groups are
    /// noted, and only their listed members are read.
    pub dynamic_groups: bool,
    /// Entries a page (RFC 2696).
    pub page_size: u32,
    /// For name, TCP, TLS and bind together.
    pub connect_timeout: Duration,
    /// For one page.
    pub page_timeout: Duration,
    /// For the whole read.
    pub run_timeout: Duration,
}

impl Settings {
    /// Why a URL would be refused before anything is connected to; `None` if it would not.
    #[must_use]
    pub fn refuses(&self, url: &str) -> Option<String> {
        ServerUrl::parse(url)
            .and_then(|url| self.must_be_safe(&url))
            .err()
    }

    /// Clear text only where it harms nobody, or where that was allowed.
    pub(super) fn must_be_safe(&self, url: &ServerUrl) -> Result<(), String> {
        if url.ldaps || self.start_tls || self.allow_plain || url.is_loopback() {
            return Ok(());
        }
        Err(format!(
            "{url} would send passwords and people in clear text: use ldaps://, or set \
             start_tls = true (or, knowing that, allow_plain = true)"
        ))
    }

    /// Active Directory's own limit, and what most servers allow.
    pub const PAGE_SIZE_DEFAULT: u32 = 1_000;
    /// Seconds.
    pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
    /// Seconds.
    pub const PAGE_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);
    /// Six hours.
    pub const RUN_TIMEOUT_DEFAULT: Duration = Duration::from_hours(6);
}
