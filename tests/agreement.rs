//! Signatures and access tokens against those of Twilio's own Node and Python libraries.
//!
//! `tests/sdk/run` installs these, and runs this test; by itself it is ignored.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use twilio_sync::tokens::TokenBuilder;
use twilio_sync::webhooks::Validator;
use twilio_sync::{Credentials, Emulator};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const KEY: &str = "SK0123456789abcdef0123456789abcdef";
const SECRET: &str = "a secret that is long enough for everybody's taste";

struct Webhook {
    token: String,
    url: String,
    parameters: Vec<(String, String)>,
}

fn pick<T: Copy>(random: &mut fastrand::Rng, from: &[T]) -> T {
    from[random.usize(0..from.len())]
}

/// Text of the kinds of characters there are in forms and addresses.
fn text(random: &mut fastrand::Rng, most: usize) -> String {
    let characters: Vec<char> = "abzABZ019 -_.~!*'()&=+%/?#[]{}\"\\\n\t,;:@éüñßЖ中"
        .chars()
        .collect();
    (0..random.usize(0..=most))
        .map(|_| pick(random, &characters))
        .collect()
}

fn webhook(random: &mut fastrand::Rng) -> Webhook {
    let port = pick(random, &["", "", ":443", ":80", ":8443"]);
    let path = pick(
        random,
        &[
            "",
            "/",
            "/sync",
            "/sync/h%C3%A4ndler",
            "/a%20b/c%2Fd",
            "/x/;v=1",
            "/it's",
        ],
    );
    let query = pick(
        random,
        &[
            "",
            "",
            "?a=b",
            "?a=%27x%27&b=%26",
            "?empty=&a=1&a=2",
            "?q=a+b%2Bc",
            "?x=~*()",
        ],
    );
    let scheme = pick(random, &["https", "https", "http"]);
    let host = pick(
        random,
        &[
            "example.com",
            "sub.example.co.uk",
            "127.0.0.1",
            "xn--bcher-kva.example",
        ],
    );
    let mut parameters: Vec<(String, String)> = (0..random.usize(0..8))
        .map(|_| {
            let names = [
                "EventType",
                "AccountSid",
                "DocumentData",
                "a",
                "b",
                "B",
                "a[]",
                "é",
                "",
            ];
            (pick(random, &names).to_owned(), text(random, 20))
        })
        .collect();
    if random.bool() && !parameters.is_empty() {
        let again = parameters[0].clone();
        parameters.push(again);
    }
    Webhook {
        token: format!("token{}", random.u32(0..1000)),
        url: format!("{scheme}://{host}{port}{path}{query}"),
        parameters,
    }
}

/// The address with its port taken off or put on, or something in the request changed.
fn tampered(random: &mut fastrand::Rng, webhook: &Webhook) -> Webhook {
    let mut changed = Webhook {
        token: webhook.token.clone(),
        url: webhook.url.clone(),
        parameters: webhook.parameters.clone(),
    };
    match random.u8(0..6) {
        0 => changed.url = changed.url.replace(":443", ""),
        1 => changed.url = changed.url.replacen("example.com/", "example.com:443/", 1),
        2 => changed.url.push_str("/x"),
        3 => changed
            .parameters
            .push(("a".to_owned(), "added".to_owned())),
        4 => drop(changed.parameters.pop()),
        _ => changed.token.push('x'),
    }
    changed
}

struct Token {
    identity: String,
    service: &'static str,
    endpoint_id: Option<String>,
    lifetime: u64,
    region: Option<&'static str>,
    room: Option<&'static str>,
}

fn token(random: &mut fastrand::Rng) -> Token {
    Token {
        identity: format!("bob {}", text(random, 10)),
        service: pick(random, &["default", "IS0123456789abcdef0123456789abcdef"]),
        endpoint_id: random.bool().then(|| format!("e{}", text(random, 10))),
        lifetime: random.u64(60..=86_400),
        region: pick(random, &[None, Some("ie1")]),
        room: pick(random, &[None, Some("lobby")]),
    }
}

