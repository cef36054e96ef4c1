//! What every connector promises, on files.

use rollcall_directory::entry::EntryKey;

use super::*;
use crate::{Absence, ConnectorError, LookUp};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

fn key(text: &str) -> EntryKey {
    EntryKey::new(text).unwrap()
}

#[test]
fn the_same_state_read_twice_gives_equal_entries() {
    let source = Source::csv("id,a\n1,x\n1,y\n2,z\n");
    assert_eq!(source.read(), source.read());
}

#[test]
fn users_come_before_groups_in_batches() {
    let source = Source::csv(numbered(1_234)).with_groups("id\ng\n");
    let entries = source.complete();
    assert_eq!(entries.len(), 1_235);
    assert!(kinds(&entries).is_sorted_by_key(|kind| *kind == Kind::Group));
}

#[test]
fn a_receiver_that_goes_ends_the_read() {
    let source = Source::csv(numbered(10_000));
    let verdict = block_on(async {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        source.connector().read(&source.request, sender).await
    });
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
}

#[test]
fn a_sample_is_incomplete_unless_the_file_ended_before() {
    let mut source = Source::csv("id\n1\n2\n3\n");
    source.request.sample = Some(2);
    assert_eq!(keys(&source.incomplete().0), ["1", "2"]);
    source.request.sample = Some(3);
    assert_eq!(source.complete().len(), 3);
}

#[test]
fn a_filter_is_refused_in_words() {
    let mut source = Source::csv("id\n1\n");
    source.request.users.as_mut().unwrap().filter = Some("(a=b)".to_owned());
    assert!(
        source
            .failure()
            .starts_with("a file source takes no filter")
    );
}

#[test]
fn a_kind_without_a_file_is_noted() {
    let mut source = Source::csv("id\n1\n");
    source.request.groups = Some(keyed("id"));
    let (_, verdict) = source.read();
    let Verdict::Complete { notes, .. } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(notes, ["no groups were read: no groups_file is set"]);
}

#[test]
fn looking_up_tells_who_is_still_there_whatever_their_class() {
    let source = Source::ldif("dn: uid=a\nobjectClass: domain\nuid: a\n\n");
    let found = block_on(source.connector().look_up(
        &source.request,
        Kind::User,
        &[key("a"), key("b")],
    ));
    assert_eq!(found.unwrap(), LookUp::StillThere(vec![key("a")]));
}

#[test]
fn looking_up_in_a_cut_file_proves_nothing() {
    let source = Source::csv("id\n1\n2");
    let found = block_on(
        source
            .connector()
            .look_up(&source.request, Kind::User, &[key("3")]),
    );
    assert!(matches!(found, Err(ConnectorError::Source(_))), "{found:?}");
}

#[test]
fn one_entry_is_found_by_key_line_or_dn() {
    let find = |source: &Source, name: &str| {
        block_on(source.connector().find(&source.request, Kind::User, name))
            .unwrap()
            .map(|entry| entry.key.unwrap().to_string())
    };
    let csv = Source::csv("id\n1\nseven\n");
    assert_eq!(find(&csv, "seven").as_deref(), Some("seven"));
    assert_eq!(find(&csv, "line 3").as_deref(), Some("seven"));
    assert_eq!(find(&csv, "nobody"), None);
    let ldif = Source::ldif("dn: uid=ada,dc=example\nobjectClass: person\nuid: ada\n\n");
    assert_eq!(find(&ldif, "UID=Ada, DC=example").as_deref(), Some("ada"));
}

#[test]
fn a_complete_read_proves_absence() {
    assert_eq!(Source::csv("id\n").connector().absence(), Absence::Proven);
}

#[test]
fn checking_opens_the_files_and_reads_the_header() {
    let source = Source::csv("id,mail\n");
    let steps = block_on(source.connector().check());
    let outcomes: Vec<_> = steps.into_iter().map(|step| step.outcome).collect();
    assert_eq!(
        outcomes,
        [Ok("8 octets".to_owned()), Ok("id, mail".to_owned())]
    );
    std::fs::remove_file(source.path()).unwrap();
    let steps = block_on(source.connector().check());
    assert_eq!(steps.len(), 1);
    assert!(steps[0].outcome.is_err());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let mut settings = Source::csv("id\n").settings;
    settings.groups = settings.users.clone();
    assert!(FileConnector::new(settings.clone()).is_err());
    settings.groups = None;
    settings.users = None;
    assert!(FileConnector::new(settings).is_err());
}
