//! What comes with the resources of a page.

use super::*;
use crate::search::{FoundResource, Groups, Mention, Parts};

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

fn shown(mentions: Option<&Vec<Mention>>) -> Vec<(i64, &str, bool)> {
    let shown = mentions.unwrap().iter();
    shown
        .map(|m| (m.id.0, m.display.as_deref().unwrap_or("-"), m.direct))
        .collect()
}

impl World {
    async fn furnished(&self, kind: Kind, parts: Parts) -> Vec<FoundResource> {
        let search = Search {
            parts,
            ..self.search(kind)
        };
        self.found(&search).await.resources
    }
}

on_both! {
    async fn members_come_with_their_names_and_types_if_they_are_asked_for(world: World) {
        let ada = [("userName", json!("ada")), ("displayName", json!("Ada L."))];
        world.write(vec![
            world.create(1, Kind::User, &ada),
            world.user(2, "grace"),
            world.user(3, "linus"),
            world.user(4, "gone"),
            world.group(10, "Staff"),
            world.group(11, "Empty"),
        ]).await.unwrap();
        world.write(vec![
            join(10, &[1, 2, 3, 4, 11], world.source),
            join(10, &[1], world.other),
            world.withdraw(3),
            orphan(4),
        ]).await.unwrap();
        let members = Parts { members: true, ..Parts::default() };
        let found = world.furnished(Kind::Group, members).await;
        let staff = shown(found[0].members.as_ref());
        assert_eq!(staff, [(1, "Ada L.", true), (2, "grace", true), (11, "Empty", true)]);
        let kinds: Vec<Kind> = found[0].members.iter().flatten().map(|m| m.kind).collect();
        assert_eq!(kinds, [Kind::User, Kind::User, Kind::Group]);
        assert_eq!(shown(found[1].members.as_ref()), []);
        let bare = world.furnished(Kind::Group, Parts::default()).await;
        assert_eq!(bare[0].members, None);
    }

    async fn groups_are_direct_or_reached_through_others_and_circles_end(world: World) {
        world.write(vec![
            world.user(1, "ada"),
            world.group(10, "A"),
            world.group(11, "B"),
            world.group(12, "C"),
            world.group(13, "Hidden"),
            world.group(14, "Behind"),
        ]).await.unwrap();
        let mut hidden = world.withdraw(13);
        if let Write::Relink { link, .. } = &mut hidden {
            link.kind = Kind::Group;
        }
        world.write(vec![
            join(10, &[1, 12], world.source),
            join(11, &[10], world.source),
            join(12, &[11, 1], world.source),
            join(13, &[1], world.source),
            join(14, &[13], world.source),
            hidden,
        ]).await.unwrap();
        let groups = async |groups| {
            let parts = Parts { groups, ..Parts::default() };
            world.furnished(Kind::User, parts).await
        };
        let direct = groups(Groups::Direct).await;
        assert_eq!(shown(direct[0].groups.as_ref()), [(10, "A", true), (12, "C", true)]);
        let all = groups(Groups::Indirect).await;
        let all = shown(all[0].groups.as_ref());
        assert_eq!(all, [(10, "A", true), (11, "B", false), (12, "C", true)]);
        assert_eq!(groups(Groups::No).await[0].groups, None);
    }

    async fn a_manager_comes_with_its_name(world: World) {
        let with = |id: i64, manager: i64| {
            let attributes = [
                ("userName", json!(format!("user-{id}"))),
                (MANAGER, json!(uuid(manager))),
            ];
            world.create(id, Kind::User, &attributes)
        };
        world.write(vec![world.user(1, "ada"), with(2, 1), with(3, 99)]).await.unwrap();
        let parts = Parts { manager: true, ..Parts::default() };
        let found = world.furnished(Kind::User, parts).await;
        let names: Vec<Option<&str>> = found
            .iter()
            .map(|found| found.manager.as_ref()?.display.as_deref())
            .collect();
        assert_eq!(names, [None, Some("ada"), None]);
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let aside = crate::search::beside(&found[1], &resource_type(Kind::User), BASE);
        let manager = &aside[enterprise]["manager"];
        assert_eq!(manager["displayName"], "ada");
        assert_eq!(manager["$ref"], format!("{BASE}/Users/{}", uuid(1)));
        let filter = format!("{enterprise}:manager.displayName eq \"ADA\"");
        assert_eq!(world.users(&filter).await, (1, vec![2]));
    }
}
