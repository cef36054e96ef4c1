//! `rollcall check --connect`: each server in turn, step by step, then the bases and what
//! the server offers. Stops at the first step that fails.

use tokio::time::Instant;

use super::LdapConnector;
use super::connection::{self, Session};
use super::message::{PAGED_RESULTS, START_TLS};
use super::schema;
use crate::CheckStep;

/// Controls and extensions worth a word.
const OFFERS: &[(&str, &str)] = &[
    (PAGED_RESULTS, "paged results"),
    (
        "1.3.6.1.4.1.4203.1.9.1.1",
        "content synchronisation (syncrepl)",
    ),
    ("1.2.840.113556.1.4.841", "DirSync"),
    (START_TLS, "StartTLS"),
];

impl LdapConnector {
    pub(super) async fn check_steps(&self) -> Vec<CheckStep> {
        let mut steps = Vec::new();
        let mut last: Option<Session> = None;
        for url in &self.servers {
            let session = connection::connect_step_by_step(&self.settings, url, &mut steps).await;
            let Some(session) = session else { return steps };
            if let Some(before) = last.replace(session) {
                before.close().await;
            }
        }
        let Some(mut session) = last else {
            return steps;
        };
        let mut bases = vec![self.settings.base.as_str()];
        bases.extend(
            self.settings
                .group_base
                .as_deref()
                .filter(|group| *group != self.settings.base),
        );
        for base in bases {
            let started = Instant::now();
            let outcome = self.base_exists(&mut session, base).await;
            let failed = outcome.is_err();
            steps.push(CheckStep {
                step: format!("read the base {base}"),
                outcome,
                took: started.elapsed(),
            });
            if failed {
                return steps;
            }
        }
        let started = Instant::now();
        let outcome = self.offers(&mut session).await;
        steps.push(CheckStep {
            step: "ask what the server offers".to_owned(),
            outcome,
            took: started.elapsed(),
        });
        session.close().await;
        steps
    }

    async fn base_exists(&self, session: &mut Session, base: &str) -> Result<String, String> {
        let found = schema::read_one(session, &self.settings, base, &["objectClass".to_owned()])
            .await
            .map_err(|trouble| format!("{}: {trouble}{}", session.url(), trouble.remedy()))?;
        if found.is_empty() {
            return Err(format!(
                "{} shows no entry {base}: check base and group_base, and that the bind account may read there",
                session.url()
            ));
        }
        Ok("it is there".to_owned())
    }

    async fn offers(&self, session: &mut Session) -> Result<String, String> {
        let wanted = ["supportedControl", "supportedExtension"].map(str::to_owned);
        let root = schema::read_one(session, &self.settings, "", &wanted)
            .await
            .map_err(|trouble| format!("{}: {trouble}{}", session.url(), trouble.remedy()))?;
        let offered: Vec<String> = root.into_iter().flat_map(|(_, values)| values).collect();
        if offered.is_empty() {
            return Ok("the server does not say".to_owned());
        }
        if !offered.iter().any(|oid| oid == PAGED_RESULTS) {
            return Err(format!(
                "{} does not offer paged results (RFC 2696), which reading needs: enable them on the server",
                session.url()
            ));
        }
        let words: Vec<&str> = OFFERS
            .iter()
            .filter(|(oid, _)| offered.iter().any(|offered| offered == oid))
            .map(|(_, word)| *word)
            .collect();
        Ok(words.join(", "))
    }
}
