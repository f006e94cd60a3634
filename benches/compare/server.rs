//! The emulator, in a process of its own that does what it is told on its standard input.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio_sync::Emulator;
use twilio_sync::emulator::{Fault, Operation};

use crate::Failure;
use crate::work::{Action, ITEMS, REMOVED, Work};

/// How to reach a server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) account_sid: String,
    pub(crate) api_key: String,
    pub(crate) api_secret: String,
    pub(crate) service_sid: String,
}

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Put in place what the work needs, for so many calls at a time.
    Prepare(Work, u64),
    /// Say how many requests there were.
    Requests,
    /// Delay each page of items by so many milliseconds.
    Delay(u64),
}

/// A server in another process. It ends with its standard input.
pub(crate) struct Server {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) address: Address,
}

impl Server {
    /// Starts this program in a role.
    pub(crate) fn start(role: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let address = read(&mut output)?;
        Ok(Self {
            _child: child,
            input,
            output,
            address,
        })
    }

    fn ask(&mut self, command: &Order) -> Result<u64, Failure> {
        writeln!(self.input, "{}", serde_json::to_string(command)?)?;
        read(&mut self.output)
    }

    /// Puts in place what the work needs.
    pub(crate) fn prepare(&mut self, work: &Work, at: u64) -> Result<(), Failure> {
        self.ask(&Order::Prepare(*work, at))?;
        Ok(())
    }

    /// How many requests it has got.
    pub(crate) fn requests(&mut self) -> Result<u64, Failure> {
        self.ask(&Order::Requests)
    }

    /// Delays each page of items.
    pub(crate) fn delay(&mut self, delay: Duration) -> Result<(), Failure> {
        self.ask(&Order::Delay(u64::try_from(delay.as_millis())?))?;
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(output: &mut BufReader<ChildStdout>) -> Result<T, Failure> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// What the process does.
#[tokio::main]
pub(crate) async fn serve() -> Result<(), Failure> {
    let requests = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&requests);
    let emulator = Emulator::builder()
        .observe(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .start()
        .await?;
    let address = Address {
        url: emulator.url().to_owned(),
        account_sid: emulator.account_sid().as_str().to_owned(),
        api_key: emulator.api_key().as_str().to_owned(),
        api_secret: emulator.api_secret().to_owned(),
        service_sid: emulator.service_sid().as_str().to_owned(),
    };
    println!("{}", serde_json::to_string(&address)?);
    tokio::task::spawn_blocking(move || {
        let mut prepared = None;
        for line in std::io::stdin().lines() {
            let answer = match serde_json::from_str(&line?)? {
                Order::Prepare(work, at) => {
                    // What is only read, or replaced, stays as it is.
                    let stays = !matches!(work.action, Action::Add | Action::Remove);
                    if !(stays && prepared == Some(work)) {
                        emulator.seed(seed(&work, at))?;
                        prepared = Some(work);
                    }
                    0
                }
                Order::Requests => requests.load(Ordering::Relaxed),
                Order::Delay(milliseconds) => {
                    emulator.clear_faults();
                    let delay = Fault::delay(Duration::from_millis(milliseconds));
                    emulator.inject(delay.on(Operation::ListSyncListItem).always());
                    0
                }
            };
            println!("{answer}");
        }
        Ok(())
    })
    .await?
}

fn seed(work: &Work, at: u64) -> Value {
    let size = work.size;
    let data = |n| json!({"n": n, "text": "an item of usual length"});
    let objects = match work.action {
        Action::Get | Action::Update | Action::Upsert => {
            let document = |n| json!({"unique_name": format!("doc-{n}"), "data": data(n)});
            json!({"documents": (0..size).map(document).collect::<Vec<_>>()})
        }
        Action::Set => {
            let item = |n| json!({"key": format!("key-{n}"), "data": data(n)});
            json!({"maps": [{"unique_name": "map", "items": (0..size).map(item).collect::<Vec<_>>()}]})
        }
        Action::Add => json!({"lists": [{"unique_name": "log"}]}),
        Action::Remove => {
            let step = ITEMS / REMOVED;
            let item = |n| match n % step {
                0 => json!({"data": {"call": n}}),
                _ => json!({"data": data(n)}),
            };
            let items: Vec<_> = (0..size).map(item).collect();
            let list = |name| json!({"unique_name": name, "items": items});
            // To warm up, to count allocations, and to measure.
            let names = (0..at).flat_map(|n| [format!("warm-{n}"), format!("log-{n}")]);
            let counted = ["counted-0", "counted-1"].map(str::to_owned);
            json!({"lists": names.chain(counted).map(list).collect::<Vec<_>>()})
        }
        Action::Stream => {
            let item = |n| json!({"data": data(n)});
            json!({"lists": [{"unique_name": "long", "items": (0..size).map(item).collect::<Vec<_>>()}]})
        }
    };
    let mut service = json!({"unique_name": "default"});
    if let (Value::Object(service), Value::Object(objects)) = (&mut service, objects) {
        service.extend(objects);
    }
    json!({"services": [service]})
}
