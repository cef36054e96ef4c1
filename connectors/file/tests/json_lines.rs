use rollcall_directory::entry::Locator;

use super::*;

#[test]
fn each_line_is_an_object() {
    let entries =
        Source::json_lines("{\"id\": 1, \"name\": {\"given\": \"Ada\"}}\n\n{\"id\": \"2\"}")
            .complete();
    assert_eq!(keys(&entries), ["1", "2"]);
    assert_eq!(texts(&entries[0], "name.given"), ["Ada"]);
    assert_eq!(entries[1].locator, Locator::Line(3));
}

#[test]
fn null_is_an_attribute_without_values() {
    let entries = Source::json_lines("{\"id\": 1, \"mail\": null}\n").complete();
    assert!(texts(&entries[0], "mail").is_empty());
    assert!(entries[0].attributes.get("phone").is_none());
}

#[test]
fn a_member_that_stands_twice_is_refused_with_its_record() {
    let (entries, _) = Source::json_lines("{\"id\": 1, \"id\": 2}\n{\"id\": 3}\n").incomplete();
    assert!(entries[0].key.is_err());
    assert!(entries[0].flaws[0].reason.contains("`id` stands twice"));
    assert_eq!(entries[1].key.as_ref().unwrap().as_str(), "3");
}

#[test]
fn half_an_object_at_the_end_is_a_cut_file() {
    let sentence = Source::json_lines("{\"id\": 1}\n{\"id\": 2, \"na").failure();
    assert!(sentence.contains("cut off at line 2"), "{sentence}");
}

#[test]
fn an_array_instead_of_lines_fails() {
    let sentence = Source::json_lines("[\n{\"id\": 1},\n{\"id\": 2}\n]\n").failure();
    assert!(
        sentence.contains("records are malformed, the first on line 1"),
        "{sentence}"
    );
}

#[test]
fn a_line_of_more_than_16_mib_is_malformed_and_the_next_is_read() {
    let mut octets = vec![b'x'; 17 * 1024 * 1024];
    octets.extend_from_slice(b"\n{\"id\": 2}\n");
    let (entries, _) = Source::json_lines(octets).incomplete();
    assert_eq!(entries[0].flaws[0].reason, "the line is longer than 16 MiB");
    assert_eq!(entries[1].locator, Locator::Line(2));
}
