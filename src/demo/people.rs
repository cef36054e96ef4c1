//! The demo's company: about a thousand made-up people and thirty groups, the same ones
//! for the same seed and day. Most of them stand in the HR service and in the directory
//! export; the newest stand in HR alone, contractors in the directory alone. The two also
//! disagree now and then, as real systems do: so there is something to decide.

use std::collections::HashSet;

use time::{Date, Duration};
use uuid::Uuid;

use super::dice::Dice;
use super::names::{Name, TONGUES};

/// Everybody.
pub(crate) const PEOPLE: usize = 1_000;
/// Those whom the HR service lists.
pub(crate) const PEOPLE_IN_HR: usize = IN_BOTH + JOINERS;
/// Those whom the directory export lists.
#[cfg(test)]
pub(crate) const PEOPLE_IN_DIRECTORY: usize = IN_BOTH + CONTRACTORS;

const IN_BOTH: usize = 920;
/// In HR, and not yet in the directory.
const JOINERS: usize = 20;
/// In the directory, and never in HR.
const CONTRACTORS: usize = 60;

/// The first HR id: the chief executive's.
const FIRST_NUMBER: usize = 1_000;
const LEADS_PER_DEPARTMENT: usize = 6;
/// The chief executive, the heads and the team leads come first.
const FIRST_STAFF: usize = 1 + DEPARTMENTS.len() * (1 + LEADS_PER_DEPARTMENT);

/// One in so many is still listed by HR, though their contract is over.
const TERMINATED_EVERY: usize = 117;
/// One in so many has a contract that ends some day.
const FIXED_TERM_EVERY: usize = 15;
/// The directory still knows one in so many under an older title.
const OLD_TITLE_EVERY: usize = 9;

/// The domain of every address (RFC 2606).
pub(crate) const DOMAIN: &str = "example.org";

/// A department.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Department {
    pub(crate) name: &'static str,
    pub(crate) cost_center: &'static str,
    titles: [&'static str; 3],
}

const fn department(
    name: &'static str,
    cost_center: &'static str,
    titles: [&'static str; 3],
) -> Department {
    Department {
        name,
        cost_center,
        titles,
    }
}

pub(crate) const DEPARTMENTS: [Department; 12] = [
    department(
        "Engineering",
        "4100",
        ["Software Engineer", "Test Engineer", "Site Engineer"],
    ),
    department(
        "Research",
        "4200",
        ["Researcher", "Laboratory Technician", "Statistician"],
    ),
    department(
        "Operations",
        "4300",
        ["Operator", "Dispatcher", "Facility Planner"],
    ),
    department(
        "Finance",
        "5100",
        ["Accountant", "Controller", "Treasury Analyst"],
    ),
    department(
        "People",
        "5200",
        ["HR Partner", "Recruiter", "Payroll Specialist"],
    ),
    department("Legal", "5300", ["Counsel", "Paralegal", "Privacy Officer"]),
    department(
        "Sales",
        "6100",
        ["Account Manager", "Sales Engineer", "Field Agent"],
    ),
    department(
        "Marketing",
        "6200",
        ["Copywriter", "Designer", "Market Analyst"],
    ),
    department(
        "Support",
        "6300",
        ["Support Agent", "Trainer", "Escalation Engineer"],
    ),
    department(
        "Logistics",
        "7100",
        ["Warehouse Clerk", "Driver", "Customs Agent"],
    ),
    department(
        "Manufacturing",
        "7200",
        ["Machinist", "Assembler", "Quality Inspector"],
    ),
    department(
        "Catering, Events",
        "8100",
        ["Cook", "Confectioner", "Pâtissier"],
    ),
];

/// Where people work; each is a group of the HR service.
pub(crate) const SITES: [&str; 6] = ["Zürich", "Kraków", "São Paulo", "東京", "Αθήνα", "मुंबई"];

/// One person, as both systems together know them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The HR id.
    pub(crate) number: usize,
    pub(crate) login: String,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) display: String,
    pub(crate) title: String,
    /// The title in the directory export, which may be an older one.
    pub(crate) directory_title: String,
    pub(crate) department: Department,
    pub(crate) site: &'static str,
    pub(crate) locale: &'static str,
    /// The manager's HR id.
    pub(crate) manager: Option<usize>,
    pub(crate) phone: String,
    pub(crate) mobile: String,
    pub(crate) contract_end: Option<Date>,
    pub(crate) terminated: bool,
    pub(crate) in_hr: bool,
    pub(crate) in_directory: bool,
    /// Of the directory entry.
    pub(crate) entry_uuid: Uuid,
}

