//! The company's groups. The HR service has one for each department and site; the
//! directory has those that open doors, some of them inside others, and keeps three of the
//! departments as well.

use super::dice::Dice;
use super::people::{Company, DEPARTMENTS, Person, SITES};
use uuid::Uuid;

/// A group of the HR service.
#[derive(Debug)]
pub(super) struct HrGroup<'c> {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) members: Vec<&'c Person>,
}

/// Departments, then sites.
pub(super) fn of_hr(company: &Company) -> Vec<HrGroup<'_>> {
    let departments = DEPARTMENTS.iter().map(|department| {
        let members = company.in_hr().filter(|p| p.department == *department);
        (department.name, members.collect())
    });
    let sites = SITES.iter().map(|site| {
        let members = company.in_hr().filter(|p| p.site == *site);
        (*site, members.collect())
    });
    departments
        .chain(sites)
        .enumerate()
        .map(|(place, (name, members))| HrGroup {
            id: format!("g{}", place + 1),
            name,
            members,
        })
        .collect()
}

/// A group of the directory.
#[derive(Debug)]
pub(super) struct DirectoryGroup<'c> {
    pub(super) name: &'static str,
    pub(super) entry_uuid: Uuid,
    pub(super) people: Vec<&'c Person>,
    /// Names of the groups inside.
    pub(super) groups: &'static [&'static str],
}

/// Whom a group of the directory takes.
enum Takes {
    Department(&'static str),
    /// One person in so many, counted from some place.
    OneIn(usize, usize),
    Managers,
    Contractors,
}

const DIRECTORY_GROUPS: [(&str, Takes, &[&str]); 15] = [
    ("Engineering", Takes::Department("Engineering"), &[]),
    ("Finance", Takes::Department("Finance"), &[]),
    ("People", Takes::Department("People"), &[]),
    ("Research, applied", Takes::OneIn(24, 2), &[]),
    ("Équipe d’astreinte", Takes::OneIn(97, 5), &[]),
    ("on-call", Takes::OneIn(61, 3), &["Équipe d’astreinte"]),
    (
        "vpn-users",
        Takes::OneIn(17, 1),
        &["Engineering", "on-call"],
    ),
    (
        "git-users",
        Takes::OneIn(29, 4),
        &["Engineering", "Research, applied"],
    ),
    ("erp-users", Takes::OneIn(31, 6), &["Finance"]),
    ("payroll", Takes::OneIn(173, 5), &[]),
    ("building-keys", Takes::OneIn(41, 7), &["on-call"]),
    ("printers", Takes::OneIn(13, 8), &[]),
    ("wiki-editors", Takes::OneIn(19, 9), &["People"]),
    ("managers", Takes::Managers, &[]),
    ("contractors", Takes::Contractors, &[]),
];

/// All groups of the directory.
pub(super) fn of_directory(company: &Company) -> Vec<DirectoryGroup<'_>> {
    // Not the people's dice: a group more must not change who they are.
    let mut dice = Dice::new(!company.seed());
    DIRECTORY_GROUPS
        .iter()
        .map(|(name, takes, groups)| DirectoryGroup {
            name,
            entry_uuid: dice.uuid(),
            people: company
                .in_directory()
                .filter(|person| takes.takes(person))
                .collect(),
            groups,
        })
        .collect()
}

impl Takes {
    fn takes(&self, person: &Person) -> bool {
        match *self {
            Self::Department(name) => person.department.name == name,
            Self::OneIn(count, from) => person.number % count == from,
            Self::Managers => person.is_manager(),
            Self::Contractors => !person.in_hr,
        }
    }
}
