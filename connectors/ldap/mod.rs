//! Reads a directory server over LDAP (RFC 4511): OpenLDAP, Active Directory, 389 DS and
//! their like. [`LdapConnector`] keeps the settings; each call opens its own connection
//! ([`connection`]), asks for pages ([`reading`]) and takes the entries apart ([`convert`])
//! straight from the bytes that came ([`ber`], [`message`]), since decoding is what reading
//! a large directory costs.

mod ber;
mod check;
mod connection;
mod convert;
mod dynamic;
mod errors;
mod filter;
mod key;
mod look_up;
mod message;
mod names;
mod ranges;
mod reading;
mod referrals;
mod schema;
mod server_url;
pub mod settings;
mod tls;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start servers and clients of their own"
)]
mod tests;

use std::hash::RandomState;

use async_trait::async_trait;
use rollcall_directory::dn::Dn;
use rollcall_directory::entry::{Entry, EntryKey, Kind};
use tokio::sync::mpsc;

use self::server_url::ServerUrl;
use self::settings::Settings;
use crate::{
    Absence, Batch, CheckStep, Connector, ConnectorError, LookUp, ReadRequest, SourceSchema,
    Verdict,
};

/// The largest page that is asked for: more gains nothing and a lost page costs more.
const PAGE_SIZE_MAX: u32 = 100_000;

/// Reads one LDAP source. `Debug` shows no password, since [`crate::Secret`] does not.
#[derive(Debug)]
pub struct LdapConnector {
    settings: Settings,
    servers: Vec<ServerUrl>,
    hashes: (RandomState, RandomState),
}

impl LdapConnector {
    /// Checks the settings, without connecting: URLs, DNs, the CA file, clear text only
    /// where it is allowed, never an empty password.
    pub fn new(settings: Settings) -> Result<Self, ConnectorError> {
        let wrong = |sentence: String| Err(ConnectorError::Settings(sentence));
        let servers = settings
            .urls
            .iter()
            .map(|url| ServerUrl::parse(url))
            .collect::<Result<Vec<_>, _>>()
            .map_err(ConnectorError::Settings)?;
        if servers.is_empty() {
            return wrong(
                "urls is empty: name at least one server, like ldaps://ldap.example.org".to_owned(),
            );
        }
        for url in &servers {
            settings
                .must_be_safe(url)
                .map_err(ConnectorError::Settings)?;
        }
        match (&settings.bind_dn, &settings.bind_password) {
            (Some(_), Some(password)) if !password.reveal().is_empty() => {}
            (Some(dn), _) => {
                return wrong(format!(
                    "bind_password for {dn} is empty: the server would silently take that for an anonymous bind \
                     (RFC 4513 §5.1.2)"
                ));
            }
            (None, Some(_)) => return wrong("bind_password is set, but bind_dn is not".to_owned()),
            (None, None) => {}
        }
        for (key, base) in [
            ("base", Some(&settings.base)),
            ("group_base", settings.group_base.as_ref()),
        ] {
            if let Some(Err(error)) = base.map(|base| Dn::parse(base)) {
                return wrong(format!("{key} is no DN (RFC 4514): {error}"));
            }
        }
        if settings.page_size == 0 || settings.page_size > PAGE_SIZE_MAX {
            return wrong(format!("page_size must be from 1 to {PAGE_SIZE_MAX}"));
        }
        if let Some(path) = &settings.ca_file {
            tls::client_config(Some(path)).map_err(ConnectorError::Settings)?;
        }
        Ok(Self {
            settings,
            servers,
            hashes: (RandomState::new(), RandomState::new()),
        })
    }

    fn base_of(&self, kind: Kind) -> &str {
        match (kind, &self.settings.group_base) {
            (Kind::Group, Some(base)) => base,
            _ => &self.settings.base,
        }
    }

    fn hash(&self, key: &str) -> u128 {
        reading::hash(&self.hashes, key)
    }
}

/// Whether a text is a filter (RFC 4515), without asking a server.
///
/// # Errors
/// Says what is wrong with it, and where.
pub fn check_filter(text: &str) -> Result<(), String> {
    filter::encode(text)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[async_trait]
impl Connector for LdapConnector {
    async fn read(&self, request: &ReadRequest, out: mpsc::Sender<Batch>) -> Verdict {
        Box::pin(reading::read(self, request, out)).await
    }

    async fn look_up(
        &self,
        request: &ReadRequest,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError> {
        match request.of(kind) {
            Some(asked) => Box::pin(self.still_there(asked, kind, keys)).await,
            None => Ok(LookUp::NotPossible),
        }
    }

    async fn find(
        &self,
        request: &ReadRequest,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Entry>, ConnectorError> {
        match request.of(kind) {
            Some(asked) => Box::pin(self.find_one(asked, kind, name)).await,
            None => Ok(None),
        }
    }

    /// Pages of one search are one walk over the server's index: who is missing is gone.
    fn absence(&self) -> Absence {
        Absence::Proven
    }

    async fn check(&self) -> Vec<CheckStep> {
        Box::pin(self.check_steps()).await
    }

    async fn schema(&self) -> Result<Option<SourceSchema>, ConnectorError> {
        let mut session = Box::pin(connection::connect(&self.settings, &self.servers))
            .await
            .map_err(|trouble| ConnectorError::Source(trouble.to_string()))?;
        let schema = schema::read(&mut session, &self.settings)
            .await
            .map_err(|trouble| ConnectorError::Source(format!("{}: {trouble}", session.url())))?;
        session.close().await;
        let attributes = schema.names();
        Ok((!attributes.is_empty()).then_some(SourceSchema { attributes }))
    }
}
