//! What went wrong, in the words of an administrator: result codes (RFC 4511 appendix A),
//! the codes that Active Directory hides in its diagnostic text, and the sentence that each
//! ending of a read becomes.

use std::time::Duration;

use super::ber::Malformed;
use super::message::Outcome;

/// Result codes that decide what happens next.
pub(super) mod code {
    pub(in crate::ldap) const SUCCESS: i64 = 0;
    pub(in crate::ldap) const PROTOCOL_ERROR: i64 = 2;
    pub(in crate::ldap) const TIME_LIMIT: i64 = 3;
    pub(in crate::ldap) const SIZE_LIMIT: i64 = 4;
    pub(in crate::ldap) const STRONGER_AUTH: i64 = 8;
    pub(in crate::ldap) const REFERRAL: i64 = 10;
    pub(in crate::ldap) const ADMIN_LIMIT: i64 = 11;
    pub(in crate::ldap) const CRITICAL_EXTENSION: i64 = 12;
    pub(in crate::ldap) const CONFIDENTIALITY: i64 = 13;
    pub(in crate::ldap) const UNDEFINED_TYPE: i64 = 17;
    pub(in crate::ldap) const INAPPROPRIATE_MATCHING: i64 = 18;
    pub(in crate::ldap) const NO_SUCH_OBJECT: i64 = 32;
    pub(in crate::ldap) const INVALID_DN: i64 = 34;
    pub(in crate::ldap) const INAPPROPRIATE_AUTH: i64 = 48;
    pub(in crate::ldap) const INVALID_CREDENTIALS: i64 = 49;
    pub(in crate::ldap) const INSUFFICIENT_ACCESS: i64 = 50;
    pub(in crate::ldap) const BUSY: i64 = 51;
    pub(in crate::ldap) const UNAVAILABLE: i64 = 52;
    pub(in crate::ldap) const UNWILLING: i64 = 53;
    pub(in crate::ldap) const OTHER: i64 = 80;
}

/// Why a conversation with a server could not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The connection broke: worth another try.
    #[error("the connection was lost ({0})")]
    Lost(String),
    /// The server did not go on with its own cookie: worth another try from page 1.
    #[error("the server refused to go on with the next page: {}", describe(.0))]
    CookieRefused(Outcome),
    #[error("no answer for {} s", .0.as_secs())]
    PageTimeout(Duration),
    #[error("the whole read took longer than {} s", .0.as_secs())]
    RunTimeout(Duration),
    /// Notice of Disconnection (RFC 4511 §4.4.1).
    #[error("the server ended the connection by itself: {}", describe(.0))]
    Disconnection(Outcome),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the server sent a message of {0} bytes, more than {max}", max = super::connection::MESSAGE_BYTES_MAX)]
    TooLong(usize),
    /// A whole sentence already.
    #[error("{0}")]
    Sentence(String),
    /// The receiver of the batches is gone.
    #[error("the run was cancelled")]
    Cancelled,
}

impl Trouble {
    /// What the administrator can do about it.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Lost(_) => {
                "; look at the server's log, and at firewalls between that cut long connections"
            }
            Self::CookieRefused(_) => {
                "; a load balancer between may send pages to different servers: name one server in urls"
            }
            Self::PageTimeout(_) => {
                "; lower page_size or raise page_timeout, and look whether the filter's attributes are indexed"
            }
            Self::RunTimeout(_) => "; raise run_timeout or narrow base and filter",
            Self::Disconnection(_) => "; look at the server's log and run again when it is up",
            Self::Malformed(_) => {
                "; look whether the URL is that of an LDAP server (ldaps:// on 636, ldap:// on 389)"
            }
            Self::TooLong(_) => "; narrow the filter so that this entry is left out",
            Self::Sentence(_) | Self::Cancelled => "",
        }
    }
}

/// How a search that was answered to its end counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    Incomplete(String),
    Failed(String),
}

/// `sizeLimitExceeded (4): only 500 may be read`.
pub(super) fn describe(outcome: &Outcome) -> String {
    let text = printable(&outcome.text);
    let said = if text.is_empty() {
        String::new()
    } else {
        format!(" \"{text}\"")
    };
    format!("{} ({}){said}", name(outcome.code), outcome.code)
}

