//! Which connections there are, and how they come by their tokens: those of the
//! configuration, and those that were made at run time. Where both have one of a name, the
//! configuration's settings count.

use std::sync::Arc;

use ipnet::IpNet;
use rand::CryptoRng;
use rollcall_store::connections::{KeptConnection, LIVE_TOKENS_MAX, NewToken};
use rollcall_store::records::{Source, Tenant};
use rollcall_store::{Store, StoreError};
use time::OffsetDateTime;

use super::Scope;
use crate::auth::BearerToken;
use crate::config::{Config, Problems, PushSource};
use crate::sync::kept_source;

/// The longest name of a connection, in characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// Why a connection or a token could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RosterError {
    /// A name that could not stand in a URL or in the configuration.
    #[error(
        "{0:?} is no name for a connection: write at most {NAME_CHARACTERS_MAX} letters, digits, - and _"
    )]
    Name(String),
    /// The configuration has a source of this name.
    #[error(
        "the configuration has [sources.{0}] for something else; choose another name with --name"
    )]
    InFile(String),
    /// Something is wrong with its settings.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// There are two live tokens.
    #[error(
        "connection {0} has {LIVE_TOKENS_MAX} live tokens already; end one first: rollcall connection revoke {0} --token NUMBER"
    )]
    Tokens(String),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a new token allows, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// See [`Scope`].
    pub(crate) scope: Scope,
    /// From where it may be used; empty: from anywhere.
    pub(crate) addresses: Vec<IpNet>,
    /// When it ends.
    pub(crate) expires: Option<OffsetDateTime>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    store: Store,
    config: Arc<Config>,
}

/// A connection.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What the store remembers of it. Paused, too, where the configuration says so.
    pub(crate) source: Source,
    /// Its tenant.
    pub(crate) tenant: Tenant,
    /// Its settings.
    pub(crate) settings: PushSource,
    /// Whether the configuration has it.
    pub(crate) is_in_file: bool,
}

impl Roster {
    pub(crate) fn new(store: Store, config: Arc<Config>) -> Self {
        Self { store, config }
    }

    /// All of a tenant, or of all tenants, by name.
    pub(crate) async fn all(&self, tenant: Option<&str>) -> Result<Vec<Known>, StoreError> {
        let mut all = Vec::new();
        for settings in self.config.connections.values() {
            if tenant.is_none_or(|name| settings.tenant == name) {
                all.push(self.of_file(settings).await?);
            }
        }
        for kept in self.store.kept_connections().await? {
            let wanted = tenant.is_none_or(|name| kept.tenant.name == name);
            if wanted && !self.config.has_source(&kept.source.name) {
                all.push(of_store(kept)?);
            }
        }
        all.sort_by(|a, b| a.source.name.cmp(&b.source.name));
        Ok(all)
    }

    /// The one of this name.
    pub(crate) async fn named(&self, name: &str) -> Result<Option<Known>, StoreError> {
        if let Some(settings) = self.config.connections.get(name) {
            return Ok(Some(self.of_file(settings).await?));
        }
        if self.config.has_source(name) {
            return Ok(None);
        }
        let kept = self.store.kept_connection(name).await?;
        kept.map(of_store).transpose()
    }

    /// Makes a connection; `settings` are the keys of a section, as text.
    pub(crate) async fn create(
        &self,
        tenant: &Tenant,
        name: &str,
        settings: &str,
        now: OffsetDateTime,
    ) -> Result<Known, RosterError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let length = name.chars().count();
        if !(1..=NAME_CHARACTERS_MAX).contains(&length) || !name.chars().all(fits) {
            return Err(RosterError::Name(name.to_owned()));
        }
        if self.config.has_source(name) {
            return Err(RosterError::InFile(name.to_owned()));
        }
        PushSource::parse(name, &tenant.name, settings)?;
        self.store
            .create_connection(tenant.id, name, settings, now)
            .await?;
        let made = self.named(name).await?;
        Ok(made.ok_or_else(|| StoreError::NotFound {
            what: format!("connection {name}"),
        })?)
    }

    /// Gives a connection a new token; returns its number, and the token, which is not
    /// kept. With `others_end`, the one that it had ends then at the latest.
    pub(crate) async fn grant<R: CryptoRng>(
        &self,
        to: &Known,
        grant: &Grant,
        others_end: Option<OffsetDateTime>,
        rng: &mut R,
        now: OffsetDateTime,
    ) -> Result<(i64, BearerToken), RosterError> {
        let token = BearerToken::for_connection(rng);
        let addresses: Vec<String> = grant.addresses.iter().map(ToString::to_string).collect();
        let new = NewToken {
            lookup: token.lookup(),
            hash: token.hash(),
            scope: grant.scope.as_str().to_owned(),
            addresses: addresses.join(" "),
            expires: grant.expires,
        };
        let number = self
            .store
            .add_connection_token(to.source.id, &new, others_end, now)
            .await?;
        let number = number.ok_or_else(|| RosterError::Tokens(to.source.name.clone()))?;
        Ok((number, token))
    }

    async fn of_file(&self, settings: &PushSource) -> Result<Known, StoreError> {
        let tenant = self.store.ensure_tenant(&settings.tenant).await?;
        let source = self
            .store
            .ensure_source(tenant.id, &settings.name, PushSource::KIND)
            .await?;
        Ok(Known {
            source: paused(source, settings),
            tenant,
            settings: settings.clone(),
            is_in_file: true,
        })
    }
}

fn of_store(kept: KeptConnection) -> Result<Known, StoreError> {
    let settings = kept_source(&kept)?;
    Ok(Known {
        source: paused(kept.source, &settings),
        tenant: kept.tenant,
        settings,
        is_in_file: false,
    })
}

/// The source, paused where its settings say so.
pub(super) fn paused(mut source: Source, settings: &PushSource) -> Source {
    if settings.paused && source.paused.is_none() {
        source.paused = Some("the configuration says so (paused = true)".to_owned());
    }
    source
}
