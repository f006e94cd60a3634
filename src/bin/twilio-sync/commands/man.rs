//! `twilio-sync man`

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::io::failure::{Failure, Result};
use crate::io::output::unprinted;
use crate::shell::session::{Run, Session};

/// Print the manual page of the program, or write those of all commands
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder for a page of each command; it is made if need be
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

impl Run for Arguments {
    async fn run(self, _: &Session) -> Result<()> {
        let command = super::Arguments::command();
        if let Some(folder) = self.output {
            return fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(command, &folder))
                .map_err(|error| {
                    Failure::io(format_args!("the pages in {}", folder.display()), &error)
                });
        }
        let mut page = Vec::new();
        Man::new(command).render(&mut page).map_err(unprinted)?;
        let mut out = io::stdout().lock();
        out.write_all(&page)
            .and_then(|()| out.flush())
            .map_err(unprinted)
    }
}
