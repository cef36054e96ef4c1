//! The settings of one HTTP source.

pub use crate::web::settings::{Auth, ClientCertificate, Service};

/// A user URL and a group URL that answer JSON, and how to be allowed to read them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people come from.
    pub users: Option<Endpoint>,
    /// Where groups come from.
    pub groups: Option<Endpoint>,
    /// Ask first whether anything has changed since the last complete read.
    pub conditional: bool,
    /// How the service is reached.
    pub service: Service,
}

/// One URL to read.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The first page. May carry a query of its own.
    pub url: String,
    /// GET, or POST with a body.
    pub method: Method,
    /// How items stand in an answer.
    pub format: Format,
    /// How the next page is found.
    pub paging: Paging,
    /// Where the total stands, if the service tells it.
    pub total: Option<Total>,
    /// One record by its key: `{key}` in it is replaced, percent-encoded.
    pub item_url: Option<String>,
    /// Whether `{label, value}` objects stand for their value (Personio and others).
    pub unwrap_values: bool,
}

/// The request method.
#[derive(Debug, Clone)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// A JSON object as body; page parameters become its members.
    Post {
        /// The body.
        body: serde_json::Value,
    },
}

/// How an answer holds its items.
#[derive(Debug, Clone)]
pub enum Format {
    /// A JSON array.
    Array,
    /// A JSON object; the array stands at this dotted path (`data.items`).
    Object {
        /// The path.
        items: String,
    },
    /// One JSON object a line (NDJSON).
    Lines,
}

impl Format {
    /// Whether an answer is one object a line.
    pub(crate) fn is_lines(&self) -> bool {
        matches!(self, Self::Lines)
    }
}

/// How the next page is asked for. Each kind has its own proof that the end was reached.
#[derive(Debug, Clone)]
pub enum Paging {
    /// One answer holds everything.
    None,
    /// `Link: <…>; rel="next"` (RFC 8288). No such link: the end.
    Link,
    /// A member at this dotted path holds the next URL. Null, empty or absent: the end.
    Next {
        /// The path.
        path: String,
    },
    /// A page number. An empty page, or 204, is the end.
    Page {
        /// Its parameter.
        parameter: String,
        /// The first page's number.
        first: u64,
        /// The size's parameter and value, if asked for.
        size: Option<(String, u64)>,
    },
    /// An offset, advanced by the items received. An empty page, or 204, is the end.
    Offset {
        /// Its parameter.
        parameter: String,
        /// The limit's parameter and value, if asked for.
        limit: Option<(String, u64)>,
    },
    /// A cursor found at a dotted path of the answer, sent as a parameter. Null, empty or
    /// absent: the end.
    Cursor {
        /// The parameter that carries it.
        parameter: String,
        /// Where the next one stands.
        path: String,
        /// The limit's parameter and value, if asked for.
        limit: Option<(String, u64)>,
    },
}

/// Where a total stands.
#[derive(Debug, Clone)]
pub enum Total {
    /// A dotted path in the answer.
    Body(String),
    /// A header's name.
    Header(String),
}
