//! Only one whole state of a file is ever delivered.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use super::super::descriptor::Descriptor;
use super::*;

#[test]
fn a_file_older_than_48_hours_is_a_missed_delivery() {
    let mut source = Source::csv("id\n1\n");
    let file = File::options().write(true).open(source.path()).unwrap();
    let old = file.metadata().unwrap().modified().unwrap() - Duration::from_hours(49);
    file.set_modified(old).unwrap();
    assert_eq!(
        source.failure(),
        "users was last written 49 hours ago, more than the 48 that age_max allows: see why the \
         export did not run"
    );
    source.settings.age_max = None;
    assert_eq!(source.complete().len(), 1);
}

#[test]
fn a_time_in_the_future_is_not_old() {
    let source = Source::csv("id\n1\n");
    let file = File::options().write(true).open(source.path()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(2_500_000))
        .unwrap();
    assert_eq!(source.complete().len(), 1);
}

#[test]
fn a_last_line_without_a_line_end_is_a_cut_file() {
    assert_eq!(
        Source::csv("id,mail\n1,a\n2,b").failure(),
        "users is cut off at line 3 (the last line has no line end): it is still being written, \
         or its export broke off; nothing of it is taken"
    );
}

#[test]
fn a_file_written_to_after_it_was_opened_has_changed() {
    let source = Source::csv("id\n1\n");
    let descriptor = Descriptor::open(&source.path(), None).unwrap();
    descriptor.unchanged().unwrap();
    let mut file = OpenOptions::new().append(true).open(source.path()).unwrap();
    file.write_all(b"2\n").unwrap();
    let problem = descriptor.unchanged().unwrap_err().to_string();
    assert!(problem.contains("changed while it was read"), "{problem}");
}

#[test]
fn a_file_replaced_or_removed_after_it_was_opened_has_changed() {
    let source = Source::csv("id\n1\n");
    let descriptor = Descriptor::open(&source.path(), None).unwrap();
    let other = source.folder.path().join("other");
    std::fs::write(&other, "id\n1\n").unwrap();
    std::fs::rename(&other, source.path()).unwrap();
    assert!(descriptor.unchanged().is_err());

    let descriptor = Descriptor::open(&source.path(), None).unwrap();
    std::fs::remove_file(source.path()).unwrap();
    assert!(descriptor.unchanged().is_err());
}

#[test]
fn a_file_rewritten_between_two_batches_fails_the_read() {
    let source = Source::csv(numbered(5_000));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let verdict = runtime.block_on(async {
        let (sender, mut receiver) = mpsc::channel::<crate::Batch>(1);
        let connector = source.connector();
        let meddle = async {
            let first = receiver.recv().await.unwrap();
            assert_eq!(first.entries.len(), crate::Batch::ENTRIES_MAX);
            let mut file = OpenOptions::new().append(true).open(source.path()).unwrap();
            file.write_all(b"5000\n").unwrap();
            while receiver.recv().await.is_some() {}
        };
        tokio::join!(connector.read(&source.request, sender), meddle).0
    });
    let Verdict::Failed { because } = verdict else {
        panic!("{verdict:?}")
    };
    assert!(because.contains("changed while it was read"), "{because}");
}

#[test]
fn a_folder_and_a_missing_file_say_so() {
    let source = Source::csv("");
    std::fs::remove_file(source.path()).unwrap();
    let sentence = source.failure();
    assert!(
        sentence.starts_with("users cannot be opened: No such file"),
        "{sentence}"
    );
    std::fs::create_dir(source.path()).unwrap();
    assert!(source.failure().contains("is not a regular file"));
}

#[test]
fn nothing_of_the_users_comes_when_the_groups_are_cut() {
    let source = Source::csv("id\n1\n").with_groups("id,members\nall,\"1");
    assert!(source.failure().starts_with("groups is cut off at line 2"));
}