impl Person {
    /// The HR id as the service writes it.
    pub(crate) fn hr_id(&self) -> String {
        self.number.to_string()
    }

    /// Whether they are somebody's manager.
    pub(crate) fn is_manager(&self) -> bool {
        self.number < FIRST_NUMBER + FIRST_STAFF
    }

    pub(crate) fn email(&self) -> String {
        format!("{}@{DOMAIN}", self.login)
    }
}

/// The company.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    people: Vec<Person>,
    seed: u64,
}

impl Company {
    /// The company of a seed. Contracts end around `today`.
    pub(crate) fn new(seed: u64, today: Date) -> Self {
        let mut dice = Dice::new(seed);
        let mut logins = HashSet::new();
        let people = (0..PEOPLE)
            .map(|place| person(place, today, &mut dice, &mut logins))
            .collect();
        Self { people, seed }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    #[cfg(test)]
    pub(crate) fn people(&self) -> &[Person] {
        &self.people
    }

    /// Those whom the HR service lists.
    pub(crate) fn in_hr(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.in_hr)
    }

    /// Those whom the directory export lists.
    pub(crate) fn in_directory(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.in_directory)
    }

    /// The person of an HR id.
    pub(crate) fn numbered(&self, number: usize) -> Option<&Person> {
        self.people.get(number.checked_sub(FIRST_NUMBER)?)
    }

    /// Somebody worth explaining: nobody's manager, in both systems, which disagree about
    /// the title.
    pub(crate) fn person_to_explain(&self) -> Option<&Person> {
        self.staff()
            .find(|person| person.in_directory && person.title != person.directory_title)
    }

    /// Somebody who may leave without leaving a team alone: in both systems, and not the
    /// person to explain.
    pub(crate) fn person_to_leave(&self) -> Option<&Person> {
        let explained = self.person_to_explain().map(|person| person.number);
        self.staff().find(|person| {
            person.in_directory && !person.terminated && Some(person.number) != explained
        })
    }

    /// `percent` of those in HR, none of them a manager: more than any guard lets go.
    pub(crate) fn many_to_leave(&self, percent: usize) -> Vec<String> {
        let many = PEOPLE_IN_HR * percent / 100;
        self.staff().map(Person::hr_id).take(many).collect()
    }

    /// Those in HR who manage nobody.
    fn staff(&self) -> impl Iterator<Item = &Person> {
        self.people
            .iter()
            .filter(|person| person.in_hr && !person.is_manager())
    }
}

fn person(place: usize, today: Date, dice: &mut Dice, logins: &mut HashSet<String>) -> Person {
    let tongue = dice.pick(&TONGUES);
    let (given, family) = (dice.pick(tongue.given), dice.pick(tongue.family));
    let department_number = place.saturating_sub(1) % DEPARTMENTS.len();
    let department = DEPARTMENTS
        .get(department_number)
        .copied()
        .unwrap_or_default();
    let title = title(place, department, dice);
    let old_title = dice.below(OLD_TITLE_EVERY) == 0 && place >= FIRST_STAFF;
    let in_hr = !(IN_BOTH..IN_BOTH + CONTRACTORS).contains(&place);
    let terminated = place >= FIRST_STAFF && place.is_multiple_of(TERMINATED_EVERY);
    let mut contract_end = None;
    if terminated {
        contract_end = Some(today - days(10 + dice.below(280)));
    } else if dice.below(FIXED_TERM_EVERY) == 0 {
        contract_end = Some(today + days(30 + dice.below(700)));
    }
    Person {
        number: FIRST_NUMBER + place,
        login: login(given, family, logins),
        given: given.0,
        family: family.0,
        display: if tongue.family_first {
            format!("{}{}", family.0, given.0)
        } else {
            format!("{} {}", given.0, family.0)
        },
        directory_title: if old_title {
            format!("Junior {title}")
        } else {
            title.clone()
        },
        title,
        department,
        site: dice.pick(&SITES),
        locale: tongue.locale,
        manager: manager(place, department_number, dice),
        phone: format!("+44 1632 960{:03}", dice.below(DRAMA_NUMBERS)),
        mobile: format!("+44 7700 900{:03}", dice.below(DRAMA_NUMBERS)),
        contract_end,
        terminated,
        in_hr,
        in_directory: place < IN_BOTH + CONTRACTORS,
        entry_uuid: dice.uuid(),
    }
}

