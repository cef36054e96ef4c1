//! What can be known to be wrong with settings before anything is connected to.

use reqwest::Url;
use reqwest::header::HeaderName;

use super::address::{is_loopback, is_public, literal};
use super::settings::{Auth, Endpoint, Format, Method, Paging, Settings, Total};
use super::token::{bearer, sensitive};

/// The sentence that says what is wrong.
pub(crate) fn validate(settings: &Settings) -> Result<(), String> {
    if settings.users.is_none() && settings.groups.is_none() {
        return Err("the source has neither a users nor a groups URL: set one".to_owned());
    }
    let endpoints = [("users", &settings.users), ("groups", &settings.groups)];
    for (name, endpoint) in endpoints {
        if let Some(endpoint) = endpoint {
            check_endpoint(settings, name, endpoint)?;
        }
    }
    match &settings.auth {
        Auth::ClientCredentials { token_url, .. } => check_url(settings, "token_url", token_url)?,
        Auth::Bearer(token) if bearer(token).is_none() => {
            return Err("bearer_token has characters that no header can carry".to_owned());
        }
        Auth::Basic { user, .. } if user.contains(':') => {
            return Err("user may not contain a colon (RFC 7617)".to_owned());
        }
        Auth::None | Auth::Bearer(_) | Auth::Basic { .. } => {}
    }
    for (name, value) in &settings.headers {
        if name.parse::<HeaderName>().is_err() || sensitive(value.reveal()).is_none() {
            return Err(format!("headers: `{name}` or its value is no HTTP header"));
        }
    }
    if settings.requests_per_second == Some(0) {
        return Err("requests_per_second must be at least 1".to_owned());
    }
    if settings.body_bytes_max == 0 {
        return Err("body_bytes_max must be at least 1".to_owned());
    }
    Ok(())
}

fn check_endpoint(settings: &Settings, name: &str, endpoint: &Endpoint) -> Result<(), String> {
    check_url(settings, &format!("{name}.url"), &endpoint.url)?;
    if let Some(item_url) = &endpoint.item_url {
        if !item_url.contains("{key}") {
            return Err(format!(
                "{name}.item_url has no `{{key}}` where the key belongs"
            ));
        }
        let example = item_url.replace("{key}", "key");
        check_url(settings, &format!("{name}.item_url"), &example)?;
    }
    if let Method::Post { body } = &endpoint.method
        && !body.is_object()
    {
        return Err(format!(
            "{name}.body must be a table: page parameters become its members"
        ));
    }
    let has_envelope = matches!(endpoint.format, Format::Object { .. });
    if !has_envelope && matches!(endpoint.paging, Paging::Next { .. } | Paging::Cursor { .. }) {
        return Err(format!(
            "{name}.paging looks for its next page in an object, but the answer is a list: set \
             `items`, or use another paging"
        ));
    }
    if !has_envelope && matches!(endpoint.total, Some(Total::Body(_))) {
        return Err(format!(
            "{name}.total is looked for in an object, but the answer is a list: set `items`, or \
             use `total = {{ header = … }}`"
        ));
    }
    Ok(())
}

/// Refuses what [`super::address::resolve`] is certain to refuse later.
pub(crate) fn check_address(settings: &Settings, name: &str, text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| format!("{name} is no URL"))?;
    let is_inside = is_loopback(&url) || literal(&url).is_some_and(|ip| !is_public(ip));
    if is_inside && !settings.allow_private {
        return Err(format!(
            "{name} is on this machine or in a private network: set allow_private = true if that \
             is meant"
        ));
    }
    Ok(())
}

pub(crate) fn check_url(settings: &Settings, name: &str, text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| format!("{name} is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{name} has a password in it: use `user` and `password`"
        ));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if settings.allow_plain || is_loopback(&url) => Ok(()),
        "http" => Err(format!(
            "{name} is http://, so secrets and people would cross the network in clear text: use \
             https://, or set allow_plain = true if that is meant"
        )),
        _ => Err(format!("{name} must begin with https://")),
    }
}
