//! What holds for every request (checklist rows 58 to 64).

use super::*;

on_both! {
    async fn both_media_types_are_taken_with_or_without_a_charset(world: World) {
        for (n, media) in ["application/scim+json", "application/json", "application/json; charset=utf-8", "Application/SCIM+JSON;charset=UTF-8", "text/json"].iter().enumerate() {
            let body = with_schema(USER, json!({ "userName": format!("u{n}") }));
            world.send_with("POST", "/Users", &[("content-type", media)], Some(&body)).await.is(201);
        }
        let body = with_schema(USER, json!({ "userName": "x" }));
        for media in ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""] {
            world.send_with("POST", "/Users", &[("content-type", media)], Some(&body)).await.refuses(415, "");
        }
        world.send_with("GET", "/Users", &[("accept", "text/html"), ("content-type", "text/plain")], None).await.is(200);
    }

    async fn every_mistake_is_answered_in_scim(world: World) {
        for (method, path, status, scim_type, allow) in [
            ("GET", "/Printers", 404, "", None),
            ("POST", "/Printers", 404, "", None),
            ("DELETE", "/Printers", 404, "", None),
            ("GET", "/Users/1/2", 404, "", None),
            ("GET", "/Users/%FF", 404, "", None),
            ("PUT", "/Users", 405, "", Some("GET,HEAD,POST")),
            ("DELETE", "/Groups", 405, "", Some("GET,HEAD,POST")),
            ("POST", "/Users/1", 405, "", Some("GET,HEAD,PUT,PATCH,DELETE")),
            ("OPTIONS", "/Users", 405, "", Some("GET,HEAD,POST")),
            ("POST", "/Users", 400, "invalidSyntax", None),
            ("GET", "/Users?filter=%FF", 400, "invalidFilter", None),
        ] {
            let answer = world.send(method, path, None).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {path}");
            let answer = answer.refuses(status, scim_type);
            if let Some(allow) = allow {
                assert_eq!(answer.headers["allow"], allow, "{method} {path}");
            }
        }
        let bearer = format!("Bearer {}", world.token);
        let headers = [("authorization", bearer.as_str())];
        for path in ["/scim/v1/Users", "/scim/v2.1/Users", "/t/example/scim/v3"] {
            world.raw("GET", path, &headers, vec![]).await.refuses(400, "invalidVers");
        }
    }

    async fn slashes_too_many_mean_nothing(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        for path in ["/Users/", "//Users", "//Users//", "/Users/?count=1"] {
            assert_eq!(world.get(path).await.is(200).body["totalResults"], 1, "{path}");
        }
        assert_eq!(world.get(&format!("/Users/{id}/")).await.is(200).id(), id);
        assert_eq!(world.get(&format!("/Users/{}", id.replace('-', "%2D"))).await.is(200).id(), id);
    }

    async fn head_answers_as_get_does_without_a_body(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let head = world.send("HEAD", &format!("/Users/{id}"), None).await.is(200);
        assert_eq!(head.body, Json::Null);
        assert!(head.headers.contains_key("etag"));
    }

    async fn a_body_that_is_too_large_is_refused_in_scim(world: World) {
        let body = with_schema(USER, json!({ "userName": "x".repeat(1024 * 1024) }));
        world.post("/Users", body).await.refuses(413, "");
    }

    async fn what_no_database_keeps_is_refused(world: World) {
        let body = with_schema(USER, json!({ "userName": "a\0b" }));
        world.post("/Users", body).await.refuses(400, "invalidSyntax");
        let filter = encoded("userName eq \"a\\u0000b\"");
        let status = world.get(&format!("/Users?filter={filter}")).await.status.as_u16();
        assert!(status < 500, "{status}");
    }

    async fn a_token_that_reads_cannot_write(world: World) {
        let mut world = world;
        let id = world.user(json!({ "userName": "ada" })).await;
        world.token = world.token_of(world.tenant, "reader", SCIM_READ).await;
        world.get(&format!("/Users/{id}")).await.is(200);
        let body = with_schema(USER, json!({ "userName": "eve" }));
        let patch = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "title" }] });
        for (method, path, body) in [
            ("POST", "/Users".to_owned(), &body),
            ("PUT", format!("/Users/{id}"), &body),
            ("PATCH", format!("/Users/{id}"), &patch),
            ("DELETE", format!("/Users/{id}"), &body),
            ("POST", "/Bulk".to_owned(), &body),
        ] {
            let answer = world.send(method, &path, Some(body)).await.refuses(403, "");
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.contains("insufficient_scope"));
        }
    }

    async fn what_was_odd_is_reported(world: World) {
        let body = json!({
            "schemas": [USER, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/User"],
            "userName": "ada", "active": "True", "shoeSize": 42, "emails": [{ "value": "no address" }],
        });
        let notes = world.post("/Users", body).await.is(201).report.unwrap().notes();
        let quirks: Vec<&str> = notes.quirks.iter().map(|quirk| quirk.name).collect();
        assert_eq!(quirks, ["foreign-schema"]);
        let mut warnings: Vec<&str> = notes.warnings.iter().map(|w| w.kind.as_str()).collect();
        warnings.sort_unstable();
        assert_eq!(warnings, ["coerced", "format", "unknown-attribute"]);
        assert!(notes.changed);
    }
}
