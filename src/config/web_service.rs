//! The keys of every source that is reached over HTTP: how to log in, whom to trust, how
//! long to wait.

use std::time::Duration;

use rollcall_connectors::Secret;
use rollcall_connectors::web::settings::{Auth, ClientCertificate, Service};

use super::section::Section;
use super::tree::{Node, Value};

/// All of them.
pub(super) fn read(section: &Section<'_>) -> Service {
    Service {
        auth: auth(section),
        ca_file: section.path("ca_file"),
        client_certificate: section.section_if("client_certificate").map(certificate),
        headers: section
            .free("headers")
            .into_iter()
            .filter_map(|(name, node)| header(section, name, node))
            .collect(),
        requests_per_second: section
            .number("requests_per_second", 1, u64::from(u32::MAX))
            .and_then(|n| u32::try_from(n).ok()),
        allow_private: section.flag("allow_private", false),
        allow_plain: section.flag("allow_plain", false),
        body_bytes_max: section
            .number("body_bytes_max", 1, u64::MAX)
            .unwrap_or(Service::BODY_BYTES_MAX_DEFAULT),
        connect_timeout: section.duration("connect_timeout", Service::CONNECT_TIMEOUT_DEFAULT),
        page_timeout: section.duration("page_timeout", Service::PAGE_TIMEOUT_DEFAULT),
        run_timeout: section.duration("run_timeout", Service::RUN_TIMEOUT_DEFAULT),
        retry_after_max: section.duration("retry_after_max", Service::RETRY_AFTER_MAX_DEFAULT),
        waits_max: section.duration("waits_max", Service::WAITS_MAX_DEFAULT),
        retry_pause: retry_pause(section),
    }
}

/// Tells if the token URL will be refused.
pub(super) fn check_token_url(section: &Section<'_>, service: &Service) {
    if let Auth::ClientCredentials { token_url, .. } = &service.auth
        && let Some(why) = refused(service, "token_url", token_url)
    {
        section.error_at("token_url", why, None);
    }
}

/// Why an address will be refused. One that is missing has been told already.
pub(super) fn refused(service: &Service, key: &str, url: &str) -> Option<String> {
    if url.is_empty() {
        return None;
    }
    service.refuses(&format!("`{key}`"), url)
}

/// The first pause is a setting; the longest is at least that.
fn retry_pause(section: &Section<'_>) -> (Duration, Duration) {
    let (first, longest) = Service::RETRY_PAUSE_DEFAULT;
    let first = section.duration("retry_pause", first);
    (first, longest.max(first))
}

/// Parts of the names of headers that let somebody in.
const SECRET_HEADERS: [&str; 8] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "pass",
    "secret",
    "session",
    "token",
];
/// What credentials begin with, whatever their header is called (RFC 9110 §11.1).
const SECRET_SCHEMES: [&str; 3] = ["basic ", "bearer ", "digest "];

/// A header's value is a secret, or plain text where it is none (a version, a language).
fn header(section: &Section<'_>, name: &str, node: &Node) -> Option<(String, Secret)> {
    let value = match &node.value {
        Value::Text(text) if !lets_in(name, text) => Secret::new(text.clone()),
        _ => section.secret_of(name, node)?,
    };
    Some((name.to_owned(), value))
}

fn lets_in(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_lowercase(), value.trim_start().to_lowercase());
    SECRET_HEADERS.iter().any(|part| name.contains(part))
        || SECRET_SCHEMES.iter().any(|start| value.starts_with(start))
}

/// One way to be let in; keys of two ways are a mistake.
fn auth(section: &Section<'_>) -> Auth {
    let oauth = section.has("token_url");
    let bearer = section.has("bearer_token");
    let basic = section.has("user");
    if [oauth, bearer, basic].iter().filter(|way| **way).count() > 1 {
        section.desk.error(
            &section.place,
            format!("[{}] has several ways to log in", section.name),
            Some("keep one of `token_url`, `bearer_token` and `user`".to_owned()),
        );
    }
    for (has, lead, rest) in [
        (oauth, "token_url", &["client_id", "client_secret"][..]),
        (basic, "user", &["password"][..]),
    ] {
        for key in rest {
            if has && !section.has(key) {
                section.missing(key);
            }
            if !has && section.has(key) {
                section.error_at(key, format!("`{key}` needs `{lead}`"), None);
            }
        }
    }
    let token = section.secret("bearer_token");
    let user = section.text("user");
    let password = section.secret("password");
    let token_url = section.parsed("token_url", url);
    let client_id = section.text("client_id");
    let client_secret = section.secret("client_secret");
    let scope = section.text("scope");
    let in_body = section
        .word("client_auth", &[("basic", false), ("body", true)])
        .unwrap_or(false);
    match (token_url, client_id, client_secret, token, user, password) {
        (Some(token_url), Some(client_id), Some(client_secret), ..) => Auth::ClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope,
            in_body,
        },
        (.., Some(token), _, _) => Auth::Bearer(token),
        (.., Some(user), Some(password)) => Auth::Basic { user, password },
        _ => Auth::None,
    }
}

/// A URL of the web.
pub(super) fn url(text: &str) -> Result<String, String> {
    let is_http = ["https://", "http://"]
        .iter()
        .any(|start| text.to_ascii_lowercase().starts_with(start));
    if is_http {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no URL; write https://…"))
    }
}

fn certificate(section: Section<'_>) -> ClientCertificate {
    section.required("certificate_file");
    section.required("key_file");
    let certificate = ClientCertificate {
        certificate_file: section.path("certificate_file").unwrap_or_default(),
        key_file: section.path("key_file").unwrap_or_default(),
    };
    section.finish();
    certificate
}
