//! Input and output: arguments, files and standard input; results and failures.

pub(crate) mod blocking;
pub(crate) mod failure;
pub(crate) mod input;
mod json;
pub(crate) mod noun;
pub(crate) mod output;
