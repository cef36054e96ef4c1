//! What the directory holds, with a run's pending writes laid on top.
//!
//! A run that commits as it goes lays nothing on top. A plan, and a run that must know
//! all its changes before the first is written, read through here what they have not
//! written yet: so both take the same decisions, uniqueness and references included.

use std::collections::{HashMap, HashSet};

use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::name::{NameHash, Reference};
use rollcall_store::ids::{LinkId, ResourceId, SourceId, TenantId};
use rollcall_store::records::{Link, Pending, Presence, Resource};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, Store, StoreError};
use time::OffsetDateTime;
use uuid::Uuid;

use super::candidate::Candidate;
use super::correlate::texts;
use super::employees::{Employees, Gone};
use super::import::{Made, ShortHash};

/// See the module.
#[derive(Debug)]
pub(super) struct View {
    store: Store,
    tenant: TenantId,
    source: SourceId,
    laid: Laid,
    employees: Employees,
    /// Whose entries the read has not listed, once it is known who is gone.
    gone: Gone,
    /// In an import: all that the directory holds, since this run has made it.
    made: Option<Made>,
}

/// The pending writes, indexed as they are asked for. `None` stands for what is gone.
#[derive(Debug, Default)]
struct Laid {
    resources: HashMap<ResourceId, Option<Resource>>,
    links: HashMap<LinkId, Option<Link>>,
    links_of: HashMap<ResourceId, Vec<LinkId>>,
    texts: HashMap<(Kind, By, String), Vec<ResourceId>>,
    names: HashMap<NameHash, Vec<LinkId>>,
    /// The names of each link that has new ones: its stored names do not count any more.
    renamed: HashMap<LinkId, Vec<NameHash>>,
    members: HashMap<(ResourceId, SourceId), (HashSet<ResourceId>, HashSet<ResourceId>)>,
    pending: HashMap<LinkId, (Vec<Reference>, Vec<Reference>)>,
}

impl Laid {
    fn rename(&mut self, link: LinkId, names: &[NameHash]) {
        for name in names {
            let links = self.names.entry(*name).or_default();
            if !links.contains(&link) {
                links.push(link);
            }
        }
        self.renamed.insert(link, names.to_vec());
    }

    /// Whether the stored names of a link are not its own any more.
    fn forgets_names_of(&self, link: LinkId) -> bool {
        self.renamed.contains_key(&link) || matches!(self.links.get(&link), Some(None))
    }
}

/// Whom a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    /// The resource.
    pub(super) resource: ResourceId,
    /// Its SCIM id.
    pub(super) uuid: Uuid,
}

impl View {
    pub(super) fn new(store: Store, tenant: TenantId, source: SourceId) -> Self {
        Self {
            store,
            tenant,
            source,
            laid: Laid::default(),
            employees: Employees::default(),
            gone: Gone::default(),
            made: None,
        }
    }

    /// From now on the directory holds nothing but what [`View::remember`] is told.
    pub(super) fn begin_import(&mut self) {
        self.made = Some(Made::default());
    }

    /// From now on the store is asked again: everything is written.
    pub(super) fn end_import(&mut self) {
        self.made = None;
    }

    /// Whether the directory holds nothing but what this run has made.
    pub(super) fn is_importing(&self) -> bool {
        self.made.is_some()
    }

    /// In an import, by which texts those whom it makes can be found.
    pub(super) fn claim(&mut self, texts: HashSet<ShortHash>) {
        if let Some(made) = &mut self.made {
            made.claim(texts);
        }
    }

    /// In an import, what steps have made.
    pub(super) fn remember(&mut self, steps: &[Step]) {
        if let Some(made) = &mut self.made {
            made.remember(steps);
        }
    }

    /// Whether an import has made somebody who can be found by this text.
    pub(super) fn was_made_with(&self, text: ShortHash) -> bool {
        self.made.as_ref().is_some_and(|made| made.carries(text))
    }

    /// From now on these links count as those of people who have left, although that is
    /// written only at the end of the run.
    pub(super) async fn learn_who_is_gone(&mut self, ids: &[LinkId]) -> Result<(), StoreError> {
        let links = self.links(ids).await?;
        self.gone = Gone::of(links.into_values());
        Ok(())
    }

    /// Whether the entry of a link is there no more.
    pub(super) fn has_left(&self, link: &Link) -> bool {
        link.presence != Presence::Present || self.leaves(link.id)
    }

