use proptest::prelude::*;
use rollcall_directory::entry::Locator;

use super::*;

#[test]
fn a_record_is_found_by_its_columns_names_and_its_line() {
    let entries = Source::csv("id,Name\r\n1,Ada\r\n2,\"Grace, B.\"\r\n").complete();
    assert_eq!(keys(&entries), ["1", "2"]);
    assert_eq!(texts(&entries[1], "Name"), ["Grace, B."]);
    assert_eq!(entries[1].locator, Locator::Line(3));
    assert!(
        entries[1].attributes.get("name").is_none(),
        "names are exact"
    );
}

#[test]
fn lines_are_counted_the_same_with_either_line_end_and_past_empty_lines() {
    for end in ["\n", "\r\n"] {
        let rows = ["id,a", "1,\"x\ny\"", "", "2,z", "3,z"].join(end) + end;
        let lines: Vec<_> = Source::csv(rows)
            .complete()
            .into_iter()
            .map(|e| e.locator)
            .collect();
        assert_eq!(lines, [2, 5, 6].map(Locator::Line), "{end:?}");
    }
}

#[test]
fn an_empty_field_is_an_attribute_without_values() {
    let entries = Source::csv("id,mail\n1,\n").complete();
    assert!(texts(&entries[0], "mail").is_empty());
}

#[test]
fn quotes_hold_line_ends_delimiters_and_quotes() {
    let entries = Source::csv("id,a\n1,\"x\r\ny \"\"z\"\", w\"\n2,b\n").complete();
    assert_eq!(texts(&entries[0], "a"), ["x\r\ny \"z\", w"]);
    assert_eq!(entries[1].locator, Locator::Line(4));
}

#[test]
fn another_delimiter_and_a_value_separator_are_a_setting() {
    let mut source = Source::csv("id;tag\n1;b | a\n");
    source.settings.format = Format::Csv {
        delimiter: b';',
        value_separator: Some("|".to_owned()),
    };
    assert_eq!(texts(&source.complete()[0], "tag"), ["a", "b"]);
}

#[test]
fn a_header_alone_is_an_empty_source() {
    assert!(Source::csv("id,mail\n").complete().is_empty());
}

#[test]
fn a_file_without_even_a_header_fails() {
    assert_eq!(
        Source::csv("").failure(),
        "users, line 1: the file is empty, it has not even a header"
    );
}

#[test]
fn a_column_named_twice_is_refused() {
    let sentence = Source::csv("id,mail,mail\n1,a,b\n").failure();
    assert!(
        sentence.contains("names the column `mail` twice"),
        "{sentence}"
    );
}

#[test]
fn a_header_that_stands_again_is_two_exports_in_one_file() {
    let sentence = Source::csv("id,mail\n1,a\nid,mail\n2,b\n").failure();
    assert!(
        sentence.starts_with("users, line 3: the header stands here again"),
        "{sentence}"
    );
}

#[test]
fn a_header_without_the_key_names_what_it_has() {
    let sentence = Source::csv("key;mail\n1;a\n").failure();
    assert!(sentence.contains("no column `id`"), "{sentence}");
    assert!(sentence.contains("is `delimiter` right?"), "{sentence}");
}

#[test]
fn one_record_with_another_number_of_columns_is_quarantined_and_holds_removals() {
    let (entries, because) = Source::csv("id,mail\n1,a\n2,b,c\n3,d\n").incomplete();
    assert_eq!(entries.len(), 3);
    assert!(entries[1].key.is_err(), "a shifted column is nobody's key");
    assert_eq!(
        entries[1].flaws[0].reason,
        "3 columns, but the header has 2"
    );
    assert!(because.contains("the first on line 3"), "{because}");
}

#[test]
fn more_than_one_in_a_hundred_with_another_number_of_columns_fails() {
    let rows = |wrong: usize| {
        let good = (wrong..200).map(|id| format!("{id},x\n"));
        let wrong = (0..wrong).map(|id| format!("{id}\n"));
        Source::csv(format!(
            "id,mail\n{}",
            wrong.chain(good).collect::<String>()
        ))
    };
    assert_eq!(rows(2).incomplete().0.len(), 200);
    let sentence = rows(3).failure();
    assert!(
        sentence.contains("3 of 200 records are malformed, the first on line 2"),
        "{sentence}"
    );
}

