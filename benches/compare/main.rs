//! The same work through each of those that a user could pick, in turn, on one machine: ratios.
//!
//! `cargo bench --bench compare --features emulator -- [OPTIONS]`
//!
//! | option | what | default |
//! | --- | --- | --- |
//! | `--only get,add` | the kinds of work: get, update, set, add, upsert, remove, stream, prefetch | all |
//! | `--with facade,bare` | the contenders: facade, generated, bare, raw, node, node-list, python | all |
//! | `--at 1,16` | how many calls are made at a time | 1,16,256 |
//! | `--sizes 10,1000` | how many objects or items there are | as the kind of work has it |
//! | `--rounds 5` | how often each measurement is taken | 3 |
//! | `--seconds 1` | how long one measurement takes | 0.7 |
//! | `--quick` | counts only, in seconds: what CI runs | |
//!
//! The emulator, a fixed answer and each contender run in processes of their own, so that time,
//! allocations and memory are those of one. Contenders take turns within a round, and a ratio is the
//! median of the ratios within rounds: what disturbs the machine disturbs all of them. The program
//! exits with 1 where a count is not what it must be, and without `--quick` where a ratio is not.
//!
//! Node and Python need the SDKs of the lock files in `tests/sdk`, as `tests/sdk/run` installs them.

#![allow(clippy::cast_precision_loss)] // of figures that are shown with three digits

mod bare;
mod bare_http;
mod contender;
mod facade;
mod fixed;
mod foreign;
mod generated;
mod options;
mod prefetch;
mod raw;
mod sample;
mod server;
mod table;
mod verdict;
mod work;
mod worker;

use std::process::ExitCode;

use options::Options;
use sample::{Row, Sample};
use server::Server;
use work::{Contender, Job};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<ExitCode, Failure> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    // The roles of the other processes.
    match first.as_deref() {
        Some("serve") => server::serve()?,
        Some("fixed") => fixed::serve()?,
        Some("work") => worker::run(&arguments.next().ok_or("no job")?)?,
        first => {
            let options = Options::read(first.map(str::to_owned).into_iter().chain(arguments))?;
            return compare(&options);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(options: &Options) -> Result<ExitCode, Failure> {
    let mut server = Server::start("serve")?;
    let mut contenders = Vec::new();
    for &contender in &options.contenders {
        match foreign::missing(contender) {
            Some(reason) => println!("SKIPPED: {contender}: {reason}"),
            None => contenders.push(contender),
        }
    }
    let mut fixed = None;
    let mut rows = Vec::new();
    for work in options.works() {
        server.prepare(&work, 1)?;
        let at_a_time = if work.is_stream() {
            &[1][..]
        } else {
            &options.at
        };
        for &at in at_a_time {
            let mut samples: Vec<(Contender, Vec<Sample>)> = Vec::new();
            for &contender in contenders.iter().filter(|contender| contender.does(&work)) {
                match contender.too_slow(&work, at) {
                    Some(reason) => {
                        println!("SKIPPED: {contender}: {work}, {at} at a time: {reason}");
                    }
                    None => samples.push((contender, Vec::new())),
                }
            }
            for round in 0..options.rounds {
                // Nobody is always the first.
                let count = samples.len();
                for turn in 0..count {
                    let (contender, samples) = &mut samples[(round + turn) % count];
                    let seconds = options.seconds;
                    let sample = if *contender == Contender::Raw {
                        if fixed.is_none() {
                            fixed = Some(Server::start("fixed")?);
                        }
                        let address = fixed.as_ref().ok_or("no fixed answer")?.address.clone();
                        worker::start(&Job::new(*contender, work, at, seconds, address))?
                    } else {
                        server.prepare(&work, at)?;
                        let before = server.requests()?;
                        let address = server.address.clone();
                        let job = Job::new(*contender, work, at, seconds, address);
                        let mut sample = foreign::start(&job)?;
                        sample.requests = Some(server.requests()? - before);
                        sample
                    };
                    samples.push(sample);
                }
            }
            rows.extend(Row::of(work, at, &samples));
        }
        eprintln!("done: {work}");
    }
    println!("{}", table::of(&rows));
    let mut verdicts = verdict::counts(&rows);
    if !options.is_quick {
        verdicts.extend(verdict::ratios(&rows));
    }
    if options.prefetch {
        verdicts.push(prefetch::run(&mut server)?);
    }
    for verdict in &verdicts {
        println!("{verdict}");
    }
    Ok(if verdicts.iter().all(|verdict| verdict.is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
