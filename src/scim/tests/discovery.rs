//! What the service says of itself (checklist rows 1 to 5, 64).

use super::*;

on_both! {
    async fn collections_are_lists_and_each_of_them_has_its_place(world: World) {
        for (path, count) in [("/Schemas", 4), ("/ResourceTypes", 2)] {
            let list = world.get(path).await.is(200).body;
            assert_eq!(list["totalResults"], count);
            for one in list["Resources"].as_array().unwrap() {
                let location = one["meta"]["location"].as_str().unwrap();
                let path = location.strip_prefix("https://id.example.org/scim/v2").unwrap();
                assert_eq!(&world.get(path).await.is(200).body, one);
            }
        }
        let urn = USER.to_uppercase();
        world.get(&format!("/Schemas/{urn}")).await.is(200);
        world.get("/Schemas/urn:x").await.refuses(404, "");
        world.get("/ResourceTypes/Printer").await.refuses(404, "");
    }

    async fn it_is_read_only(world: World) {
        for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/ResourceTypes/User"] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let answer = world.send(method, path, Some(&json!({}))).await;
                assert_eq!(answer.refuses(405, "").headers["allow"], "GET,HEAD", "{method} {path}");
            }
        }
    }

    async fn filters_are_refused_and_other_parameters_ignored(world: World) {
        for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/ResourceTypes/User"] {
            world.get(&format!("{path}?filter=id%20pr")).await.refuses(403, "");
            world.get(&format!("{path}?count=1&startIndex=2")).await.is(200);
        }
        assert_eq!(world.get("/Schemas?count=1").await.body["totalResults"], 4);
    }

    async fn what_the_service_can_do_is_told_without_a_token(world: World) {
        let config = world.raw("GET", "/scim/v2/ServiceProviderConfig", &[], vec![]).await.is(200);
        assert_eq!(config.body, world.get("/ServiceProviderConfig").await.body);
        assert_eq!(config.body["bulk"]["maxOperations"], 1_000);
        assert_eq!(config.body["pagination"]["cursorTimeout"], 3_600);
        assert_eq!(config.body["authenticationSchemes"][0]["type"], "oauthbearertoken");
        let of_tenant = "/t/example/scim/v2/ServiceProviderConfig";
        let of_tenant = world.raw("GET", of_tenant, &[], vec![]).await.is(200).body;
        assert_eq!(of_tenant["meta"]["location"], "https://id.example.org/t/example/scim/v2/ServiceProviderConfig");
        for path in ["/scim/v2/Schemas", "/scim/v2/ResourceTypes", "/scim/v2/Me"] {
            world.raw("GET", path, &[], vec![]).await.refuses(401, "");
        }
    }

    async fn nobody_is_me(world: World) {
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            world.send(method, "/Me", Some(&json!({}))).await.refuses(501, "");
        }
    }
}
