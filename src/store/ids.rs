//! Dense integers inside, UUIDs outside. Each id is a type of its own, so that a link's
//! number is never taken for a resource's.

use serde::{Deserialize, Serialize};

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

dense_id!(
    /// A tenant.
    TenantId
);
dense_id!(
    /// A source, for as long as its name stays.
    SourceId
);
dense_id!(
    /// A user or group.
    ResourceId
);
dense_id!(
    /// The tie between one entry of one source and one resource.
    LinkId
);
dense_id!(
    /// A run, which is also the number of its plan.
    RunId
);

/// What [`crate::Store::reserve_ids`] gives numbers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// Users and groups: [`ResourceId`].
    Resource,
    /// Links: [`LinkId`].
    Link,
}
