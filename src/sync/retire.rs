//! A source that is no longer configured goes on to count, last of all, since nobody said
//! that its people have left. Retiring it says so: it is read as a source that holds nothing
//! any more, which makes a plan that takes back all its contributions.

use async_trait::async_trait;
use rollcall_connectors::{
    Absence, Batch, CheckStep, Connector, ConnectorError, LookUp, ReadRequest, SourceSchema,
    Verdict,
};
use rollcall_directory::entry::{Entry, EntryKey, Kind};
use tokio::sync::mpsc;

/// The mapping of a source of which nothing is mapped any more.
pub(crate) const RETIRED_MAPPING: &str = "kind = \"file\"\n[user]\nkey = \"id\"\n[user.attributes]\nuserName = \"id\"\n[group]\nkey = \"id\"\n[group.attributes]\ndisplayName = \"id\"\n";

/// See the module.
#[derive(Debug)]
pub(crate) struct Retired;

#[async_trait]
impl Connector for Retired {
    async fn read(&self, _request: &ReadRequest, _out: mpsc::Sender<Batch>) -> Verdict {
        Verdict::complete()
    }

    async fn look_up(
        &self,
        _request: &ReadRequest,
        _kind: Kind,
        _keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError> {
        Ok(LookUp::NotPossible)
    }

    async fn find(
        &self,
        _request: &ReadRequest,
        _kind: Kind,
        _name: &str,
    ) -> Result<Option<Entry>, ConnectorError> {
        Ok(None)
    }

    fn absence(&self) -> Absence {
        Absence::Proven
    }

    async fn check(&self) -> Vec<CheckStep> {
        Vec::new()
    }

    async fn schema(&self) -> Result<Option<SourceSchema>, ConnectorError> {
        Ok(None)
    }
}
