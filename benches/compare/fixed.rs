//! A server in a process of its own that has one answer, as long as the emulator's.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use twilio_sync::Emulator;

use crate::Failure;
use crate::bare::Bare;
use crate::contender::Calls as _;
use crate::server::Address;

/// What the process does until its standard input ends.
#[tokio::main]
pub(crate) async fn serve() -> Result<(), Failure> {
    let [one, page] = answers().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = Address {
        url: format!("http://{}", listener.local_addr()?),
        ..Address::default()
    };
    println!("{}", serde_json::to_string(&address)?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // It is slower without, and works all the same.
            let _ = stream.set_nodelay(true);
            let (one, page) = (one.clone(), page.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let is_page = request.uri().path() == "/page";
                let body = Full::new(if is_page { page.clone() } else { one.clone() });
                std::future::ready(Ok::<_, Infallible>(Response::new(body)))
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(serving);
        }
    });
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

/// What the emulator answers for a Document, and for a page of 100 items.
async fn answers() -> Result<[Bytes; 2], Failure> {
    let emulator = Emulator::start().await?;
    let data = json!({"n": 7, "text": "an item of usual length"});
    let items = vec![json!({"data": data}); 101];
    emulator.seed(json!({"services": [{
        "unique_name": "default",
        "documents": [{"unique_name": "doc-7", "data": data}],
        "lists": [{"unique_name": "long", "items": items}],
    }]}))?;
    let bare = Bare::connect(&Address {
        url: emulator.url().to_owned(),
        account_sid: emulator.account_sid().as_str().to_owned(),
        api_key: emulator.api_key().as_str().to_owned(),
        api_secret: emulator.api_secret().to_owned(),
        service_sid: emulator.service_sid().as_str().to_owned(),
    })?;
    Ok([
        bare.body("Documents/doc-7").await?,
        bare.body("Lists/long/Items?PageSize=100").await?,
    ])
}
