//! Lists, filtered, sorted and turned page by page.

mod agree;
mod cost;
mod custom;
mod pages;
mod parts;

use std::sync::Arc;

use rollcall_directory::filter::{Condition, Filter};
use rollcall_directory::schema::{Registry, ResourceType};
use rollcall_directory::sort::Sort;

use super::*;
use crate::search::{Found, Page, Search};

/// The URL of the service.
const BASE: &str = "https://id.example/scim/v2";

fn resource_type(kind: Kind) -> Arc<ResourceType> {
    Arc::clone(Registry::standard().of_kind(kind).unwrap())
}

fn condition(kind: Kind, filter: &str) -> Condition {
    let filter = Filter::parse(filter).unwrap();
    filter.resolve(&resource_type(kind)).unwrap()
}

fn sort(kind: Kind, by: &str, order: &str) -> Sort {
    Sort::parse(by, Some(order), &resource_type(kind)).unwrap()
}

fn index(start: u64, count: u32) -> Page {
    Page::Index { start, count }
}

impl World {
    /// All of a kind, as the first source sees it.
    fn search(&self, kind: Kind) -> Search {
        Search {
            visible_to: Some(self.source),
            ..Search::all(self.tenant, kind, resource_type(kind), BASE, 100)
        }
    }

    async fn found(&self, search: &Search) -> Found {
        self.store.search(search).await.unwrap()
    }

    /// The numbers of the users that a filter finds, and how many in all.
    async fn users(&self, filter: &str) -> (u64, Vec<i64>) {
        let search = Search {
            condition: Some(condition(Kind::User, filter)),
            ..self.search(Kind::User)
        };
        let found = self.found(&search).await;
        (found.total, numbers(&found))
    }

    /// What the first source has withdrawn.
    fn withdraw(&self, id: i64) -> Write {
        Write::Relink {
            link: Box::new(Link {
                presence: Presence::Withdrawn,
                gone_since: Some(NOW),
                ..self.link(id, id)
            }),
            journal: true,
        }
    }
}

fn numbers(found: &Found) -> Vec<i64> {
    let ids = found.resources.iter().map(|found| found.resource.id.0);
    ids.collect()
}

fn join(group: i64, members: &[i64], source: SourceId) -> Write {
    Write::Members {
        group: ResourceId(group),
        source,
        added: members.iter().map(|id| ResourceId(*id)).collect(),
        removed: Vec::new(),
    }
}

fn orphan(id: i64) -> Write {
    Write::Orphan {
        resource: ResourceId(id),
        since: Some(NOW),
    }
}
