//! Employee numbers: who carries which, and who left this source with which.
//!
//! The store has no index for them, since few mappings ask. Whoever does ask reads them
//! once a run, at the first entry that nobody here is known for.

use std::collections::{HashMap, HashSet};

use rollcall_directory::entry::Kind;
use rollcall_directory::schema::{ENTERPRISE_USER, Unit};
use rollcall_store::ids::{LinkId, ResourceId, SourceId, TenantId};
use rollcall_store::records::Link;
use rollcall_store::{By, Store, StoreError};
use tokio::sync::OnceCell;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Employees {
    carriers: OnceCell<HashMap<String, Vec<ResourceId>>>,
    left: OnceCell<HashMap<String, Vec<LinkId>>>,
}

/// The links of people whom a run has missed, and the employee numbers that their entries
/// had said.
#[derive(Debug, Default)]
pub(super) struct Gone {
    links: HashSet<LinkId>,
    by_number: HashMap<String, Vec<LinkId>>,
}

impl Gone {
    pub(super) fn of(links: impl Iterator<Item = Link>) -> Self {
        let mut gone = Self::default();
        for link in links {
            gone.links.insert(link.id);
            if let Some(number) = number_of(&link) {
                gone.by_number.entry(number).or_default().push(link.id);
            }
        }
        gone
    }

    pub(super) fn contains(&self, link: LinkId) -> bool {
        self.links.contains(&link)
    }

    pub(super) fn with(&self, number: &str) -> &[LinkId] {
        let found = self.by_number.get(&By::EmployeeNumber.fold(number));
        found.map_or(&[], Vec::as_slice)
    }
}

/// The employee number that a person's entry said, folded.
fn number_of(link: &Link) -> Option<String> {
    let said = link.contribution.says(&employee_number())?.as_str()?;
    (link.kind == Kind::User).then(|| By::EmployeeNumber.fold(said))
}

/// The unit of the enterprise extension (RFC 7643 §4.3).
pub(super) fn employee_number() -> Unit {
    Unit::from_canonical(&format!("{ENTERPRISE_USER}:employeeNumber"))
}

impl Employees {
    /// Who carries one of `numbers` in the store: pairs of the number as asked for and the
    /// resource.
    pub(super) async fn carriers(
        &self,
        store: &Store,
        tenant: TenantId,
        numbers: &[String],
    ) -> Result<Vec<(String, ResourceId)>, StoreError> {
        let known = self
            .carriers
            .get_or_try_init(|| async {
                let mut known: HashMap<String, Vec<ResourceId>> = HashMap::new();
                for (number, id) in store.employee_numbers(tenant).await? {
                    let folded = By::EmployeeNumber.fold(&number);
                    known.entry(folded).or_default().push(id);
                }
                Ok::<_, StoreError>(known)
            })
            .await?;
        Ok(numbers
            .iter()
            .flat_map(|number| {
                let ids = known.get(&By::EmployeeNumber.fold(number));
                ids.into_iter().flatten().map(|id| (number.clone(), *id))
            })
            .collect())
    }

    /// The links of people who were gone from this source when the run began, and whose
    /// entry had said this number.
    pub(super) async fn left(
        &self,
        store: &Store,
        source: SourceId,
        number: &str,
    ) -> Result<&[LinkId], StoreError> {
        let left = self
            .left
            .get_or_try_init(|| async {
                let mut left: HashMap<String, Vec<LinkId>> = HashMap::new();
                for link in store.left_links(source).await? {
                    if let Some(number) = number_of(&link) {
                        left.entry(number).or_default().push(link.id);
                    }
                }
                Ok::<_, StoreError>(left)
            })
            .await?;
        let found = left.get(&By::EmployeeNumber.fold(number));
        Ok(found.map_or(&[], Vec::as_slice))
    }
}