    /// Whether this run has missed it.
    pub(super) fn leaves(&self, link: LinkId) -> bool {
        self.gone.contains(link)
    }

    /// From now on linked entries are called as they are in this read, although that is
    /// reconciled only later.
    pub(super) fn expect_names(&mut self, candidates: &[Candidate]) {
        for candidate in candidates {
            if let Some(link) = candidate.link {
                self.laid.rename(link, &candidate.names);
            }
        }
    }

    /// Links by number; those that are gone are missing from the answer.
    pub(super) async fn links(&self, ids: &[LinkId]) -> Result<HashMap<LinkId, Link>, StoreError> {
        let (laid, asked): (Vec<LinkId>, Vec<LinkId>) =
            ids.iter().partition(|id| self.laid.links.contains_key(id));
        let mut found: HashMap<_, _> = self
            .store
            .links(&asked)
            .await?
            .into_iter()
            .map(|link| (link.id, link))
            .collect();
        for id in laid {
            if let Some(Some(link)) = self.laid.links.get(&id) {
                found.insert(id, link.clone());
            }
        }
        Ok(found)
    }

    /// All links of each resource, of every source.
    pub(super) async fn links_of(
        &self,
        resources: &[ResourceId],
    ) -> Result<HashMap<ResourceId, Vec<Link>>, StoreError> {
        let mut found: HashMap<ResourceId, Vec<Link>> = HashMap::new();
        for link in self.store.links_of(resources).await? {
            if !self.laid.links.contains_key(&link.id) {
                found.entry(link.resource).or_default().push(link);
            }
        }
        for resource in resources {
            for id in self.laid.links_of.get(resource).into_iter().flatten() {
                if let Some(Some(link)) = self.laid.links.get(id)
                    && link.resource == *resource
                {
                    found.entry(*resource).or_default().push(link.clone());
                }
            }
        }
        Ok(found)
    }

    /// Resources by number; those that are gone are missing from the answer.
    pub(super) async fn resources(
        &self,
        ids: &[ResourceId],
    ) -> Result<HashMap<ResourceId, Resource>, StoreError> {
        let (laid, asked): (Vec<ResourceId>, Vec<ResourceId>) = ids
            .iter()
            .partition(|id| self.laid.resources.contains_key(id));
        let mut found: HashMap<_, _> = self
            .store
            .resources(&asked)
            .await?
            .into_iter()
            .map(|resource| (resource.id, resource))
            .collect();
        for id in laid {
            if let Some(Some(resource)) = self.laid.resources.get(&id) {
                found.insert(id, resource.clone());
            }
        }
        Ok(found)
    }

    /// Who carries one of `texts`: pairs of the text as asked for and the resource.
    pub(super) async fn resources_by(
        &self,
        kind: Kind,
        by: By,
        texts: &[String],
    ) -> Result<Vec<(String, ResourceId)>, StoreError> {
        if self.made.is_some() {
            // Entries with texts that are taken were put off until the import has ended.
            return Ok(Vec::new());
        }
        let stored = match by {
            By::EmployeeNumber => {
                self.employees
                    .carriers(&self.store, self.tenant, texts)
                    .await?
            }
            _ => {
                self.store
                    .resources_by(self.tenant, kind, by, texts)
                    .await?
            }
        };
        let mut found: Vec<(String, ResourceId)> = stored
            .into_iter()
            .filter(|(_, id)| !self.laid.resources.contains_key(id))
            .collect();
        for text in texts {
            let key = (kind, by, by.fold(text));
            for id in self.laid.texts.get(&key).into_iter().flatten() {
                let carries = matches!(self.laid.resources.get(id), Some(Some(resource))
                    if resource.kind == kind && texts_of(resource).contains(&(by, key.2.clone())));
                if carries && !found.contains(&(text.clone(), *id)) {
                    found.push((text.clone(), *id));
                }
            }
        }
        Ok(found)
    }

    /// The links of people who are gone from this source, and whose entry said this
    /// employee number. Who came back meanwhile is not among them.
    pub(super) async fn left_with(&self, number: &str) -> Result<Vec<Link>, StoreError> {
        if self.made.is_some() {
            return Ok(Vec::new());
        }
        let before = self.employees.left(&self.store, self.source, number);
        let ids = [before.await?, self.gone.with(number)].concat();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut links: Vec<Link> = self.links(&ids).await?.into_values().collect();
        links.retain(|link| self.has_left(link));
        links.sort_by_key(|link| link.id);
        Ok(links)
    }

