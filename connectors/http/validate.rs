//! What can be known to be wrong with settings before anything is connected to.

use super::settings::{Endpoint, Format, Method, Paging, Settings, Total};
use crate::web::validate::{check_url, validate_service};

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
    validate_service(&settings.service)
}

fn check_endpoint(settings: &Settings, name: &str, endpoint: &Endpoint) -> Result<(), String> {
    check_url(&settings.service, &format!("{name}.url"), &endpoint.url)?;
    if let Some(item_url) = &endpoint.item_url {
        if !item_url.contains("{key}") {
            return Err(format!(
                "{name}.item_url has no `{{key}}` where the key belongs"
            ));
        }
        let example = item_url.replace("{key}", "key");
        check_url(&settings.service, &format!("{name}.item_url"), &example)?;
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
