//! When to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Takes SIGTERM and SIGINT over from here on; what it returns ends with the first of them.
///
/// # Errors
/// The system does not let signals be handled.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    Ok(first_of(terminate, interrupt))
}

async fn first_of(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
