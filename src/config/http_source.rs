//! The keys of a source of kind `http`.

use rollcall_connectors::http::settings::{Endpoint, Format, Method, Paging, Settings, Total};

use super::section::Section;
use super::tree::Value;
use super::web_service::{self, refused, url};

/// The largest page that is asked for.
const PAGE_SIZE_MAX: u64 = 1_000_000;

pub(super) fn read(section: &Section<'_>) -> Settings {
    let settings = settings(section);
    for (key, endpoint) in [("users", &settings.users), ("groups", &settings.groups)] {
        let Some((endpoint, below)) = endpoint.as_ref().zip(section.section_if(key)) else {
            continue;
        };
        if let Some(why) = refused(&settings.service, "url", &endpoint.url) {
            below.error_at("url", why, None);
        }
        let item_url = endpoint.item_url.as_deref().unwrap_or_default();
        if let Some(why) = refused(&settings.service, "item_url", item_url) {
            below.error_at("item_url", why, None);
        }
    }
    web_service::check_token_url(section, &settings.service);
    settings
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
        conditional: section.flag("conditional", true),
        service: web_service::read(section),
    }
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
