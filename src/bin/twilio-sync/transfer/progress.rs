//! Progress, on a terminal and nowhere else.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::output::{Output, visible};

const COUNTING: &str = "{spinner} {human_pos} read, {rate}, {elapsed} {wide_msg}";
const FILLING: &str = "{bar:30} {human_pos}/{human_len} {rate}, {eta} left {wide_msg}";
const TICK: Duration = Duration::from_millis(120);

/// How far something is. It is gone from the screen with its end.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of something whose length is not known.
    pub(crate) fn counting(out: &Output) -> Self {
        Self::new(out, ProgressBar::no_length(), COUNTING)
    }

    /// Of so many steps.
    pub(crate) fn of(out: &Output, steps: u64) -> Self {
        Self::new(out, ProgressBar::new(steps), FILLING)
    }

    /// None: it would stand between the lines that are printed.
    pub(crate) fn none() -> Self {
        Self(ProgressBar::hidden())
    }

    fn new(out: &Output, bar: ProgressBar, template: &str) -> Self {
        if out.is_quiet() || !io::stderr().is_terminal() {
            return Self::none();
        }
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &ProgressState, to: &mut dyn fmt::Write| {
                // If that is not shown, the rest is.
                let _ = write!(to, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate));
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Says what it is at.
    pub(crate) fn at(&self, noun: &str, name: &str) {
        if !self.0.is_hidden() {
            self.0.set_message(format!("{noun} \"{}\"", visible(name)));
        }
    }

    /// Says something, without a line of it that is drawn over.
    pub(crate) fn notice(&self, out: &Output, text: impl fmt::Display) {
        self.0.suspend(|| out.notice(text));
    }

    pub(crate) fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
