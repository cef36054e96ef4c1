use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rollcall_directory::entry::{Locator, Value};

use super::*;

const ADA: &str = "dn: uid=ada,dc=example\nobjectClass: inetOrgPerson\nuid: ada\n";

fn ada_and(lines: &str) -> Source {
    Source::ldif(format!("{ADA}{lines}\n"))
}

#[test]
fn version_comments_and_folding_are_understood() {
    let source = Source::ldif(
        "version: 1\n# an export\n#  of\n  today\n\ndn: uid=ada,\n dc=example\n# inside\n\
         OBJECTCLASS: INETORGPERSON\nuid: a\n d\n a\ncn:  Ada \n\n\n",
    );
    let entries = source.complete();
    assert_eq!(entries[0].locator, Locator::Dn("uid=ada,dc=example".into()));
    assert_eq!(keys(&entries), ["ada"]);
    assert_eq!(texts(&entries[0], "CN"), ["Ada"]);
}

#[test]
fn another_version_is_refused() {
    let sentence = Source::ldif(format!("version: 2\n{ADA}")).failure();
    assert!(sentence.contains("only version 1 is"), "{sentence}");
}

#[test]
fn base64_is_text_where_it_is_text() {
    let entries = ada_and("cn:: w4lsaXNl\ndescription:: IGEg").complete();
    assert_eq!(texts(&entries[0], "cn"), ["Élise"]);
    assert_eq!(texts(&entries[0], "description"), ["a"]);
}

#[test]
fn a_dn_in_base64_is_a_dn() {
    let dn = STANDARD.encode("cn=Élise,dc=example");
    let source = Source::ldif(format!("dn:: {dn}\nobjectClass: person\nuid: e\n"));
    assert_eq!(
        source.complete()[0].locator,
        Locator::Dn("cn=Élise,dc=example".into())
    );
}

#[test]
fn octets_stay_octets_in_attributes_that_hold_octets() {
    let entries = ada_and("userCertificate;binary:: AP8=\njpegPhoto:: /9j/").complete();
    let octets = |name| entries[0].attributes.get(name).unwrap().to_vec();
    assert_eq!(octets("userCertificate"), [Value::Bytes(vec![0, 255])]);
    assert_eq!(octets("jpegPhoto"), [Value::Bytes(vec![255, 216, 255])]);
}

#[test]
fn octets_elsewhere_are_a_flaw_and_never_read_lossily() {
    for value in ["/9j/", "YQBi"] {
        let entries = ada_and(&format!("cn:: {value}")).complete();
        assert_eq!(entries[0].flaws[0].attribute, "cn");
        assert!(entries[0].attributes.get("cn").is_none());
        assert!(entries[0].key.is_ok(), "it counts as seen");
    }
}

#[test]
fn a_value_by_url_is_refused() {
    let entries = ada_and("jpegPhoto:< file:///etc/passwd").complete();
    assert_eq!(
        entries[0].flaws[0].to_string(),
        "jpegPhoto: a value by URL is not read"
    );
}

#[test]
fn a_flaw_in_what_nobody_asked_for_is_none() {
    let mut source = ada_and("jpegPhoto:< file:///x\nmail: a@example");
    source.request.users.as_mut().unwrap().attributes = Some(vec!["MAIL".into()]);
    let entries = source.complete();
    assert!(entries[0].flaws.is_empty());
    let names: Vec<_> = entries[0].attributes.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["MAIL"], "in the spelling that the mapping uses");
}

#[test]
fn a_list_of_changes_is_refused() {
    let sentence = Source::ldif("dn: uid=ada\nchangetype: delete\n\n").failure();
    assert!(sentence.contains("is a list of changes"), "{sentence}");
}

#[test]
fn language_options_are_other_attributes() {
    let entries = ada_and("cn: Ada\ncn;lang-JA: エイダ").complete();
    assert_eq!(texts(&entries[0], "cn"), ["Ada"]);
    assert_eq!(texts(&entries[0], "cn;lang-ja"), ["エイダ"]);
}

#[test]
fn a_range_of_the_members_is_not_the_members() {
    let entries = ada_and("member;range=0-1499: uid=x").complete();
    assert_eq!(entries[0].flaws[0].attribute, "member");
    assert!(
        ada_and("member;range=0-*: uid=x").complete()[0]
            .flaws
            .is_empty()
    );
}

#[test]
fn one_file_holds_people_and_groups_and_people_come_first() {
    let mut source = Source::ldif(format!(
        "dn: cn=all\nobjectClass: groupOfNames\ncn: all\nmember: uid=ada,dc=example\n\n{ADA}\n\
         dn: dc=example\nobjectClass: domain\n\n\
         dn: cn=pc\nobjectClass: person\nobjectClass: computer\nuid: pc$\n\n",
    ));
    source.request.groups = Some(keyed("cn"));
    let entries = source.complete();
    assert_eq!(kinds(&entries), [Kind::User, Kind::Group]);
    assert_eq!(keys(&entries), ["ada", "all"]);
}

