use std::sync::Arc;

use proptest::prelude::*;
use rollcall_directory::entry::Value;
use time::UtcOffset;
use time::macros::datetime;

use super::*;
use crate::functions::Function;

/// Compiles and evaluates over attributes `a`, `b` (of the values given), both ways where
/// the expression is within the small part of the language.
fn both(source: &str, attributes: &[(&str, &[&str])]) -> Result<String, String> {
    let mut slots = Slots::default();
    let mut library = Library::default();
    library.tables.insert(
        "country".to_owned(),
        [("CH".to_owned(), "Switzerland".to_owned())].into(),
    );
    let expression =
        Expression::compile(source, &mut slots, &mut library).map_err(|m| m.message)?;
    let program = resolve::parse(source).unwrap();
    let resolved = resolve::resolve(&program, source, &mut slots, &mut library).unwrap();
    let interpreted = Expression {
        inputs: expression.inputs.clone(),
        plan: Plan::Interpreted(interpreter::Program::new(&resolved)),
    };
    let library = Arc::new(library);
    let cel = Interpreter::new(&library);
    let around = Surroundings {
        now: datetime!(2027-01-31 12:00 UTC),
        zone: UtcOffset::UTC,
        tables: &library.tables,
        patterns: &library.patterns,
    };
    let values: Vec<Option<Vec<Value>>> = slots
        .names
        .iter()
        .map(|name| {
            let (_, values) = attributes.iter().find(|(known, _)| known == name)?;
            Some(values.iter().map(|v| Value::from(*v)).collect())
        })
        .collect();
    let slots: Vec<Option<&[Value]>> = values.iter().map(Option::as_deref).collect();
    let inputs = Inputs {
        slots: &slots,
        chosen: None,
    };
    let of = |expression: &Expression| {
        expression
            .evaluate(&inputs, &around, &cel)
            .map(|datum| datum.into_json().to_string())
    };
    let (direct, through) = (of(&expression), of(&interpreted));
    match (&direct, &through) {
        (Err(_), Err(_)) => {}
        (direct, through) => assert_eq!(direct, through, "{source}"),
    }
    direct
}

fn refused(source: &str) -> Mistake {
    let mut library = Library::default();
    Expression::compile(source, &mut Slots::default(), &mut library).unwrap_err()
}

