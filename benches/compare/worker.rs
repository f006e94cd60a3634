//! One measurement of one contender, in a process of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::Failure;
use crate::bare::Bare;
use crate::contender::{Calls, Entry};
use crate::facade::Facade;
use crate::generated::Generated;
use crate::raw::Raw;
use crate::sample::Sample;
use crate::work::{Action, Contender, Job, REMOVED};

/// Takes a measurement in another process of this program.
pub(crate) fn start(job: &Job) -> Result<Sample, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("work").arg(serde_json::to_string(job)?);
    run_command(command)
}

/// Runs a program that prints a sample.
pub(crate) fn run_command(mut command: Command) -> Result<Sample, Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What the process does: the sample of a job is printed.
pub(crate) fn run(job: &str) -> Result<(), Failure> {
    let job: Job = serde_json::from_str(job)?;
    let sample = match job.contender {
        Contender::Facade => measure::<Facade>(&job),
        Contender::Generated => measure::<Generated>(&job),
        Contender::Bare => measure::<Bare>(&job),
        Contender::Raw => measure::<Raw>(&job),
        other => Err(format!("{other} is not a part of this program").into()),
    }?;
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

/// How many calls allocations are counted over, after as many that are not counted.
const COUNTED: u64 = 50;

fn measure<C: Calls>(job: &Job) -> Result<Sample, Failure> {
    let runtime = Runtime::new()?;
    let mut sample = runtime.block_on(timed::<C>(job))?;
    // Before what follows: the counting is not part of the work.
    sample.peak_kib = peak_kib();
    drop(runtime);

    // Allocations are counted on one thread, where the times of above are not disturbed by it.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let contender = C::connect(&job.server)?;
    let batch = |number| {
        let mut contender = contender.clone();
        runtime.block_on(async move { counted(&mut contender, job, number).await })
    };
    let warm = batch(0)?;
    let mut calls = Ok(0);
    let counts = allocation_counter::measure(|| calls = batch(1));
    let calls = calls?;
    sample.all_calls += warm + calls;
    sample.allocations = Some(counts.count_total as f64 / calls as f64);
    sample.allocated = Some(counts.bytes_total as f64 / calls as f64);
    Ok(sample)
}

async fn counted<C: Calls>(contender: &mut C, job: &Job, batch: u64) -> Result<u64, Failure> {
    match job.work.action {
        Action::Remove => remove(contender, &format!("counted-{batch}")).await,
        Action::Stream => contender.stream(COUNTED * 100).await,
        _ => {
            let mut caller = Caller::new(contender.clone(), job, 0);
            for _ in 0..COUNTED {
                caller.call().await?;
            }
            Ok(COUNTED)
        }
    }
}

/// Measures time.
async fn timed<C: Calls>(job: &Job) -> Result<Sample, Failure> {
    let contender = C::connect(&job.server)?;
    let warm = Duration::from_secs_f64(job.seconds * 0.4);
    let warm = phase(&contender, job, warm, "warm").await?.calls;
    let before = ProcessTime::try_now()?;
    let begun = Instant::now();
    let Phase { calls, mut times } =
        phase(&contender, job, Duration::from_secs_f64(job.seconds), "log").await?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_seconds = before.try_elapsed()?.as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| {
        // In range: the part is below 1.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let time = times.get((times.len() as f64 * part) as usize)?;
        Some(time.as_secs_f64() * 1e6)
    };
    Ok(Sample {
        calls,
        seconds,
        all_calls: warm + calls,
        cpu_seconds,
        p50: at(0.5),
        p99: at(0.99),
        ..Sample::default()
    })
}

#[derive(Default)]
struct Phase {
    calls: u64,
    /// How long each took.
    times: Vec<Duration>,
}

async fn phase<C: Calls>(
    contender: &C,
    job: &Job,
    time: Duration,
    lists: &str,
) -> Result<Phase, Failure> {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for task in 0..job.at {
        let mut contender = contender.clone();
        match job.work.action {
            Action::Stream => {
                let all = job.work.size;
                // The first pages warm up as well as all of them.
                let most = if lists == "warm" {
                    all.min(10_000)
                } else {
                    all
                };
                tasks.spawn(async move {
                    let calls = contender.stream(most).await?;
                    if calls != most {
                        return Err(Failure::from(format!("{calls} items of {most}")));
                    }
                    Ok(Phase {
                        calls,
                        ..Phase::default()
                    })
                });
            }
            Action::Remove => {
                let list = format!("{lists}-{task}");
                tasks.spawn(async move {
                    let calls = remove(&mut contender, &list).await?;
                    Ok(Phase {
                        calls,
                        ..Phase::default()
                    })
                });
            }
            _ => {
                let mut caller = Caller::new(contender, job, task);
                tasks.spawn(async move {
                    let mut phase = Phase::default();
                    let mut now = Instant::now();
                    while now < end || phase.calls == 0 {
                        caller.call().await?;
                        let done = Instant::now();
                        phase.times.push(done - now);
                        phase.calls += 1;
                        now = done;
                    }
                    Ok(phase)
                });
            }
        }
    }
    let mut all = Phase::default();
    while let Some(phase) = tasks.join_next().await {
        let Phase { calls, times } = phase??;
        all.calls += calls;
        all.times.extend(times);
    }
    Ok(all)
}

async fn remove<C: Calls>(contender: &mut C, list: &str) -> Result<u64, Failure> {
    let removed = contender.remove(list).await?;
    if removed == REMOVED {
        Ok(removed)
    } else {
        Err(format!("{removed} items were removed").into())
    }
}

/// Makes calls, one after the other, each to the next object.
struct Caller<C> {
    contender: C,
    action: Action,
    objects: u64,
    next: u64,
    name: String,
    data: Entry,
}

impl<C: Calls> Caller<C> {
    fn new(contender: C, job: &Job, task: u64) -> Self {
        Self {
            contender,
            action: job.work.action,
            objects: job.work.size.max(1),
            // Tasks begin at objects of their own.
            next: task * 77,
            name: String::new(),
            data: Entry {
                n: task,
                text: "an item of usual length".to_owned(),
            },
        }
    }

    async fn call(&mut self) -> Result<(), Failure> {
        use std::fmt::Write;

        let kind = if self.action == Action::Set {
            "key"
        } else {
            "doc"
        };
        let number = self.next % self.objects;
        self.next += 1;
        self.name.clear();
        write!(self.name, "{kind}-{number}")?;
        self.data.n = number;
        let (contender, name, data) = (&mut self.contender, &self.name, &self.data);
        let entry = match self.action {
            Action::Get => contender.get(name).await?,
            Action::Update => contender.update(name, data).await?,
            Action::Set => contender.set(name, data).await?,
            Action::Add => contender.add(data).await?,
            Action::Upsert => contender.upsert(name, data).await?,
            Action::Remove | Action::Stream => return Err("not one call".into()),
        };
        std::hint::black_box(entry);
        Ok(())
    }
}

/// The most resident memory that this process has had; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}
