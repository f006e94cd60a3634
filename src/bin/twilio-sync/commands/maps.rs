//! `twilio-sync map`

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use twilio_sync::value::{Data, MapSid};
use twilio_sync::{Map, MapItems};

use super::lifecycle::{Creation, Lifecycle};
use crate::io::failure::{Failure, Result};
use crate::io::input::{
    DataArgument, IfMatchOption, ItemTtlOptions, OrderOption, PatchArgument, Reference,
    with_options, with_ttl,
};
use crate::io::output::{json_line, print, visible, written};
use crate::shell::session::{Run, Session};

const ITEM: &[&str] = &["key", "revision", "date_expires", "data"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    New(Creation<Map>),
    /// Read a Map, or the item with a key
    Get {
        /// Its unique name or SID
        map: Reference<MapSid>,
        /// The key of an item
        key: Option<String>,
        /// Print the item's data and nothing else
        #[arg(long = "data", requires = "key")]
        is_data_only: bool,
    },
    /// Write the item with a key, which is created if there is none
    Set(ItemArguments),
    /// Add the item with a key; exit code 4 if there is one
    Add(ItemArguments),
    /// List the items
    Items {
        /// The unique name or SID of the Map
        map: Reference<MapSid>,
        /// Only those whose key begins with this; no others are read
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["order", "from"])]
        prefix: Option<String>,
        #[command(flatten)]
        order: OrderOption,
        /// Begin at this key
        #[arg(long, value_name = "KEY")]
        from: Option<String>,
        /// No more than this many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Replace the data of the item with a key; exit code 3 if there is none
    Update {
        #[command(flatten)]
        item: ItemArguments,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
    /// Change the data of the item with a key, without undoing what others write at the same time
    Mutate {
        /// The unique name or SID of the Map
        map: Reference<MapSid>,
        /// The key of the item
        key: String,
        #[command(flatten)]
        patch: PatchArgument,
        /// Start from {} if there is no such item
        #[arg(long = "create")]
        may_create: bool,
    },
    /// Remove the item with a key
    RmItem {
        /// The unique name or SID of the Map
        map: Reference<MapSid>,
        /// The key of the item
        key: String,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
    /// Remove items, and print how many they were
    #[command(group = clap::ArgGroup::new("which").required(true))]
    RmItems {
        /// The unique name or SID of the Map
        map: Reference<MapSid>,
        /// Those whose key begins with this
        #[arg(long, value_name = "TEXT", group = "which")]
        prefix: Option<String>,
        /// All of them
        #[arg(long, group = "which")]
        all: bool,
    },
    #[command(flatten)]
    Shared(Lifecycle<Map>),
}

/// An item that is written.
#[derive(Debug, Args)]
pub(crate) struct ItemArguments {
    /// The unique name or SID of the Map
    map: Reference<MapSid>,
    /// The key of the item
    key: String,
    #[command(flatten)]
    data: DataArgument,
    #[command(flatten)]
    ttl: ItemTtlOptions,
}

/// The same with its data, which has been read.
struct Item {
    key: String,
    data: Data,
    ttl: ItemTtlOptions,
}

impl ItemArguments {
    /// Reads the data, and only then asks for the Map.
    async fn read(self, session: &Session) -> Result<(MapItems<Data>, Item)> {
        let item = Item {
            key: self.key,
            data: self.data.read().await?,
            ttl: self.ttl,
        };
        Ok((items(session, self.map).await?, item))
    }
}

impl Run for Command {
    #[expect(clippy::too_many_lines, reason = "an arm for each verb")]
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::New(command) => command.run(session).await,
            Self::Get {
                map,
                key: None,
                is_data_only: _,
            } => out.record(&session.sync().await?.maps().get(map).await?),
            Self::Get {
                map,
                key: Some(key),
                is_data_only,
            } => {
                let items = items::<Data>(session, map.clone()).await?;
                let item = items.find(&key).await?.ok_or_else(|| {
                    Failure::not_found(format!(
                        "there is no item \"{}\" in the Map {map}, or no such Map",
                        visible(&key)
                    ))
                })?;
                if is_data_only {
                    return print(json_line(&item.data)?);
                }
                out.record(&item)
            }
            Self::Set(item) => {
                let (items, item) = item.read(session).await?;
                let call = items.set(item.key, &item.data);
                written(out, &with_ttl!(call, item.ttl).await?)
            }
            Self::Add(item) => {
                let (items, item) = item.read(session).await?;
                let call = items.create(item.key, &item.data);
                out.written(&with_ttl!(call, item.ttl).await?)
            }
            Self::Items {
                map,
                prefix,
                order,
                from,
                limit,
            } => {
                let items = items::<Data>(session, map).await?;
                if let Some(prefix) = prefix {
                    let items = items.items_with_prefix(prefix);
                    return out.records(ITEM, with_options!(items, limit: limit)).await;
                }
                let items = with_options!(
                    items.items(), order: order.get(), from: from, limit: limit
                );
                out.records(ITEM, items).await
            }
            Self::Update { item, if_match } => {
                let (items, item) = item.read(session).await?;
                let call = items.update(item.key, &item.data);
                let call = with_options!(call, if_match: if_match.if_match);
                out.written(&with_ttl!(call, item.ttl).await?)
            }
            Self::Mutate {
                map,
                key,
                patch,
                may_create,
            } => {
                let patch = patch.read().await?;
                let items = items::<Value>(session, map).await?;
                let call = items.mutate(key, |data| patch.apply(data));
                let item = if may_create {
                    call.or_insert_with(|| json!({})).await?
                } else {
                    call.await?
                };
                written(out, &item)
            }
            Self::RmItem { map, key, if_match } => {
                let title = format!("item \"{}\" of the Map {map}", visible(&key));
                session.confirm(&format!("Remove {title}")).await?;
                let items = items::<Data>(session, map).await?;
                let call = items.remove(key);
                with_options!(call, if_match: if_match.if_match).await?;
                out.done(format!("Removed {title}."));
                Ok(())
            }
            Self::RmItems {
                map,
                prefix,
                all: _,
            } => {
                let which = match &prefix {
                    Some(prefix) => format!("the items whose keys begin with {prefix:?}"),
                    None => "all items".to_owned(),
                };
                session
                    .confirm(&format!("Remove {which} of the Map {map}"))
                    .await?;
                let items = items::<Data>(session, map).await?;
                let removal = match prefix {
                    Some(prefix) => items.remove_where(move |item| item.key.starts_with(&prefix)),
                    None => items.remove_all(),
                };
                out.written_value("removed", removal.await?.keys.len())
            }
            Self::Shared(command) => command.run(session).await,
        }
    }
}

/// The items of a Map.
async fn items<T>(session: &Session, map: Reference<MapSid>) -> Result<MapItems<T>> {
    Ok(session.sync().await?.map(map))
}
