//! Whatever is written, both databases hold the same afterwards.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

const CASES: usize = 24;
const BATCHES: usize = 8;
const PEOPLE: i64 = 6;
const NAMES: [&str; 5] = ["ada", "Ada", "grace", "linus", "Ångström"];

/// A write of a world of few people and names, so that conflicts are frequent.
#[derive(Debug, Clone)]
enum Wish {
    User(i64, usize),
    Rename(i64, i64, usize),
    Delete(i64, i64),
    Orphan(i64, bool),
    Relink(i64, usize),
    Unlink(i64),
    Names(i64, usize),
    Members(i64, i64, bool),
    Pending(i64, usize, bool),
}

fn wish() -> impl Strategy<Value = Wish> {
    let id = 1..=PEOPLE;
    let name = 0..NAMES.len();
    prop_oneof![
        4 => (id.clone(), name.clone()).prop_map(|(i, n)| Wish::User(i, n)),
        4 => (id.clone(), 1..4_i64, name.clone()).prop_map(|(i, v, n)| Wish::Rename(i, v, n)),
        1 => (id.clone(), 1..4_i64).prop_map(|(i, v)| Wish::Delete(i, v)),
        1 => (id.clone(), any::<bool>()).prop_map(|(i, b)| Wish::Orphan(i, b)),
        2 => (id.clone(), name.clone()).prop_map(|(i, n)| Wish::Relink(i, n)),
        1 => id.clone().prop_map(Wish::Unlink),
        2 => (id.clone(), name.clone()).prop_map(|(i, n)| Wish::Names(i, n)),
        2 => (id.clone(), id.clone(), any::<bool>()).prop_map(|(g, m, b)| Wish::Members(g, m, b)),
        2 => (id, name, any::<bool>()).prop_map(|(i, n, b)| Wish::Pending(i, n, b)),
    ]
}

impl Wish {
    fn write(&self, world: &World) -> Write {
        match *self {
            Self::User(id, name) => world.user(id, NAMES[name]),
            Self::Rename(id, version, name) => rename(id, version, NAMES[name]),
            Self::Delete(id, version) => delete(id, version),
            Self::Orphan(id, gone) => Write::Orphan {
                resource: ResourceId(id),
                since: gone.then_some(NOW),
            },
            Self::Relink(id, name) => {
                let mut link = world.link(id, id);
                link.contribution = contribution(&[("title", json!(NAMES[name]))]);
                Write::Relink {
                    link: Box::new(link),
                    journal: name % 2 == 0,
                }
            }
            Self::Unlink(id) => Write::Unlink { link: LinkId(id) },
            Self::Names(id, name) => Write::Names {
                link: LinkId(id),
                names: vec![Fingerprint::of(NAMES[name].as_bytes())],
            },
            Self::Members(group, member, comes) => {
                let member = vec![ResourceId(member)];
                let (added, removed) = if comes {
                    (member, Vec::new())
                } else {
                    (Vec::new(), member)
                };
                Write::Members {
                    group: ResourceId(group),
                    source: world.source,
                    added,
                    removed,
                }
            }
            Self::Pending(id, name, comes) => {
                let reference = vec![rollcall_directory::name::Reference {
                    unit: Unit::from_canonical("members"),
                    name: rollcall_directory::name::Name {
                        space: rollcall_directory::name::Space::Dn,
                        text: format!("uid={}", NAMES[name]),
                    },
                }];
                let (added, removed) = if comes {
                    (reference, Vec::new())
                } else {
                    (Vec::new(), reference)
                };
                Write::Pending {
                    link: LinkId(id),
                    added,
                    removed,
                }
            }
        }
    }
}

async fn journal_of(world: &World) -> Vec<crate::records::JournalLine> {
    let query = crate::records::JournalQuery {
        limit: 10_000,
        ..Default::default()
    };
    let mut lines = world.store.journal(world.tenant, &query).await.unwrap();
    for (place, line) in lines.iter_mut().enumerate() {
        // Numbers have gaps where a batch was rolled back.
        line.seq = i64::try_from(place).unwrap();
    }
    lines
}

#[tokio::test]
async fn random_batches_leave_the_same_on_both_databases() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let wishes = proptest::collection::vec(wish(), 1..5);
    let (mut done, mut refused) = (0, 0);
    for _ in 0..CASES {
        let sqlite = World::on_sqlite().await;
        let postgres = World::on_postgres().await;
        for _ in 0..BATCHES {
            let wishes = wishes.new_tree(&mut runner).unwrap().current();
            let writes = |world: &World| wishes.iter().map(|wish| wish.write(world)).collect();
            let on_sqlite = sqlite.write(writes(&sqlite)).await;
            let on_postgres = postgres.write(writes(&postgres)).await;
            assert_eq!(on_sqlite, on_postgres, "{wishes:?}");
            match on_sqlite {
                Ok(()) => done += 1,
                Err(_) => refused += 1,
            }
            // What was refused together is tried one by one, as the engine does.
            if on_sqlite.is_err() {
                for wish in &wishes {
                    let on_sqlite = sqlite.write(vec![wish.write(&sqlite)]).await;
                    let on_postgres = postgres.write(vec![wish.write(&postgres)]).await;
                    assert_eq!(on_sqlite, on_postgres, "{wish:?} of {wishes:?}");
                }
            }
        }
        assert_eq!(
            sqlite.store.dump(sqlite.tenant).await.unwrap(),
            postgres.store.dump(postgres.tenant).await.unwrap()
        );
        assert_eq!(journal_of(&sqlite).await, journal_of(&postgres).await);
        assert_eq!(sqlite.dangling().await, Vec::<String>::new());
        assert_eq!(postgres.dangling().await, Vec::<String>::new());
    }
    assert!(done > 10 && refused > 10, "{done} done, {refused} refused");
}
