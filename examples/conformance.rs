//! The rules of a Sync service, checked with an HTTP service of one's own in front of the emulator.

// README: conformance
use twilio_sync::conformance;
use twilio_sync::emulator::{Emulator, EmulatorService};
use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};

/// An HTTP service of your own. This one only passes the requests on.
#[derive(Debug)]
struct Proxy(EmulatorService);

impl HttpService for Proxy {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.call(request).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::in_process()?;
    let proxy = Proxy(emulator.http_service());
    let sync = emulator.client_builder()?.http_service(proxy).build()?;

    let quick = conformance::rules().filter(|rule| !rule.is_slow());
    let report = conformance::run(&sync, quick).await;
    println!("{report}"); // a line for each rule that fails, and the numbers
    assert!(report.is_passed());
    Ok(())
}
// end