/// How a search under `base` that ended with `outcome` after `entries` entries counts.
pub(super) fn search_ending(url: &str, base: &str, entries: u64, outcome: &Outcome) -> Ending {
    let what = format!(
        "{url} ended the search under {base} after {entries} entries with {}",
        describe(outcome)
    );
    match outcome.code {
        code::SUCCESS => Ending::Complete,
        code::TIME_LIMIT => Ending::Incomplete(format!(
            "{what}: raise the time limit of the bind account (OpenLDAP: limits … time=unlimited; 389 DS: nsTimeLimit; \
             Active Directory: MaxQueryDuration)"
        )),
        code::SIZE_LIMIT => Ending::Incomplete(format!(
            "{what}: raise the size limit of the bind account (OpenLDAP: limits … size=unlimited \
             size.prtotal=unlimited; 389 DS: nsSizeLimit, nsPagedSizeLimit)"
        )),
        code::ADMIN_LIMIT => Ending::Incomplete(format!(
            "{what}: raise the look-through limit of the bind account (OpenLDAP: limits … size.unchecked; 389 DS: \
             nsLookThroughLimit) or index the filter's attributes"
        )),
        code::BUSY | code::UNAVAILABLE | code::OTHER => {
            Ending::Incomplete(format!("{what}: look at the server's log and run again"))
        }
        code::REFERRAL => Ending::Incomplete(format!(
            "{what}: it refers to {}, which is not followed; name that server in urls, or list it in ignore_referrals",
            outcome.referrals.join(", ")
        )),
        code::NO_SUCH_OBJECT => Ending::Failed(format!(
            "{url} has no {base}: noSuchObject (32); {}; check base and group_base, and that the bind account may read there",
            if outcome.matched.is_empty() {
                "no part of that name exists or may be seen".to_owned()
            } else {
                format!("the longest part that exists is {}", outcome.matched)
            }
        )),
        code::INVALID_DN => Ending::Failed(format!(
            "{url} does not take {base} for a DN: invalidDNSyntax (34); check base and group_base"
        )),
        code::INSUFFICIENT_ACCESS => Ending::Failed(format!(
            "{what}: give the bind account the right to read there"
        )),
        code::PROTOCOL_ERROR | code::CRITICAL_EXTENSION | code::UNWILLING => {
            Ending::Failed(format!(
                "{what}: the server may not offer paged results (RFC 2696), which are needed, or not to this account"
            ))
        }
        code::STRONGER_AUTH | code::CONFIDENTIALITY => Ending::Failed(format!(
            "{what}: use an ldaps:// URL or set start_tls = true"
        )),
        _ => Ending::Failed(format!(
            "{what}: look up this code in the server's documentation"
        )),
    }
}

/// Why a bind was refused, and what to do.
pub(super) fn bind_refused(url: &str, dn: Option<&str>, outcome: &Outcome) -> String {
    let who = dn.map_or_else(|| "anonymously".to_owned(), |dn| format!("as {dn}"));
    let reason = match outcome.code {
        code::INVALID_CREDENTIALS => active_directory_reason(&outcome.text)
            .unwrap_or("the name or the password is wrong: check bind_dn and bind_password"),
        code::STRONGER_AUTH | code::CONFIDENTIALITY => {
            "the server wants an encrypted connection: use LDAPS (an ldaps:// URL) or StartTLS (start_tls = true)"
        }
        code::INAPPROPRIATE_AUTH => {
            "this account cannot bind with a password, or anonymous binds are off: set bind_dn and bind_password"
        }
        code::INVALID_DN => {
            "the server does not take bind_dn for a name: write the account's whole DN"
        }
        code::UNWILLING => {
            "the account may be disabled or the password expired: look at the account in the server"
        }
        code::BUSY | code::UNAVAILABLE => "the server is busy or going down: run again later",
        _ => "look at the server's log",
    };
    format!(
        "{url} refused the bind {who} with {}: {reason}",
        describe(outcome)
    )
}

/// The hexadecimal code after `data` in `AcceptSecurityContext error, data 52e, v4563`.
fn active_directory_reason(text: &str) -> Option<&'static str> {
    let (_, rest) = text.split_once("data ")?;
    let code = rest.split([',', ' ', '\0']).next()?;
    Some(match code.to_ascii_lowercase().as_str() {
        "525" => "there is no such account (data 525): check bind_dn",
        "52e" => "the name or the password is wrong (data 52e): check bind_dn and bind_password",
        "52f" => "an account restriction forbids it (data 52f): look at the account's policies",
        "530" => "the account may not sign in at this time (data 530): look at its logon hours",
        "531" => {
            "the account may not sign in from this machine (data 531): look at its \"log on to\" list"
        }
        "532" => {
            "the account's password has expired (data 532): set a new one, and let service passwords not expire"
        }
        "533" => "the account is disabled (data 533): enable it",
        "701" => "the account has expired (data 701): extend it",
        "773" => {
            "the account must change its password first (data 773): clear that flag or set a new password"
        }
        "775" => "the account is locked after wrong passwords (data 775): unlock it",
        _ => return None,
    })
}

/// Control characters would garble a terminal; AD ends its texts with NUL.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}

fn name(code: i64) -> &'static str {
    match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        5 => "compareFalse",
        6 => "compareTrue",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        14 => "saslBindInProgress",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        19 => "constraintViolation",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        33 => "aliasProblem",
        34 => "invalidDNSyntax",
        36 => "aliasDereferencingProblem",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        54 => "loopDetect",
        71 => "affectsMultipleDSAs",
        80 => "other",
        _ => "an unknown result",
    }
}
