//! A progress bar, shown on a terminal only.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use twilio_sync::export::Place;

use crate::io::output::Output;

const COUNTING: &str = "{spinner} {human_pos} read, {rate}, {elapsed} {wide_msg}";
const FILLING: &str = "{bar:30} {human_pos}/{human_len} {rate}, {eta} left {wide_msg}";
const TICK: Duration = Duration::from_millis(120);

/// A progress bar, or nothing. It is cleared when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A counter of an unknown number of steps.
    pub(crate) fn counting(out: &Output) -> Self {
        Self::new(out, ProgressBar::no_length(), COUNTING)
    }

    /// A bar of a known number of steps.
    pub(crate) fn of(out: &Output, steps: u64) -> Self {
        Self::new(out, ProgressBar::new(steps), FILLING)
    }

    /// No bar, for results that are printed on the terminal.
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
                // The rest is shown anyway.
                let _ = write!(to, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate));
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Shows the current object.
    pub(crate) fn at(&self, place: &Place) {
        if !self.0.is_hidden() {
            self.0.set_message(place.to_string());
        }
    }

    /// Prints a warning above the bar.
    pub(crate) fn warning(&self, out: &Output, text: impl fmt::Display) {
        self.0.suspend(|| out.warning(text));
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
