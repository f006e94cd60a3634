//! `twilio-sync list` and `twilio-sync map`

use std::fmt::Debug;
use std::str::FromStr;

use clap::{Args, Subcommand};
use serde::Serialize;
use twilio_sync::kind::{self, Collection, Items, Position, Versioned};
use twilio_sync::value::Data;
use twilio_sync::{List, ListItems, Map, MapItems, SyncClient, Ttl};

use super::lifecycle::{Creation, Lifecycle};
use super::watch::{InitialOption, WatchOptions};
use crate::io::failure::{Failure, Result};
use crate::io::input::{
    DataArgument, IfMatchOption, ItemTtlOptions, OrderOption, PatchArgument, Reference, selector,
    ttl, with_options, with_ttl,
};
use crate::io::noun::Noun;
use crate::io::output::{json_line, print, visible, written};
use crate::shell::session::{Run, Session};

/// A kind of object that holds items.
pub(crate) trait Holder:
    Noun + Collection<Item<Data>: Serialize + kind::Item<Position: Serialize>>
{
    /// The place of an item: an index or a key.
    type Place: Clone
        + Debug
        + Send
        + Sync
        + FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Into<Position<Self>>
        + 'static;

    /// The argument that names an object of this kind.
    const HOLDER: &'static str;
    /// The argument that names the place of an item.
    const PLACE: &'static str;
    /// The help text of that argument.
    const PLACE_HELP: &'static str;
    /// A negative number is a place, and not an option.
    const MAY_BE_NEGATIVE: bool;
    /// The columns of a table of items.
    const ITEM_COLUMNS: &'static [&'static str];

    /// The items of an object.
    fn items<T>(sync: &SyncClient, holder: Reference<Self::Sid>) -> Items<Self, T>;

    /// A place as messages name it.
    fn named(place: &Self::Place) -> String;
}

impl Holder for List {
    type Place = i64;

    const HOLDER: &'static str = "LIST";
    const PLACE: &'static str = "INDEX";
    const PLACE_HELP: &'static str = "The index of the item";
    const MAY_BE_NEGATIVE: bool = true;
    const ITEM_COLUMNS: &'static [&'static str] = &["index", "revision", "date_expires", "data"];

    fn items<T>(sync: &SyncClient, list: Reference<Self::Sid>) -> ListItems<T> {
        sync.list(list)
    }

    fn named(index: &i64) -> String {
        format!("item {index}")
    }
}

impl Holder for Map {
    type Place = String;

    const HOLDER: &'static str = "MAP";
    const PLACE: &'static str = "KEY";
    const PLACE_HELP: &'static str = "The key of the item";
    const MAY_BE_NEGATIVE: bool = false;
    const ITEM_COLUMNS: &'static [&'static str] = &["key", "revision", "date_expires", "data"];

    fn items<T>(sync: &SyncClient, map: Reference<Self::Sid>) -> MapItems<T> {
        sync.map(map)
    }

    fn named(key: &String) -> String {
        format!("item \"{}\"", visible(key))
    }
}

/// The List or Map that a command is about.
#[derive(Debug, Args)]
pub(crate) struct HolderArgument<K: Holder> {
    #[arg(value_name = K::HOLDER, help = format!("The unique name or SID of the {}", K::NOUN))]
    holder: Reference<K::Sid>,
}

impl<K: Holder> HolderArgument<K> {
    async fn items<T>(self, session: &Session) -> Result<Items<K, T>> {
        Ok(K::items(session.sync().await?, self.holder))
    }

    fn title(&self) -> String {
        format!("the {} {}", K::NOUN, self.holder)
    }
}

/// The item that a command is about.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgument<K: Holder> {
    #[arg(
        value_name = K::PLACE,
        help = K::PLACE_HELP,
        allow_negative_numbers = K::MAY_BE_NEGATIVE,
        value_parser = str::parse::<K::Place>
    )]
    place: K::Place,
}

/// An item that is written.
#[derive(Debug, Args)]
pub(crate) struct ItemArguments<K: Holder> {
    #[command(flatten)]
    holder: HolderArgument<K>,
    #[command(flatten)]
    place: PlaceArgument<K>,
    #[command(flatten)]
    data: DataArgument,
    #[command(flatten)]
    ttl: ItemTtlOptions,
}

/// An item that is written, with its data, which has been read.
struct Item<K: Holder> {
    items: Items<K, Data>,
    place: K::Place,
    data: Data,
    ttl: ItemTtlOptions,
}

impl<K: Holder> ItemArguments<K> {
    /// Reads the data, and only then asks for the client.
    async fn read(self, session: &Session) -> Result<Item<K>> {
        let data = self.data.read().await?;
        Ok(Item {
            items: self.holder.items(session).await?,
            place: self.place.place,
            data,
            ttl: self.ttl,
        })
    }
}

