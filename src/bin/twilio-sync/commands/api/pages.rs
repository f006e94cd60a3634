//! All pages of a list, printed as they are read.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use twilio_sync::api::types::PageMeta;
use twilio_sync::listing::MAX_PAGE_SIZE;
use twilio_sync::value::Data;
use twilio_sync::{Error, SyncClient};
use url::Url;

use super::request::Request;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::output::{json_line, unprinted};

/// Reads a list to its end, and prints each record as it came.
pub(super) async fn print_all(sync: &SyncClient, mut request: Request) -> Result<()> {
    if request.get("PageSize").is_none() {
        request.set("PageSize", MAX_PAGE_SIZE.to_string());
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut seen = HashSet::new();
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
        let Some(next_page_url) = next else { break };
        // Only the token is taken: credentials never go to an address from a response.
        let token = Url::parse(&next_page_url).ok().and_then(|url| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(name, token)| (name == "PageToken").then(|| token.into_owned()))
        });
        match token {
            Some(token) if seen.insert(token.clone()) => request.set("PageToken", token),
            _ => return Err(Error::Paging { next_page_url }.into()),
        }
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
