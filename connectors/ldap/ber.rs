//! The small part of BER (ITU-T X.690) that LDAP uses: one-byte tags and definite lengths
//! (RFC 4511 §5.1). Reading borrows from the received bytes and copies nothing, which is
//! why a directory can be read about as fast as it can be sent; nothing in here can panic
//! on what a server sends.

/// Universal and LDAP-wide tags.
pub(super) mod tag {
    pub(in crate::ldap) const BOOLEAN: u8 = 0x01;
    pub(in crate::ldap) const INTEGER: u8 = 0x02;
    pub(in crate::ldap) const OCTETS: u8 = 0x04;
    pub(in crate::ldap) const ENUMERATED: u8 = 0x0a;
    pub(in crate::ldap) const SEQUENCE: u8 = 0x30;
    pub(in crate::ldap) const SET: u8 = 0x31;
}

/// The bytes do not follow BER, or not LDAP's use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent bytes that are no LDAP")]
pub(super) struct Malformed;

/// The first element's tag, the length of its header and of its content, once enough bytes
/// are there to tell.
pub(super) fn header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, Malformed> {
    let (Some(&tag), Some(&first)) = (bytes.first(), bytes.get(1)) else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some((tag, 2, usize::from(first))));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(Malformed);
    }
    let Some(octets) = bytes.get(2..2 + count) else {
        return Ok(None);
    };
    let length = octets
        .iter()
        .fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
    Ok(Some((tag, 2 + count, length)))
}

/// Reads elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element's tag and content.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (tag, head, length) = header(self.rest)?.ok_or(Malformed)?;
        let end = head.checked_add(length).ok_or(Malformed)?;
        let content = self.rest.get(head..end).ok_or(Malformed)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok((tag, content))
    }

    /// The next element's content, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// The next element's content if it has this tag; else nothing is consumed.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.first() == Some(&tag) {
            return self.expect(tag).map(Some);
        }
        Ok(None)
    }

    pub(super) fn inside(&mut self, tag: u8) -> Result<Reader<'a>, Malformed> {
        self.expect(tag).map(Reader::new)
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], Malformed> {
        self.expect(tag::OCTETS)
    }

    /// An octet string that is shown to people: never refused for bad UTF-8.
    pub(super) fn shown_text(&mut self) -> Result<String, Malformed> {
        self.octets()
            .map(|octets| String::from_utf8_lossy(octets).into_owned())
    }

    /// An INTEGER or ENUMERATED of up to four octets.
    pub(super) fn number(&mut self, tag: u8) -> Result<i64, Malformed> {
        let octets = self.expect(tag)?;
        let Some(first) = octets.first().filter(|_| octets.len() <= 5) else {
            return Err(Malformed);
        };
        let sign = if first & 0x80 == 0 { 0 } else { -1 };
        Ok(octets
            .iter()
            .fold(sign, |number, octet| number << 8 | i64::from(*octet)))
    }
}

/// Writes elements; the lengths of constructed ones are filled in when they close.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A primitive element.
    pub(super) fn put(&mut self, tag: u8, content: &[u8]) -> &mut Self {
        self.bytes.push(tag);
        self.put_length(content.len());
        self.bytes.extend_from_slice(content);
        self
    }

    pub(super) fn octets(&mut self, content: &[u8]) -> &mut Self {
        self.put(tag::OCTETS, content)
    }

    pub(super) fn boolean(&mut self, tag: u8, value: bool) -> &mut Self {
        self.put(tag, &[if value { 0xff } else { 0 }])
    }

    /// An INTEGER or ENUMERATED in the fewest octets.
    pub(super) fn number(&mut self, tag: u8, value: i64) -> &mut Self {
        let octets = value.to_be_bytes();
        let mut start = 0;
        while let [first, second, ..] = octets.get(start..).unwrap_or_default() {
            let sign_kept =
                (*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0);
            if !sign_kept {
                break;
            }
            start += 1;
        }
        self.put(tag, octets.get(start..).unwrap_or_default())
    }

    /// A constructed element around what `inner` writes.
    pub(super) fn nest(&mut self, tag: u8, inner: impl FnOnce(&mut Self)) -> &mut Self {
        let mut content = Self::default();
        inner(&mut content);
        self.put(tag, &content.bytes)
    }

    /// Elements that were written elsewhere.
    pub(super) fn append(&mut self, elements: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(elements);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn put_length(&mut self, length: usize) {
        let octets = length.to_be_bytes();
        if let (true, Ok(short)) = (length < 0x80, u8::try_from(length)) {
            self.bytes.push(short);
            return;
        }
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        let significant = octets.get(zeros..).unwrap_or_default();
        self.bytes
            .push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
        self.bytes.extend_from_slice(significant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(number in any::<i32>(), text in ".{0,300}") {
            let mut writer = Writer::default();
            writer.nest(tag::SEQUENCE, |w| {
                w.number(tag::INTEGER, i64::from(number)).octets(text.as_bytes());
            });
            let bytes = writer.into_bytes();
            let mut inside = Reader::new(&bytes).inside(tag::SEQUENCE).unwrap();
            prop_assert_eq!(inside.number(tag::INTEGER).unwrap(), i64::from(number));
            prop_assert_eq!(inside.octets().unwrap(), text.as_bytes());
            prop_assert!(inside.is_empty());
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            while let Ok((_, content)) = reader.any() {
                let _ = Reader::new(content).number(tag::INTEGER);
            }
        }
    }

    #[test]
    fn a_length_that_has_not_arrived_yet_is_waited_for() {
        assert_eq!(header(&[0x30]), Ok(None));
        assert_eq!(header(&[0x30, 0x82, 0x01]), Ok(None));
        assert_eq!(header(&[0x30, 0x82, 0x01, 0x00]), Ok(Some((0x30, 4, 256))));
        assert_eq!(header(&[0x30, 0x80]), Err(Malformed));
    }
}
