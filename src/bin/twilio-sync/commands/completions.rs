//! `twilio-sync completions`

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::aot;

use crate::io::failure::{Failure, Result};
use crate::io::output::unprinted;
use crate::shell::session::{Run, Session};

const PROGRAM: &str = "twilio-sync";

/// The spellings of the program's name by clap where it looks a command up in bash, and where it defines one:
/// clap's issue 6421, by which nothing is completed behind the first word.
const MISSPELT: (&str, &str) = ("twilio__subcmd__sync__subcmd__", "twilio__sync__subcmd__");

/// Adds to clap's script for bash: no blank behind the name of a parameter, whose value
/// comes next.
const WITHOUT_BLANK: &str = r#"
_twilio__sync_without_blank() {
    _twilio__sync "$@"
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -F _twilio__sync_without_blank -o bashdefault -o default twilio-sync
"#;

/// Print a script that completes commands in a shell
///
/// bash: source <(twilio-sync completions bash), in ~/.bashrc.
/// zsh: twilio-sync completions zsh > _twilio-sync, in a folder of $fpath.
/// fish: twilio-sync completions fish > ~/.config/fish/completions/twilio-sync.fish
#[derive(Clone, Copy, Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Run for Arguments {
    async fn run(self, _: &Session) -> Result<()> {
        let script = match self.shell {
            Shell::Bash => {
                let (from, to) = MISSPELT;
                generated(aot::Bash)?.replace(from, to) + WITHOUT_BLANK
            }
            Shell::Zsh => generated(aot::Zsh)?,
            Shell::Fish => generated(aot::Fish)? + &fish_values(),
        };
        let mut out = io::stdout().lock();
        out.write_all(script.as_bytes())
            .and_then(|()| out.flush())
            .map_err(unprinted)
    }
}

fn generated(shell: impl aot::Generator) -> Result<String> {
    let mut script = Vec::new();
    aot::generate(
        shell,
        &mut super::Arguments::command(),
        PROGRAM,
        &mut script,
    );
    String::from_utf8(script).map_err(|error| Failure::io("the script", &io::Error::other(error)))
}

/// Completes in fish the values of arguments without an option, which clap leaves out.
fn fish_values() -> String {
    let mut program = super::Arguments::command();
    program.build();
    let mut lines = String::new();
    for command in program.get_subcommands() {
        let is_used = format!("__fish_twilio_sync_using_subcommand {}", command.get_name());
        add_fish_values(&mut lines, &is_used, command);
        for subcommand in command.get_subcommands() {
            let name = subcommand.get_name();
            let is_used = format!("{is_used}; and __fish_seen_subcommand_from {name}");
            add_fish_values(&mut lines, &is_used, subcommand);
        }
    }
    lines
}

fn add_fish_values(lines: &mut String, is_used: &str, command: &clap::Command) {
    let values = command
        .get_positionals()
        .flat_map(clap::Arg::get_possible_values);
    for value in values.filter(|value| !value.is_hide_set()) {
        let name = value.get_name();
        let help = value.get_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let help = help.replace('\\', r"\\").replace('\'', r"\'");
        // Nothing fails to be written into a text.
        let _ = writeln!(
            lines,
            "complete -c {PROGRAM} -n \"{is_used}\" -f -a '{name}' -d '{help}'"
        );
    }
}
