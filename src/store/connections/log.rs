//! The last requests of each connection. Whoever writes them has removed the secrets.

use std::sync::Arc;

use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::driver::{Cells, Column, FromCells, Trouble, binds, micros, statements};
use crate::ids::SourceId;
use crate::journal::text_of;
use crate::{Store, StoreError};

statements! {
    APPEND = "INSERT INTO connection_requests (source, at, body) VALUES ($1, $2, $3)",
        postgres: "INSERT INTO connection_requests (source, at, body)
            SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[])";
    TRIM = "DELETE FROM connection_requests WHERE source = $1 AND seq <=
        (SELECT seq FROM connection_requests WHERE source = $1
            ORDER BY seq DESC LIMIT 1 OFFSET $2)";
    LAST = "SELECT seq, at, body FROM connection_requests WHERE source = $1
        ORDER BY seq DESC LIMIT $2";
    AFTER = "SELECT seq, at, body FROM connection_requests WHERE source = $1 AND seq > $2
        ORDER BY seq LIMIT $3";
}

/// A request that is to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRequest {
    /// Its connection.
    pub source: SourceId,
    /// When it came.
    pub at: OffsetDateTime,
    /// All the rest, as the inspector lays it out.
    pub body: Json,
}

/// A request that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedRequest {
    /// Grows with each request.
    pub seq: i64,
    /// When it came.
    pub at: OffsetDateTime,
    /// See [`NewRequest::body`].
    pub body: Json,
}

impl FromCells for LoggedRequest {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            seq: cells.take()?,
            at: cells.take()?,
            body: cells.take_json()?,
        })
    }
}

impl Store {
    /// Keeps requests, and of each connection only the newest: as many as `sizes` says.
    pub async fn log_requests(
        &self,
        requests: &[NewRequest],
        sizes: Vec<(SourceId, u32)>,
    ) -> Result<(), StoreError> {
        let mut bodies = Vec::with_capacity(requests.len());
        for request in requests {
            bodies.push(text_of(&request.body)?);
        }
        let columns = Arc::new((
            requests.iter().map(|r| r.source.0).collect::<Vec<_>>(),
            requests.iter().map(|r| micros(r.at)).collect::<Vec<_>>(),
            bodies,
            sizes,
        ));
        let kept = self
            .database
            .write(move |tx| {
                let columns = Arc::clone(&columns);
                Box::pin(async move {
                    let (sources, times, bodies, sizes) = &*columns;
                    let rows = [
                        Column::Ints(sources.clone()),
                        Column::Ints(times.clone()),
                        Column::Texts(bodies.iter().map(String::as_str).collect()),
                    ];
                    tx.execute_each(APPEND, &rows, &[]).await?;
                    for (source, size) in sizes {
                        tx.execute(TRIM, &binds![*source, *size]).await?;
                    }
                    Ok(())
                })
            })
            .await;
        Ok(kept?)
    }

    /// The last requests of a connection, oldest first: at most `limit`, and only those
    /// after `after` if it is given.
    pub async fn logged_requests(
        &self,
        source: SourceId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<LoggedRequest>, StoreError> {
        if let Some(after) = after {
            return self
                .database
                .fetch(AFTER, binds![source, after, limit])
                .await;
        }
        let mut last = self.database.fetch(LAST, binds![source, limit]).await?;
        last.reverse();
        Ok(last)
    }
}
