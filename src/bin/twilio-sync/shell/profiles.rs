//! Named profiles: credentials in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::environment;
use super::ownership::{check_folders, check_writers};
use crate::io::failure::{Exit, Failure, Result};
use crate::io::output::shell_quoted;

/// The profile that is used where none is named.
pub(crate) const DEFAULT: &str = "default";

/// The settings of one account and Service.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) account_sid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<String>,
    #[serde(
        default,
        serialize_with = "exposed",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) api_secret: Option<SecretString>,
    #[serde(
        default,
        serialize_with = "exposed",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) auth_token: Option<SecretString>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service_sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
}

/// A secret on its way into the file, the one place it is written to.
#[expect(clippy::ref_option, reason = "that is how serde calls it")]
fn exposed<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(to)
}

impl Profile {
    /// A setting, by the name of its environment variable.
    pub(crate) fn get(&self, variable: &str) -> Option<String> {
        let secret = |secret: &Option<SecretString>| {
            let secret = secret.as_ref()?;
            Some(secret.expose_secret().to_owned())
        };
        match variable {
            environment::ACCOUNT_SID => Some(self.account_sid.clone()),
            environment::API_KEY => self.api_key.clone(),
            environment::API_SECRET => secret(&self.api_secret),
            environment::AUTH_TOKEN => secret(&self.auth_token),
            environment::SERVICE_SID => self.service_sid.clone(),
            environment::REGION => self.region.clone(),
            environment::EDGE => self.edge.clone(),
            environment::BASE_URL => self.base_url.clone(),
            _ => None,
        }
    }
}

/// All profiles, and the file they are in.
#[derive(Debug)]
pub(crate) struct Profiles {
    pub(crate) path: PathBuf,
    pub(crate) all: BTreeMap<String, Profile>,
}

impl Profiles {
    /// Reads the file; without one there are no profiles.
    pub(crate) fn read() -> Result<Self> {
        let folder = dirs::config_dir().ok_or_else(|| {
            Failure::usage("there is no folder for configuration: set HOME or XDG_CONFIG_HOME")
        })?;
        let path = folder.join("twilio-sync").join("profiles.toml");
        let all = match fs::File::open(&path) {
            Ok(file) => parse(&path, file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(unusable(&path, &error)),
        };
        Ok(Self { path, all })
    }

    /// Writes the file anew, whole or not at all, for its owner alone.
    pub(crate) fn write(&self) -> Result<()> {
        let failed = |error: &io::Error| Failure::io(self.path.display(), error);
        let text = toml::to_string(&self.all)
            .map_err(|error| failed(&io::Error::other(error.to_string())))?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        make_private_folder(folder)?;
        let write = || {
            // A temporary file is for its owner alone.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok(())
        };
        write().map_err(|error: io::Error| failed(&error))
    }
}

fn parse(path: &Path, mut file: fs::File) -> Result<BTreeMap<String, Profile>> {
    // The metadata of the open file: its path may lead to another file by now.
    let metadata = file.metadata().map_err(|error| unusable(path, &error))?;
    check_private(path, &metadata)?;
    check_writers(path, &metadata)?;
    check_folders(path)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut file, &mut text).map_err(|error| unusable(path, &error))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        // What the error says may show what is in the line, and that be a secret.
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Failure::usage(format!(
            "{} cannot be used: line {line} is not as `login` writes it",
            path.display()
        ))
        .hint("fix it, or remove it and `twilio-sync login` again")
    })
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::io(path.display(), error)
}

/// Refuses a file that others can read or write.
#[cfg(unix)]
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} holds secrets and can be used by others than its owner (mode {mode:03o})",
        path.display()
    ))
    .hint(format!(
        "chmod 600 {}",
        shell_quoted(&path.to_string_lossy())
    )))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn check_private(_: &Path, _: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// Makes a folder for its owner alone, unless it is there.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| Failure::io(path.display(), &error))
}

/// Returns the failure that there is no profile of a name, with the names of those that there are.
pub(crate) fn no_such_profile(name: &str, profiles: &Profiles) -> Failure {
    let failure = Failure::new(
        Exit::Usage,
        format!(
            "there is no profile \"{name}\" in {}",
            profiles.path.display()
        ),
    );
    let known: Vec<_> = profiles.all.keys().map(String::as_str).collect();
    if known.is_empty() {
        failure.hint(format!(
            "`twilio-sync login --profile {}` makes it",
            shell_quoted(name)
        ))
    } else {
        failure.hint(format!("there are: {}", known.join(", ")))
    }
}