#[test]
fn a_key_that_stands_twice_quarantines_both_records() {
    let (entries, verdict) = Source::csv("id,mail\n1,a\n2,b\n1,c\n").read();
    assert_eq!(verdict, Verdict::complete());
    assert!(entries[0].flaws[0].reason.contains("(line 4)"));
    assert!(entries[1].flaws.is_empty());
    assert!(entries[2].flaws[0].reason.contains("(line 2)"));
}

#[test]
fn a_record_without_a_key_makes_the_read_incomplete() {
    let (entries, because) = Source::csv("id,mail\n1,a\n ,b\n").incomplete();
    assert!(entries[1].key.is_err());
    assert!(
        because.contains("1 of 2 records have no usable key"),
        "{because}"
    );
}

#[test]
fn a_groups_members_may_stand_in_one_field() {
    let mut source = Source::csv("id\n1\n").with_groups("id,members\nall,1;2;3\n");
    source.settings.format = Format::Csv {
        delimiter: b',',
        value_separator: Some(";".to_owned()),
    };
    let entries = source.complete();
    assert_eq!(kinds(&entries), [Kind::User, Kind::Group]);
    assert_eq!(texts(&entries[1], "members"), ["1", "2", "3"]);
}

#[test]
fn a_quote_that_is_never_closed_fails_whatever_follows() {
    for tail in [
        "\"a\n",
        "\"a\n3,b\n",
        "\"",
        "\"\n",
        "\"a\"\"\n",
        "\"\n\"\"\n",
    ] {
        let sentence = Source::csv(format!("id,mail\n1,x\n2,{tail}")).failure();
        assert!(
            sentence.contains("cut off at line 3 (a quote is never closed)"),
            "{sentence}"
        );
    }
    for tail in ["\"a\n\"\n", "\"\"\n", "\"\n\"\"\"\n"] {
        assert_eq!(
            Source::csv(format!("id,mail\n1,x\n2,{tail}"))
                .complete()
                .len(),
            2
        );
    }
}

#[test]
fn an_open_quote_does_not_fill_the_memory() {
    let mut octets = b"id,mail\n1,\"".to_vec();
    octets.resize(40 * 1024 * 1024, b'x');
    let sentence = Source::csv(octets).failure();
    assert!(
        sentence.contains("longer than 16 MiB: is a quote not closed?"),
        "{sentence}"
    );
}

#[test]
fn the_columns_are_the_sources_schema() {
    let source = Source::csv("id,mail\n").with_groups("id,members\n");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let schema = runtime
        .block_on(source.connector().schema())
        .unwrap()
        .unwrap();
    assert_eq!(schema.attributes, ["id", "mail", "members"]);
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_quoted_is_read_as_it_was(
        fields in prop::collection::vec("[^\0]{0,12}", 1..12)
    ) {
        let rows = fields.iter().enumerate().map(|(id, f)| format!("{id},{}\n", quoted(f)));
        let source = Source::csv(format!("id,a\n{}", rows.collect::<String>()));
        let entries = source.complete();
        prop_assert_eq!(entries.len(), fields.len());
        for (entry, field) in entries.iter().zip(&fields) {
            prop_assert_eq!(texts(entry, "a").concat(), field.as_str());
        }
    }

    #[test]
    fn a_file_cut_anywhere_inside_a_line_delivers_nothing(cut in 0_usize..1000) {
        let whole = "id,name,note\n1,Ada,\"x\ny\"\n2,Grace,z\n3,Edsger,\"a \"\"b\"\"\"\n";
        let cut = cut % whole.len();
        let part = &whole.as_bytes()[..cut];
        let (entries, verdict) = Source::csv(part).read();
        let ends_a_record = [13, 25, 35].contains(&cut);
        prop_assert_eq!(!matches!(verdict, Verdict::Failed { .. }), ends_a_record, "{}", cut);
        prop_assert!(ends_a_record || entries.is_empty());
    }
}
