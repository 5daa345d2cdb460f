//! File descriptors: every connection needs one, and systems give a program few unless it asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::Front;

/// What else needs descriptors: listeners, files, stores, and connections to other servers.
const SPARE: u64 = 512;

/// Asks for as many as the system allows, and warns if connections would come to want for them.
pub fn raise(front: &Front) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!("cannot raise the limit of open files: {error}");
    }
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let needed = front.max_connections as u64 + SPARE;
    if files < needed {
        tracing::warn!(
            "{files} files may be open, {needed} are wanted for --max-connections {}: raise the limit \
             (ulimit -n, LimitNOFILE) or lower the flag",
            front.max_connections
        );
    } else {
        tracing::info!("{files} files may be open");
    }
}
