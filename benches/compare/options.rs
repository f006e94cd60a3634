//! The arguments.

use crate::Failure;
use crate::work::{Action, Contender, Work};

/// What is measured, and how long.
pub(crate) struct Options {
    actions: Vec<Action>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) at: Vec<u64>,
    sizes: Option<Vec<u64>>,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) prefetch: bool,
    pub(crate) is_quick: bool,
}

impl Options {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            actions: Action::ALL.to_vec(),
            contenders: Contender::ALL.to_vec(),
            at: vec![1, 16, 256],
            sizes: None,
            rounds: 3,
            seconds: 0.7,
            prefetch: true,
            is_quick: false,
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo passes it.
                "--bench" => {}
                "--only" => {
                    let value = value()?;
                    options.prefetch = value.split(',').any(|name| name == "prefetch");
                    let others = value.split(',').filter(|name| *name != "prefetch");
                    options.actions = others.map(str::parse).collect::<Result<_, _>>()?;
                }
                "--with" => options.contenders = list(&value()?)?,
                "--at" => options.at = list(&value()?)?,
                "--sizes" => options.sizes = Some(list(&value()?)?),
                "--rounds" => options.rounds = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--quick" => {
                    options.is_quick = true;
                    options.at = vec![16];
                    options.rounds = 1;
                    options.seconds = 0.1;
                    options.sizes = Some(vec![1_000]);
                }
                other => return Err(format!("there is no option {other:?}").into()),
            }
        }
        Ok(options)
    }

    pub(crate) fn works(&self) -> Vec<Work> {
        let mut works = Vec::new();
        for &action in &self.actions {
            let own = action.sizes();
            // Only these have more than one.
            let sizes = match &self.sizes {
                Some(sizes) if own.len() > 1 => sizes,
                _ => own,
            };
            works.extend(sizes.iter().map(|&size| Work { action, size }));
        }
        works
    }
}

fn list<T>(text: &str) -> Result<Vec<T>, T::Err>
where
    T: std::str::FromStr,
{
    text.split(',').map(str::parse).collect()
}
