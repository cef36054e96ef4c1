//! Lists: filters, order, pages, cursors, searches (checklist rows 34 to 51).

use super::*;

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn with_people(world: World) -> World {
    for (name, title) in [("dora", "B"), ("ada", "C"), ("Bob", "A"), ("carl", "")] {
        let mut body = json!({ "userName": name, "emails": [{ "value": format!("{name}@x.example"), "type": "work" }] });
        if !title.is_empty() {
            body["title"] = json!(title);
        }
        world.user(body).await;
    }
    world
}

on_both! {
    async fn an_empty_list_has_all_its_members(world: World) {
        let list = world.get("/Users").await.is(200).body;
        let urn = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
        let expected = json!({ "schemas": [urn], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [] });
        assert_eq!(list, expected);
        let nobody = encoded("userName eq \"0cf21b3c-3d5a-4ea5-9d3c\"");
        assert_eq!(world.get(&format!("/Users?filter={nobody}")).await.is(200).body, expected);
    }

    async fn a_page_is_cut_as_asked(world: World) {
        let world = with_people(world).await;
        let page = world.get("/Users?startIndex=2&count=2").await.body;
        assert_eq!((&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]), (&json!(4), &json!(2), &json!(2)));
        assert_eq!(world.names("/Users?startIndex=-5&count=1").await, ["dora"]);
        for none in ["/Users?count=0", "/Users?count=-1", "/Users?startIndex=9"] {
            let none = world.get(none).await.is(200).body;
            assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(4), &json!([])));
        }
        assert_eq!(world.get("/Users?count=100000").await.body["itemsPerPage"], 4);
        for wrong in ["count=x", "startIndex=x", "count=1&count=2", "sortBy=shoeSize", "sortBy=name", "sortBy=title&sortOrder=up"] {
            world.get(&format!("/Users?{wrong}")).await.refuses(400, "invalidValue");
        }
    }

    async fn a_list_is_sorted(world: World) {
        let world = with_people(world).await;
        assert_eq!(world.names("/Users?sortBy=userName").await, ["ada", "Bob", "carl", "dora"]);
        assert_eq!(world.names("/Users?sortBy=title").await, ["Bob", "dora", "ada", "carl"]);
        assert_eq!(world.names("/Users?sortBy=title&sortOrder=descending").await, ["carl", "ada", "dora", "Bob"]);
        assert_eq!(world.names("/Users?sortBy=emails&startIndex=2&count=2").await, ["Bob", "carl"]);
    }

    async fn a_list_is_filtered(world: World) {
        let world = with_people(world).await;
        for (filter, expected) in [
            ("userName eq \"BOB\"", vec!["Bob"]),
            ("emails[type eq \"work\"].value eq \"ada@x.example\"", vec!["ada"]),
            ("emails[type eq \"work\" and value sw \"d\"]", vec!["dora"]),
            ("not(title pr)", vec!["carl"]),
            ("title eq\"A\" or title gt \"B\"", vec!["ada", "Bob"]),
            ("active eq True and userName co \"r\"", vec!["dora", "carl"]),
            ("meta.created ge \"2026-03-01T13:10:00+01:00\" and title ew \"c\"", vec!["ada"]),
            ("meta.resourceType eq \"Group\"", vec![]),
            ("userName co \"%\"", vec![]),
        ] {
            let path = format!("/Users?filter={}", encoded(filter));
            assert_eq!(world.names(&path).await, expected, "{filter}");
        }
        for wrong in ["userName", "userName zz \"a\"", "shoeSize eq 42", "active gt true", "password eq \"x\"", "((((", "userName eq 5"] {
            let path = format!("/Users?filter={}", encoded(wrong));
            world.get(&path).await.refuses(400, "invalidFilter");
        }
        let deep = format!("{}title pr{}", "(".repeat(100), ")".repeat(100));
        world.get(&format!("/Users?filter={}", encoded(&deep))).await.refuses(400, "invalidFilter");
    }

    async fn members_are_left_out_of_a_list_on_request(world: World) {
        let ada = world.user(json!({ "userName": "ada" })).await;
        world.group("G", &[&ada]).await;
        let filter = encoded("displayName eq \"g\"");
        let list = world.get(&format!("/Groups?excludedAttributes=members&filter={filter}")).await.is(200).body;
        assert_eq!(list["totalResults"], 1);
        assert_eq!(list["Resources"][0].get("members"), None);
        let filter = encoded(&format!("members.value eq \"{ada}\""));
        let list = world.get(&format!("/Groups?filter={filter}")).await.is(200).body;
        assert_eq!(list["Resources"][0]["members"][0]["value"], ada.as_str());
    }

    async fn cursors_walk_a_list_while_others_change_it(world: World) {
        let world = with_people(world).await;
        let first = world.get("/Users?cursor&count=3&sortBy=userName").await.is(200).body;
        assert_eq!((&first["totalResults"], &first["itemsPerPage"]), (&json!(4), &json!(3)));
        assert_eq!(first.get("startIndex"), None);
        assert_eq!(first.get("previousCursor"), None);
        let next = first["nextCursor"].as_str().unwrap();
        world.user(json!({ "userName": "aaron" })).await;
        let last = world.get(&format!("/Users?cursor={next}&count=3&sortBy=userName")).await.is(200).body;
        assert_eq!(last["Resources"][0]["userName"], "dora");
        assert_eq!(last.get("nextCursor"), None);
        // As many as before, where the client does not say.
        let again = world.get(&format!("/Users?cursor={next}&sortBy=userName")).await.is(200).body;
        assert_eq!(again["itemsPerPage"], 1);
    }

    async fn a_cursor_fits_its_own_list_only(world: World) {
        let mut world = with_people(world).await;
        let first = world.get("/Users?cursor=&count=2").await.body;
        let next = first["nextCursor"].as_str().unwrap().to_owned();
        for other in [
            format!("/Users?cursor={next}&count=2&sortBy=userName"),
            format!("/Users?cursor={next}&count=2&filter={}", encoded("active eq true")),
            format!("/Groups?cursor={next}&count=2"),
            "/Users?cursor=made-up".to_owned(),
        ] {
            world.get(&other).await.refuses(400, "invalidCursor");
        }
        world.get(&format!("/Users?cursor={next}&count=3")).await.refuses(400, "invalidCount");
        world.get("/Users?cursor=&count=5000").await.refuses(400, "invalidCount");
        world.get(&format!("/Users?cursor={next}&startIndex=2")).await.refuses(400, "invalidValue");
        let own = world.token.clone();
        world.token = world.connection("other", "generic").await;
        world.get(&format!("/Users?cursor={next}&count=2")).await.refuses(400, "invalidCursor");
        world.token = own;
        world.pass(time::Duration::hours(2));
        world.get(&format!("/Users?cursor={next}&count=2")).await.refuses(400, "expiredCursor");
    }

    async fn a_search_is_the_same_list(world: World) {
        let world = with_people(world).await;
        let search = json!({
            "schemas": [SEARCH], "filter": "title pr", "sortBy": "userName", "startIndex": 2, "count": 2,
            "attributes": ["userName"],
        });
        let found = world.post("/Users/.search", search).await.is(200).body;
        let same = world.get("/Users?filter=title%20pr&sortBy=userName&startIndex=2&count=2&attributes=userName").await.body;
        assert_eq!(found, same);
        let by_cursor = json!({ "schemas": [SEARCH], "cursor": "", "count": 3 });
        let by_cursor = world.post("/Users/.search", by_cursor).await.is(200).body;
        assert!(by_cursor["nextCursor"].is_string());
        world.post("/Users/.search", json!({ "filter": "title pr" })).await.refuses(400, "invalidSyntax");
        world.get("/Users/.search").await.refuses(405, "");
    }

    async fn everything_is_searched_at_the_root(world: World) {
        let world = with_people(world).await;
        world.group("Ada's", &[]).await;
        let all = world.post("/.search", json!({ "schemas": [SEARCH], "startIndex": 4, "count": 2 })).await.is(200).body;
        assert_eq!((&all["totalResults"], &all["itemsPerPage"]), (&json!(5), &json!(2)));
        assert_eq!(all["Resources"][0]["userName"], "carl");
        assert_eq!(all["Resources"][1]["displayName"], "Ada's");
        let last = world.post("/.search", json!({ "schemas": [SEARCH], "startIndex": 5 })).await.body;
        assert_eq!(last["itemsPerPage"], 1);
        for (filter, total) in [
            ("meta.resourceType eq \"Group\"", 1),
            ("userName co \"a\"", 3),
            ("displayName sw \"ada\"", 1),
        ] {
            let found = world.get(&format!("?filter={}", encoded(filter))).await.is(200).body;
            assert_eq!(found["totalResults"], total, "{filter}");
        }
        world.get("?filter=shoeSize%20pr").await.refuses(400, "invalidFilter");
        world.get("").await.refuses(404, "");
    }
}
