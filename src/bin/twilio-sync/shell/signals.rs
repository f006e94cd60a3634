//! SIGINT and SIGTERM, for commands that run until somebody ends them.

use std::io;

use crate::io::failure::{Exit, Failure, Result};

/// The signals that end a command. They no longer end the program by themselves.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        Self::listen()
            .map_err(|error| Failure::io("the signals that end it cannot be listened to", &error))
    }

    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for one of them, and returns the exit code that says which it was.
    #[cfg(unix)]
    pub(crate) async fn wait(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn wait(&mut self) -> Exit {
        // If it cannot be listened to, the command ends.
        let _ = tokio::signal::ctrl_c().await;
        Exit::Interrupted
    }
}