    /// Whom the names of this source name. A name may name nobody or several.
    pub(super) async fn named(
        &self,
        names: &[NameHash],
    ) -> Result<HashMap<NameHash, Vec<Named>>, StoreError> {
        if let Some(made) = &self.made {
            let all = names.iter().map(|name| (*name, made.named(name).to_vec()));
            return Ok(all.filter(|(_, found)| !found.is_empty()).collect());
        }
        let mut found: HashMap<NameHash, Vec<Named>> = HashMap::new();
        for (name, link, resource, uuid) in self.store.links_named(self.source, names).await? {
            if !self.laid.forgets_names_of(link) {
                found
                    .entry(name)
                    .or_default()
                    .push(Named { resource, uuid });
            }
        }
        let renamed: Vec<(NameHash, LinkId)> = names
            .iter()
            .flat_map(|name| {
                let links = self.laid.names.get(name).into_iter().flatten();
                // It may have had the name in between only.
                let bears = |link: &&LinkId| {
                    let current = self.laid.renamed.get(*link);
                    current.is_some_and(|names| names.contains(name))
                };
                links.filter(bears).map(|link| (*name, *link))
            })
            .collect();
        let ids: Vec<LinkId> = renamed.iter().map(|(_, link)| *link).collect();
        let links = self.links(&ids).await?;
        let owners: Vec<ResourceId> = links.values().map(|link| link.resource).collect();
        let owners = self.resources(&owners).await?;
        for (name, link) in renamed {
            let owner = links.get(&link).and_then(|link| owners.get(&link.resource));
            found.entry(name).or_default().extend(owner.map(|r| Named {
                resource: r.id,
                uuid: r.uuid,
            }));
        }
        for named in found.values_mut() {
            named.sort_by_key(|n| n.resource);
            named.dedup();
        }
        Ok(found)
    }

    /// The members of a group, as far as this run's source goes.
    pub(super) async fn members(
        &self,
        group: ResourceId,
    ) -> Result<HashSet<ResourceId>, StoreError> {
        let mut members: HashSet<ResourceId> = self
            .store
            .members(group, self.source)
            .await?
            .into_iter()
            .collect();
        if let Some((added, removed)) = self.laid.members.get(&(group, self.source)) {
            members.retain(|m| !removed.contains(m));
            members.extend(added);
        }
        Ok(members)
    }

    /// The references of these links that name nobody.
    pub(super) async fn pending_of(
        &self,
        links: &[LinkId],
    ) -> Result<HashMap<LinkId, Vec<Reference>>, StoreError> {
        let stored = self.store.pending_of(links).await?;
        Ok(self.lay_pending(stored, links))
    }

    /// Every reference of this source that names nobody.
    pub(super) async fn pending(&self) -> Result<HashMap<LinkId, Vec<Reference>>, StoreError> {
        let stored = self.store.pending(self.source).await?;
        let laid: Vec<LinkId> = self.laid.pending.keys().copied().collect();
        Ok(self.lay_pending(stored, &laid))
    }

    fn lay_pending(
        &self,
        stored: Vec<Pending>,
        links: &[LinkId],
    ) -> HashMap<LinkId, Vec<Reference>> {
        let mut found: HashMap<LinkId, Vec<Reference>> = HashMap::new();
        for pending in stored {
            found
                .entry(pending.link)
                .or_default()
                .push(pending.reference);
        }
        for link in links {
            if let Some((added, removed)) = self.laid.pending.get(link) {
                let references = found.entry(*link).or_default();
                references.retain(|r| !removed.contains(r) && !added.contains(r));
                references.extend(added.iter().cloned());
            }
        }
        found.retain(|_, references| !references.is_empty());
        found
    }

    /// Lays the writes of steps that are not committed on top.
    pub(super) async fn lay(
        &mut self,
        steps: &[Step],
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let touched: Vec<ResourceId> = steps
            .iter()
            .flat_map(|step| &step.writes)
            .filter_map(|write| match write {
                Write::Update { resource, .. } | Write::Orphan { resource, .. } => Some(*resource),
                _ => None,
            })
            .collect();
        let mut before = self.resources(&touched).await?;
        for write in steps.iter().flat_map(|step| &step.writes) {
            self.lay_write(write, &mut before, now);
        }
        Ok(())
    }

