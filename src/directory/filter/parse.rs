//! Reading filters: a recursive descent over tokens, with a limit on its depth.

use super::{Filter, Literal, Operator, Test};
use crate::path::AttributePath;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Longer than [`Filter::BYTES_MAX`].
    #[error("the filter is longer than {} bytes", Filter::BYTES_MAX)]
    TooLong,
    /// Nested deeper than is allowed.
    #[error("the filter is nested deeper than {0} levels")]
    TooDeep(usize),
    /// More terms than [`Filter::TERMS_MAX`].
    #[error("the filter asks about more than {} attributes", Filter::TERMS_MAX)]
    TooManyTerms,
    /// Something else was expected.
    #[error("expected {expected} at byte {at}")]
    Expected {
        /// What should stand there.
        expected: &'static str,
        /// Where, in bytes from the start.
        at: usize,
    },
}

pub(super) fn filter(text: &str, depth_max: usize) -> Result<Filter, FilterError> {
    if text.len() > Filter::BYTES_MAX {
        return Err(FilterError::TooLong);
    }
    let mut reader = Reader {
        text,
        at: 0,
        terms: 0,
        depth_max: depth_max.min(Filter::DEPTH_MAX),
    };
    let filter = reader.or(0)?;
    reader.skip_space();
    if reader.rest().is_empty() {
        Ok(filter)
    } else {
        Err(reader.expected("`and`, `or` or the end"))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    fn deeper(&self, depth: usize) -> Result<usize, FilterError> {
        if depth >= self.depth_max {
            Err(FilterError::TooDeep(self.depth_max))
        } else {
            Ok(depth + 1)
        }
    }

    fn or(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut any = vec![self.and(depth)?];
        while self.keyword("or") {
            any.push(self.and(depth)?);
        }
        Ok(Filter::any(any))
    }

    fn and(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut all = vec![self.term(depth)?];
        while self.keyword("and") {
            all.push(self.term(depth)?);
        }
        Ok(Filter::all(all))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.skip_space();
        let before = self.at;
        if self.keyword("not") {
            self.skip_space();
            if self.take('(') {
                let inner = self.or(self.deeper(depth)?)?;
                self.close(')', "`)`")?;
                return Ok(Filter::Not(Box::new(inner)));
            }
            // An attribute may be called `not`.
            self.at = before;
        }
        if self.take('(') {
            let inner = self.or(self.deeper(depth)?)?;
            self.close(')', "`)`")?;
            return Ok(inner);
        }
        self.attribute(depth)
    }

    fn attribute(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.terms += 1;
        if self.terms > Filter::TERMS_MAX {
            return Err(FilterError::TooManyTerms);
        }
        let mut path = self.path()?;
        if !self.take('[') {
            return Ok(Filter::Attribute(path, self.test()?));
        }
        if path.sub.is_some() {
            return Err(self.expected("an attribute without sub-attribute before `[`"));
        }
        let inner = Box::new(self.or(self.deeper(depth)?)?);
        self.close(']', "`]`")?;
        if !self.take('.') {
            return Ok(Filter::Values(path, inner, None));
        }
        let sub = self.path()?;
        if sub.schema.is_some() || sub.sub.is_some() {
            return Err(self.expected("one sub-attribute after `].`"));
        }
        path.sub = Some(sub.name);
        Ok(Filter::Values(path, inner, Some(self.test()?)))
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        const OPERATORS: [(&str, Operator); 9] = [
            ("eq", Operator::Eq),
            ("ne", Operator::Ne),
            ("co", Operator::Co),
            ("sw", Operator::Sw),
            ("ew", Operator::Ew),
            ("gt", Operator::Gt),
            ("ge", Operator::Ge),
            ("lt", Operator::Lt),
            ("le", Operator::Le),
        ];
        if self.keyword("pr") {
            return Ok(Test::Present);
        }
        for (word, operator) in OPERATORS {
            if self.keyword(word) {
                return Ok(Test::Compare(operator, self.literal()?));
            }
        }
        Err(self.expected("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)"))
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        const EXPECTED: &str = "a value: \"text\", a number, true, false or null";
        self.skip_space();
        let rest = self.rest();
        let (word, literal) = if rest.starts_with('"') {
            let word = quoted(rest).ok_or_else(|| self.expected(EXPECTED))?;
            (word, serde_json::from_str(word).map(Literal::Text))
        } else if rest.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            let in_number =
                |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
            let end = rest.find(|c| !in_number(c)).unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or_default();
            (word, serde_json::from_str(word).map(Literal::Number))
        } else {
            return self.word_literal().ok_or_else(|| self.expected(EXPECTED));
        };
        let literal = literal.map_err(|_| self.expected(EXPECTED))?;
        self.at += word.len();
        Ok(literal)
    }

    fn word_literal(&mut self) -> Option<Literal> {
        let words = [
            ("true", Literal::Boolean(true)),
            ("false", Literal::Boolean(false)),
            ("null", Literal::Null),
        ];
        words
            .into_iter()
            .find_map(|(word, literal)| self.keyword(word).then_some(literal))
    }

    fn path(&mut self) -> Result<AttributePath, FilterError> {
        self.skip_space();
        let start = self.at;
        let rest = self.rest();
        let end = rest
            .find(|c: char| {
                !(c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_' | '$'))
            })
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let path = AttributePath::parse(word).map_err(|_| FilterError::Expected {
            expected: "an attribute",
            at: start,
        })?;
        self.at += end;
        Ok(path)
    }

    /// Takes `word`, in any case, if it stands here as a word of its own.
    fn keyword(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = self.rest();
        let here = rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word));
        let ends = rest
            .get(word.len()..)
            .and_then(|after| after.chars().next())
            .is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '$')));
        if here && ends {
            self.at += word.len();
        }
        here && ends
    }

    fn take(&mut self, wanted: char) -> bool {
        let here = self.rest().starts_with(wanted);
        if here {
            self.at += wanted.len_utf8();
        }
        here
    }

    fn close(&mut self, wanted: char, expected: &'static str) -> Result<(), FilterError> {
        self.skip_space();
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> FilterError {
        FilterError::Expected {
            expected,
            at: self.at,
        }
    }
}