/// The verbs of an item, which Lists and Maps share.
#[derive(Debug, Subcommand)]
pub(crate) enum ItemVerb<K: Holder> {
    #[command(about = format!("Read a {}, or an item of it", K::NOUN))]
    Get {
        #[command(flatten)]
        holder: HolderArgument<K>,
        #[arg(
            value_name = K::PLACE,
            help = K::PLACE_HELP,
            allow_negative_numbers = K::MAY_BE_NEGATIVE,
            value_parser = str::parse::<K::Place>
        )]
        place: Option<K::Place>,
        /// Print the item's data and nothing else
        #[arg(long = "data", requires = "place")]
        is_data_only: bool,
    },
    /// Replace the data of an item; exit code 3 if there is none
    Update {
        #[command(flatten)]
        item: ItemArguments<K>,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
    #[command(
        about = format!("Print the changes of the items of a {} as they happen", K::NOUN),
        visible_alias = "tail"
    )]
    Watch {
        #[command(flatten)]
        holder: HolderArgument<K>,
        #[command(flatten)]
        initial: InitialOption,
        #[command(flatten)]
        options: WatchOptions,
    },
    /// Set after how long an item expires; its data stays as it is
    TtlItem {
        #[command(flatten)]
        holder: HolderArgument<K>,
        #[command(flatten)]
        place: PlaceArgument<K>,
        /// Seconds, or as in 90s, 3m, 1h, 2days, never
        #[arg(value_name = "TIME", value_parser = ttl)]
        ttl: Ttl,
    },
    /// Remove an item
    RmItem {
        #[command(flatten)]
        holder: HolderArgument<K>,
        #[command(flatten)]
        place: PlaceArgument<K>,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
}

impl<K: Holder> Run for ItemVerb<K> {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::Watch {
                holder,
                initial: InitialOption { initial },
                options,
            } => {
                let title = holder.title();
                let sync = options.sync(session).await?;
                let watch = K::items::<Data>(&sync, holder.holder).watch();
                let watch = if initial { watch } else { watch.skip_initial() };
                options.run(session, &sync, &title, watch, initial).await
            }
            Self::Get {
                holder,
                place: None,
                is_data_only: _,
            } => {
                let objects = K::objects(session.sync().await?);
                out.record(&objects.get(holder.holder).await?)
            }
            Self::Get {
                holder,
                place: Some(place),
                is_data_only,
            } => {
                let absent = format!("there is no {} in {}", K::named(&place), holder.title());
                let items = holder.items::<Data>(session).await?;
                let item = items.find(place).await?;
                let item = item.ok_or_else(|| Failure::not_found(absent))?;
                if is_data_only {
                    return print(json_line(item.data())?);
                }
                out.record(&item)
            }
            Self::Update { item, if_match } => {
                let item = item.read(session).await?;
                let call = item.items.update(item.place, &item.data);
                let call = with_options!(call, if_match: if_match.if_match);
                out.written(&with_ttl!(call, item.ttl).await?)
            }
            Self::TtlItem {
                holder,
                place: PlaceArgument { place },
                ttl,
            } => {
                let items = holder.items::<Data>(session).await?;
                out.written(&items.set_ttl(place, ttl).await?)
            }
            Self::RmItem {
                holder,
                place: PlaceArgument { place },
                if_match,
            } => {
                let title = format!("{} of {}", K::named(&place), holder.title());
                session.confirm(&format!("Remove {title}")).await?;
                let items = holder.items::<Data>(session).await?;
                let call = items.remove(place);
                with_options!(call, if_match: if_match.if_match).await?;
                out.done(format!("Removed {title}."));
                Ok(())
            }
        }
    }
}

/// The commands of Lists.
#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    #[command(flatten)]
    New(Creation<List>),
    /// Add an item at the end
    Add {
        #[command(flatten)]
        list: HolderArgument<List>,
        #[command(flatten)]
        data: DataArgument,
        #[command(flatten)]
        ttl: ItemTtlOptions,
    },
    /// List the items
    Items {
        #[command(flatten)]
        list: HolderArgument<List>,
        /// Only those whose data is an object with this member and no other
        #[arg(long, value_name = "KEY", value_parser = selector, conflicts_with_all = ["order", "from"])]
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
    #[command(flatten)]
    Item(ItemVerb<List>),
    /// Change the data of an item, without undoing what others write at the same time
    Mutate {
        #[command(flatten)]
        list: HolderArgument<List>,
        #[command(flatten)]
        index: PlaceArgument<List>,
        #[command(flatten)]
        patch: PatchArgument,
        #[command(flatten)]
        ttl: ItemTtlOptions,
    },
    /// Remove items, and print their number
    #[command(group = clap::ArgGroup::new("which").required(true))]
    RmItems {
        #[command(flatten)]
        list: HolderArgument<List>,
        /// Those whose data is an object with this member and no other
        #[arg(long, value_name = "KEY", value_parser = selector, group = "which")]
        key: Option<String>,
        /// All of them
        #[arg(long, group = "which")]
        all: bool,
    },
    #[command(flatten)]
    Shared(Lifecycle<List>),
}

