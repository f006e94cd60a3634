//! The check that nobody else can write a file of settings.

use std::fs::Metadata;
use std::path::Path;

use crate::io::failure::Result;

/// Refuses a file that another user can have written: one of another owner, or one that others can
/// write.
#[cfg(unix)]
pub(crate) fn check_writers(path: &Path, metadata: &Metadata) -> Result<()> {
    unix::check_owner(path, metadata)?;
    unix::check_mode(path, metadata)
}

/// Refuses a symbolic link of another user, whoever owns the file that it leads to. The metadata is that
/// of the path itself.
#[cfg(unix)]
pub(crate) fn check_link(path: &Path, metadata: &Metadata) -> Result<()> {
    use crate::io::failure::Failure;

    if !metadata.is_symlink() || unix::is_trusted(metadata) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is a link that another user made, and says what credentials are used",
        path.display()
    ))
    .hint("remove it, or make it yourself"))
}

/// Refuses the folders above a file if another user can put another file in its place.
#[cfg(unix)]
pub(crate) fn check_folders(path: &Path) -> Result<()> {
    use crate::io::failure::Failure;

    let failed = |error| Failure::io(path.display(), &error);
    let path = std::fs::canonicalize(path).map_err(failed)?;
    for folder in path.ancestors().skip(1) {
        let metadata = folder.metadata().map_err(failed)?;
        unix::check_owner(folder, &metadata)?;
        // In a folder such as /tmp users cannot touch what others put there.
        if !unix::is_sticky(&metadata) {
            unix::check_mode(folder, &metadata)?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn check_writers(_: &Path, _: &Metadata) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn check_link(_: &Path, _: &Metadata) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn check_folders(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use crate::io::failure::{Failure, Result};
    use crate::io::output::shell_quoted;

    /// The bits of a mode that let the group and others write.
    const WRITABLE: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// Returns `true` if this user, or the system's administrator, owns a file, folder or link.
    pub(super) fn is_trusted(metadata: &Metadata) -> bool {
        [user(), 0].contains(&metadata.uid())
    }

    /// Fails unless this user, or the system's administrator, owns a file or folder.
    pub(super) fn check_owner(path: &Path, metadata: &Metadata) -> Result<()> {
        if is_trusted(metadata) {
            return Ok(());
        }
        let user = user();
        Err(Failure::usage(format!(
            "{} belongs to another user, and says what credentials are used",
            path.display()
        ))
        .hint(format!("sudo chown {user} {}", quoted(path))))
    }

    /// Fails if others than its owner can write a file or folder.
    pub(super) fn check_mode(path: &Path, metadata: &Metadata) -> Result<()> {
        if metadata.mode() & WRITABLE == 0 {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "others can write {}, which says what credentials are used (mode {:03o})",
            path.display(),
            metadata.mode() & 0o777
        ))
        .hint(format!("chmod go-w {}", quoted(path))))
    }

    pub(super) fn is_sticky(metadata: &Metadata) -> bool {
        metadata.mode() & STICKY != 0
    }

    fn quoted(path: &Path) -> String {
        shell_quoted(&path.to_string_lossy())
    }
}
