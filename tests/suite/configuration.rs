//! Setting up a client: builder, environment, addresses.

use twilio_sync::{Credentials, Emulator, Result, SyncClient, SyncClientBuilder};

use crate::documents;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const KEY: &str = "SK0123456789abcdef0123456789abcdef";
const SERVICE: &str = "IS0123456789abcdef0123456789abcdef";

fn from_variables(variables: &[(&str, &str)]) -> Result<SyncClient> {
    let lookup = |name: &str| {
        let variable = variables.iter().find(|variable| variable.0 == name);
        variable.map(|variable| variable.1.to_owned())
    };
    SyncClient::builder().from_variables(lookup)?.build()
}

fn refused(variables: &[(&str, &str)]) -> String {
    from_variables(variables).unwrap_err().to_string()
}

#[test]
fn what_is_missing_is_named_all_at_once() {
    let all = "missing: TWILIO_ACCOUNT_SID (or MASTER_ACCOUNT_SID, or ACCOUNT_SID), the account's SID \
               (AC…); TWILIO_API_KEY (SK…) and TWILIO_API_SECRET, or TWILIO_AUTH_TOKEN (or \
               AUTH_TOKEN); TWILIO_SYNC_SERVICE_SID (or SYNC_SERVICE_SID), the Service's SID (IS…) or \
               `default`";
    assert_eq!(refused(&[]), all);
    assert_eq!(
        refused(&[("TWILIO_ACCOUNT_SID", ""), ("TWILIO_AUTH_TOKEN", "")]),
        all
    );
    assert_eq!(
        refused(&[
            ("TWILIO_ACCOUNT_SID", ACCOUNT),
            ("TWILIO_API_KEY", KEY),
            ("AUTH_TOKEN", "x")
        ]),
        "missing: TWILIO_API_SECRET, the secret of TWILIO_API_KEY; \
         TWILIO_SYNC_SERVICE_SID (or SYNC_SERVICE_SID), the Service's SID (IS…) or `default`"
    );
    assert_eq!(
        SyncClient::builder().build().unwrap_err().to_string(),
        "missing: credentials; the service, a SID (IS…) or `default`"
    );
}

#[test]
fn current_and_older_names() {
    for variables in [
        [
            ("TWILIO_ACCOUNT_SID", ACCOUNT),
            ("TWILIO_AUTH_TOKEN", "t"),
            ("TWILIO_SYNC_SERVICE_SID", SERVICE),
        ],
        [
            ("ACCOUNT_SID", ACCOUNT),
            ("AUTH_TOKEN", "t"),
            ("SYNC_SERVICE_SID", SERVICE),
        ],
    ] {
        assert_eq!(
            from_variables(&variables).unwrap().service().as_str(),
            SERVICE
        );
    }
    let key = [
        ("TWILIO_ACCOUNT_SID", ACCOUNT),
        ("TWILIO_API_KEY", KEY),
        ("TWILIO_API_SECRET", "s"),
        ("TWILIO_SYNC_SERVICE_SID", "default"),
    ];
    assert_eq!(from_variables(&key).unwrap().service().as_str(), "default");
    // As Twilio Functions of old had them: the key where the account's SID is today.
    let older = [
        ("MASTER_ACCOUNT_SID", ACCOUNT),
        ("ACCOUNT_SID", KEY),
        ("AUTH_TOKEN", "s"),
        ("SYNC_SERVICE_SID", SERVICE),
    ];
    assert!(from_variables(&older).is_ok());
}

#[tokio::test]
async fn the_variables_are_used() {
    let emulator = Emulator::start().await.unwrap();
    let sets: [&[(&str, &str)]; 4] = [
        &[
            ("TWILIO_ACCOUNT_SID", emulator.account_sid().as_str()),
            ("TWILIO_AUTH_TOKEN", emulator.auth_token()),
        ],
        &[
            ("TWILIO_ACCOUNT_SID", emulator.account_sid().as_str()),
            ("TWILIO_API_KEY", emulator.api_key().as_str()),
            ("TWILIO_API_SECRET", emulator.api_secret()),
            ("TWILIO_AUTH_TOKEN", "not this one"),
        ],
        &[
            ("MASTER_ACCOUNT_SID", emulator.account_sid().as_str()),
            ("ACCOUNT_SID", emulator.api_key().as_str()),
            ("AUTH_TOKEN", emulator.api_secret()),
        ],
        &[
            ("ACCOUNT_SID", emulator.account_sid().as_str()),
            ("AUTH_TOKEN", emulator.auth_token()),
        ],
    ];
    for set in sets {
        let mut variables = set.to_vec();
        variables.push(("SYNC_SERVICE_SID", emulator.service_sid().as_str()));
        variables.push(("TWILIO_SYNC_BASE_URL", emulator.url()));
        let sync = from_variables(&variables).unwrap();
        assert_eq!(documents(&sync).search("desk").await.unwrap(), None);
    }
}

