//! Whether the process lives, and whether it can be sent requests.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_store::Store;
use serde_json::json;

/// The longest that the store may take to answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /health/live`: the process answers. Never asks the store: a restart would not mend
/// a database.
pub(super) async fn live() -> Response {
    status(StatusCode::OK, "live")
}

/// `GET /health/ready`: the store answers too, and has the right schema.
pub(super) async fn ready(State(store): State<Store>) -> Response {
    let ready = tokio::time::timeout(STORE_TIMEOUT, store.is_ready()).await;
    if ready == Ok(true) {
        status(StatusCode::OK, "ready")
    } else {
        tracing::warn!("not ready: the store does not answer, or its schema is another one");
        status(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer, or its schema is another one",
        )
    }
}

fn status(code: StatusCode, word: &str) -> Response {
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    (code, fresh, Json(json!({ "status": word }))).into_response()
}