/// The JSON string that `text` begins with, quotes included.
fn quoted(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(..=at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(text: &str) -> Result<Filter, FilterError> {
        Filter::parse(text)
    }

    #[test]
    fn the_filters_of_the_rfc_and_of_entra_are_read() {
        for text in [
            r#"userName eq "bjensen""#,
            r#"name.familyName co "O'Malley""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
            "title pr",
            r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
            r#"title pr and userType eq "Employee""#,
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType ne "Employee" and not (emails co "example.com")"#,
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp"]"#,
            r#"emails[type eq "work"].value eq "x""#,
            "active eq true",
            "a eq -1.5e3",
        ] {
            let read = filter(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(filter(&read.to_string()).unwrap(), read, "{text}");
        }
    }

    #[test]
    fn and_binds_closer_than_or_and_words_ignore_case() {
        let read = filter("a pr OR b pr AnD c PR").unwrap();
        assert_eq!(read.to_string(), "a pr or b pr and c pr");
        assert!(matches!(read, Filter::Or(..)));
    }

    #[test]
    fn what_clients_send_beside_the_grammar_is_read() {
        for (sent, means) in [
            (r#"not(a eq "x")"#, r#"not (a eq "x")"#),
            (r#"a eq"x""#, r#"a eq "x""#),
            (r#"members.$ref eq "x""#, r#"members.$ref eq "x""#),
            ("active eq True", "active eq true"),
            ("(a eq 1)", "a eq 1"),
            (r#" a[b eq "]"].c  pr "#, r#"a[b eq "]"].c pr"#),
            ("((a pr and b pr) and c pr)", "a pr and b pr and c pr"),
        ] {
            assert_eq!(filter(sent).unwrap().to_string(), means);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_the_place() {
        for (text, at) in [
            ("", 0),
            ("a", 1),
            ("a eq", 4),
            ("a zz 1", 2),
            ("a eq 'x'", 5),
            ("a eq \"x", 5),
            ("(a pr", 5),
            ("a pr b", 5),
            ("a[b pr", 6),
            ("a eq 1x", 6),
        ] {
            let error = filter(text).unwrap_err();
            assert!(
                matches!(error, FilterError::Expected { at: here, .. } if here == at),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn deep_and_long_filters_are_refused() {
        let nested = |levels: usize| format!("{}a pr{}", "(".repeat(levels), ")".repeat(levels));
        assert!(filter(&nested(Filter::DEPTH_MAX)).is_ok());
        assert_eq!(
            filter(&nested(Filter::DEPTH_MAX + 1)),
            Err(FilterError::TooDeep(Filter::DEPTH_MAX))
        );
        assert!(Filter::parse_within(&nested(3), 3).is_ok());
        assert_eq!(
            Filter::parse_within(&nested(4), 3),
            Err(FilterError::TooDeep(3))
        );
        assert_eq!(
            filter(&"(".repeat(5_000)),
            Err(FilterError::TooDeep(Filter::DEPTH_MAX))
        );
        assert_eq!(filter(&"a".repeat(20_000)), Err(FilterError::TooLong));
        let terms = |many: usize| vec!["a pr"; many].join(" or ");
        assert!(filter(&terms(Filter::TERMS_MAX)).is_ok());
        assert_eq!(
            filter(&terms(Filter::TERMS_MAX + 1)),
            Err(FilterError::TooManyTerms)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,60}") {
            let _ = filter(&text);
        }
    }
}
