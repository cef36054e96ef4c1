//! Filters against another reader of them: the crate `scim_v2`. What it reads, we read, and
//! mean the same by it. (It refuses some of what clients send; that is tested in `parse`.)

use proptest::prelude::*;

use super::{Filter, Literal, Operator, Test};
use crate::path::AttributePath;

fn path() -> impl Strategy<Value = AttributePath> {
    let schema = proptest::option::weighted(
        0.2,
        Just("urn:ietf:params:scim:schemas:core:2.0:User".to_owned()),
    );
    // No name that is a word of the grammar.
    let sub = proptest::option::of("[A-Za-z]sub[a-z0-9_-]{0,2}");
    (schema, "[A-Za-z]x[A-Za-z0-9_-]{0,3}", sub).prop_map(|(schema, name, sub)| AttributePath {
        schema,
        name,
        sub,
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i32>().prop_map(|n| Literal::Number(n.into())),
        ".{0,6}".prop_map(Literal::Text),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let operator = proptest::sample::select(vec![
        Operator::Eq,
        Operator::Ne,
        Operator::Co,
        Operator::Sw,
        Operator::Ew,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
    ]);
    prop_oneof![
        1 => Just(Test::Present),
        4 => (operator, literal()).prop_map(|(operator, literal)| Test::Compare(operator, literal)),
    ]
}

fn nested(leaf: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::all),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
    .boxed()
}

fn attribute() -> BoxedStrategy<Filter> {
    (path(), test())
        .prop_map(|(path, test)| Filter::Attribute(path, test))
        .boxed()
}

pub(crate) fn filters() -> BoxedStrategy<Filter> {
    let in_brackets = nested(
        ("[a-z]x[a-z]{0,2}", test())
            .prop_map(|(name, test)| Filter::Attribute(AttributePath::of(&name), test))
            .boxed(),
    );
    let values = (path(), in_brackets, test()).prop_map(|(path, inner, test)| {
        let test = path.sub.is_some().then_some(test);
        Filter::Values(path, Box::new(inner), test)
    });
    nested(prop_oneof![3 => attribute(), 1 => values].boxed())
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(filter in filters()) {
        let printed = filter.to_string();
        prop_assert_eq!(Filter::parse(&printed), Ok(filter), "{}", printed);
    }

    #[test]
    fn what_the_other_reader_understands_we_understand_alike(filter in filters()) {
        let ours = filter.to_string();
        if let Ok(theirs) = ours.parse::<scim_v2::filter::Filter>() {
            prop_assert_eq!(Filter::parse(&theirs.to_string()), Ok(filter), "{}", ours);
        }
    }
}

#[test]
fn the_other_reader_does_understand_the_filters_of_the_rfc() {
    for filter in [
        r#"userName eq "bjensen""#,
        r#"title pr and userType ne "Employee""#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp"]"#,
        "not (a pr) and (b gt 3 or c eq null)",
    ] {
        let theirs = filter.parse::<scim_v2::filter::Filter>().unwrap();
        assert_eq!(
            Filter::parse(&theirs.to_string()),
            Filter::parse(filter),
            "{filter}"
        );
    }
}
