//! Clauses and orders, written as SQL for one database.

use rollcall_directory::filter::Operator;
use rollcall_directory::sort::{Sort, SortKey};
use time::OffsetDateTime;

use super::Search;
use super::clause::{Clause, Column, ColumnTest, Lead, List};
use super::cursor::Position;
use crate::dialect::{Around, Dialect};
use crate::driver::{Built, micros};
use crate::ids::{ResourceId, SourceId};

/// SQLite refuses expressions more than a thousand deep, and reads a row of `OR` as one
/// step deeper each. So long rows are halved, and halved again.
const ROW_MAX: usize = 8;

/// The placeholders that every statement of a search begins with.
const TENANT: usize = 1;
const KIND: usize = 2;
const SOURCE: usize = 3;

/// How far a statement reads. To count all, PostgreSQL does well to lay the resources beside
/// the links; for a page it must not, since it may read all links before the page for that.
/// An offset, even of nothing, keeps it from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    Some,
}

/// The resources of a search, as SQL: `FROM … WHERE …`, to which orders and limits are added.
#[derive(Debug)]
pub(super) struct Select<'s> {
    pub(super) search: &'s Search,
    pub(super) clause: &'s Clause,
    pub(super) dialect: Dialect,
}

/// The order of a list that a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    column: Column,
    holds: Holds,
    descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Micros,
}

impl Order {
    /// The column that gives this order, if one does.
    pub(super) fn of(sort: &Sort) -> Option<Self> {
        use rollcall_directory::schema::AttributeType::{DateTime, String};
        let place = (sort.name.as_str(), sort.sub.as_deref());
        let (column, holds) = match (place, sort.kind, sort.case_exact) {
            (("id", None), String, true) => (Column::Uuid, Holds::Text),
            (("userName", None), String, false) => (Column::UserName, Holds::Text),
            (("externalId", None), String, true) => (Column::ExternalId, Holds::Text),
            (("displayName", None), String, false) => (Column::DisplayName, Holds::Text),
            (("meta", Some("created")), DateTime, _) => (Column::Created, Holds::Micros),
            (("meta", Some("lastModified")), DateTime, _) => (Column::Modified, Holds::Micros),
            _ => return None,
        };
        sort.extension.is_none().then_some(Self {
            column,
            holds,
            descending: sort.descending,
        })
    }

    /// What is sorted by. An empty text counts as none, and `userName` is never empty.
    fn sql(self) -> &'static str {
        match self.column {
            Column::DisplayName => "NULLIF(r.display_name, '')",
            Column::ExternalId => "NULLIF(r.external_id, '')",
            other => other.sql(),
        }
    }

    pub(super) fn is_by_user_name(self) -> bool {
        self.column == Column::UserName
    }

    /// The position of a row, from the two last cells of [`Select::page`].
    pub(super) fn position(
        self,
        id: ResourceId,
        text: Option<String>,
        at: Option<OffsetDateTime>,
    ) -> Position {
        let key = match self.holds {
            Holds::Text => text.map(SortKey::Text),
            Holds::Micros => at.map(SortKey::Instant),
        };
        Position {
            key: Some(key.unwrap_or(SortKey::Absent)),
            id,
        }
    }
}

