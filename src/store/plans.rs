//! The steps of plans that wait to be applied.

use std::sync::Arc;

use crate::driver::{Column, binds, json, statements};
use crate::ids::RunId;
use crate::journal::text_of;
use crate::writes::Step;
use crate::{Store, StoreError};

statements! {
    SAVE = "INSERT INTO plan_steps (seq, body, run) VALUES ($1, $2, $3)",
        postgres: "INSERT INTO plan_steps (seq, body, run)
            SELECT seq, body, $3 FROM UNNEST($1::bigint[], $2::text[]) AS step(seq, body)";
    STEPS = "SELECT seq, body FROM plan_steps WHERE run = $1 AND seq > $2
        ORDER BY seq LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM plan_steps WHERE run = $1";
    DROP = "DELETE FROM plan_steps WHERE run = $1";
}

impl Store {
    /// Keeps steps of a plan, numbered from `first_seq`.
    pub async fn save_steps(
        &self,
        run: RunId,
        first_seq: i64,
        steps: &[Step],
    ) -> Result<(), StoreError> {
        let bodies: Vec<String> = steps.iter().map(text_of).collect::<Result<_, _>>()?;
        let columns = Arc::new([
            Column::Ints((first_seq..).take(bodies.len()).collect()),
            Column::OwnedTexts(bodies),
        ]);
        self.database
            .write(move |tx| {
                let columns = Arc::clone(&columns);
                Box::pin(async move {
                    tx.execute_each(SAVE, columns.as_slice(), &binds![run])
                        .await
                })
            })
            .await?;
        Ok(())
    }

    /// The next steps of a plan beyond `after_seq`, in order, at most `limit`.
    pub async fn steps(
        &self,
        run: RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Step)>, StoreError> {
        let rows: Vec<(i64, String)> = self
            .database
            .fetch(STEPS, binds![run, after_seq, limit])
            .await?;
        rows.into_iter()
            .map(|(seq, body)| Ok((seq, json(&body)?)))
            .collect()
    }

    /// How many steps a plan has.
    pub async fn count_steps(&self, run: RunId) -> Result<u64, StoreError> {
        let count = self.database.fetch_one(COUNT, binds![run]).await?;
        Ok(count.map_or(0, |(count,): (u64,)| count))
    }

    /// Forgets a plan's steps.
    pub async fn drop_steps(&self, run: RunId) -> Result<(), StoreError> {
        self.database.execute(DROP, binds![run]).await?;
        Ok(())
    }
}
