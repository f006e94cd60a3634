//! Work that may block.

use std::io;

use super::failure::{Failure, Result};

/// Runs what may block on a thread of its own, so that the runtime goes on.
pub(crate) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let running = tokio::task::spawn_blocking(run);
    running.await.unwrap_or_else(|error| {
        Err(Failure::io(
            "the program cannot go on",
            &io::Error::other(error),
        ))
    })
}