#[test]
fn wrong_values_are_refused() {
    let text = refused(&[
        ("TWILIO_ACCOUNT_SID", "AC12"),
        ("TWILIO_AUTH_TOKEN", "token"),
        ("TWILIO_SYNC_SERVICE_SID", SERVICE),
    ]);
    assert_eq!(
        text,
        "TWILIO_ACCOUNT_SID is not usable: \"AC12\" is not the SID of an account, \
         which is `AC` and 32 hexadecimal digits"
    );
    // A secret in the place of a SID is not shown.
    let swapped = "h8Xq3vTzR0sWm2LkYd7PbN5cJf4GaE1u";
    let text = refused(&[
        ("TWILIO_ACCOUNT_SID", ACCOUNT),
        ("TWILIO_API_KEY", swapped),
        ("TWILIO_API_SECRET", KEY),
        ("TWILIO_SYNC_SERVICE_SID", SERVICE),
    ]);
    assert_eq!(
        text,
        "TWILIO_API_KEY is not usable: a value of 32 characters is not the SID of an API key, which is \
         `SK` and 32 hexadecimal digits"
    );
}

#[test]
fn an_older_token_goes_with_the_account_beside_it() {
    let other = "ACfedcba9876543210fedcba9876543210";
    let variables = |name: &str| match name {
        "TWILIO_ACCOUNT_SID" | "MASTER_ACCOUNT_SID" => Some(other.to_owned()),
        "ACCOUNT_SID" => Some(ACCOUNT.to_owned()),
        "AUTH_TOKEN" => Some("token".to_owned()),
        "SYNC_SERVICE_SID" => Some("default".to_owned()),
        _ => None,
    };
    let builder = SyncClient::builder().from_variables(variables).unwrap();
    assert!(format!("{builder:?}").contains(ACCOUNT));
}

#[test]
fn variables_go_with_other_settings() {
    let lookup = |region: Option<&'static str>| {
        move |name: &str| match name {
            "TWILIO_ACCOUNT_SID" => Some(ACCOUNT.to_owned()),
            "TWILIO_AUTH_TOKEN" => Some("token".to_owned()),
            "TWILIO_SYNC_SERVICE_SID" => Some(SERVICE.to_owned()),
            "TWILIO_REGION" => region.map(str::to_owned),
            _ => None,
        }
    };
    // What no variable says stays as it was set.
    let builder = SyncClient::builder().region("ie1").service("default");
    let sync = builder.clone().from_variables(lookup(None)).unwrap();
    let sync = sync.build().unwrap();
    assert_eq!(sync.base_url().as_str(), "https://sync.ie1.twilio.com/");
    assert_eq!(sync.service().as_str(), SERVICE);
    // The last one counts.
    let sync = builder.from_variables(lookup(Some("au1"))).unwrap();
    let sync = sync.service("default").build().unwrap();
    assert_eq!(sync.base_url().as_str(), "https://sync.au1.twilio.com/");
    assert_eq!(sync.service().as_str(), "default");
}

/// Runs in a process of its own, with an environment of its own.
#[test]
#[ignore = "run by `from_env_reads_the_environment`"]
fn reading_the_environment() {
    println!("{:?}", SyncClient::from_env());
}

#[test]
fn from_env_reads_the_environment() {
    let run = |variables: &[(&str, &str)]| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "configuration::reading_the_environment",
                "--ignored",
                "--nocapture",
            ])
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let set = run(&[
        ("TWILIO_ACCOUNT_SID", ACCOUNT),
        ("TWILIO_AUTH_TOKEN", "token"),
        ("TWILIO_SYNC_SERVICE_SID", SERVICE),
        ("TWILIO_REGION", "ie1"),
    ]);
    assert!(
        set.contains("https://sync.ie1.twilio.com") && set.contains(SERVICE),
        "{set}"
    );
    assert!(run(&[]).contains("Missing("));
}

