//! Where the two databases differ beyond how they take many rows.

/// Which database a statement is put together for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A function of two texts, as SQL: `before` the first, `between` them, `behind` the second.
/// Neither knows wildcards, so there is nothing to escape; both look at characters as they
/// are, case included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Around {
    pub(crate) before: &'static str,
    pub(crate) between: &'static str,
    pub(crate) behind: &'static str,
}

impl Dialect {
    /// Whether the first text contains the second.
    pub(crate) fn contains(self) -> Around {
        let before = match self {
            Self::Sqlite => "instr(",
            Self::Postgres => "strpos(",
        };
        Around {
            before,
            between: ", ",
            behind: ") > 0",
        }
    }

    /// The last characters of the first text, as many as the second has. Compared with the
    /// second it says whether the first ends with it.
    pub(crate) fn tail(self) -> Around {
        match self {
            Self::Sqlite => Around {
                before: "substr(",
                between: ", -length(",
                behind: "))",
            },
            Self::Postgres => Around {
                before: "right(",
                between: ", length(",
                behind: "))",
            },
        }
    }

    /// A resource's whole document, its ASCII letters in lower case and nothing else changed.
    pub(crate) fn lower_document(self) -> &'static str {
        match self {
            Self::Sqlite => "lower(r.doc)",
            Self::Postgres => "lower(r.doc COLLATE \"C\")",
        }
    }

    /// What stands before a column whose index shall not be used. SQLite has no statistics
    /// of what a filter will find and takes the index of the list, which gives the order,
    /// before one that gives the few resources; PostgreSQL knows better.
    pub(crate) fn aside(self) -> &'static str {
        match self {
            Self::Sqlite => "+",
            Self::Postgres => "",
        }
    }
}

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