impl Select<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> Built {
        let mut built = Built::default();
        built.push("SELECT COUNT(*)");
        self.from(&mut built, Reads::All);
        built
    }

    /// Their numbers, and what they are sorted by as text and as time: `limit` of them, beyond
    /// `after` and beyond `offset` more.
    pub(super) fn page(
        &self,
        order: Option<Order>,
        after: Option<&Position>,
        offset: u64,
        limit: u64,
    ) -> Built {
        let mut built = Built::default();
        built.push("SELECT r.id, ");
        match order {
            Some(order) if order.holds == Holds::Text => {
                built.push(order.sql()).push(", CAST(NULL AS BIGINT)")
            }
            Some(order) => built.push("CAST(NULL AS TEXT), ").push(order.sql()),
            None => built.push("CAST(NULL AS TEXT), CAST(NULL AS BIGINT)"),
        };
        self.from(&mut built, Reads::Some);
        if let Some(after) = after {
            beyond(&mut built, order, after);
        }
        built.push(" ORDER BY ");
        match order {
            Some(order) => {
                built.push(order.sql());
                built.push(match (order.column.is_nullable(), order.descending) {
                    (true, true) => " DESC NULLS FIRST, r.id",
                    (true, false) => " NULLS LAST, r.id",
                    (false, true) => " DESC, r.id",
                    (false, false) => ", r.id",
                });
            }
            None if self.clause.lead() > Lead::No => {
                built.push(self.dialect.aside()).push("r.id");
            }
            None => {
                built.push("r.id");
            }
        }
        built.push(" LIMIT ").bind(clamp(limit));
        if offset > 0 {
            built.push(" OFFSET ").bind(clamp(offset));
        }
        built
    }

    /// Whole rows in order of their numbers: those beyond one, at most so many.
    pub(super) fn rows(&self, after: ResourceId, limit: u64) -> Built {
        let mut built = Built::default();
        built.push("SELECT ").push(crate::resources::COLUMNS);
        self.from(&mut built, Reads::Some);
        built.push(" AND r.id > ").bind(after);
        built.push(" ORDER BY ");
        if self.clause.lead() > Lead::No {
            built.push(self.dialect.aside());
        }
        built.push("r.id LIMIT ").bind(clamp(limit));
        built
    }

    fn from(&self, built: &mut Built, reads: Reads) {
        let lead = self.clause.lead();
        let aside = if lead > Lead::No {
            self.dialect.aside()
        } else {
            ""
        };
        built.push(" FROM resources r WHERE ");
        built.push(aside).push("r.tenant = ");
        built.bind(self.search.tenant);
        built.push(" AND ").push(aside);
        built.push("r.kind = ").bind(self.search.kind);
        if let Some(source) = self.search.visible_to {
            built.push(" AND ");
            visible(built, "r", source, reads);
        }
        if *self.clause != Clause::True {
            built.push(" AND ");
            self.write(built, self.clause, true);
        }
    }

    /// Writes a clause; `within`: beside others, so that a row of `OR` needs parentheses.
    fn write(&self, built: &mut Built, clause: &Clause, within: bool) {
        match clause {
            Clause::True => {
                built.push("1 = 1");
            }
            Clause::False => {
                built.push("1 = 0");
            }
            Clause::All(all) => self.row(built, all, " AND ", false),
            Clause::Any(any) if self.must_lead() && clause.lead() > Lead::No => {
                self.union(built, any);
            }
            Clause::Any(any) => self.row(built, any, " OR ", within),
            Clause::Is {
                column,
                test,
                negated,
            } => {
                if column.is_indexed_by_tenant() && clause.lead() > Lead::No {
                    self.in_tenant(built);
                }
                self.test(built, *column, test, *negated);
            }
            Clause::In {
                list,
                inner,
                negated,
            } => {
                built.push(if *negated {
                    "r.id NOT IN ("
                } else {
                    "r.id IN ("
                });
                self.list(built, *list, inner);
                built.push(")");
            }
            Clause::Value {
                path,
                operator,
                text,
                negated,
            } => {
                built.push(if *negated {
                    "r.id NOT IN ("
                } else {
                    "r.id IN ("
                });
                built.push("SELECT v.resource FROM resource_values v WHERE v.tenant = ");
                built.again(TENANT).push(" AND v.path = ");
                built.bind(path.as_str()).push(" AND ");
                self.text(built, "v.value", *operator, text);
                built.push(")");
            }
            Clause::Document { contains, lower } => {
                let around = self.dialect.contains();
                built.push(around.before);
                built.push(if *lower {
                    self.dialect.lower_document()
                } else {
                    "r.doc"
                });
                built.push(around.between).bind(contains.as_str());
                built.push(around.behind);
            }
        }
    }

    /// Whether the database has to be led to the index that leads to few.
    fn must_lead(&self) -> bool {
        !self.dialect.aside().is_empty()
    }

    /// The tenant once more, for the index that a comparison leads by: the one that all
    /// comparisons share was put aside.
    fn in_tenant(&self, built: &mut Built) {
        if self.must_lead() {
            built.push("r.tenant = ").again(TENANT).push(" AND ");
        }
    }

    /// One of several that each lead to few, each by its own index.
    fn union(&self, built: &mut Built, clauses: &[Clause]) {
        built.push("r.id IN (");
        for (place, clause) in clauses.iter().enumerate() {
            if place > 0 {
                built.push(" UNION ALL ");
            }
            built.push("SELECT r.id FROM resources r WHERE ");
            self.write(built, clause, true);
        }
        built.push(")");
    }

    fn row(&self, built: &mut Built, clauses: &[Clause], word: &'static str, enclose: bool) {
        if enclose {
            built.push("(");
        }
        if clauses.len() > ROW_MAX {
            let (left, right) = clauses.split_at(clauses.len() / 2);
            self.row(built, left, word, true);
            built.push(word);
            self.row(built, right, word, true);
        } else {
            for (place, clause) in clauses.iter().enumerate() {
                if place > 0 {
                    built.push(word);
                }
                self.write(built, clause, true);
            }
        }
        if enclose {
            built.push(")");
        }
    }

    fn list(&self, built: &mut Built, list: List, inner: &Clause) {
        built.push(match list {
            List::Emails => "SELECT e.resource FROM resource_emails e",
            List::Members => {
                "SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id"
            }
            List::Groups => {
                "SELECT s.member_id FROM memberships s JOIN resources m ON m.id = s.group_id"
            }
        });
        built.push(" WHERE ");
        if list != List::Emails {
            built.push(if inner.lead() > Lead::No {
                self.dialect.aside()
            } else {
                ""
            });
            built.push("m.tenant = ").again(TENANT);
            if let Some(source) = self.search.visible_to {
                built.push(" AND ");
                visible(built, "m", source, Reads::All);
            }
            if *inner == Clause::True {
                return;
            }
            built.push(" AND ");
        }
        self.write(built, inner, true);
    }

    fn test(&self, built: &mut Built, column: Column, test: &ColumnTest, negated: bool) {
        let name = column.sql();
        match (test, negated) {
            (ColumnTest::True, false) => {
                built.push(name);
                return;
            }
            (ColumnTest::There, _) if !column.is_nullable() => {
                built.push(if negated { "1 = 0" } else { "1 = 1" });
                return;
            }
            (ColumnTest::There, _) => {
                let null = if negated { " IS NULL" } else { " IS NOT NULL" };
                built.push(name).push(null);
                return;
            }
            _ => {}
        }
        if negated && column.is_nullable() {
            built.push("(").push(name).push(" IS NULL OR ");
        }
        if negated {
            built.push("NOT (");
        }
        match test {
            ColumnTest::True | ColumnTest::There => {
                built.push(name);
            }
            ColumnTest::Present => {
                built.push(name).push(" <> ''");
            }
            ColumnTest::Text(operator, with) => self.text(built, name, *operator, with),
            ColumnTest::Number(operator, number) => {
                built.push(name).push(sign(*operator)).bind(*number);
            }
        }
        if negated {
            built.push(")");
        }
        if negated && column.is_nullable() {
            built.push(")");
        }
    }

    fn text(&self, built: &mut Built, column: &'static str, operator: Operator, text: &str) {
        match operator {
            Operator::Sw => {
                built.push(column).push(" >= ").bind(text);
                if let Some(beyond) = first_beyond(text) {
                    built.push(" AND ").push(column).push(" < ").bind(beyond);
                }
            }
            Operator::Co => {
                let around = self.dialect.contains();
                built.push(around.before).push(column);
                built.push(around.between).bind(text).push(around.behind);
            }
            Operator::Ew => {
                let Around {
                    before,
                    between,
                    behind,
                } = self.dialect.tail();
                built.push(before).push(column).push(between).bind(text);
                let number = built.bound();
                built.push(behind).push(" = ").again(number);
            }
            operator => {
                built.push(column).push(sign(operator)).bind(text);
            }
        }
    }
}

