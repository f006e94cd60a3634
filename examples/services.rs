//! Services with their settings, and permissions.

// README: services
use twilio_sync::SyncClient;
use twilio_sync::permissions::Access;

async fn staging(sync: &SyncClient) -> twilio_sync::Result<SyncClient> {
    // Services are found by SID; a friendly name is looked for in the list of all.
    let staging = sync.services().ensure("staging").acl_enabled(true).await?;
    let sync = sync.with_service(staging.object.sid.as_str())?;

    sync.maps().ensure("phonebook").await?;
    let permissions = sync.maps().permissions("phonebook");
    permissions
        .grant("alice", Access::READ | Access::WRITE)
        .await?;
    // Exactly these, with the fewest requests; nobody else keeps a permission.
    let wanted = [("alice", Access::READ), ("bob", Access::READ)];
    let changes = permissions.set_all(wanted).await?;
    println!(
        "granted {:?}, changed {:?}",
        changes.granted, changes.changed
    );
    Ok(sync)
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = staging(&emulator.client()?).await?;
    println!("{}", sync.service());
    Ok(())
}