#[test]
fn names_reach_attributes() {
    let attributes: &[(&str, &[&str])] = &[
        ("mail", &["a@x", "b@x"]),
        ("name.given", &["Ada"]),
        ("odd;lang-ja", &["エイダ"]),
        ("type", &["person"]),
    ];
    for (source, value) in [
        ("mail", r#""a@x""#),
        ("all.mail", r#"["a@x","b@x"]"#),
        ("name.given", r#""Ada""#),
        ("entry[\"odd;lang-ja\"]", r#""エイダ""#),
        ("all['odd;lang-ja']", r#"["エイダ"]"#),
        ("type + '!'", r#""person!""#),
        ("absent", "null"),
        ("all.absent", "[]"),
        ("mail.upper()", r#""A@X""#),
        ("all.mail.map(m, m.substring(0, 1))", r#"["a","b"]"#),
        ("all.mail.exists(type, type == 'b@x')", "true"),
        ("size(all.mail) == 2", "true"),
        ("absent == null ? 'none' : absent", r#""none""#),
    ] {
        assert_eq!(both(source, attributes), Ok(value.to_owned()), "{source}");
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_the_nearest_name() {
    for (source, message, help, at) in [
        (
            "lowr(mail)",
            "there is no function `lowr`",
            Some("did you mean `lower`?"),
            Some("lowr"),
        ),
        (
            "lower(mail, cn)",
            "`lower` takes 1 arguments, not 2",
            None,
            None,
        ),
        ("all", "`all` alone", Some("write all.name"), Some("all")),
        (
            "entry",
            "`entry` alone",
            Some("write entry["),
            Some("entry"),
        ),
        (
            "has(name.given)",
            "`has` is for members",
            Some("!= null"),
            None,
        ),
        ("mail.matches(cn)", "needs a pattern in quotes", None, None),
        (
            "matches(mail, '(')",
            "the pattern cannot be used",
            None,
            None,
        ),
        ("lookup('x', c)", "there is no table [tables.x]", None, None),
        (
            "locked == true",
            "are text, so `locked` never equals true",
            Some("'true'"),
            None,
        ),
        ("a +", "the expression cannot be read", None, None),
        ("a = 'x=y'", "`=` compares nothing", Some("=="), Some("=")),
        (
            "Name{a: 1}",
            "are not known here",
            Some("write an object"),
            None,
        ),
        ("  ", "the expression is empty", None, None),
    ] {
        let mistake = refused(source);
        assert!(mistake.message.contains(message), "{source}: {mistake:?}");
        if let Some(help) = help {
            let told = mistake.help.clone().unwrap_or_default();
            assert!(told.contains(help), "{source}: {told}");
        }
        if let Some(at) = at {
            let place = mistake.at.clone().unwrap();
            assert!(
                source.get(place.clone()).unwrap().starts_with(at) || place.start > 0,
                "{source}"
            );
        }
    }
}

#[test]
fn hostile_expressions_are_refused_before_they_cost_anything() {
    let long = |unit: &str, count: usize| unit.repeat(count);
    for source in [
        format!("{}1", long("1+", 1500)),
        format!("{}1", long("1+", 400)),
        format!("{}1", long("1+", 40)),
        format!("{}1{}", long("(", 200), long(")", 200)),
        format!("{}true", long("!", 500)),
        format!("{}1", long("-", 500)),
        format!("{}1{}", long("[", 400), long("]", 400)),
        format!("a{}", long(".b", 400)),
        format!("{}1", long("a?b:", 240)),
        "x".repeat(2000),
        "all.a.map(x, all.a.map(y, all.a.map(z, z)))".to_owned(),
        "all.a.map(x, x).map(x, x).map(x, x).map(x, x)".to_owned(),
    ] {
        assert!(!refused(&source).message.is_empty());
    }
}

#[test]
fn what_is_within_the_limits_runs_on_a_small_stack() {
    let sum = format!("{}1", "1+".repeat(18));
    let brackets = format!("{}1{}", "(".repeat(24), ")".repeat(24));
    let nested = "[[1]].map(x, x.map(y, y + 1 + 1 + 1 + 1 + 1))";
    let not = format!("{}true", "!".repeat(64));
    let test = move || {
        assert_eq!(both(&sum, &[]), Ok("19".to_owned()));
        assert_eq!(both(&brackets, &[]), Ok("1".to_owned()));
        assert_eq!(both(nested, &[]), Ok("[[6]]".to_owned()));
        assert!(Expression::compile(&not, &mut Slots::default(), &mut Library::default()).is_ok());
    };
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn results_and_inputs_are_capped() {
    let many: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let attributes: &[(&str, &[&str])] = &[("a", &many)];
    assert!(both("all.a.map(x, x + '!')", attributes).is_err());
    let few: Vec<&str> = many.iter().take(2_000).copied().collect();
    let attributes: &[(&str, &[&str])] = &[("a", &few)];
    assert!(both("all.a.map(x, all.a.filter(y, y == x))", attributes).is_err());
    assert!(both("all.a.map(x, x + '!')", attributes).is_ok());
}

#[test]
fn a_regular_expression_cannot_run_away() {
    let text = "a".repeat(50_000);
    let attributes: &[(&str, &[&str])] = &[("a", &[&text])];
    assert_eq!(
        both("matches(a, '(a*)*b')", attributes),
        Ok("false".to_owned())
    );
    assert!(
        refused("matches(a, '(a{1000}){1000}')")
            .message
            .contains("cannot be used")
    );
}

#[test]
fn values_do_not_reach_error_messages() {
    let attributes: &[(&str, &[&str])] = &[("a", &["hunter2"])];
    for source in [
        "a - 1",
        "a.size(a)",
        "int(a) + 1",
        "date(a)",
        "bit(a, 1)",
        "a[0]",
        "{'x': 1}[a]",
    ] {
        if let Err(message) = both(source, attributes) {
            assert!(!message.contains("hunter2"), "{source}: {message}");
        }
    }
}

#[test]
fn the_documentation_of_functions_is_right() {
    let text = include_str!("../../../docs/admin/mapping-functions.md");
    let examples: Vec<(&str, &str)> = text.lines().filter_map(|l| l.split_once(" => ")).collect();
    for (source, expected) in &examples {
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(both(source, &[]), Ok(expected.to_string()), "{source}");
    }
    for function in Function::all() {
        let call = format!("{}(", function.name());
        assert!(
            examples.iter().any(|(source, _)| source.starts_with(&call)),
            "{call}"
        );
    }
}

#[test]
fn the_documented_mapping_is_right() {
    let text = include_str!("../../../docs/admin/write-a-mapping.md");
    let file = text
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let schemas = rollcall_directory::schema::Schemas::standard();
    let mapping = crate::Mapping::compile("m", file, &schemas).unwrap();
    let context = crate::Context {
        now: datetime!(2027-01-31 12:00 UTC),
        zone_offset: UtcOffset::UTC,
    };
    assert_eq!(mapping.run_examples(&context), []);
}

/// Expressions of the small part of the language.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("absent".to_owned()),
        Just("all.a".to_owned()),
        Just("'x'".to_owned()),
        Just("''".to_owned()),
        Just("'2027-01-31'".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
        Just("2".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let one = inner.clone();
        let two = (inner.clone(), inner.clone());
        let three = (inner.clone(), inner.clone(), inner);
        prop_oneof![
            (
                prop_oneof![
                    Just("lower"),
                    Just("upper"),
                    Just("trim"),
                    Just("expired"),
                    Just("date"),
                    Just("guid"),
                    Just("rdn"),
                    Just("phone"),
                    Just("first"),
                    Just("join"),
                ],
                one.clone()
            )
                .prop_map(|(f, a)| format!("{f}({a})")),
            one.prop_map(|a| format!("!({a})")),
            (
                prop_oneof![Just("=="), Just("!="), Just("&&"), Just("||")],
                two.clone()
            )
                .prop_map(|(op, (a, b))| format!("({a} {op} {b})")),
            (
                prop_oneof![Just("first"), Just("split"), Just("bit"), Just("substring")],
                two.clone()
            )
                .prop_map(|(f, (a, b))| format!("{f}({a}, {b})")),
            two.prop_map(|(a, b)| format!("join([{a}, {b}], '-')")),
            three
                .clone()
                .prop_map(|(a, b, c)| format!("replace({a}, {b}, {c})")),
            three.prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_tree_and_the_interpreter_give_the_same_answers(
        source in expression(),
        a in proptest::collection::btree_set("[aA0-9 ,=-]{1,6}", 0..3),
        b in proptest::option::of("[xX514]{1,3}"),
    ) {
        let a: Vec<&str> = a.iter().map(String::as_str).collect();
        let b: Vec<&str> = b.iter().map(String::as_str).collect();
        // Both ways are compared inside; a refusal when compiling is fine.
        let _ = both(&source, &[("a", &a), ("b", &b)]);
    }

    #[test]
    fn no_text_is_too_strange_to_be_refused(source in "\\PC{0,60}") {
        let mut library = Library::default();
        let _ = Expression::compile(&source, &mut Slots::default(), &mut library);
    }
}
