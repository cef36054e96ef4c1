//! A disk that fills up in the middle of a run: the run fails and names the disk, nobody is
//! lost, and once there is space again the next run ends as if nothing had been.
//!
//! The disk is a small file system in memory that the test mounts. Where mounting is not
//! permitted, the largest size of a file (`ulimit -f`) takes its place: SQLite is refused
//! more room just the same, but cannot know that it is for want of space, so that only the
//! store is named.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.people]
kind = "file"
format = "csv"
users_file = "people.csv"
mapping = "people-csv"
"#;

const DISK_BYTES: usize = 16 * 1024 * 1024;
/// Enough for some transactions of the second run, not for all.
const LEFT_BYTES: usize = 1536 * 1024;
const BLOCK_BYTES: usize = 512;

fn people(count: u32) -> String {
    let mut text = "id,login,first_name,last_name,email,department,title,active\n".to_owned();
    for n in 1..=count {
        text.extend([format!(
            "{n},user{n},First,Last{n},user{n}@example.org,Research,Analyst,yes\n"
        )]);
    }
    text
}

/// A folder of limited size.
struct Disk {
    folder: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK_BYTES}"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        Self { folder, mounted }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("rollcall.db")
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Fills it, some room apart, with what somebody else has written.
    fn fill(&self) {
        if self.mounted {
            let used = std::fs::metadata(self.store()).unwrap().len();
            let used = usize::try_from(used).unwrap();
            std::fs::write(self.filler(), vec![0; DISK_BYTES - used - LEFT_BYTES]).unwrap();
        }
    }

    fn free(&self) {
        if self.mounted {
            std::fs::remove_file(self.filler()).unwrap();
        }
    }

    /// Runs a command that may use what room there is.
    fn run(&self, rollcall: &Rollcall, arguments: &[&str]) -> Output {
        let inside = rollcall.command(arguments);
        if self.mounted {
            return rollcall.command(arguments).output().unwrap();
        }
        let blocks = (LEFT_BYTES / BLOCK_BYTES).to_string();
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks])
            .arg(inside.get_program())
            .args(inside.get_args())
            .current_dir(rollcall.folder())
            .env("ROLLCALL_STORE__URL", rollcall.store_url());
        command.output().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            drop(Command::new("umount").arg(self.folder.path()).output());
        }
    }
}

#[test]
fn a_full_disk_fails_the_run_and_names_the_disk_and_with_space_all_is_well() {
    const PEOPLE: u32 = 4_000;
    let expected = {
        let undisturbed = Rollcall::new(Database::Sqlite, SOURCE);
        undisturbed.write("people.csv", &people(30));
        undisturbed.sync("people", 0);
        undisturbed.write("people.csv", &people(PEOPLE));
        let held = undisturbed.sync("people", 3)["run"].to_string();
        undisturbed.run(&["run", "approve", &held]).exits(0);
        undisturbed.dump()
    };
    let disk = Disk::new();
    let mut rollcall = Rollcall::new(Database::Sqlite, SOURCE);
    rollcall.set_store(format!("sqlite:{}", disk.store().display()));
    rollcall.write("people.csv", &people(30));
    rollcall.sync("people", 0);
    let unlimited =
        format!("{SOURCE}guard = {{ creations = \"100%\", creations_at_least = 1000000 }}\n");
    rollcall.set_sources(&unlimited);
    rollcall.write("people.csv", &people(PEOPLE));

    disk.fill();
    let failed = disk.run(&rollcall, &["--json", "sync", "people"]);
    let told = String::from_utf8_lossy(&failed.stdout) + String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{told}");
    let sentence = if disk.mounted {
        format!("the disk that holds {} is full", disk.store().display())
    } else {
        "the store cannot be used".to_owned()
    };
    assert!(told.contains(&sentence), "{told}");

    disk.free();
    assert_eq!(rollcall.user("user30").unwrap()["active"], true);
    let again = rollcall.sync("people", 0);
    assert_eq!(again["tally"]["users_gone"], 0, "{again}");
    assert!(
        rollcall.dump() == expected,
        "another directory than without"
    );
    let store = rusqlite::Connection::open(disk.store()).unwrap();
    let intact: String = store
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(intact, "ok");
}