fn part(jwt: &str, at: usize) -> Value {
    let encoded = jwt.split('.').nth(at).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

/// Runs a script of an SDK on input, and gives its output.
fn run(program: &Path, script: &Path, input: &Value) -> Value {
    let mut child = Command::new(program)
        .arg(script)
        .current_dir(script.parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run tests/sdk/run", program.display()));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[allow(clippy::too_many_lines)] // what is handed over, and then each part of what comes back
async fn agree(program: &Path, script: &Path, is_python: bool) {
    let emulator = Emulator::builder()
        .account_sid(ACCOUNT)
        .api_key(KEY)
        .api_secret(SECRET)
        .service_sid("IS0123456789abcdef0123456789abcdef")
        .start()
        .await
        .unwrap();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let random = &mut fastrand::Rng::with_seed(seed);
    let webhooks: Vec<_> = (0..1000).map(|_| webhook(random)).collect();
    let given = |webhook: &Webhook| json!({"token": webhook.token, "url": webhook.url, "parameters": webhook.parameters});
    // Ours, each for the request it was made for and for another.
    let signed: Vec<(Webhook, String)> = webhooks
        .iter()
        .flat_map(|webhook| {
            let signature =
                Validator::new(webhook.token.as_str()).sign(&webhook.url, &webhook.parameters);
            let same = Webhook {
                token: webhook.token.clone(),
                url: webhook.url.clone(),
                parameters: webhook.parameters.clone(),
            };
            [
                (same, signature.clone()),
                (tampered(random, webhook), signature),
            ]
        })
        .collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let issued = UNIX_EPOCH + Duration::from_secs(now);
    let tokens: Vec<_> = (0..100).map(|_| token(random)).collect();
    let ours: Vec<String> = tokens
        .iter()
        .map(|token| {
            let credentials = Credentials::api_key(ACCOUNT, KEY, SECRET).unwrap();
            let mut builder = TokenBuilder::new(credentials, &token.identity, token.service)
                .lifetime(Duration::from_secs(token.lifetime))
                .issued_at(issued);
            if let Some(endpoint_id) = &token.endpoint_id {
                builder = builder.endpoint_id(endpoint_id);
            }
            if let Some(region) = token.region {
                builder = builder.region(region);
            }
            if let Some(room) = token.room {
                builder = builder.grant("video", json!({"room": room}));
            }
            if is_python {
                builder = builder.not_before(issued);
            }
            builder.sign().unwrap().as_str().to_owned()
        })
        .collect();
    let input = json!({
        "now": now,
        "webhooks": webhooks.iter().map(given).collect::<Vec<_>>(),
        "signed": signed.iter().map(|(webhook, signature)| {
            let mut given = given(webhook);
            given["signature"] = json!(signature);
            given
        }).collect::<Vec<_>>(),
        "tokens": tokens.iter().zip(&ours).map(|(token, ours)| json!({
            "account_sid": ACCOUNT, "api_key": KEY, "secret": SECRET, "identity": token.identity,
            "service": token.service, "endpoint_id": token.endpoint_id, "lifetime": token.lifetime,
            "region": token.region, "room": token.room, "ours": ours,
        })).collect::<Vec<_>>(),
    });
    let theirs = run(program, script, &input);

    let mut valid = 0;
    for (webhook, signature) in webhooks
        .iter()
        .zip(theirs["signatures"].as_array().unwrap())
    {
        let validator = Validator::new(webhook.token.as_str());
        let signature = signature.as_str().unwrap();
        assert_eq!(
            validator.sign(&webhook.url, &webhook.parameters),
            signature,
            "{}",
            webhook.url
        );
        assert!(
            validator.is_valid(&webhook.url, &webhook.parameters, signature),
            "{}",
            webhook.url
        );
    }
    for ((webhook, signature), verdict) in signed.iter().zip(theirs["verdicts"].as_array().unwrap())
    {
        let validator = Validator::new(webhook.token.as_str());
        let is_valid = validator.is_valid(&webhook.url, &webhook.parameters, signature);
        assert_eq!(
            json!(is_valid),
            *verdict,
            "{} {:?}",
            webhook.url,
            webhook.parameters
        );
        valid += usize::from(is_valid);
    }
    assert!(
        (1000..1900).contains(&valid),
        "{valid} of 2000 were valid, too many or too few"
    );
    for (((token, ours), jwt), verified) in tokens
        .iter()
        .zip(&ours)
        .zip(theirs["tokens"].as_array().unwrap())
        .zip(theirs["verified"].as_array().unwrap())
    {
        let jwt = jwt.as_str().unwrap();
        let accepted = emulator.verify_token(jwt).unwrap();
        assert_eq!(
            serde_json::to_value(accepted).unwrap(),
            part(jwt, 1),
            "ours accepts theirs"
        );
        assert_eq!(part(ours, 0), part(jwt, 0), "header for {}", token.identity);
        let mut claims = part(ours, 1);
        assert_eq!(*verified, claims, "their validator reads what we wrote");
        if is_python {
            // Python names no time of issue but in the token's own name.
            claims.as_object_mut().unwrap().remove("iat");
        }
        assert_eq!(claims, part(jwt, 1), "claims for {}", token.identity);
    }
    println!(
        "1,000 signatures and {} verdicts ({valid} valid), {} tokens agree",
        signed.len(),
        tokens.len()
    );
}

fn sdk(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sdk")
        .join(path)
}

#[tokio::test]
#[ignore = "needs the Node SDK; run tests/sdk/run"]
async fn with_nodes() {
    agree(Path::new("node"), &sdk("node/agreement.mjs"), false).await;
}

#[tokio::test]
#[ignore = "needs the Python SDK; run tests/sdk/run"]
async fn with_pythons() {
    agree(&sdk(".venv/bin/python"), &sdk("python/agreement.py"), true).await;
}
