//! The keys of a source of kind `http`.

use std::time::Duration;

use rollcall_connectors::http::settings::{
    Auth, ClientCertificate, Endpoint, Format, Method, Paging, Settings, Total,
};

use super::section::Section;
use super::tree::{Node, Value};

/// The largest page that is asked for.
const PAGE_SIZE_MAX: u64 = 1_000_000;

pub(super) fn read(section: &Section<'_>) -> Settings {
    let settings = settings(section);
    for (key, endpoint) in [("users", &settings.users), ("groups", &settings.groups)] {
        let Some((endpoint, below)) = endpoint.as_ref().zip(section.section_if(key)) else {
            continue;
        };
        if let Some(why) = refused(&settings, "url", &endpoint.url) {
            below.error_at("url", why, None);
        }
        let item_url = endpoint.item_url.as_deref().unwrap_or_default();
        if let Some(why) = refused(&settings, "item_url", item_url) {
            below.error_at("item_url", why, None);
        }
    }
    if let Auth::ClientCredentials { token_url, .. } = &settings.auth
        && let Some(why) = refused(&settings, "token_url", token_url)
    {
        section.error_at("token_url", why, None);
    }
    settings
}

/// Why an address will be refused. One that is missing has been told already.
fn refused(settings: &Settings, key: &str, url: &str) -> Option<String> {
    if url.is_empty() {
        return None;
    }
    settings.refuses(&format!("`{key}`"), url)
}

fn settings(section: &Section<'_>) -> Settings {
    let users = section.section_if("users").map(endpoint);
    let groups = section.section_if("groups").map(endpoint);
    if users.is_none() && groups.is_none() {
        section.missing("users");
    }
    Settings {
        users,
        groups,
        auth: auth(section),
        ca_file: section.path("ca_file"),
        client_certificate: section.section_if("client_certificate").map(certificate),
        headers: section
            .free("headers")
            .into_iter()
            .filter_map(|(name, node)| header(section, name, node))
            .collect(),
        conditional: section.flag("conditional", true),
        requests_per_second: section
            .number("requests_per_second", 1, u64::from(u32::MAX))
            .and_then(|n| u32::try_from(n).ok()),
        allow_private: section.flag("allow_private", false),
        allow_plain: section.flag("allow_plain", false),
        body_bytes_max: section
            .number("body_bytes_max", 1, u64::MAX)
            .unwrap_or(Settings::BODY_BYTES_MAX_DEFAULT),
        connect_timeout: section.duration("connect_timeout", Settings::CONNECT_TIMEOUT_DEFAULT),
        page_timeout: section.duration("page_timeout", Settings::PAGE_TIMEOUT_DEFAULT),
        run_timeout: section.duration("run_timeout", Settings::RUN_TIMEOUT_DEFAULT),
        retry_after_max: section.duration("retry_after_max", Settings::RETRY_AFTER_MAX_DEFAULT),
        waits_max: section.duration("waits_max", Settings::WAITS_MAX_DEFAULT),
        retry_pause: retry_pause(section),
    }
}

/// The first pause is a setting; the longest is at least that.
fn retry_pause(section: &Section<'_>) -> (Duration, Duration) {
    let (first, longest) = Settings::RETRY_PAUSE_DEFAULT;
    let first = section.duration("retry_pause", first);
    (first, longest.max(first))
}

