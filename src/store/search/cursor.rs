//! Cursors (RFC 9865): where the next page of one list begins, as a text that means nothing
//! to a client and that only the store can make.
//!
//! A cursor holds the place in the list's order (the sort key and the number of the last
//! resource shown), the page size and when it ends. It is authenticated by a keyed BLAKE3
//! hash over that and over the list that it belongs to: tenant, type, filter, order and the
//! token of whoever asked. So it fits no other list, and nobody can make one up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_directory::sort::SortKey;
use time::{Duration, OffsetDateTime};

use crate::ids::{ResourceId, TenantId};

/// The first byte of a cursor: its layout.
const LAYOUT: u8 = 1;
/// The length of what authenticates a cursor.
const SEAL_BYTES: usize = 32;
/// A sort key enters a cursor, which enters a URL: of longer texts only so much counts in
/// the order, ties going by number.
pub(crate) const KEY_BYTES_MAX: usize = 1_024;
/// No cursor of ours is longer, as text.
const CURSOR_BYTES_MAX: usize = 2_048;

/// A place in the order of a list: behind one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// What the resource is sorted by; `None` in a list by number.
    pub(crate) key: Option<SortKey>,
    /// Its number.
    pub(crate) id: ResourceId,
}

/// The list that a cursor belongs to. A cursor is read under the binding that it was made
/// under, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The tenant.
    pub tenant: TenantId,
    /// The resource type's name.
    pub resource_type: String,
    /// The filter as it was sent; empty: none.
    pub filter: String,
    /// `sortBy` as it was sent; empty: none.
    pub sort_by: String,
    /// Whether the order is descending.
    pub descending: bool,
    /// How many a page; not part of the list, but it must stay the same.
    pub count: u32,
    /// What tells the token of whoever asks from others: its id, never the token itself.
    pub token: String,
}

/// Why a cursor is not taken (RFC 9865 §2.1, all with status 400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not one of ours, or of another list, or of another token.
    #[error(
        "the cursor belongs to another list: send it with the filter, order and token of the request that it came from, or start again without a value"
    )]
    Invalid,
    /// Too old.
    #[error("the cursor has expired: start again with an empty cursor")]
    Expired,
    /// The page size was changed on the way.
    #[error("count must stay {count} while pages are turned")]
    Count {
        /// What the cursor was made with.
        count: u32,
    },
}

impl CursorError {
    /// The `scimType`.
    #[must_use]
    pub fn scim_type(self) -> &'static str {
        match self {
            Self::Invalid => "invalidCursor",
            Self::Expired => "expiredCursor",
            Self::Count { .. } => "invalidCount",
        }
    }
}

/// Makes and reads the cursors of one database: every replica on it reads them alike.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursors").finish_non_exhaustive()
    }
}

