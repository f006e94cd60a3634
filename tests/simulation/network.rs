//! A network between clients and an emulator in this process, which delays, loses and refuses by a seed.

use std::fmt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use twilio_sync::Emulator;
use twilio_sync::emulator::{Clock, EmulatorBuilder, EmulatorError};
use twilio_sync::error::ConnectionFailure;
use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};

/// A network with an emulator at its end. Its clones are one network.
#[derive(Clone)]
pub(crate) struct Network(Arc<Shared>);

struct Shared {
    /// One request in this many meets a fault.
    fault_every: u32,
    /// Longer than a client waits.
    stall: Duration,
    builder: EmulatorBuilder,
    seed: u64,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    /// None while it is down.
    emulator: Option<Emulator>,
    starts: u64,
}

/// The fate of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// A status in place of processing it, or of its response.
    Status {
        status: StatusCode,
        processed: bool,
    },
    /// The connection ends without a response.
    Reset {
        processed: bool,
    },
    /// Half of the response arrives.
    Truncated,
    /// It is processed, or answered, after its client gave up.
    Stalled {
        before: bool,
    },
}

impl Network {
    /// A network with an emulator, whose data is in a file if it is to outlive its emulator.
    pub(crate) fn new(
        seed: u64,
        fault_every: u32,
        stall: Duration,
        data_file: Option<PathBuf>,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // The dates of the service have whole seconds.
        let start = 1_750_000_000_000 + random.i64(0..1_000);
        let start = chrono::DateTime::from_timestamp_millis(start).unwrap();
        let mut builder = Emulator::builder().clock(Clock::tokio(start));
        if let Some(path) = data_file {
            builder = builder.data_file(path);
        }
        let state = Mutex::new(State {
            random,
            emulator: None,
            starts: 0,
        });
        let network = Self(Arc::new(Shared {
            fault_every,
            stall,
            builder,
            seed,
            state,
        }));
        network.start();
        network
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start(&self) {
        let mut state = self.state();
        state.starts += 1;
        let seed = self.0.seed.wrapping_add(state.starts);
        let builder = self.0.builder.clone().random_seed(seed);
        state.emulator = Some(loop {
            match builder.clone().in_process() {
                Ok(emulator) => break emulator,
                // A thread of the one before still closes it.
                Err(EmulatorError::DataFileInUse { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        });
    }

    /// Ends the emulator, with all that it has only in memory.
    pub(crate) fn stop(&self) {
        drop(self.state().emulator.take());
    }

    /// A builder of a client that uses this network.
    pub(crate) fn client_builder(&self) -> twilio_sync::SyncClientBuilder {
        let state = self.state();
        let emulator = state.emulator.as_ref().expect("the emulator runs");
        emulator
            .client_builder()
            .unwrap()
            .http_service(self.clone())
    }

    fn fate(&self) -> (Fate, Duration, Duration) {
        let random = &mut self.state().random;
        let mut trip = || Duration::from_micros(random.u64(100..40_000));
        let (there, back) = (trip(), trip());
        if random.u32(0..self.0.fault_every) > 0 {
            return (Fate::Answered, there, back);
        }
        let processed = random.bool();
        let fate = match random.u8(0..12) {
            0..3 => Fate::Status {
                status: StatusCode::SERVICE_UNAVAILABLE,
                processed,
            },
            3 => Fate::Status {
                status: StatusCode::BAD_GATEWAY,
                processed,
            },
            4..7 => Fate::Reset { processed },
            7 => Fate::Truncated,
            8 => Fate::Status {
                status: StatusCode::TOO_MANY_REQUESTS,
                processed: false,
            },
            _ => Fate::Stalled { before: processed },
        };
        (fate, there, back)
    }

    /// Has the emulator process a request at once: the clock stands still, and no other task runs meanwhile.
    fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let service = self.state().emulator.as_ref().map(Emulator::http_service);
        let Some(service) = service else {
            return Err(HttpError::new(ConnectionFailure::Connect, "it is down"));
        };
        let mut exchange = pin!(service.call(request));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match exchange.as_mut().poll(&mut context) {
                Poll::Ready(response) => return response,
                // A thread writes the data file.
                Poll::Pending => std::thread::yield_now(),
            }
        }
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (fate, there, back) = self.fate();
        let starts = self.state().starts;
        let stall = |is_stalled| {
            if is_stalled {
                self.0.stall
            } else {
                Duration::ZERO
            }
        };
        tokio::time::sleep(there + stall(fate == Fate::Stalled { before: true })).await;
        let unprocessed = matches!(
            fate,
            Fate::Status {
                processed: false,
                ..
            } | Fate::Reset { processed: false }
        );
        if self.state().starts != starts {
            return Err(reset());
        }
        let response = if unprocessed {
            None
        } else {
            Some(self.exchange(request)?)
        };
        tokio::time::sleep(back + stall(fate == Fate::Stalled { before: false })).await;
        if self.state().starts != starts {
            return Err(reset());
        }
        match (fate, response) {
            (Fate::Status { status, .. }, _) => Ok(HttpResponse::new(status, page(status))),
            (Fate::Reset { .. }, _) | (_, None) => Err(reset()),
            (Fate::Truncated, _) => Err(HttpError::new(ConnectionFailure::Truncated, "cut")),
            (_, Some(response)) => Ok(response),
        }
    }
}

fn reset() -> HttpError {
    HttpError::new(ConnectionFailure::Other, "reset")
}

/// The body of a response that replaces another: the service's own for a refused rate, a proxy's otherwise.
fn page(status: StatusCode) -> Bytes {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Bytes::from_static(
            br#"{"code": 54009, "message": "Rate limit exceeded", "more_info": "", "status": 429}"#,
        ),
        _ => Bytes::from_static(b"<html>It is full</html>"),
    }
}

impl HttpService for Network {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // A task of its own, which goes on after its client gave up.
        tokio::spawn(self.clone().carry(request))
            .await
            .map_err(|_| reset())?
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
