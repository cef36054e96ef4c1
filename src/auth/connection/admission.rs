//! Whose token is it, and may it be used here?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use rollcall_directory::schema::{Registry, Schemas};
use rollcall_store::connections::{Bearer, ConnectionToken};
use rollcall_store::ids::{SourceId, TenantId};
use rollcall_store::records::{Source, Tenant, Token};
use rollcall_store::{Store, StoreError};
use time::OffsetDateTime;

use super::guard::ConnectionGuard;
use super::rate::{Rates, TooMany};
use super::roster::{Roster, paused};
use super::{AdmissionError, Admitted, Refused, Scope};
use crate::auth::{ADMIN, BearerToken, SCIM_READ};
use crate::config::{Config, PushSettings, PushSource, Rate};
use crate::sync::push::PushGuard;
use crate::sync::{Clock, Voices, push};

/// How long it is taken for granted how much each source of a tenant counts.
const VOICES_FRESH: Duration = Duration::from_secs(5);

/// What a request shows of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented<'a> {
    /// Its token.
    pub(crate) token: &'a BearerToken,
    /// The tenant that its path names; `None`: the short path.
    pub(crate) tenant: Option<&'a str>,
    /// Where it comes from.
    pub(crate) address: Option<IpAddr>,
}

/// See the module. Made once for a process; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    config: Arc<Config>,
    rates: Rates,
    /// Settings of connections that were made at run time, by their text.
    parsed: Mutex<HashMap<SourceId, (String, Arc<PushSource>)>>,
    guards: Mutex<HashMap<SourceId, Arc<ConnectionGuard>>>,
    voices: Mutex<HashMap<TenantId, (Instant, Arc<Voices>)>>,
}

