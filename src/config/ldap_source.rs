//! The keys of a source of kind `ldap`.

use rollcall_connectors::ldap::check_filter;
use rollcall_connectors::ldap::settings::Settings;

use super::section::Section;

/// The largest page that is asked for.
const PAGE_SIZE_MAX: u64 = 100_000;

pub(super) fn read(section: &Section<'_>) -> Settings {
    let settings = settings(section);
    if let Some(why) = settings.urls.iter().find_map(|url| settings.refuses(url)) {
        section.error_at("urls", why, None);
    }
    mixed_up(section, &settings);
    for key in ["user_filter", "group_filter"] {
        let filter = section.has(key).then(|| section.text(key)).flatten();
        if let Some(why) = filter.and_then(|filter| filter_problem(&filter)) {
            let help = "write it as in RFC 4515: (&(objectClass=person)(!(uid=test*)))".to_owned();
            section.error_at(key, format!("`{key}`: {why}"), Some(help));
        }
    }
    settings
}

/// Settings that work against each other, which a server would answer without words.
fn mixed_up(section: &Section<'_>, settings: &Settings) {
    const LDAPS_PORTS: [&str; 2] = [":636", ":3269"];
    let (secure, plain): (Vec<&String>, Vec<&String>) = settings
        .urls
        .iter()
        .partition(|url| url.trim().to_lowercase().starts_with("ldaps://"));
    if let (true, Some(url)) = (settings.start_tls, secure.first()) {
        section.warning_at(
            "start_tls",
            format!("`start_tls` changes nothing for {url}, which speaks TLS from the beginning"),
            Some("take `start_tls` out, or write ldap:// to use it".to_owned()),
        );
    }
    for url in plain {
        let address = url.trim().trim_end_matches('/');
        if LDAPS_PORTS.iter().any(|port| address.ends_with(port)) {
            section.warning_at(
                "urls",
                format!("{address}: servers speak TLS from the beginning on this port"),
                Some(format!(
                    "use ldaps://: {}",
                    address.replacen("ldap", "ldaps", 1)
                )),
            );
        }
    }
}

/// Why the file of authorities cannot be used.
pub(super) fn untrusted(settings: &Settings) -> Option<String> {
    let path = settings.ca_file.as_ref()?;
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let shown = shown.display();
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("`ca_file`: there is no file {shown}"))
        }
        Err(error) => Some(format!("`ca_file`: {shown} cannot be read: {error}")),
        Ok(octets) => {
            let begins = String::from_utf8_lossy(&octets).contains("-----BEGIN CERTIFICATE-----");
            (!begins).then(|| format!("`ca_file`: {shown} holds no certificate in PEM form"))
        }
    }
}

/// What is wrong with a filter; its outermost parentheses may be left out.
pub(super) fn filter_problem(filter: &str) -> Option<String> {
    let filter = filter.trim();
    let whole = if filter.starts_with('(') {
        filter.to_owned()
    } else {
        format!("({filter})")
    };
    check_filter(&whole).err()
}

fn settings(section: &Section<'_>) -> Settings {
    Settings {
        urls: urls(section),
        start_tls: section.flag("start_tls", false),
        allow_plain: section.flag("allow_plain", false),
        ca_file: section.path("ca_file"),
        bind_dn: bind_dn(section),
        bind_password: section.secret("bind_password"),
        base: section.required("base"),
        group_base: section.text("group_base"),
        ignore_referrals: section.texts("ignore_referrals").unwrap_or_default(),
        placeholder_members: section.texts("placeholder_members").unwrap_or_default(),
        dynamic_groups: section.flag("dynamic_groups", false),
        page_size: section
            .number("page_size", 1, PAGE_SIZE_MAX)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(Settings::PAGE_SIZE_DEFAULT),
        connect_timeout: section.duration("connect_timeout", Settings::CONNECT_TIMEOUT_DEFAULT),
        page_timeout: section.duration("page_timeout", Settings::PAGE_TIMEOUT_DEFAULT),
        run_timeout: section.duration("run_timeout", Settings::RUN_TIMEOUT_DEFAULT),
    }
}

fn urls(section: &Section<'_>) -> Vec<String> {
    if !section.has("urls") {
        section.missing("urls");
        return Vec::new();
    }
    let urls = section.texts("urls").unwrap_or_default();
    if urls.is_empty() {
        section.error_at("urls", "`urls` names no server".to_owned(), None);
    }
    urls
}

/// RFC 4513 §5.1.2: a name with an empty password would silently be anonymous.
fn bind_dn(section: &Section<'_>) -> Option<String> {
    match (section.has("bind_dn"), section.has("bind_password")) {
        (true, false) => section.error_at(
            "bind_dn",
            "`bind_dn` needs a `bind_password`".to_owned(),
            Some("write bind_password = { file = \"path\" }".to_owned()),
        ),
        (false, true) => section.error_at(
            "bind_password",
            "`bind_password` needs a `bind_dn`".to_owned(),
            None,
        ),
        _ => {}
    }
    section.text("bind_dn")
}

/// What decides who is read.
pub(super) fn who_is_read(settings: &Settings) -> String {
    let Settings {
        urls,
        base,
        group_base,
        ignore_referrals,
        dynamic_groups,
        ..
    } = settings;
    format!("{urls:?} {base:?} {group_base:?} {ignore_referrals:?} {dynamic_groups}")
}
