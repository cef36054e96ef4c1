//! Resources of registered types, and the rows of what their schemas mark.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::agree::{expected, filter, text};
use super::*;
use crate::records::{ListQuery, Tenant};
use crate::search::Parts;
use crate::{Origin, RegisterError};

pub(super) const BADGE: &str = "urn:example:scim:1.0:Badge:badge";
const ROBOTS: i64 = 40;
const FILTERS: usize = 200;

fn robots(attributes: &Json) -> Json {
    json!({
        "schemas": [
            { "id": "urn:example:scim:1.0:Robot", "attributes": attributes },
            { "id": "urn:example:scim:1.0:Badge", "attributes": [{ "name": "badge", "indexed": true }] },
        ],
        "resourceTypes": [{
            "name": "Robot", "endpoint": "/Robots", "schema": "urn:example:scim:1.0:Robot",
            "schemaExtensions": [{ "schema": "urn:example:scim:1.0:Badge", "required": false }],
        }],
    })
}

/// With names that attributes of users have, but other meanings.
fn marked() -> Json {
    robots(&json!([
        { "name": "name", "uniqueness": "server" },
        { "name": "displayName" },
        { "name": "userName" },
        { "name": "emails", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "value", "caseExact": true }
        ] },
        { "name": "active", "type": "boolean" },
        { "name": "colour" },
        { "name": "tags", "multiValued": true, "indexed": true, "caseExact": true },
        { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "value", "indexed": true }, { "name": "type" }
        ] },
    ]))
}

impl World {
    async fn example(&self) -> Tenant {
        let tenants = self.store.tenants().await.unwrap();
        tenants.into_iter().find(|t| t.id == self.tenant).unwrap()
    }

    async fn register(&self, file: &Json) -> Result<bool, RegisterError> {
        self.store.register(self.tenant, file, Origin::Api).await
    }

    async fn robots(&self) -> Search {
        let registered = self.store.registered(&self.example().await).await.unwrap();
        let robot = Arc::clone(registered.registry.resource_type("Robot").unwrap());
        Search {
            page: index(1, 1_000),
            visible_to: Some(self.source),
            ..Search::all(self.tenant, robot.kind(), robot, BASE, 1_000)
        }
    }

    async fn find_robots(&self, filter: &str) -> Vec<i64> {
        let search = self.robots().await;
        let condition = Filter::parse(filter)
            .unwrap()
            .resolve(&search.resource_type);
        let search = Search {
            condition: Some(condition.unwrap()),
            ..search
        };
        numbers(&self.found(&search).await)
    }
}

fn robot() -> Kind {
    Kind::of_type("Robot")
}

async fn both() -> [World; 2] {
    [World::on_sqlite().await, World::on_postgres().await]
}

#[tokio::test]
async fn whatever_is_asked_of_robots_the_rows_answer_what_the_evaluator_says() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let worlds = both().await;
    let mut play = Vec::new();
    for id in 1..=ROBOTS {
        let mut draw = || text().new_tree(&mut runner).unwrap().current();
        let attributes = vec![
            ("name", Json::from(format!("{}-{id}", draw()))),
            ("displayName", draw().into()),
            ("userName", draw().into()),
            ("emails", json!([{ "value": draw() }])),
            ("tags", json!([draw(), draw()])),
            (
                "keys",
                json!([{ "value": draw(), "type": draw() }, { "type": draw() }]),
            ),
            ("colour", draw().into()),
            (BADGE, draw().into()),
        ];
        let some = (0_i64..).zip(attributes);
        let some = some.filter(|(at, _)| *at == 0 || (id + at) % 4 > 0);
        play.push((id, some.map(|(_, one)| one).collect::<Vec<_>>()));
    }
    for (place, world) in worlds.iter().enumerate() {
        // Rows are made when documents are written, or when schemas are registered.
        if place == 0 {
            world.register(&marked()).await.unwrap();
        }
        for (id, attributes) in &play {
            let made = vec![world.create(*id, robot(), attributes)];
            world.write(made).await.unwrap();
        }
        if place == 1 {
            world.register(&marked()).await.unwrap();
        }
        world.write(vec![orphan(7)]).await.unwrap();
    }
    let mut some = 0;
    for round in 0..FILTERS {
        let filter = filter(robot()).new_tree(&mut runner).unwrap().current();
        for world in &worlds {
            let search = world.robots().await;
            let parsed = Filter::parse(&filter).unwrap();
            let Ok(condition) = parsed.resolve(&search.resource_type) else {
                continue;
            };
            let search = Search {
                condition: Some(condition),
                visible_to: (round % 2 == 0).then_some(world.source),
                ..search
            };
            let query = ListQuery {
                limit: 1_000,
                ..ListQuery::default()
            };
            let all = world.store.list_resources(world.tenant, robot(), &query);
            let mut all = all.await.unwrap().resources;
            all.retain(|one| search.visible_to.is_none() || one.orphaned.is_none());
            let all = world
                .store
                .furnish(all, Parts::default(), None)
                .await
                .unwrap();
            let expected = expected(&all, &search);
            let found = numbers(&world.found(&search).await);
            assert_eq!(found, expected, "{filter} {}", world.url);
            some += usize::from(!expected.is_empty());
        }
    }
    assert!(some > FILTERS / 2, "{some}");
}

