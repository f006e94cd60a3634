//! The generated client: any of the 48 operations, and requests of one's own.

// README: operations
use twilio_sync::SyncClient;
use twilio_sync::api::Operation;
use twilio_sync::value::ObjectReference;

async fn operations(sync: &SyncClient) -> twilio_sync::Result<()> {
    // A method for each operation. Names and SIDs are types, checked before anything is sent.
    let desk: ObjectReference = "desk-7".parse()?;
    let document = sync.api().fetch_document(sync.service(), &desk).await?;
    println!("{} {}", document.revision, document.data);

    // An operation that is known at run time only, with the values of its path in order.
    let call = sync
        .api()
        .operation(Operation::ListDocument, [sync.service().as_str()]);
    let page = call.with_query("PageSize", Some(20)).await?;
    println!("{}", page.is_some());
    Ok(())
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = emulator.client()?;
    let data = serde_json::json!({"busy": false});
    sync.documents().create("desk-7", &data).await?;
    operations(&sync).await?;
    Ok(())
}
