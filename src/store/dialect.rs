//! Where the two databases differ beyond how they take many rows.

/// Whose clock tells when a lease ends.
///
/// SQLite is used on one machine: the caller's clock will do. The replicas on a PostgreSQL
/// server may disagree by seconds about the time, so there the server's clock counts; its
/// text mentions the caller's time too, so that both take the same values.
macro_rules! server_now {
    ($caller:literal) => {
        concat!(
            "(CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) + 0 * CAST(",
            $caller,
            " AS BIGINT))"
        )
    };
}
pub(crate) use server_now;