/// What is kept between requests.
fn within<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Admission {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, config: Arc<Config>) -> Self {
        Self(Arc::new(Shared {
            store,
            clock,
            config,
            rates: Rates::default(),
            parsed: Mutex::default(),
            guards: Mutex::default(),
            voices: Mutex::default(),
        }))
    }

    /// Lets a request in, or says why not. Costs one read; the use of the token is noted.
    pub(crate) async fn of(&self, presented: Presented<'_>) -> Result<Admitted, Refused> {
        if presented.token.is_of_connection() {
            self.of_connection(presented).await
        } else {
            self.of_token(presented).await
        }
    }

    async fn of_connection(&self, presented: Presented<'_>) -> Result<Admitted, Refused> {
        let now = self.0.clock.now();
        let store = &self.0.store;
        let bearer = store.bearer(presented.token.lookup()).await?;
        let bearer = bearer
            .filter(|bearer| presented.token.is(&bearer.hash))
            .ok_or(AdmissionError::Unknown)?;
        let settings = self.settings_of(&bearer)?.ok_or(AdmissionError::Unknown)?;
        let client = Admitted {
            name: bearer.source.name.clone(),
            token: format!("{}:{}", bearer.source.name, bearer.token.number),
            source: Some(paused(bearer.source, &settings)),
            scope: Scope::of(&bearer.token.scope),
            settings: Arc::clone(&settings.settings),
            tenant: bearer.tenant,
        };
        if let Err(error) = self.judge(presented, &client, &bearer.token, now).await {
            client.count_refused("admission");
            let client = Some(Box::new(client));
            return Err(Refused { error, client });
        }
        if let Err(error) = store.touch_connection_token(&bearer.token, now).await {
            tracing::warn!(%error, "it could not be noted that a token was used");
        }
        Ok(client)
    }

    async fn judge(
        &self,
        presented: Presented<'_>,
        client: &Admitted,
        token: &ConnectionToken,
        now: OffsetDateTime,
    ) -> Result<(), AdmissionError> {
        if token.expires.is_some_and(|end| end <= now) {
            return Err(AdmissionError::Unknown);
        }
        self.judge_path(presented.tenant, &client.tenant).await?;
        if !may_come_from(&token.addresses, presented.address) {
            return Err(AdmissionError::Address);
        }
        Ok(())
    }

    /// A tenant that is not the token's is answered as one that does not exist.
    async fn judge_path(&self, named: Option<&str>, own: &Tenant) -> Result<(), AdmissionError> {
        match named {
            Some(named) if named == own.name => Ok(()),
            Some(_) => Err(AdmissionError::OtherTenant),
            None if self.0.store.tenants().await?.len() > 1 => Err(AdmissionError::WhichTenant),
            None => Ok(()),
        }
    }

    /// A token that belongs to no connection reads its tenant.
    async fn of_token(&self, presented: Presented<'_>) -> Result<Admitted, Refused> {
        let token = self.live(presented.token).await?;
        let tenants = self.0.store.tenants().await?;
        let tenant = tenants.into_iter().find(|tenant| tenant.id == token.tenant);
        let tenant = tenant.ok_or(AdmissionError::Unknown)?;
        self.judge_path(presented.tenant, &tenant).await?;
        if !allows(&token, SCIM_READ) {
            return Err(AdmissionError::Scope(SCIM_READ).into());
        }
        self.touch(&token).await;
        Ok(Admitted {
            token: token.name.clone(),
            name: token.name,
            tenant,
            source: None,
            scope: Scope::Read,
            settings: Arc::new(PushSettings::default()),
        })
    }

    /// The tenant of an administrator's token.
    pub(crate) async fn administrator(
        &self,
        token: &BearerToken,
    ) -> Result<TenantId, AdmissionError> {
        let token = self.live(token).await?;
        if !allows(&token, ADMIN) {
            return Err(AdmissionError::Scope(ADMIN));
        }
        self.touch(&token).await;
        Ok(token.tenant)
    }

    /// A token of `rollcall token create` that has not ended.
    async fn live(&self, presented: &BearerToken) -> Result<Token, AdmissionError> {
        let now = self.0.clock.now();
        let found = self.0.store.token_by_hash(presented.hash()).await?;
        found
            .filter(|token| token.expires.is_none_or(|end| now < end))
            .ok_or(AdmissionError::Unknown)
    }

    async fn touch(&self, token: &Token) {
        let now = self.0.clock.now();
        if let Err(error) = self.0.store.touch_token(token, now).await {
            tracing::warn!(%error, "it could not be noted that a token was used");
        }
    }

    /// Which connections there are.
    pub(crate) fn roster(&self) -> Roster {
        Roster::new(self.0.store.clone(), Arc::clone(&self.0.config))
    }

    /// Whose word on client addresses counts.
    pub(crate) fn trusted_proxies(&self) -> &[IpNet] {
        &self.0.config.server.trusted_proxies
    }

    /// Counts a request of a client.
    ///
    /// # Errors
    /// It is one too many, for the client or for its tenant.
    pub(crate) fn count(&self, client: &Admitted) -> Result<(), TooMany> {
        let tenant = self.0.config.tenants.get(&client.tenant.name);
        let rate = tenant.map_or(Rate::OF_A_TENANT, |tenant| tenant.rate);
        self.0.rates.count(client, rate)
    }

    /// What the push engine needs to serve it; `None`: a token that only reads, which is no
    /// source. `schemas` is made of `registry`, once.
    pub(crate) async fn push(
        &self,
        client: &Admitted,
        registry: &Arc<Registry>,
        schemas: &Arc<Schemas>,
    ) -> Result<Option<push::Connection>, StoreError> {
        let Some(source) = &client.source else {
            return Ok(None);
        };
        let guard = self.guard(client, source.id);
        Ok(Some(push::Connection {
            source: source.clone(),
            voices: self.voices(&client.tenant, source).await?,
            registry: Arc::clone(registry),
            schemas: Arc::clone(schemas),
            strictness: client.settings.profile.strictness(),
            unknown_members: client.settings.unknown_members,
            grace: client.settings.grace.0,
            guard,
        }))
    }

    /// The settings of the connection that a token belongs to: the configuration's, if it
    /// has a source of that name. `None`: there is no such connection any more.
    fn settings_of(&self, bearer: &Bearer) -> Result<Option<Arc<PushSource>>, StoreError> {
        let (source, tenant) = (&bearer.source, &bearer.tenant.name);
        if source.kind != PushSource::KIND {
            return Ok(None);
        }
        if let Some(settings) = self.0.config.connections.get(&source.name) {
            return Ok((settings.tenant == *tenant).then(|| Arc::clone(settings)));
        }
        let Some(text) = &bearer.settings else {
            return Ok(None);
        };
        if let Some((known, settings)) = within(&self.0.parsed).get(&source.id)
            && known == text
        {
            return Ok(Some(Arc::clone(settings)));
        }
        let parsed = PushSource::parse(&source.name, tenant, text);
        let parsed = parsed.map_err(|problems| StoreError::Corrupt {
            what: format!("the settings of connection {}: {problems}", source.name),
        })?;
        let parsed = Arc::new(parsed);
        within(&self.0.parsed).insert(source.id, (text.clone(), Arc::clone(&parsed)));
        Ok(Some(parsed))
    }

    fn guard(&self, client: &Admitted, source: SourceId) -> Option<Arc<dyn PushGuard>> {
        let mut guards = within(&self.0.guards);
        let known = guards.get(&source).map(Arc::clone);
        if let Some(known) = known.filter(|known| known.settings() == client.settings.guard) {
            return Some(known);
        }
        let (store, clock) = (self.0.store.clone(), Arc::clone(&self.0.clock));
        let guard = Arc::new(ConnectionGuard::new(store, clock, client)?);
        guards.insert(source, Arc::clone(&guard));
        Some(guard)
    }

    async fn voices(&self, tenant: &Tenant, source: &Source) -> Result<Arc<Voices>, StoreError> {
        if let Some((since, voices)) = within(&self.0.voices).get(&tenant.id)
            && since.elapsed() < VOICES_FRESH
            && voices.of.contains_key(&source.id)
        {
            return Ok(Arc::clone(voices));
        }
        let voices = Voices::of_tenant(&self.0.config, &self.0.store, tenant).await?;
        let voices = Arc::new(voices);
        let fresh = (Instant::now(), Arc::clone(&voices));
        within(&self.0.voices).insert(tenant.id, fresh);
        Ok(voices)
    }
}

fn allows(token: &Token, scope: &str) -> bool {
    token.scope.split(' ').any(|word| word == scope)
}

/// Whether a token with these networks may come from there. Where it is not known, only one
/// that may come from anywhere.
fn may_come_from(networks: &str, address: Option<IpAddr>) -> bool {
    let mut networks = networks.split_whitespace().peekable();
    if networks.peek().is_none() {
        return true;
    }
    address.is_some_and(|address| {
        networks
            .filter_map(|network| network.parse::<IpNet>().ok())
            .any(|network| network.contains(&address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_its_networks_only() {
        let from = |networks, address: &str| may_come_from(networks, address.parse().ok());
        assert!(from("", "203.0.113.9"));
        assert!(may_come_from("", None));
        assert!(from("10.0.0.0/8 203.0.113.9/32", "203.0.113.9"));
        assert!(from("2001:db8::/32", "2001:db8::1"));
        assert!(!from("10.0.0.0/8", "203.0.113.9"));
        assert!(!from("10.0.0.0/8", "2001:db8::1"));
        assert!(!may_come_from("10.0.0.0/8", None));
    }
}