#[tokio::test]
async fn a_unique_value_is_one_resources_while_somebody_holds_it() {
    for world in both().await {
        world.register(&marked()).await.unwrap();
        let named = |id, name: &str| world.create(id, robot(), &[("name", name.into())]);
        world.write(vec![named(1, "Marvin")]).await.unwrap();
        let taken = world.write(vec![named(2, "MARVIN")]).await.unwrap_err();
        let CommitError::Step { cause, .. } = taken else {
            panic!("{taken}");
        };
        let expected = StepConflict::ValueTaken {
            attribute: "name".to_owned(),
            value: "marvin".to_owned(),
            holder: ResourceId(1),
        };
        assert_eq!(cause, expected);
        assert_eq!(world.find_robots("name eq \"mARVIN\"").await, [1]);
        // Whom nobody holds has nothing; and cannot have it back when it is another's.
        world.write(vec![orphan(1)]).await.unwrap();
        world.write(vec![named(2, "MARVIN")]).await.unwrap();
        assert_eq!(world.find_robots("name eq \"marvin\"").await, [2]);
        let back = Write::Orphan {
            resource: ResourceId(1),
            since: None,
        };
        let refused = world.write(vec![back]).await.unwrap_err();
        assert!(matches!(refused, CommitError::Step { .. }), "{refused}");
    }
}

#[tokio::test]
async fn what_is_registered_changes_for_everybody_and_only_when_it_is_new() {
    for world in both().await {
        assert_eq!(world.example().await.schemas_version, 0);
        assert!(world.register(&marked()).await.unwrap());
        assert!(!world.register(&marked()).await.unwrap());
        assert_eq!(world.example().await.schemas_version, 1);
        let made = vec![
            world.create(1, robot(), &[("colour", "red".into())]),
            world.create(2, robot(), &[("colour", "Red".into())]),
        ];
        world.write(made).await.unwrap();
        let unique = robots(&json!([{ "name": "colour", "uniqueness": "server" }]));
        let refused = world.register(&unique).await.unwrap_err();
        assert!(matches!(refused, RegisterError::NotUnique(_)), "{refused}");
        assert_eq!(world.example().await.schemas_version, 1);
        let wrong = robots(&json!([{ "name": "a b" }]));
        let refused = world.register(&wrong).await.unwrap_err();
        assert!(matches!(refused, RegisterError::Registry(_)), "{refused}");

        for (name, in_use) in [
            ("Robot", true),
            ("urn:example:scim:1.0:Robot", true),
            ("X", false),
        ] {
            let refused = world
                .store
                .unregister(world.tenant, name)
                .await
                .unwrap_err();
            assert_eq!(
                matches!(refused, RegisterError::InUse { .. }),
                in_use,
                "{refused}"
            );
        }
        for id in [1, 2] {
            let gone = Write::Delete {
                resource: ResourceId(id),
                base_version: 1,
            };
            world.write(vec![gone]).await.unwrap();
        }
        for name in [
            "robot",
            "urn:example:scim:1.0:ROBOT",
            "urn:example:scim:1.0:Badge",
        ] {
            world.store.unregister(world.tenant, name).await.unwrap();
        }
        assert!(
            world
                .store
                .registrations(world.tenant)
                .await
                .unwrap()
                .is_empty()
        );
    }
}