impl Cursors {
    pub(crate) fn with_key(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The text of a cursor that can be used for `lifetime`.
    #[must_use]
    pub fn write(
        &self,
        position: &Position,
        binding: &Binding,
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> String {
        let mut body = vec![LAYOUT];
        body.extend((now + lifetime).unix_timestamp().to_be_bytes());
        body.extend(binding.count.to_be_bytes());
        body.extend(position.id.0.to_be_bytes());
        put_key(&mut body, position.key.as_ref());
        let mut cursor = self.seal(&body, binding).as_bytes().to_vec();
        cursor.extend(body);
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// The place that a cursor stands for.
    pub fn read(
        &self,
        cursor: &str,
        binding: &Binding,
        now: OffsetDateTime,
    ) -> Result<Position, CursorError> {
        if cursor.len() > CURSOR_BYTES_MAX {
            return Err(CursorError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| CursorError::Invalid)?;
        let (seal, body) = bytes
            .split_first_chunk::<SEAL_BYTES>()
            .ok_or(CursorError::Invalid)?;
        // Hashes are compared in constant time.
        if blake3::Hash::from_bytes(*seal) != self.seal(body, binding) {
            return Err(CursorError::Invalid);
        }
        let read = Body::read(body).ok_or(CursorError::Invalid)?;
        if read.expires <= now.unix_timestamp() {
            return Err(CursorError::Expired);
        }
        if read.count != binding.count {
            return Err(CursorError::Count { count: read.count });
        }
        Ok(read.position)
    }

    fn seal(&self, body: &[u8], binding: &Binding) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&binding.tenant.0.to_be_bytes());
        for text in [
            &binding.resource_type,
            &binding.filter,
            &binding.sort_by,
            &binding.token,
        ] {
            hasher.update(&(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&[u8::from(binding.descending)]);
        hasher.update(body);
        hasher.finalize()
    }
}

/// What a cursor says.
struct Body {
    expires: i64,
    count: u32,
    position: Position,
}

impl Body {
    fn read(body: &[u8]) -> Option<Self> {
        let (layout, rest) = body.split_first()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        (*layout == LAYOUT).then_some(Self {
            expires: i64::from_be_bytes(*expires),
            count: u32::from_be_bytes(*count),
            position: Position {
                id: ResourceId(i64::from_be_bytes(*id)),
                key: key(rest)?,
            },
        })
    }
}

fn put_key(body: &mut Vec<u8>, key: Option<&SortKey>) {
    match key {
        None => body.push(b'-'),
        Some(SortKey::Absent) => body.push(b'a'),
        Some(SortKey::Boolean(flag)) => body.extend([b'b', u8::from(*flag)]),
        Some(SortKey::Instant(instant)) => {
            body.push(b'i');
            body.extend(instant.unix_timestamp_nanos().to_be_bytes());
        }
        Some(SortKey::Number(number)) => {
            body.push(b'n');
            body.extend(number.to_string().as_bytes());
        }
        Some(SortKey::Text(text)) => {
            body.push(b't');
            body.extend(text.as_bytes());
        }
    }
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it can be read; inside: whether the list is sorted"
)]
fn key(bytes: &[u8]) -> Option<Option<SortKey>> {
    let (kind, rest) = bytes.split_first()?;
    let text = || std::str::from_utf8(rest).ok();
    Some(Some(match kind {
        b'-' => return Some(None),
        b'a' => SortKey::Absent,
        b'b' => SortKey::Boolean(rest == [1]),
        b'i' => {
            let nanos = i128::from_be_bytes(rest.try_into().ok()?);
            SortKey::Instant(OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?)
        }
        b'n' => SortKey::Number(serde_json::from_str(text()?).ok()?),
        b't' => SortKey::Text(text()?.to_owned()),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);
    const HOUR: Duration = Duration::HOUR;

    fn binding() -> Binding {
        Binding {
            tenant: TenantId(1),
            resource_type: "User".to_owned(),
            filter: "active eq true".to_owned(),
            sort_by: "userName".to_owned(),
            descending: false,
            count: 10,
            token: "7".to_owned(),
        }
    }

    fn position() -> Position {
        Position {
            key: Some(SortKey::Text("ångström".to_owned())),
            id: ResourceId(42),
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_whatever_the_order() {
        let cursors = Cursors::with_key([7; 32]);
        let keys = [
            None,
            Some(SortKey::Absent),
            Some(SortKey::Boolean(true)),
            Some(SortKey::Boolean(false)),
            Some(SortKey::Instant(NOW)),
            Some(SortKey::Number(3.into())),
            Some(SortKey::Text(String::new())),
            Some(SortKey::Text("x".repeat(KEY_BYTES_MAX))),
        ];
        for key in keys {
            let position = Position {
                key,
                id: ResourceId(i64::MAX),
            };
            let cursor = cursors.write(&position, &binding(), NOW, HOUR);
            assert!(cursor.len() <= CURSOR_BYTES_MAX);
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            assert!(cursor.chars().all(unreserved), "{cursor}");
            assert_eq!(cursors.read(&cursor, &binding(), NOW), Ok(position));
        }
    }

    #[test]
    fn a_cursor_fits_only_the_list_that_it_came_from() {
        let cursors = Cursors::with_key([7; 32]);
        let cursor = cursors.write(&position(), &binding(), NOW, HOUR);
        let changes: [fn(&mut Binding); 6] = [
            |b| b.tenant = TenantId(2),
            |b| b.resource_type = "Group".to_owned(),
            |b| b.filter = "active eq false".to_owned(),
            |b| b.sort_by = "displayName".to_owned(),
            |b| b.descending = true,
            |b| b.token = "8".to_owned(),
        ];
        for change in changes {
            let mut other = binding();
            change(&mut other);
            assert_eq!(
                cursors.read(&cursor, &other, NOW),
                Err(CursorError::Invalid)
            );
        }
        let elsewhere = Cursors::with_key([8; 32]);
        assert_eq!(
            elsewhere.read(&cursor, &binding(), NOW),
            Err(CursorError::Invalid)
        );
        let other = Binding {
            count: 11,
            ..binding()
        };
        assert_eq!(
            cursors.read(&cursor, &other, NOW),
            Err(CursorError::Count { count: 10 })
        );
        assert_eq!(
            cursors.read(&cursor, &binding(), NOW + HOUR),
            Err(CursorError::Expired)
        );
    }

    #[test]
    fn a_cursor_that_was_tampered_with_is_invalid() {
        let cursors = Cursors::with_key([7; 32]);
        let cursor = cursors.write(&position(), &binding(), NOW, HOUR);
        for at in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            assert_eq!(
                cursors.read(&tampered, &binding(), NOW),
                Err(CursorError::Invalid)
            );
        }
        for text in ["", "x", "ä", "====", &"A".repeat(CURSOR_BYTES_MAX + 1)] {
            let read = cursors.read(text, &binding(), NOW);
            assert_eq!(read, Err(CursorError::Invalid), "{text}");
        }
    }
}
