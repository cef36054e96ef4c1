//! What can be known to be wrong with a service's settings before anything is connected to.

use reqwest::Url;
use reqwest::header::HeaderName;

use super::address::{is_loopback, is_public, literal};
use super::settings::{Auth, Service};
use super::token::{bearer, sensitive};

/// The sentence that says what is wrong.
pub(crate) fn validate_service(service: &Service) -> Result<(), String> {
    match &service.auth {
        Auth::ClientCredentials { token_url, .. } => check_url(service, "token_url", token_url)?,
        Auth::Bearer(token) if bearer(token).is_none() => {
            return Err("bearer_token has characters that no header can carry".to_owned());
        }
        Auth::Basic { user, .. } if user.contains(':') => {
            return Err("user may not contain a colon (RFC 7617)".to_owned());
        }
        Auth::None | Auth::Bearer(_) | Auth::Basic { .. } => {}
    }
    for (name, value) in &service.headers {
        if name.parse::<HeaderName>().is_err() || sensitive(value.reveal()).is_none() {
            return Err(format!("headers: `{name}` or its value is no HTTP header"));
        }
    }
    if service.requests_per_second == Some(0) {
        return Err("requests_per_second must be at least 1".to_owned());
    }
    if service.body_bytes_max == 0 {
        return Err("body_bytes_max must be at least 1".to_owned());
    }
    Ok(())
}

/// Refuses what [`super::address::resolve`] is certain to refuse later.
pub(crate) fn check_address(service: &Service, name: &str, text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| format!("{name} is no URL"))?;
    let is_inside = is_loopback(&url) || literal(&url).is_some_and(|ip| !is_public(ip));
    if is_inside && !service.allow_private {
        return Err(format!(
            "{name} is on this machine or in a private network: set allow_private = true if that \
             is meant"
        ));
    }
    Ok(())
}

pub(crate) fn check_url(service: &Service, name: &str, text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| format!("{name} is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{name} has a password in it: use `user` and `password`"
        ));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if service.allow_plain || is_loopback(&url) => Ok(()),
        "http" => Err(format!(
            "{name} is http://, so secrets and people would cross the network in clear text: use \
             https://, or set allow_plain = true if that is meant"
        )),
        _ => Err(format!("{name} must begin with https://")),
    }
}
