//! `twilio-sync list`

use clap::Subcommand;
use serde_json::Value;
use twilio_sync::value::{Data, ListSid};
use twilio_sync::{List, ListItems};

use super::lifecycle::{Creation, Lifecycle};
use crate::io::failure::{Failure, Result};
use crate::io::input::{
    DataArgument, IfMatchOption, ItemTtlOptions, OrderOption, PatchArgument, Reference,
    with_options, with_ttl,
};
use crate::io::output::{json_line, print, written};
use crate::shell::session::{Run, Session};

const ITEM: &[&str] = &["index", "revision", "date_expires", "data"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    New(Creation<List>),
    /// Read a List, or an item of it
    Get {
        /// Its unique name or SID
        list: Reference<ListSid>,
        /// The index of an item
        #[arg(allow_negative_numbers = true)]
        index: Option<i64>,
        /// Print the item's data and nothing else
        #[arg(long = "data", requires = "index")]
        is_data_only: bool,
    },
    /// Add an item at the end
    Add {
        /// The unique name or SID of the List
        list: Reference<ListSid>,
        #[command(flatten)]
        data: DataArgument,
        #[command(flatten)]
        ttl: ItemTtlOptions,
    },
    /// List the items
    Items {
        /// The unique name or SID of the List
        list: Reference<ListSid>,
        /// Only those whose data is an object with this member and no other
        #[arg(long, value_name = "KEY", conflicts_with_all = ["order", "limit", "from"])]
        key: Option<String>,
        #[command(flatten)]
        order: OrderOption,
        /// Begin at this index
        #[arg(long, value_name = "INDEX")]
        from: Option<i64>,
        /// No more than this many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Replace the data of an item
    Update {
        /// The unique name or SID of the List
        list: Reference<ListSid>,
        /// The index of the item
        #[arg(allow_negative_numbers = true)]
        index: i64,
        #[command(flatten)]
        data: DataArgument,
        #[command(flatten)]
        ttl: ItemTtlOptions,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
    /// Change the data of an item, without undoing what others write at the same time
    Mutate {
        /// The unique name or SID of the List
        list: Reference<ListSid>,
        /// The index of the item
        #[arg(allow_negative_numbers = true)]
        index: i64,
        #[command(flatten)]
        patch: PatchArgument,
    },
    /// Remove an item
    RmItem {
        /// The unique name or SID of the List
        list: Reference<ListSid>,
        /// The index of the item
        #[arg(allow_negative_numbers = true)]
        index: i64,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
    /// Remove items, and print how many they were
    #[command(group = clap::ArgGroup::new("which").required(true))]
    RmItems {
        /// The unique name or SID of the List
        list: Reference<ListSid>,
        /// Those whose data is an object with this member and no other
        #[arg(long, value_name = "KEY", group = "which")]
        key: Option<String>,
        /// All of them
        #[arg(long, group = "which")]
        all: bool,
    },
    #[command(flatten)]
    Shared(Lifecycle<List>),
}

impl Run for Command {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::New(command) => command.run(session).await,
            Self::Get {
                list,
                index: None,
                is_data_only: _,
            } => out.record(&session.sync().await?.lists().get(list).await?),
            Self::Get {
                list,
                index: Some(index),
                is_data_only,
            } => {
                let absent = || no_item(index, &list);
                let items = items::<Data>(session, list.clone()).await?;
                let item = items.find(index).await?.ok_or_else(absent)?;
                if is_data_only {
                    return print(json_line(&item.data)?);
                }
                out.record(&item)
            }
            Self::Add { list, data, ttl } => {
                let data = data.read().await?;
                let items = items::<Data>(session, list).await?;
                let call = items.add(&data);
                out.written(&with_ttl!(call, ttl).await?)
            }
            Self::Items {
                list,
                key,
                order,
                from,
                limit,
            } => {
                let items = items::<Data>(session, list).await?;
                if let Some(key) = key {
                    return out.records(ITEM, items.items_with_key(key)).await;
                }
                let items = with_options!(
                    items.items(), order: order.get(), from: from, limit: limit
                );
                out.records(ITEM, items).await
            }
            Self::Update {
                list,
                index,
                data,
                ttl,
                if_match,
            } => {
                let data = data.read().await?;
                let items = items::<Data>(session, list).await?;
                let call = items.update(index, &data);
                let call = with_options!(call, if_match: if_match.if_match);
                out.written(&with_ttl!(call, ttl).await?)
            }
            Self::Mutate { list, index, patch } => {
                let patch = patch.read().await?;
                let items = items::<Value>(session, list).await?;
                let call = items.mutate(index, |data| patch.apply(data));
                written(out, &call.await?)
            }
            Self::RmItem {
                list,
                index,
                if_match,
            } => {
                let title = format!("item {index} of the List {list}");
                session.confirm(&format!("Remove {title}")).await?;
                let items = items::<Data>(session, list).await?;
                let call = items.remove(index);
                with_options!(call, if_match: if_match.if_match).await?;
                out.done(format!("Removed {title}."));
                Ok(())
            }
            Self::RmItems { list, key, all: _ } => {
                let which = match &key {
                    Some(key) => format!("the items with the key {key:?}"),
                    None => "all items".to_owned(),
                };
                session
                    .confirm(&format!("Remove {which} of the List {list}"))
                    .await?;
                let items = items::<Data>(session, list).await?;
                let removed = match key {
                    Some(key) => items.remove_items_with_key(key).await?,
                    None => items.remove_all().await?.keys.len(),
                };
                out.written_value("removed", removed)
            }
            Self::Shared(command) => command.run(session).await,
        }
    }
}

fn no_item(index: i64, list: &Reference<ListSid>) -> Failure {
    Failure::not_found(format!(
        "there is no item {index} in the List {list}, or no such List"
    ))
}

/// The items of a List.
async fn items<T>(session: &Session, list: Reference<ListSid>) -> Result<ListItems<T>> {
    Ok(session.sync().await?.list(list))
}