/// What a source does not see any more is not there for it. `alias` is `r` or `m`.
fn visible(built: &mut Built, alias: &'static str, source: SourceId, reads: Reads) {
    built.push(alias).push(
        ".orphaned_since IS NULL AND NOT EXISTS (SELECT 1 FROM links l \
         WHERE l.presence = 'withdrawn' AND l.resource = ",
    );
    built.push(alias).push(".id AND l.source = ");
    if built.bound() < SOURCE {
        debug_assert_eq!(built.bound(), KIND);
        built.bind(source);
    } else {
        built.again(SOURCE);
    }
    built.push(match reads {
        Reads::All => ")",
        Reads::Some => " LIMIT 1 OFFSET 0)",
    });
}

/// Rows behind a position, in the order that it is of.
fn beyond(built: &mut Built, order: Option<Order>, after: &Position) {
    let Some(order) = order else {
        built.push(" AND r.id > ").bind(after.id);
        return;
    };
    let name = order.sql();
    let nullable = order.column.is_nullable();
    let key = after.key.as_ref().and_then(|key| match key {
        SortKey::Text(text) => Some(crate::driver::Value::from(text.as_str())),
        SortKey::Instant(instant) => Some(crate::driver::Value::from(micros(*instant))),
        _ => None,
    });
    built.push(" AND ");
    let Some(key) = key else {
        built.push("((").push(name).push(" IS NULL AND r.id > ");
        built.bind(after.id).push(")");
        if order.descending {
            built.push(" OR ").push(name).push(" IS NOT NULL");
        }
        built.push(")");
        return;
    };
    let sign = if order.descending { " <= " } else { " >= " };
    let strict = if order.descending { " < " } else { " > " };
    // The first comparison says nothing more, but an index serves it.
    let last = nullable && !order.descending;
    built.push(if last { "((" } else { "(" });
    built.push(name).push(sign).bind(key);
    let number = built.bound();
    built.push(" AND (").push(name).push(strict).again(number);
    built.push(" OR r.id > ").bind(after.id).push("))");
    if last {
        built.push(" OR ").push(name).push(" IS NULL)");
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Gt => " > ",
        Operator::Ge => " >= ",
        Operator::Lt => " < ",
        Operator::Le => " <= ",
        _ => " = ",
    }
}

/// The first text, in the order of code points, beyond all that start with this one; `None`:
/// there is none.
fn first_beyond(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            char::MAX => None,
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
