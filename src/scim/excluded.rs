//! `excludedAttributes` (RFC 7644 §3.9): what a client does not want to see, members of
//! large groups above all.

use rollcall_directory::path::AttributePath;
use serde_json::{Map, Value as Json};

use super::error::ScimError;

/// Attributes that are returned always (RFC 7643 §3, §7).
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// Attributes to leave out.
#[derive(Debug, Default)]
pub(super) struct Excluded(Vec<AttributePath>);

impl Excluded {
    /// Reads a list of attributes, separated by commas.
    pub(super) fn parse(list: &str) -> Result<Self, ScimError> {
        list.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                AttributePath::parse(name)
                    .map_err(|error| ScimError::Value(format!("excludedAttributes: {error}")))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the whole attribute is left out, so that it need not even be read.
    pub(super) fn leaves_out(&self, attribute: &str) -> bool {
        let whole = |path: &&AttributePath| path.sub.is_none();
        let mut paths = self.0.iter().filter(whole);
        paths.any(|path| path.name.eq_ignore_ascii_case(attribute))
    }

    /// Takes them out of a resource.
    pub(super) fn apply(&self, resource: &mut Map<String, Json>) {
        for path in &self.0 {
            let extension = path.schema.as_deref().and_then(|urn| named(resource, urn));
            match extension {
                Some(urn) => {
                    if let Some(Json::Object(inner)) = resource.get_mut(&urn) {
                        take(inner, path);
                    }
                }
                None if ALWAYS
                    .iter()
                    .any(|name| path.name.eq_ignore_ascii_case(name)) => {}
                None => take(resource, path),
            }
        }
    }
}

fn take(object: &mut Map<String, Json>, path: &AttributePath) {
    let Some(name) = named(object, &path.name) else {
        return;
    };
    let Some(sub) = &path.sub else {
        object.shift_remove(&name);
        return;
    };
    let values = match object.get_mut(&name) {
        Some(Json::Array(values)) => values.as_mut_slice(),
        Some(value) => std::slice::from_mut(value),
        None => return,
    };
    for value in values.iter_mut().filter_map(Json::as_object_mut) {
        if let Some(sub) = named(value, sub) {
            value.shift_remove(&sub);
        }
    }
}

/// A member's name as the object spells it.
fn named(object: &Map<String, Json>, name: &str) -> Option<String> {
    object
        .keys()
        .find(|key| key.eq_ignore_ascii_case(name))
        .cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(list: &str) -> Json {
        let mut resource = json!({
            "id": "1",
            "userName": "ada",
            "name": { "givenName": "Ada", "familyName": "Rigter" },
            "emails": [{ "value": "ada@example.org", "type": "work" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "IT" },
        });
        let excluded = Excluded::parse(list).unwrap();
        excluded.apply(resource.as_object_mut().unwrap());
        resource
    }

    #[test]
    fn attributes_and_sub_attributes_are_left_out_in_any_case() {
        let resource = without("USERNAME, name.familyName,emails.type");
        assert_eq!(resource.get("userName"), None);
        assert_eq!(resource["name"], json!({ "givenName": "Ada" }));
        assert_eq!(resource["emails"], json!([{ "value": "ada@example.org" }]));
    }

    #[test]
    fn an_attribute_of_an_extension_is_named_with_its_urn() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let resource = without(&format!("{urn}:department"));
        assert_eq!(resource[urn], json!({}));
    }

    #[test]
    fn the_id_stays() {
        assert_eq!(without("id,schemas")["id"], "1");
    }
}
