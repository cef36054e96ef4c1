//! Whatever a client sends, the answer is SCIM's and never a 500: bytes at random, and
//! requests that are nearly right. `ROLLCALL_TEST_FUZZ_SECONDS` says how long (3 unless it is
//! set), `ROLLCALL_TEST_SEED` what with.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng as _};

use super::*;

/// Pieces of filters, paths and bodies.
const PIECES: [&str; 72] = [
    "userName",
    "emails",
    "emails.value",
    "emails[type eq \"work\"]",
    "emails[",
    "]",
    "[",
    "(",
    ")",
    "not (",
    "not(",
    " and ",
    " or ",
    " eq ",
    " ne ",
    " co ",
    " sw ",
    " ew ",
    " gt ",
    " le ",
    " pr",
    " eq",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\"a\"",
    "\"%_\"",
    "true",
    "False",
    "null",
    "1",
    "-1e400",
    "1e999999999",
    "0.1",
    "members",
    "members[value eq \"x\"]",
    "groups",
    "meta.created",
    "meta",
    "\"2026-03-01T12:00:00Z\"",
    "\"2026-13-41T99:00:00Z\"",
    "schemas",
    "id",
    "$ref",
    "manager",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:User:",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "urn:",
    ":",
    ".",
    "..",
    "x509Certificates.value",
    "password",
    "active",
    "name.",
    "name.familyName",
    "title",
    "externalId",
    " ",
    "\t",
    "\n",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{10ffff}",
    "İ",
    "ß",
    "{",
    "}",
    ",",
];

/// Values of members that bodies have.
const VALUES: [&str; 26] = [
    "null",
    "true",
    "\"True\"",
    "0",
    "-1",
    "1.5",
    "1e400",
    "99999999999999999999",
    "\"\"",
    "\"a\"",
    "\"a\\u0000b\"",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    "[{\"value\":\"a@b\",\"primary\":true},{\"value\":\"c@d\",\"primary\":\"true\"}]",
    "{\"value\":\"x\"}",
    "{\"$ref\":null,\"value\":{}}",
    "[{\"value\":[]}]",
    "\"bulkId:a\"",
    "[{\"value\":\"bulkId:b\"}]",
    "{\"familyName\":{\"a\":1}}",
    "\"urn:x\"",
    "[\"urn:ietf:params:scim:schemas:core:2.0:User\"]",
    "\"2026-03-01T12:00:00Z\"",
];

/// Names of members of bodies.
const NAMES: [&str; 30] = [
    "schemas",
    "userName",
    "USERNAME",
    "displayName",
    "emails",
    "name",
    "name.givenName",
    "members",
    "active",
    "manager",
    "externalId",
    "id",
    "meta",
    "password",
    "groups",
    "x509Certificates",
    "roles",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "op",
    "path",
    "value",
    "Operations",
    "method",
    "bulkId",
    "data",
    "version",
    "failOnErrors",
    "filter",
    "count",
];

fn text(dice: &mut StdRng) -> String {
    let many = dice.random_range(0..9);
    (0..many).map(|_| *PIECES.choose(dice).unwrap()).collect()
}

fn bytes(dice: &mut StdRng) -> Vec<u8> {
    let many = dice.random_range(0..200);
    (0..many).map(|_| dice.random()).collect()
}

/// JSON that may be cut, or have a byte changed.
fn spoiled(dice: &mut StdRng, mut body: Vec<u8>) -> Vec<u8> {
    if body.is_empty() {
        return body;
    }
    match dice.random_range(0..8) {
        0 => body.truncate(dice.random_range(0..body.len())),
        1 => {
            let at = dice.random_range(0..body.len());
            body[at] = dice.random();
        }
        _ => {}
    }
    body
}

fn value(dice: &mut StdRng) -> String {
    match dice.random_range(0..4) {
        0 => Json::from(text(dice)).to_string(),
        1 => object(dice, 1),
        _ => (*VALUES.choose(dice).unwrap()).to_owned(),
    }
}