/// A header's value is a secret, or plain text where it is none (a version, a language).
fn header(
    section: &Section<'_>,
    name: &str,
    node: &Node,
) -> Option<(String, rollcall_connectors::Secret)> {
    let value = match &node.value {
        Value::Text(text) => rollcall_connectors::Secret::new(text.clone()),
        _ => section.secret_of(name, node)?,
    };
    Some((name.to_owned(), value))
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

fn url(text: &str) -> Result<String, String> {
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

fn endpoint(section: Section<'_>) -> Endpoint {
    if !section.has("url") {
        section.missing("url");
    }
    let endpoint = Endpoint {
        url: section.parsed("url", url).unwrap_or_default(),
        method: method(&section),
        format: format(&section),
        paging: paging(&section),
        total: section.section_if("total").and_then(total),
        item_url: section.parsed("item_url", |text| {
            if text.contains("{key}") {
                url(text)
            } else {
                Err("must contain {key}, where the record's key is put".to_owned())
            }
        }),
        unwrap_values: section.flag("unwrap_values", false),
    };
    section.finish();
    endpoint
}

fn method(section: &Section<'_>) -> Method {
    let post = section
        .word("method", &[("GET", false), ("POST", true)])
        .unwrap_or(false);
    let body = section.node("body");
    match (post, body) {
        (true, Some(node)) if !matches!(node.value, Value::Table(_)) => {
            section.wrong("body", node, "a table", "{ … }");
            Method::Get
        }
        (true, body) => Method::Post {
            body: body.map_or_else(|| serde_json::json!({}), |node| node.value.to_json()),
        },
        (false, Some(_)) => {
            let help = "write method = \"POST\"".to_owned();
            section.error_at("body", "a GET request has no body".to_owned(), Some(help));
            Method::Get
        }
        (false, None) => Method::Get,
    }
}

fn format(section: &Section<'_>) -> Format {
    let lines = section
        .word("format", &[("json", false), ("lines", true)])
        .unwrap_or(false);
    match (lines, section.text("items")) {
        (true, None) => Format::Lines,
        (true, Some(_)) => {
            let message = "`items` has no meaning with format = \"lines\"".to_owned();
            section.error_at("items", message, None);
            Format::Lines
        }
        (false, Some(items)) => Format::Object { items },
        (false, None) => Format::Array,
    }
}

fn total(section: Section<'_>) -> Option<Total> {
    let total = match (section.text("body"), section.text("header")) {
        (Some(path), None) => Some(Total::Body(path)),
        (None, Some(name)) => Some(Total::Header(name)),
        _ => {
            let message = "`total` stands either in the `body` or in a `header`";
            section.desk.error(&section.place, message, None);
            None
        }
    };
    section.finish();
    total
}

fn paging(section: &Section<'_>) -> Paging {
    match section.node("paging") {
        None => return Paging::None,
        Some(node) => {
            if let Value::Text(word) = &node.value {
                return match word.as_str() {
                    "link" => Paging::Link,
                    "none" => Paging::None,
                    _ => {
                        section.wrong("paging", node, PAGING_KINDS, "\"link\"");
                        Paging::None
                    }
                };
            }
        }
    }
    let Some(paging) = section.section_if("paging") else {
        return Paging::None;
    };
    let read = paging_table(&paging);
    paging.finish();
    read
}

const PAGING_KINDS: &str =
    "\"none\", \"link\", or a table with one of next, page, offset and cursor";

fn paging_table(paging: &Section<'_>) -> Paging {
    let next = paging.text("next");
    let page = paging.text("page");
    let offset = paging.text("offset");
    let cursor = paging.text("cursor");
    let first = paging.number("first", 0, u64::MAX);
    let size = named_number(paging, "size");
    let limit = named_number(paging, "limit");
    let path = paging.text("path");
    let read = match (next, page, offset, cursor) {
        (Some(path), None, None, None) => Paging::Next { path },
        (None, Some(parameter), None, None) => Paging::Page {
            parameter,
            first: first.unwrap_or(1),
            size,
        },
        (None, None, Some(parameter), None) => Paging::Offset { parameter, limit },
        (None, None, None, Some(parameter)) => {
            if path.is_none() {
                paging.missing("path");
            }
            Paging::Cursor {
                parameter,
                path: path.unwrap_or_default(),
                limit,
            }
        }
        _ => {
            let message = format!("`paging` must be {PAGING_KINDS}");
            paging.desk.error(&paging.place, message, None);
            return Paging::None;
        }
    };
    only_its_own(paging, &read);
    read
}

/// A key of another kind of paging would silently do nothing.
fn only_its_own(paging: &Section<'_>, read: &Paging) {
    let own: &[&str] = match read {
        Paging::None | Paging::Link | Paging::Next { .. } => &[],
        Paging::Page { .. } => &["first", "size"],
        Paging::Offset { .. } => &["limit"],
        Paging::Cursor { .. } => &["limit", "path"],
    };
    for key in ["first", "size", "limit", "path"] {
        if !own.contains(&key) && paging.has(key) {
            let message = format!("`{key}` has no meaning with this kind of paging");
            paging.error_at(key, message, None);
        }
    }
}

/// `["per_page", 100]`: a parameter and its value.
fn named_number(section: &Section<'_>, key: &'static str) -> Option<(String, u64)> {
    let node = section.node(key)?;
    if let Value::List(list) = &node.value
        && let [name, number] = list.as_slice()
        && let (Value::Text(name), Value::Integer(number)) = (&name.value, &number.value)
        && let Ok(number) = u64::try_from(*number)
        && (1..=PAGE_SIZE_MAX).contains(&number)
    {
        return Some((name.clone(), number));
    }
    section.wrong(key, node, "a parameter and its value", "[\"limit\", 100]");
    None
}

/// What decides who is read.
pub(super) fn who_is_read(settings: &Settings) -> String {
    format!("{:?} {:?}", settings.users, settings.groups)
}
