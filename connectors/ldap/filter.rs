//! Search filters: their text form (RFC 4515) turned into what goes over the wire
//! (RFC 4511 §4.5.1.7), and the escaping of values that are put into a filter.

use std::fmt::Write as _;

use super::ber::{Writer, tag};

/// How deep filters may be nested.
const FILTER_DEPTH_MAX: usize = 50;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at character {at} of the filter {filter}")]
pub(super) struct FilterError {
    what: &'static str,
    /// Counted from 1.
    at: usize,
    filter: String,
}

/// Every entry: each has an object class.
pub(super) const ANYTHING: &str = "(objectClass=*)";

/// The filter as BER.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, FilterError> {
    let mut parser = Parser { text, at: 0 };
    let mut writer = Writer::default();
    parser
        .filter(&mut writer, 0)
        .and_then(|()| match parser.peek() {
            None => Ok(()),
            Some(_) => Err("there is something behind the end"),
        })
        .map_err(|what| FilterError {
            what,
            at: text
                .char_indices()
                .take_while(|(start, _)| *start < parser.at)
                .count()
                + 1,
            filter: text.to_owned(),
        })?;
    Ok(writer.into_bytes())
}

/// `(attribute=value)` with every octet that could mean something escaped.
pub(super) fn equality(attribute: &str, value: &[u8]) -> String {
    let mut filter = format!("({attribute}=");
    for octet in value {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'@' | b' ') {
            filter.push(char::from(*octet));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(filter, "\\{octet:02x}");
        }
    }
    filter.push(')');
    filter
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8, otherwise: &'static str) -> Result<(), &'static str> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(otherwise)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn filter(&mut self, out: &mut Writer, depth: usize) -> Result<(), &'static str> {
        if depth > FILTER_DEPTH_MAX {
            return Err("too many filters inside each other");
        }
        self.skip_space();
        self.take(b'(', "\"(\" is missing")?;
        self.skip_space();
        let mut inner = Writer::default();
        match self.peek() {
            Some(b'&' | b'|') => {
                let tag = if self.peek() == Some(b'&') {
                    0xa0
                } else {
                    0xa1
                };
                self.at += 1;
                self.skip_space();
                while self.peek() == Some(b'(') {
                    self.filter(&mut inner, depth + 1)?;
                }
                out.put(tag, &inner.into_bytes());
            }
            Some(b'!') => {
                self.at += 1;
                self.filter(&mut inner, depth + 1)?;
                out.put(0xa2, &inner.into_bytes());
            }
            _ => self.item(out)?,
        }
        self.skip_space();
        self.take(b')', "\")\" is missing")?;
        self.skip_space();
        Ok(())
    }

    fn until(&mut self, stop: impl Fn(u8) -> bool) -> &str {
        let start = self.at;
        while self.peek().is_some_and(|byte| !stop(byte)) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn item(&mut self, out: &mut Writer) -> Result<(), &'static str> {
        let start = self.at;
        let name = self
            .until(|byte| matches!(byte, b'=' | b'~' | b'<' | b'>' | b':' | b'(' | b')'))
            .trim()
            .to_owned();
        let well_formed = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b';' | b'_'));
        if !well_formed {
            self.at = start;
            return Err("an attribute name has odd characters");
        }
        let comparison = self.peek().ok_or("\"=\" is missing")?;
        if name.is_empty() && comparison != b':' {
            return Err("an attribute name is missing");
        }
        match comparison {
            b'=' => self.equality_or_substrings(&name, out),
            b'~' => self.compared(0xa8, &name, out),
            b'>' => self.compared(0xa5, &name, out),
            b'<' => self.compared(0xa6, &name, out),
            b':' => self.extensible(&name, out),
            _ => Err("\"=\" is missing"),
        }
    }

    fn compared(&mut self, tag: u8, name: &str, out: &mut Writer) -> Result<(), &'static str> {
        self.at += 1;
        self.take(b'=', "\"=\" is missing")?;
        let value = self.value(false)?;
        out.nest(tag, |w| {
            w.octets(name.as_bytes()).octets(&value);
        });
        Ok(())
    }

    fn equality_or_substrings(&mut self, name: &str, out: &mut Writer) -> Result<(), &'static str> {
        self.at += 1;
        let mut pieces = vec![self.value(true)?];
        while self.peek() == Some(b'*') {
            self.at += 1;
            pieces.push(self.value(true)?);
        }
        match pieces.as_slice() {
            [value] => {
                out.nest(0xa3, |w| {
                    w.octets(name.as_bytes()).octets(value);
                });
            }
            [first, last] if first.is_empty() && last.is_empty() => {
                out.put(0x87, name.as_bytes());
            }
            [first, middle @ .., last] => {
                if first.is_empty() && last.is_empty() && middle.iter().all(Vec::is_empty) {
                    return Err("\"**\" means nothing");
                }
                out.nest(0xa4, |w| {
                    w.octets(name.as_bytes()).nest(tag::SEQUENCE, |w| {
                        if !first.is_empty() {
                            w.put(0x80, first);
                        }
                        for piece in middle.iter().filter(|piece| !piece.is_empty()) {
                            w.put(0x81, piece);
                        }
                        if !last.is_empty() {
                            w.put(0x82, last);
                        }
                    });
                });
            }
            [] => return Err("a value is missing"),
        }
        Ok(())
    }

    /// `name:dn:rule:=value`, with name or rule left out.
    fn extensible(&mut self, name: &str, out: &mut Writer) -> Result<(), &'static str> {
        let mut with_dn = false;
        let mut rule = String::new();
        while self.peek() == Some(b':') {
            self.at += 1;
            if self.peek() == Some(b'=') {
                break;
            }
            let part = self
                .until(|byte| matches!(byte, b':' | b'=' | b'(' | b')'))
                .to_owned();
            if part.eq_ignore_ascii_case("dn") {
                with_dn = true;
            } else if rule.is_empty() && !part.is_empty() {
                rule = part;
            } else {
                return Err("a matching rule is not well formed");
            }
        }
        self.take(b'=', "\":=\" is missing")?;
        if name.is_empty() && rule.is_empty() {
            return Err("an attribute name or a matching rule is missing");
        }
        let value = self.value(false)?;
        out.nest(0xa9, |w| {
            if !rule.is_empty() {
                w.put(0x81, rule.as_bytes());
            }
            if !name.is_empty() {
                w.put(0x82, name.as_bytes());
            }
            w.put(0x83, &value);
            if with_dn {
                w.boolean(0x84, true);
            }
        });
        Ok(())
    }

    /// A value up to `)`, or up to `*` where that separates pieces.
    fn value(&mut self, star_ends: bool) -> Result<Vec<u8>, &'static str> {
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b')' => break,
                b'*' if star_ends => break,
                b'*' | b'(' | 0 => return Err("a character must be written as \\ and its code"),
                b'\\' => {
                    let digits = self.text.get(self.at + 1..self.at + 3);
                    let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    value.push(octet.ok_or("\"\\\" is not followed by two hexadecimal digits")?);
                    self.at += 3;
                }
                byte => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(filter: &str) -> String {
        let octets = encode(filter).unwrap();
        let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        pairs.concat()
    }

    #[test]
    fn every_kind_of_filter_is_encoded_as_rfc_4511_says() {
        assert_eq!(hex("(a=b)"), "a306040161040162");
        assert_eq!(hex("(a=*)"), "870161");
        assert_eq!(hex("(a=b*c*d)"), "a40e0401613009800162810163820164");
        assert_eq!(hex("(!(a=b))"), "a208a306040161040162");
        assert_eq!(hex("(&(a=*)(|(b=*)(c=*)))"), "a00b870161a106870162870163");
        assert_eq!(hex("(a>=b)"), "a506040161040162");
        assert_eq!(hex("(a<=b)"), "a606040161040162");
        assert_eq!(hex("(a~=b)"), "a806040161040162");
        assert_eq!(
            hex("(a:dn:1.2:=b)"),
            "a90e8103312e32820161830162840 1ff".replace(' ', "")
        );
        assert_eq!(hex(r"(a=\2a\00)"), "a30704016104022a00");
        assert_eq!(hex(" ( & (a=*) (b=*) ) "), "a006870161870162");
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (filter, sentence) in [
            ("a=b", "\"(\" is missing at character 1 of the filter a=b"),
            ("(a=b", "\")\" is missing at character 5 of the filter (a=b"),
            (
                "(=b)",
                "an attribute name is missing at character 2 of the filter (=b)",
            ),
            (
                "(a=b))",
                "there is something behind the end at character 6 of the filter (a=b))",
            ),
        ] {
            assert_eq!(encode(filter).unwrap_err().to_string(), sentence);
        }
        assert!(encode(r"(a=\zz)").is_err());
        assert!(encode(&"(!".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_value_can_be_asked_for(value in prop::collection::vec(any::<u8>(), 0..40)) {
            let encoded = encode(&equality("uid", &value)).unwrap();
            let mut reader = crate::ldap::ber::Reader::new(&encoded);
            let mut inside = reader.inside(0xa3).unwrap();
            prop_assert_eq!(inside.octets().unwrap(), b"uid");
            prop_assert_eq!(inside.octets().unwrap(), value.as_slice());
        }

        #[test]
        fn no_text_is_too_strange(text in "[(&|!a=*:\\\\2)é]{0,30}") {
            let _ = encode(&text);
        }
    }
}
