//! All pages of a list, printed as they are read.

use std::collections::HashMap;
use std::io::{self, Write};

use twilio_sync::SyncClient;
use twilio_sync::api::types::PageMeta;
use twilio_sync::listing::{Cursor, MAX_PAGE_SIZE};
use twilio_sync::value::Data;

use super::request::Request;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::output::{json_line, unprinted};

/// Reads a list to its end, and prints each record as it came.
pub(super) async fn print_all(sync: &SyncClient, mut request: Request) -> Result<()> {
    if request.get("PageSize").is_none() {
        request.set("PageSize", Some(MAX_PAGE_SIZE.to_string()));
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut cursor = Cursor::default();
    while let Some(body) = request.call(sync).await? {
        let (records, next) = page(&body).map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("the response is not a page: {error}"),
            )
        })?;
        for record in &records {
            writeln!(out, "{}", json_line(record)?).map_err(unprinted)?;
        }
        let Some(next) = cursor.follow(next.as_deref(), records.is_empty())? else {
            break;
        };
        request.set("PageToken", Some(next.token));
        request.set("Page", next.page.map(|page| page.to_string()));
    }
    out.flush().map_err(unprinted)
}

/// The records of a page, and the address of the next one.
fn page(body: &Data) -> serde_json::Result<(Vec<Data>, Option<String>)> {
    let members: HashMap<String, Data> = body.decode()?;
    let decoded = |name: &str| members.get(name).map_or("null", Data::as_str);
    let meta: PageMeta = serde_json::from_str(decoded("meta"))?;
    let records = serde_json::from_str(decoded(&meta.key))?;
    Ok((records, meta.next_page_url))
}
