//! References that stand in a document (a user's manager): said as the id of whom they mean.
//! Who is not here yet is said as the client called them, and waited for.

use std::collections::HashSet;

use rollcall_directory::contribution::Contribution;
use rollcall_directory::name::Reference;
use rollcall_directory::schema::{ResourceType, Unit};
use rollcall_store::ids::LinkId;
use rollcall_store::writes::Write;
use serde_json::Value as Json;

use super::names::reference;
use super::{PushError, Pusher};

/// The units of a type's single references: `urn:…:User:manager.value`.
fn reference_units(resource_type: &ResourceType) -> impl Iterator<Item = Unit> + '_ {
    resource_type
        .attributes()
        .filter(|(_, attribute)| attribute.is_reference() && !attribute.multi_valued)
        .map(|(extension, attribute)| {
            let urn = extension.map(|urn| format!("{urn}:")).unwrap_or_default();
            Unit::from_canonical(&format!("{urn}{}.value", attribute.name))
        })
}

impl Pusher {
    /// Says ids in the place of names, among `units`; returns whom nobody here is.
    pub(super) async fn say_ids(
        &self,
        resource_type: &ResourceType,
        units: &[Unit],
        contribution: &mut Contribution,
    ) -> Result<Vec<Reference>, PushError> {
        let said: Vec<(Unit, String)> = reference_units(resource_type)
            .filter(|unit| units.contains(unit))
            .filter_map(|unit| {
                let text = contribution.says(&unit)?.as_str()?.to_owned();
                Some((unit, text))
            })
            .collect();
        if said.is_empty() {
            return Ok(Vec::new());
        }
        let texts: HashSet<&str> = said.iter().map(|(_, text)| text.as_str()).collect();
        let meant = self.meant(&texts).await?;
        let mut unknown = Vec::new();
        for (unit, text) in &said {
            match meant.get(text) {
                Some(named) => {
                    contribution.say(unit.clone(), Json::from(named.uuid.to_string()));
                }
                None => unknown.push(reference(unit, text)),
            }
        }
        Ok(unknown)
    }

    /// The write that lets a link that is there wait for `unknown` in the place of whom it
    /// waited for at these units.
    pub(super) async fn await_managers(
        &self,
        link: LinkId,
        resource_type: &ResourceType,
        units: &[Unit],
        unknown: Vec<Reference>,
    ) -> Result<Option<Write>, PushError> {
        let touched: Vec<Unit> = reference_units(resource_type)
            .filter(|unit| units.contains(unit))
            .collect();
        if touched.is_empty() {
            return Ok(None);
        }
        let before = self.engine.store.pending_of(&[link]).await?;
        let before: Vec<Reference> = before
            .into_iter()
            .map(|pending| pending.reference)
            .filter(|reference| touched.contains(&reference.unit))
            .collect();
        Ok(super::super::references::pending_write(
            link,
            &unknown,
            Some(&before),
        ))
    }
}
