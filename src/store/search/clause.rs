//! What columns and rows can say about a resource: the part of a filter that becomes SQL.
//!
//! A clause is true or false for every resource, never SQL's "unknown": where a column may be
//! NULL, its negation says so.

use rollcall_directory::filter::Operator;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clause {
    True,
    False,
    /// All hold: at least two, none of them `True`, `False` or `All`.
    All(Vec<Clause>),
    /// One of them holds: at least two, none of them `True`, `False` or `Any`.
    Any(Vec<Clause>),
    /// A column compares so, or does not.
    Is {
        column: Column,
        test: ColumnTest,
        negated: bool,
    },
    /// One of the resource's rows in a list fulfils the clause, or none does.
    In {
        list: List,
        inner: Box<Clause>,
        negated: bool,
    },
    /// One of the values that rows are kept of compares so, or none does.
    Value {
        path: String,
        operator: Operator,
        text: String,
        negated: bool,
    },
    /// The text of the document contains this one; `lower`: with ASCII letters in lower case.
    Document {
        contains: String,
        lower: bool,
    },
}

/// Where more ways lead to a resource, the list is read instead. SQLite unites 500 at most.
const WAYS_MAX: usize = 100;

/// A column of a resource, of one of its e-mail addresses, or of a resource that it mentions
/// or that mentions it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Uuid,
    UserName,
    FreedName,
    ExternalId,
    DisplayName,
    Active,
    Created,
    Modified,
    Email,
    MentionUuid,
    MentionName,
    MentionKind,
}

/// What is asked of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ColumnTest {
    /// A boolean is true.
    True,
    /// It has a value.
    There,
    /// It has a value that is not empty.
    Present,
    /// Its text compares so; never with `Ne`.
    Text(Operator, String),
    /// Its number compares so: `Eq` or one of order.
    Number(Operator, i64),
}

/// Rows that belong to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// Its e-mail addresses.
    Emails,
    /// Of a group: its members.
    Members,
    /// Of a user: the groups that have it as a member.
    Groups,
}

/// How a clause leads to few resources. The better way is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lead {
    /// Not at all: the list is read in its own order.
    No,
    /// By an index of a tenant's column: perhaps to many.
    Range,
    /// By the resources that a group or member names.
    Mentions,
    /// By an index of a tenant's column, to few.
    Column,
    /// By e-mail address.
    Email,
    /// By SCIM id.
    Uuid,
    /// By name, which is unique.
    UserName,
}

impl Clause {
    /// All of them.
    pub(super) fn all(clauses: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(clauses.len());
        for clause in clauses {
            match clause {
                Self::True => {}
                Self::False => return Self::False,
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        one_or(flat, Self::True, Self::All)
    }

    /// One of them.
    pub(super) fn any(clauses: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(clauses.len());
        for clause in clauses {
            match clause {
                Self::False => {}
                Self::True => return Self::True,
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        one_or(flat, Self::False, Self::Any)
    }

    /// A column's test.
    pub(super) fn is(column: Column, test: ColumnTest, negated: bool) -> Self {
        Self::Is {
            column,
            test,
            negated,
        }
    }

    /// `True` or `False`.
    pub(super) fn constant(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// How it leads to few resources.
    pub(super) fn lead(&self) -> Lead {
        match self {
            Self::All(all) => all.iter().map(Self::lead).max().unwrap_or(Lead::No),
            Self::Any(any) if any.len() > WAYS_MAX => Lead::No,
            Self::Any(any) => any.iter().map(Self::lead).min().unwrap_or(Lead::No),
            Self::Is {
                column,
                test,
                negated: false,
            } => lead_of(*column, test),
            Self::Value {
                operator,
                negated: false,
                ..
            } => match operator {
                Operator::Eq => Lead::Column,
                Operator::Sw => Lead::Range,
                _ => Lead::No,
            },
            Self::In {
                list,
                inner,
                negated: false,
            } => match list {
                List::Emails => inner.lead(),
                List::Members | List::Groups => inner.lead().min(Lead::Mentions),
            },
            _ => Lead::No,
        }
    }
}

fn lead_of(column: Column, test: &ColumnTest) -> Lead {
    let exactly = match test {
        ColumnTest::Text(Operator::Eq, _) => true,
        ColumnTest::Text(Operator::Sw, _) => false,
        ColumnTest::Number(Operator::Eq | Operator::Gt | Operator::Ge, _)
            if column == Column::Modified =>
        {
            return Lead::Range;
        }
        _ => return Lead::No,
    };
    match column {
        Column::Uuid | Column::MentionUuid if exactly => Lead::Uuid,
        Column::UserName if exactly => Lead::UserName,
        Column::FreedName | Column::ExternalId | Column::DisplayName if exactly => Lead::Column,
        Column::Email => Lead::Email,
        Column::UserName | Column::FreedName | Column::ExternalId | Column::DisplayName => {
            Lead::Range
        }
        _ => Lead::No,
    }
}

fn one_or(mut flat: Vec<Clause>, none: Clause, many: fn(Vec<Clause>) -> Clause) -> Clause {
    match (flat.pop(), flat.is_empty()) {
        (None, _) => none,
        (Some(only), true) => only,
        (Some(last), false) => {
            flat.push(last);
            many(flat)
        }
    }
}

impl Column {
    /// Whether some rows have no value there.
    pub(super) fn is_nullable(self) -> bool {
        matches!(
            self,
            Self::UserName
                | Self::FreedName
                | Self::ExternalId
                | Self::DisplayName
                | Self::MentionName
        )
    }

    /// Whether its index begins with the tenant.
    pub(super) fn is_indexed_by_tenant(self) -> bool {
        matches!(
            self,
            Self::UserName
                | Self::FreedName
                | Self::ExternalId
                | Self::DisplayName
                | Self::Modified
        )
    }

    /// Its spelling.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Uuid => "r.uuid",
            Self::UserName => "r.user_name",
            Self::FreedName => "r.freed_name",
            Self::ExternalId => "r.external_id",
            Self::DisplayName => "r.display_name",
            Self::Active => "r.active",
            Self::Created => "r.created",
            Self::Modified => "r.modified",
            Self::Email => "e.email",
            Self::MentionUuid => "m.uuid",
            Self::MentionName => "COALESCE(m.display_name, m.user_name, m.freed_name)",
            Self::MentionKind => "m.kind",
        }
    }
}
