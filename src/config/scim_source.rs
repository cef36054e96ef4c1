//! The keys of a source of kind `scim`.

use rollcall_connectors::scim::check_filter;
use rollcall_connectors::scim::settings::Settings;

use super::section::Section;
use super::web_service::{self, refused, url};

/// The largest page that is asked for.
const PAGE_SIZE_MAX: u64 = 10_000;

pub(super) fn read(section: &Section<'_>) -> Settings {
    if !section.has("url") {
        section.missing("url");
    }
    let settings = Settings {
        url: section.parsed("url", url).unwrap_or_default(),
        page_size: section
            .number("page_size", 1, PAGE_SIZE_MAX)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(Settings::PAGE_SIZE_DEFAULT),
        omits_empty_members: section.flag("omits_empty_members", false),
        service: web_service::read(section),
    };
    if let Some(why) = refused(&settings.service, "url", &settings.url) {
        section.error_at("url", why, None);
    }
    web_service::check_token_url(section, &settings.service);
    for key in ["user_filter", "group_filter"] {
        if let Some(Err(why)) = section.text(key).map(|filter| check_filter(&filter)) {
            let help = "write it as in RFC 7644 §3.4.2.2: userType eq \"Employee\"".to_owned();
            section.error_at(key, format!("`{key}`: {why}"), Some(help));
        }
    }
    settings
}

/// What decides who is read.
pub(super) fn who_is_read(settings: &Settings) -> String {
    format!(
        "{} {}",
        settings.url.trim_end_matches('/'),
        settings.omits_empty_members
    )
}