fn base_url(builder: SyncClientBuilder) -> Result<String> {
    let credentials = Credentials::auth_token(ACCOUNT, "token")?;
    let sync = builder.credentials(credentials).service(SERVICE).build()?;
    let url = sync.base_url().to_string();
    assert!(format!("{sync:?}").contains(&format!("base_url: \"{url}\"")));
    Ok(url)
}

#[test]
fn regions_and_edges() {
    let builder = SyncClient::builder;
    assert_eq!(base_url(builder()).unwrap(), "https://sync.twilio.com/");
    assert_eq!(
        base_url(builder().region("ie1")).unwrap(),
        "https://sync.ie1.twilio.com/"
    );
    assert_eq!(
        base_url(builder().edge("ashburn")).unwrap(),
        "https://sync.ashburn.us1.twilio.com/"
    );
    assert_eq!(
        base_url(builder().edge("dublin").region("ie1")).unwrap(),
        "https://sync.dublin.ie1.twilio.com/"
    );
    for label in ["evil.example/", "", "x.y", "a@b", "Ü"] {
        let error = base_url(builder().region(label)).unwrap_err().to_string();
        assert!(error.starts_with("the region is not usable: "), "{error}");
    }
}

#[test]
fn base_urls() {
    let url = |url: &str| base_url(SyncClient::builder().base_url(url));
    for good in [
        "https://proxy.example/",
        "https://proxy.example/twilio/sync",
        "http://127.0.0.1:4010/",
        "http://127.9.9.9:1/",
        "http://localhost:4010/",
        "http://[::1]:4010/",
    ] {
        assert_eq!(url(good).unwrap(), good);
    }
    assert_eq!(
        url("https://proxy.example").unwrap(),
        "https://proxy.example/"
    );
    for (bad, why) in [
        (
            "http://proxy.example",
            "only a loopback address may have http",
        ),
        (
            "http://127.0.0.1.example",
            "only a loopback address may have http",
        ),
        (
            "http://localhost.example",
            "only a loopback address may have http",
        ),
        ("ftp://proxy.example", "it must begin with https://"),
        (
            "https://proxy.example/?a=hunter2",
            "it must end with its path",
        ),
        (
            "https://proxy.example/#hunter2",
            "it must end with its path",
        ),
        (
            "ftp://proxy.example/?a=hunter2",
            "it must end with its path",
        ),
        (
            "https://u:p@proxy.example/?a=hunter2",
            "credentials do not belong in it",
        ),
        (
            "https://u@proxy.example/#hunter2",
            "credentials do not belong in it",
        ),
        ("mailto:hunter2", "it must begin with https://"),
        ("data:hunter2,x", "it must begin with https://"),
        (
            "https://AC1:hunter2@proxy.example",
            "credentials do not belong in it",
        ),
        ("no url", "relative URL without a base"),
    ] {
        let error = url(bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_base_url_may_have_a_path_and_another_service_its_own_client() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let default = sync.with_service("default").unwrap();
    documents(&sync)
        .create("desk", &serde_json::json!({}))
        .await
        .unwrap();
    assert!(documents(&default).search("desk").await.unwrap().is_some());
    assert!(sync.with_service("..").is_err());
}

#[tokio::test]
async fn empty_secrets_are_refused() {
    use twilio_sync::Credentials;
    use twilio_sync::error::InputError;

    let (account, key) = (
        "AC0123456789abcdef0123456789abcdef",
        "SK0123456789abcdef0123456789abcdef",
    );
    for secret in ["", " ", "\n"] {
        let error = Credentials::api_key(account, key, secret).unwrap_err();
        assert!(matches!(
            error,
            InputError::EmptySecret { what: "API secret" }
        ));
        let error = Credentials::auth_token(account, secret).unwrap_err();
        assert!(matches!(
            error,
            InputError::EmptySecret { what: "auth token" }
        ));
        let error = Emulator::builder()
            .auth_token(secret)
            .in_process()
            .unwrap_err();
        assert!(
            error.to_string().starts_with("the auth token is empty"),
            "{error}"
        );
        let error = Emulator::builder()
            .api_secret(secret)
            .start()
            .await
            .unwrap_err();
        assert!(
            error.to_string().starts_with("the API secret is empty"),
            "{error}"
        );
    }
}
