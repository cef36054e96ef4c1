//! `/Me` (RFC 7644 §3.11): not offered, whatever the method.

use super::error::ScimError;

pub(super) async fn handler() -> ScimError {
    ScimError::Me
}