    fn lay_write(
        &mut self,
        write: &Write,
        before: &mut HashMap<ResourceId, Resource>,
        now: OffsetDateTime,
    ) {
        match write {
            Write::Create {
                resource,
                uuid,
                kind,
                document,
                link,
            } => {
                self.lay_new(*resource, *uuid, *kind, document, now, now);
                self.lay_link(link);
            }
            Write::Restore {
                resource,
                uuid,
                kind,
                document,
                created,
            } => self.lay_new(*resource, *uuid, *kind, document, *created, now),
            Write::Update {
                resource, document, ..
            } => {
                if let Some(mut found) = self.take(*resource, before) {
                    found.document = document.clone();
                    found.version += 1;
                    found.document_version += 1;
                    found.modified = now;
                    self.lay_resource(found);
                }
            }
            Write::Orphan { resource, since } => {
                if let Some(mut found) = self.take(*resource, before) {
                    found.orphaned = *since;
                    self.lay_resource(found);
                }
            }
            Write::Delete { resource, .. } => {
                self.laid.resources.insert(*resource, None);
            }
            Write::Link { link } | Write::Relink { link, .. } => self.lay_link(link),
            Write::Unlink { link } => {
                self.laid.links.insert(*link, None);
            }
            Write::Names { link, names } => self.laid.rename(*link, names),
            Write::Members {
                group,
                source,
                added,
                removed,
            } => {
                let (plus, minus) = self.laid.members.entry((*group, *source)).or_default();
                for member in removed {
                    plus.remove(member);
                    minus.insert(*member);
                }
                for member in added {
                    minus.remove(member);
                    plus.insert(*member);
                }
            }
            Write::Pending {
                link,
                added,
                removed,
            } => {
                let (plus, minus) = self.laid.pending.entry(*link).or_default();
                plus.retain(|r| !removed.contains(r));
                minus.retain(|r| !added.contains(r));
                plus.extend(added.iter().cloned());
                minus.extend(removed.iter().cloned());
            }
            Write::Expect { .. }
            | Write::Unclaimed { .. }
            | Write::Quarantine { .. }
            | Write::Release { .. } => {}
        }
    }

    fn take(
        &mut self,
        id: ResourceId,
        before: &mut HashMap<ResourceId, Resource>,
    ) -> Option<Resource> {
        match self.laid.resources.remove(&id) {
            Some(laid) => laid,
            None => before.remove(&id),
        }
    }

    fn lay_new(
        &mut self,
        id: ResourceId,
        uuid: Uuid,
        kind: Kind,
        document: &Document,
        created: OffsetDateTime,
        now: OffsetDateTime,
    ) {
        self.lay_resource(Resource {
            id,
            uuid,
            tenant: self.tenant,
            kind,
            document: document.clone(),
            created,
            modified: now,
            version: 1,
            document_version: 1,
            orphaned: None,
        });
    }

    fn lay_resource(&mut self, resource: Resource) {
        for (by, text) in texts_of(&resource) {
            let ids = self
                .laid
                .texts
                .entry((resource.kind, by, text))
                .or_default();
            if !ids.contains(&resource.id) {
                ids.push(resource.id);
            }
        }
        self.laid.resources.insert(resource.id, Some(resource));
    }

    fn lay_link(&mut self, link: &Link) {
        let links = self.laid.links_of.entry(link.resource).or_default();
        if !links.contains(&link.id) {
            links.push(link.id);
        }
        self.laid.links.insert(link.id, Some(link.clone()));
    }
}

/// Everything that a resource can be found by.
fn texts_of(resource: &Resource) -> Vec<(By, String)> {
    let user_name = match resource.orphaned {
        None => By::UserName,
        Some(_) => By::FreedName,
    };
    let of_users: &[By] = match resource.kind {
        Kind::User => &[user_name, By::EmployeeNumber],
        Kind::Group | Kind::Custom(_) => &[],
    };
    let of_all = [By::ExternalId, By::DisplayName, By::Email];
    let found_by = of_users.iter().copied().chain(of_all);
    found_by
        .flat_map(|by| {
            let texts = texts(&resource.document, by).into_iter();
            texts.map(move |text| (by, by.fold(&text)))
        })
        .collect()
}
