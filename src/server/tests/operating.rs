//! What whoever operates it needs.

use super::*;

/// Only a server that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn it_lives_and_is_ready_while_its_store_answers() {
    let served = Served::empty().await;
    for (path, word) in [("/health/live", "live"), ("/health/ready", "ready")] {
        let response = served.bare(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(body(response).await["status"], word);
    }
}

#[tokio::test]
async fn metrics_count_requests_and_what_the_directory_holds() {
    let served = Served::empty().await;
    let (_, id) = served.make(Kind::User, json!({ "userName": "ada" })).await;
    served.json(&format!("/t/example/scim/v2/Users/{id}")).await;
    let nothing = served.bare("/no/such/path").send().await.unwrap();
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
    let metrics = served.bare("/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        r#"rollcall_users{tenant="example"}"#,
        r#"rollcall_http_requests_total{method="GET",route="/t/{tenant}/scim/v2/Users/{id}",status="200"}"#,
        r#"rollcall_http_requests_total{method="GET",route="none",status="404"}"#,
        r#"rollcall_http_request_duration_seconds_bucket{method="GET","#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains(&id.to_string()));
}

#[tokio::test]
async fn metrics_may_have_a_port_of_their_own() {
    let served = Served::empty().await;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        listen: any,
        public_url: String::new(),
        tls: None,
        metrics_listen: Some(any),
        shutdown_grace: GRACE,
    };
    let bound = Server::new(
        served.store.clone(),
        Arc::new(Still),
        configuration(),
        settings,
    )
    .bind()
    .unwrap();
    let addresses = bound.addresses();
    let stop = CancellationToken::new();
    let running = tokio::spawn(bound.run(stop.clone()));
    let status = async |address: SocketAddr| {
        let request = served.client.get(format!("http://{address}/metrics"));
        request.send().await.unwrap().status()
    };
    assert_eq!(status(addresses[0]).await, StatusCode::NOT_FOUND);
    assert_eq!(status(addresses[1]).await, StatusCode::OK);
    stop.cancel();
    let ended = tokio::time::timeout(DEADLINE, running).await;
    assert!(ended.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn each_answer_carries_the_id_of_its_request() {
    let served = Served::empty().await;
    let id_of = async |given: &str| {
        let request = served.bare("/health/live").header("x-request-id", given);
        let response = request.send().await.unwrap();
        response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(id_of("from-proxy.42").await, "from-proxy.42");
    for unfit in ["", "with space", &"x".repeat(65)] {
        assert!(Uuid::parse_str(&id_of(unfit).await).is_ok());
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let served = Served::empty().await;
    let request = served.client.post(format!("{}/scim/v2/Users", served.base));
    let request = request.bearer_auth(served.token.reveal());
    let response = request.body(vec![b' '; 2 * 1024 * 1024]).send().await;
    assert_eq!(response.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn long_answers_are_compressed_for_clients_that_ask() {
    let served = Served::empty().await;
    for number in 1..=20 {
        let name = format!("person{number}");
        served.make(Kind::User, json!({ "userName": name })).await;
    }
    // A client that would unpack it would also hide that it was packed.
    let client = Client::builder().no_proxy().no_gzip().build().unwrap();
    let request = client.get(format!("{}/scim/v2/Users", served.base));
    let request = request.bearer_auth(served.token.reveal());
    let response = request.header("accept-encoding", "gzip").send().await;
    let response = response.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn it_stops_when_told_to() {
    let mut served = Served::empty().await;
    served.json("/scim/v2/Users").await;
    served.stop.cancel();
    let ended = tokio::time::timeout(DEADLINE, &mut served.running).await;
    assert!(ended.unwrap().unwrap().is_ok());
    assert!(served.bare("/health/live").send().await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let served = Served::empty().await;
    let port = served.base.rsplit(':').next().unwrap().parse().unwrap();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let settings = Settings {
        listen,
        public_url: String::new(),
        tls: None,
        metrics_listen: None,
        shutdown_grace: GRACE,
    };
    let second = Server::new(
        served.store.clone(),
        Arc::new(Still),
        configuration(),
        settings,
    )
    .bind();
    let said = second.unwrap_err().to_string();
    assert!(said.contains(&listen.to_string()), "{said}");
}

#[tokio::test]
async fn it_speaks_tls_with_the_configured_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    let files = TlsFiles {
        certificate: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
    };
    std::fs::write(&files.certificate, &certificate).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();

    let served = Served::with_tls(Some((files, trusted))).await;
    assert_eq!(served.json("/scim/v2/Users").await["totalResults"], 0);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
    };
    let said = files.load().unwrap_err().to_string();
    assert!(
        said.contains("server.pem cannot be used as the certificate"),
        "{said}"
    );
    std::fs::write(&files.certificate, "no certificate\n").unwrap();
    let said = files.load().unwrap_err().to_string();
    assert!(said.contains("holds no certificate"), "{said}");
}
