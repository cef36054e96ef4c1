//! The settings of one SCIM source.

pub use crate::web::settings::{Auth, ClientCertificate, Service};

/// A SCIM 2.0 service, and how to be allowed to read it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base URL: what stands before `/Users`.
    pub url: String,
    /// How many resources are asked for at once (`count`).
    pub page_size: u32,
    /// Whether the service leaves `members` out of a group that has none, also when it is
    /// asked for by itself. Else a group without `members` keeps those that it had.
    pub omits_empty_members: bool,
    /// How the service is reached.
    pub service: Service,
}

impl Settings {
    /// A hundred resources, which no service that we know refuses.
    pub const PAGE_SIZE_DEFAULT: u32 = 100;
}