/// The telephone numbers that Ofcom keeps free for plays and films: 1,000 of each kind.
const DRAMA_NUMBERS: usize = 1_000;

fn days(count: usize) -> Duration {
    Duration::days(i64::try_from(count).unwrap_or_default())
}

fn title(place: usize, department: Department, dice: &mut Dice) -> String {
    match place {
        0 => "Chief Executive".to_owned(),
        _ if place <= DEPARTMENTS.len() => format!("Head of {}", department.name),
        _ if place < FIRST_STAFF => "Team Lead".to_owned(),
        _ => dice.pick(&department.titles).to_owned(),
    }
}

/// The chief executive manages the heads, a head the team leads of the department, a lead
/// some of its staff.
fn manager(place: usize, department: usize, dice: &mut Dice) -> Option<usize> {
    let head = 1 + department;
    let lead = head + DEPARTMENTS.len() * (1 + dice.below(LEADS_PER_DEPARTMENT));
    let manager = match place {
        0 => return None,
        _ if place <= DEPARTMENTS.len() => 0,
        _ if place < FIRST_STAFF => head,
        _ => lead,
    };
    Some(FIRST_NUMBER + manager)
}

/// `given.family`, with a number behind it when somebody has that login already.
fn login(given: Name, family: Name, taken: &mut HashSet<String>) -> String {
    let plain = format!("{}.{}", given.1, family.1);
    let mut login = plain.clone();
    let mut number = 2_u32;
    while !taken.insert(login.clone()) {
        login = format!("{plain}{number}");
        number += 1;
    }
    login
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 07 - 01);

    #[test]
    fn the_same_seed_and_day_give_the_same_company() {
        let one = format!("{:?}", Company::new(7, TODAY));
        assert_eq!(one, format!("{:?}", Company::new(7, TODAY)));
        assert_ne!(one, format!("{:?}", Company::new(8, TODAY)));
    }

    #[test]
    fn most_people_are_in_both_systems_and_some_in_one() {
        let company = Company::new(1, TODAY);
        assert_eq!(company.in_hr().count(), 940);
        assert_eq!(company.in_directory().count(), 980);
        let both = company.in_hr().filter(|p| p.in_directory).count();
        assert_eq!((company.people().len(), both), (1_000, 920));
    }

    #[test]
    fn logins_are_unique_and_of_plain_letters() {
        let company = Company::new(1, TODAY);
        let logins: HashSet<&str> = company.people().iter().map(|p| p.login.as_str()).collect();
        assert_eq!(logins.len(), PEOPLE);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        assert!(logins.iter().all(|login| login.chars().all(plain)));
    }

    #[test]
    fn every_manager_is_in_both_systems_and_nobody_manages_themselves() {
        let company = Company::new(1, TODAY);
        for person in company.people() {
            let Some(number) = person.manager else {
                assert_eq!(person.title, "Chief Executive");
                continue;
            };
            let manager = company.numbered(number).unwrap();
            assert!(manager.in_hr && manager.in_directory && !manager.terminated);
            assert!(manager.number < person.number);
            let same = manager.department == person.department;
            assert!(same || manager.title == "Chief Executive");
        }
    }

    #[test]
    fn somebody_can_be_explained_somebody_can_leave_and_many_can() {
        let company = Company::new(1, TODAY);
        let explained = company.person_to_explain().unwrap();
        let leaver = company.person_to_leave().unwrap();
        assert_ne!(explained.number, leaver.number);
        assert_ne!(explained.title, explained.directory_title);
        assert_eq!(company.many_to_leave(40).len(), 376);
    }

    #[test]
    fn a_contract_that_is_over_ended_before_today() {
        let company = Company::new(1, TODAY);
        let over: Vec<&Person> = company.in_hr().filter(|p| p.terminated).collect();
        assert!(!over.is_empty() && over.len() < 20);
        assert!(over.iter().all(|p| p.contract_end.unwrap() < TODAY));
    }
}