#[test]
fn object_guid_is_the_key_that_active_directory_shows() {
    let mut source = ada_and("objectGUID:: uzGOJojL+Ee5zlCTyuTsvQ==");
    source.request.users = Some(keyed("objectGUID"));
    assert_eq!(
        keys(&source.complete()),
        ["268e31bb-cb88-47f8-b9ce-5093cae4ecbd"]
    );
}

#[test]
fn the_summary_of_ldapsearch_is_no_entry() {
    let source = ada_and("\n# search result\nsearch: 2\nresult: 0 Success\n\n# numEntries: 1");
    assert_eq!(source.complete().len(), 1);
}

#[test]
fn an_export_that_hit_a_limit_is_incomplete() {
    let (entries, because) = ada_and("\nsearch: 2\nresult: 4 Size limit exceeded").incomplete();
    assert_eq!(entries.len(), 1);
    assert!(
        because.contains("\"4 Size limit exceeded\": raise that limit"),
        "{because}"
    );
}

#[test]
fn an_export_with_references_is_incomplete() {
    let (_, because) = ada_and("\nref: ldap://other/dc=x").incomplete();
    assert!(because.contains("reference to another server"), "{because}");
}

#[test]
fn a_last_line_without_a_line_end_is_a_cut_file() {
    let sentence = Source::ldif(format!("{ADA}mail: ada@exam")).failure();
    assert!(
        sentence.contains("cut off at line 4 (the last line has no line end)"),
        "{sentence}"
    );
}

#[test]
fn a_record_without_a_dn_is_malformed() {
    let (entries, _) = Source::ldif(format!("uid: x\ncn: y\n\n{ADA}")).incomplete();
    assert_eq!(
        entries[0].flaws[0].reason,
        "the record does not begin with `dn:`"
    );
}

#[test]
fn ten_thousand_values_and_a_photo_of_5_mb_are_read() {
    let members: Vec<String> = (0..10_000).map(|n| format!("member: uid={n}\n")).collect();
    let members = members.concat();
    let photo = STANDARD.encode(vec![0xAB; 5 * 1024 * 1024]);
    let entries = ada_and(&format!("{members}jpegPhoto:: {photo}")).complete();
    assert_eq!(entries[0].attributes.get("member").unwrap().len(), 10_000);
    let photo = &entries[0].attributes.get("jpegPhoto").unwrap()[0];
    assert_eq!(photo.as_bytes().len(), 5 * 1024 * 1024);
}

#[test]
fn an_entry_of_more_than_16_mib_is_bad_and_the_next_is_read() {
    let line = format!("description: {}\n", "x".repeat(1024 * 1024));
    let source = Source::ldif(format!(
        "{ADA}{}\n{}",
        line.repeat(17),
        ADA.replace("ada", "bob")
    ));
    let (entries, _) = source.incomplete();
    assert_eq!(
        entries[0].flaws[0].reason,
        "the entry is larger than 16 MiB"
    );
    assert_eq!(entries[0].locator, Locator::Dn("uid=ada,dc=example".into()));
    assert_eq!(entries[1].key.as_ref().unwrap().as_str(), "bob");
}

/// Prints a value as RFC 2849 wants it: plain if it is a SAFE-STRING, folded at `width`.
fn printed(name: &str, value: &str, width: usize) -> String {
    let safe = value.bytes().all(|b| b < 128 && !b"\0\r\n".contains(&b))
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ');
    let line = if safe {
        format!("{name}: {value}")
    } else {
        format!("{name}:: {}", STANDARD.encode(value))
    };
    let characters: Vec<char> = line.chars().collect();
    let parts: Vec<String> = characters
        .chunks(width)
        .map(|c| c.iter().collect())
        .collect();
    parts.join("\n ") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_printed_is_read(
        values in prop::collection::vec("[^\0]{1,20}|[a-z :<]{1,40}", 1..8),
        width in 12_usize..80,
    ) {
        let lines: String = values.iter().map(|v| printed("description", v, width)).collect();
        let entries = ada_and(&lines).complete();
        let mut expected: Vec<&str> = values.iter().map(|v| v.trim_matches(' ')).collect();
        expected.retain(|v| !v.is_empty());
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(texts(&entries[0], "description"), expected);
    }

    #[test]
    fn no_octets_bring_it_down(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = ADA.as_bytes().to_vec();
        file.extend_from_slice(&octets);
        let _ = Source::ldif(&file).read();
        let _ = Source::csv(&file).read();
        let _ = Source::json_lines(&file).read();
    }
}