fn object(dice: &mut StdRng, depth: u32) -> String {
    let many = dice.random_range(0..6);
    let members: Vec<String> = (0..many)
        .map(|_| {
            let name = Json::from(*NAMES.choose(dice).unwrap());
            let value = if depth > 0 {
                (*VALUES.choose(dice).unwrap()).to_owned()
            } else {
                value(dice)
            };
            format!("{name}:{value}")
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

fn resource(dice: &mut StdRng, urn: &str) -> String {
    let object = object(dice, 0);
    let rest = object.trim_start_matches('{');
    let comma = if rest == "}" { "" } else { "," };
    let name = dice.random_range(0..500);
    format!("{{\"schemas\":[\"{urn}\"],\"userName\":\"u{name}\",\"displayName\":\"d\"{comma}{rest}")
}

fn operations(dice: &mut StdRng) -> String {
    let many = dice.random_range(0..4);
    let all: Vec<String> = (0..many)
        .map(|_| {
            let op = ["add", "Replace", "remove", "move"].choose(dice).unwrap();
            let path = if dice.random_bool(0.7) {
                format!(",\"path\":{}", Json::from(text(dice)))
            } else {
                String::new()
            };
            format!("{{\"op\":\"{op}\"{path},\"value\":{}}}", value(dice))
        })
        .collect();
    format!(
        "{{\"schemas\":[\"{PATCH_OP}\"],\"Operations\":[{}]}}",
        all.join(",")
    )
}

fn bulk(dice: &mut StdRng, ids: &[String]) -> String {
    let many = dice.random_range(0..5);
    let all: Vec<String> = (0..many)
        .map(|_| {
            let method = ["POST", "PUT", "PATCH", "DELETE", "GET", "post"].choose(dice).unwrap();
            let place = ["/Users", "/Groups", "/Users/", "/Users/bulkId:a", "Users", "/Me", "/x/y/z"];
            let mut path = (*place.choose(dice).unwrap()).to_owned();
            if dice.random_bool(0.4) {
                path = format!("/Users/{}", ids.choose(dice).unwrap());
            }
            let id = ["a", "b", "c", ""].choose(dice).unwrap();
            let data = match dice.random_range(0..3) {
                0 => operations(dice),
                1 => resource(dice, USER),
                _ => resource(dice, GROUP),
            };
            format!("{{\"method\":\"{method}\",\"path\":\"{path}\",\"bulkId\":\"{id}\",\"data\":{data}}}")
        })
        .collect();
    let urn = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    format!(
        "{{\"schemas\":[\"{urn}\"],\"failOnErrors\":{},\"Operations\":[{}]}}",
        dice.random_range(0..3),
        all.join(",")
    )
}

fn query(dice: &mut StdRng) -> String {
    const KEYS: [&str; 10] = [
        "filter",
        "sortBy",
        "sortOrder",
        "startIndex",
        "count",
        "cursor",
        "attributes",
        "excludedAttributes",
        "FILTER",
        "x",
    ];
    let many = dice.random_range(0..4);
    let all: Vec<String> = (0..many)
        .map(|_| {
            let key = KEYS.choose(dice).unwrap();
            let value = match dice.random_range(0..5) {
                0 => encoded(&String::from_utf8_lossy(&bytes(dice))),
                1 => [
                    "-1",
                    "0",
                    "1",
                    "7",
                    "99999999999999999999",
                    "%ff%fe",
                    "%",
                    "%zz",
                    "a&a",
                ]
                .choose(dice)
                .map(|one| (*one).to_owned())
                .unwrap(),
                _ => encoded(&text(dice)),
            };
            format!("{key}={value}")
        })
        .collect();
    all.join("&")
}

/// A request: method, path, body.
fn request(dice: &mut StdRng, ids: &[String]) -> (&'static str, String, Vec<u8>) {
    let id = ids.choose(dice).unwrap();
    let endpoint = if dice.random_bool(0.6) {
        "Users"
    } else {
        "Groups"
    };
    let urn = if endpoint == "Users" { USER } else { GROUP };
    let search = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    let (method, path, body) = match dice.random_range(0..9) {
        0 | 1 => ("GET", format!("/{endpoint}?{}", query(dice)), String::new()),
        2 => ("GET", format!("/?{}", query(dice)), String::new()),
        3 => ("POST", format!("/{endpoint}"), resource(dice, urn)),
        4 => ("PUT", format!("/{endpoint}/{id}"), resource(dice, urn)),
        5 | 6 => (
            "PATCH",
            format!("/{endpoint}/{id}?{}", query(dice)),
            operations(dice),
        ),
        7 => ("POST", "/Bulk".to_owned(), bulk(dice, ids)),
        _ => {
            let filter = Json::from(text(dice));
            let body = format!(
                "{{\"schemas\":[\"{search}\"],\"filter\":{filter},\"cursor\":{}}}",
                value(dice)
            );
            ("POST", "/.search".to_owned(), body)
        }
    };
    let mut body = spoiled(dice, body.into_bytes());
    if dice.random_bool(0.05) {
        body = bytes(dice);
    }
    (method, path, body)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

on_both! {
    async fn whatever_is_sent_is_answered_in_scim_and_never_with_a_500(world: World) {
        let seconds = setting("ROLLCALL_TEST_FUZZ_SECONDS").unwrap_or(3);
        let seed = setting("ROLLCALL_TEST_SEED").unwrap_or_else(|| rand::rng().random());
        let mut dice = StdRng::seed_from_u64(seed);
        let mut ids = vec!["x".to_owned(), "%00".to_owned(), "bulkId:a".to_owned()];
        for n in 0..5 {
            ids.push(world.user(json!({ "userName": format!("first{n}") })).await);
            ids.push(world.group(&format!("g{n}"), &[]).await);
        }
        let end = Instant::now() + Duration::from_secs(seconds);
        let bearer = format!("Bearer {}", world.token);
        let mut sent = 0_u64;
        while Instant::now() < end {
            let (method, path, body) = request(&mut dice, &ids);
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
            let told = format!("seed {seed}, request {sent}: {method} {path} {}", String::from_utf8_lossy(&body));
            let path = format!("/scim/v2{path}");
            if path.parse::<axum::http::Uri>().is_err() {
                continue;
            }
            let answer = world.raw(method, &path, &headers, body).await;
            assert!(answer.status.as_u16() < 500, "{told}\n{}", answer.body);
            if answer.status.as_u16() >= 400 {
                assert_eq!(answer.body["schemas"], json!([ERROR]), "{told}");
            }
            // Nor within a bulk answer.
            for one in answer.body["Operations"].as_array().into_iter().flatten() {
                let status: u16 = one["status"].as_str().unwrap().parse().unwrap();
                assert!(status < 500, "{told}\n{}", answer.body);
            }
            sent += 1;
        }
        assert!(sent > 10, "{sent}");
    }
}