impl Run for ListCommand {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::New(command) => command.run(session).await,
            Self::Item(command) => command.run(session).await,
            Self::Shared(command) => command.run(session).await,
            Self::Add { list, data, ttl } => {
                let data = data.read().await?;
                let items = list.items::<Data>(session).await?;
                out.written(&with_ttl!(items.add(&data), ttl).await?)
            }
            Self::Items {
                list,
                key,
                order,
                from,
                limit,
            } => {
                let items = list.items::<Data>(session).await?;
                let found = match key {
                    Some(key) => items.items_with_key(key),
                    None => items.items(),
                };
                let found = with_options!(found, order: order.get(), from: from, limit: limit);
                out.records(List::ITEM_COLUMNS, found).await
            }
            Self::Mutate {
                list,
                index,
                patch,
                ttl,
            } => {
                let patch = patch.read().await?;
                let items = list.items::<Data>(session).await?;
                let call = items.mutate(index.place, |data| patch.apply(data));
                let item = with_ttl!(call, ttl).await?;
                ttl.warn_if_unset(out, item.outcome);
                written(out, &item)
            }
            Self::RmItems { list, key, all: _ } => {
                let which = match &key {
                    Some(key) => format!("the items with the key {key:?}"),
                    None => "all items".to_owned(),
                };
                let question = format!("Remove {which} of {}", list.title());
                session.confirm(&question).await?;
                let items = list.items::<Data>(session).await?;
                let removed = match key {
                    Some(key) => items.remove_items_with_key(key).await?,
                    None => items.remove_all().await?.keys.len(),
                };
                out.written_value("removed", removed)
            }
        }
    }
}

/// The commands of Maps.
#[derive(Debug, Subcommand)]
pub(crate) enum MapCommand {
    #[command(flatten)]
    New(Creation<Map>),
    /// Write the item with a key, which is created if there is none
    Set(ItemArguments<Map>),
    /// Add the item with a key; exit code 4 if there is one
    Add(ItemArguments<Map>),
    /// List the items
    Items {
        #[command(flatten)]
        map: HolderArgument<Map>,
        /// Only those whose key begins with this; no others are read
        #[arg(long, value_name = "TEXT", value_parser = selector, conflicts_with_all = ["order", "from"])]
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
    #[command(flatten)]
    Item(ItemVerb<Map>),
    /// Change the data of an item, without undoing what others write at the same time
    Mutate {
        #[command(flatten)]
        map: HolderArgument<Map>,
        #[command(flatten)]
        key: PlaceArgument<Map>,
        #[command(flatten)]
        patch: PatchArgument,
        #[command(flatten)]
        ttl: ItemTtlOptions,
        /// Start from {} if there is no such item
        #[arg(long = "create")]
        may_create: bool,
    },
    /// Remove items, and print their number
    #[command(group = clap::ArgGroup::new("which").required(true))]
    RmItems {
        #[command(flatten)]
        map: HolderArgument<Map>,
        /// Those whose key begins with this; no others are read
        #[arg(long, value_name = "TEXT", value_parser = selector, group = "which")]
        prefix: Option<String>,
        /// All of them
        #[arg(long, group = "which")]
        all: bool,
    },
    #[command(flatten)]
    Shared(Lifecycle<Map>),
}

impl Run for MapCommand {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::New(command) => command.run(session).await,
            Self::Item(command) => command.run(session).await,
            Self::Shared(command) => command.run(session).await,
            Self::Set(item) => {
                let item = item.read(session).await?;
                let call = item.items.set(item.place, &item.data);
                written(out, &with_ttl!(call, item.ttl).await?)
            }
            Self::Add(item) => {
                let item = item.read(session).await?;
                let call = item.items.create(item.place, &item.data);
                out.written(&with_ttl!(call, item.ttl).await?)
            }
            Self::Items {
                map,
                prefix,
                order,
                from,
                limit,
            } => {
                let items = map.items::<Data>(session).await?;
                let found = match prefix {
                    Some(prefix) => items.items_with_prefix(prefix),
                    None => items.items(),
                };
                let found = with_options!(found, order: order.get(), from: from, limit: limit);
                out.records(Map::ITEM_COLUMNS, found).await
            }
            Self::Mutate {
                map,
                key,
                patch,
                ttl,
                may_create,
            } => {
                let patch = patch.read().await?;
                let items = map.items::<Data>(session).await?;
                let call = items.mutate(key.place, |data| patch.apply(data));
                let call = with_ttl!(call, ttl);
                let item = if may_create {
                    call.or_default().await?
                } else {
                    call.await?
                };
                ttl.warn_if_unset(out, item.outcome);
                written(out, &item)
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
                let question = format!("Remove {which} of {}", map.title());
                session.confirm(&question).await?;
                let items = map.items::<Data>(session).await?;
                let removal = match prefix {
                    Some(prefix) => items.remove_with_prefix(prefix),
                    None => items.remove_all(),
                };
                out.written_value("removed", removal.await?.keys.len())
            }
        }
    }
}
