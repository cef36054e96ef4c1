//! What a link says reads the same whether its row holds it whole or only what it says
//! beside its resource's document.

use super::*;
use crate::records::{JournalEvent, JournalQuery};

/// How the row of a link holds its contribution.
async fn row(world: &World, link: i64) -> String {
    let sql: &'static str = format!("SELECT contribution, id FROM links WHERE id = {link}").leak();
    let statement = crate::driver::Statement {
        name: "ROW",
        sqlite: sql,
        postgres: sql,
    };
    let rows: Vec<(String, i64)> = world
        .store
        .database
        .fetch(statement, Vec::new())
        .await
        .unwrap();
    rows.into_iter().next().unwrap().0
}

async fn said(world: &World, link: i64) -> Contribution {
    let links = world.store.links(&[LinkId(link)]).await.unwrap();
    links.into_iter().next().unwrap().contribution
}

fn what_ada_says() -> Contribution {
    contribution(&[
        ("name.givenName", json!("Ada")),
        ("nickName", Json::Null),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            json!("ENG-1"),
        ),
        ("userName", json!("ada")),
    ])
}

/// A new user, of whom a source tells all; its link has its number.
fn ada(world: &World, id: i64) -> Write {
    let said = what_ada_says();
    let mut document = Document::default();
    for (unit, value) in said.iter().filter(|(_, value)| !value.is_null()) {
        document.set(unit, Some(value.clone()));
    }
    Write::Create {
        resource: ResourceId(id),
        uuid: uuid(id),
        kind: Kind::User,
        document,
        link: Box::new(Link {
            contribution: said,
            ..world.link(id, id)
        }),
    }
}

on_both! {
    async fn what_the_document_tells_is_not_written_down_twice(world: World) {
        world.write(vec![ada(&world, 1), world.user(2, "bea")]).await.unwrap();
        assert_eq!(row(&world, 1).await, r#"[{"nickName":null}]"#);
        assert_eq!(said(&world, 1).await, what_ada_says());
        let other = contribution(&[("title", json!("Engineer"))]);
        assert_eq!(row(&world, 2).await, serde_json::to_string(&other).unwrap());
        assert_eq!(said(&world, 2).await, other);
    }

    async fn a_dump_does_not_show_how_it_is_kept(world: World) {
        world.write(vec![ada(&world, 1)]).await.unwrap();
        let kept_short = world.store.dump(world.tenant).await.unwrap();
        let whole = Link { contribution: what_ada_says(), ..world.link(1, 1) };
        world.write(vec![Write::Relink { link: Box::new(whole), journal: false }]).await.unwrap();
        assert!(row(&world, 1).await.starts_with('{'));
        assert_eq!(world.store.dump(world.tenant).await.unwrap(), kept_short);
    }

    async fn before_the_document_changes_it_is_written_out(world: World) {
        world.write(vec![ada(&world, 1)]).await.unwrap();
        world.write(vec![update(1, 1, &[("userName", json!("ada")), ("title", json!("Dr"))])]).await.unwrap();
        assert!(row(&world, 1).await.starts_with('{'));
        assert_eq!(said(&world, 1).await, what_ada_says());
        let of_her = world.store.links_of(&[ResourceId(1)]).await.unwrap();
        assert_eq!(of_her[0].contribution, what_ada_says());
    }

    async fn it_stays_as_it_is_when_only_the_state_changes(world: World) {
        world.write(vec![ada(&world, 1), world.group(3, "all")]).await.unwrap();
        let orphan = Write::Orphan { resource: ResourceId(1), since: Some(NOW) };
        world.write(vec![orphan]).await.unwrap();
        assert_eq!(row(&world, 1).await, r#"[{"nickName":null}]"#);
        assert_eq!(said(&world, 1).await, what_ada_says());
    }

    async fn a_document_that_changes_in_the_batch_that_makes_it_tells_nothing(world: World) {
        let changed = update(1, 1, &[("userName", json!("countess"))]);
        world.write(vec![ada(&world, 1), changed]).await.unwrap();
        assert!(row(&world, 1).await.starts_with('{'));
        assert_eq!(said(&world, 1).await, what_ada_says());
        assert_eq!(world.user_name(1).await, "countess");
    }

    async fn a_link_that_changes_with_its_document_says_the_new(world: World) {
        world.write(vec![ada(&world, 1)]).await.unwrap();
        let new = contribution(&[("userName", json!("lovelace"))]);
        let link = Link { contribution: new.clone(), ..world.link(1, 1) };
        let steps = [step(vec![
            Write::Relink { link: Box::new(link), journal: true },
            rename(1, 1, "lovelace"),
        ])];
        world.commit(&steps).await.unwrap();
        assert_eq!(said(&world, 1).await, new);
        assert_eq!(before_of(&world).await, [what_ada_says()]);
    }

    async fn the_journal_keeps_the_whole_of_what_goes(world: World) {
        world.write(vec![ada(&world, 1)]).await.unwrap();
        world.write(vec![delete(1, 1)]).await.unwrap();
        assert_eq!(before_of(&world).await, [what_ada_says()]);
    }

    async fn who_is_made_and_goes_in_one_batch_is_kept_whole_too(world: World) {
        world.write(vec![ada(&world, 1), delete(1, 1)]).await.unwrap();
        assert_eq!(before_of(&world).await, [what_ada_says()]);
    }
}

/// The contributions of before, as the journal tells them.
async fn before_of(world: &World) -> Vec<Contribution> {
    let query = JournalQuery {
        limit: 100,
        ..JournalQuery::default()
    };
    let lines = world.store.journal(world.tenant, &query).await.unwrap();
    let before = lines.into_iter().flat_map(|line| match line.event {
        JournalEvent::LinkChanged { before } | JournalEvent::Unlinked { before } => {
            vec![before.contribution]
        }
        JournalEvent::Deleted { links, .. } => {
            links.into_iter().map(|link| link.contribution).collect()
        }
        _ => Vec::new(),
    });
    before.collect()
}
