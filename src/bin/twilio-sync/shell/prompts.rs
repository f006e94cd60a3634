//! Questions to the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::io::blocking::blocking;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::output::one_line;

/// Asks for confirmation of what cannot be undone, unless `--yes` was given. In a script, which
/// cannot be asked, it must have been given.
pub(crate) async fn confirm(yes: bool, what: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    let what = what.to_owned();
    blocking(move || ask_whether(&what)).await
}

/// Asks a question that only yes answers.
fn ask_whether(what: &str) -> Result<()> {
    let not_a_terminal = match (io::stdin().is_terminal(), io::stderr().is_terminal()) {
        (true, true) => None,
        (false, _) => Some("Standard input"),
        (true, false) => Some("Standard error"),
    };
    if let Some(stream) = not_a_terminal {
        let message = format!("{what}? {stream} is not a terminal");
        return Err(Failure::usage(message).hint("--yes does it without asking"));
    }
    match ask(&format!("{what}? [y/N] "))?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failure, "not done, as you chose")),
    }
}

/// Asks a question on standard error, and reads a line of standard input.
pub(crate) fn ask(question: &str) -> Result<String> {
    let mut err = anstream::stderr();
    // If it cannot be asked, there is no answer either.
    let _ = write!(err, "{}", one_line(question)).and_then(|()| err.flush());
    read_line()
}

/// Asks for a secret, which is not shown. In a script it is the first line of standard input.
pub(crate) fn ask_for_secret(what: &str) -> Result<String> {
    if io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{what} (not shown): ")).map_err(|error| unread(&error))
    } else {
        read_line()
    }
}

fn read_line() -> Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| unread(&error))?;
    Ok(line.trim().to_owned())
}

fn unread(error: &io::Error) -> Failure {
    Failure::io("the answer cannot be read", error)
}
