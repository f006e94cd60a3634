//! The verbs that Documents, Lists, Maps and Message Streams share.

/// Defines the shared verbs of one kind of object.
macro_rules! lifecycle {
    ($noun:literal, $sid:ty, |$sync:ident| $facade:expr, columns: $columns:expr) => {
        /// The verbs that every kind of object has.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Lifecycle {
            #[command(about = concat!("Look for a ", $noun, " and print its SID; exit code 3 if there is none"))]
            Search {
                #[arg(value_name = "NAME", help = "Its unique name")]
                name: String,
            },
            #[command(about = concat!("List every ", $noun))]
            Ls {
                #[arg(long, value_name = "TEXT", help = "Only those whose name begins with this; all are read")]
                prefix: Option<String>,
                #[arg(long, value_name = "COUNT", help = "No more than this many")]
                limit: Option<usize>,
            },
            #[command(about = concat!("Set after how long a ", $noun, " expires"))]
            Ttl {
                #[arg(value_name = "NAME", help = "Its unique name or SID")]
                name: $crate::input::Reference<$sid>,
                #[arg(value_name = "TIME", help = "Seconds, or as in 90s, 3m, 1h, 2days, never")]
                ttl: $crate::input::Ttl,
            },
            #[command(about = concat!("Remove a ", $noun, " and all that is in it"))]
            Rm {
                #[arg(value_name = "NAME", help = "Its unique name or SID")]
                name: $crate::input::Reference<$sid>,
            },
        }

        impl Lifecycle {
            async fn run(self, session: &$crate::session::Session) -> $crate::failure::Result<()> {
                let out = &session.out;
                let title = |name: &$crate::input::Reference<$sid>| format!(concat!("the ", $noun, " {}"), name);
                if let Self::Rm { name } = &self {
                    // Asked before the local data file is taken.
                    session.confirm(&format!("Remove {}", title(name))).await?;
                }
                let $sync = session.sync().await?;
                let facade = $facade;
                match self {
                    Self::Search { name } => match facade.search(&name).await? {
                        Some(sid) => out.value("sid", sid.to_string()),
                        None => Err($crate::failure::Failure::not_found(format!(
                            concat!("there is no ", $noun, " \"{}\""),
                            $crate::output::visible(&name)
                        ))),
                    },
                    Self::Ls { prefix: Some(prefix), limit } => {
                        let found = facade.all_with_prefix(prefix);
                        out.records($columns, $crate::input::with_options!(found, limit: limit)).await
                    }
                    Self::Ls { prefix: None, limit } => {
                        let all = facade.all();
                        out.records($columns, $crate::input::with_options!(all, limit: limit)).await
                    }
                    Self::Ttl { name, ttl } => {
                        let object = $crate::input::by!(await facade, name, set_ttl / set_ttl_by_id(ttl.0))?;
                        out.written(&object)
                    }
                    Self::Rm { name } => {
                        let title = title(&name);
                        $crate::input::by!(await facade, name, remove / remove_by_id())?;
                        out.done(format!("Removed {title}."));
                        Ok(())
                    }
                }
            }
        }
    };
}
pub(crate) use lifecycle;

/// Defines how one kind of object without data of its own is created.
macro_rules! creation {
    ($noun:literal, |$sync:ident| $facade:expr) => {
        /// The verbs of objects without data of their own.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Creation {
            #[command(about = concat!("Create a ", $noun, "; exit code 4 if there is one"))]
            Create {
                #[arg(value_name = "NAME", help = "Its unique name")]
                name: String,
                #[command(flatten)]
                ttl: $crate::input::TtlOption,
            },
            #[command(about = concat!("Find a ", $noun, ", or create it if there is none"))]
            Ensure {
                #[arg(value_name = "NAME", help = "Its unique name")]
                name: String,
                #[command(flatten)]
                ttl: $crate::input::TtlOption,
            },
        }

        impl Creation {
            async fn run(self, session: &$crate::session::Session) -> $crate::failure::Result<()> {
                let out = &session.out;
                let $sync = session.sync().await?;
                let facade = $facade;
                match self {
                    Self::Create { name, ttl } => {
                        let call = facade.create(name);
                        out.written(&$crate::input::with_options!(call, ttl: ttl.get()).await?)
                    }
                    Self::Ensure { name, ttl } => {
                        let call = facade.ensure(name);
                        $crate::output::written(out, &$crate::input::with_options!(call, ttl: ttl.get()).await?)
                    }
                }
            }
        }
    };
}
pub(crate) use creation;
