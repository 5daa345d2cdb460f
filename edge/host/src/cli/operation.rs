//! The part of the command line that is about running the host: what it tells and when it reads its
//! files again.

use std::{net::SocketAddr, path::PathBuf};

/// What operators see of a running host, and what they change without a restart.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Operation")]
pub struct Operation {
    /// Serve /metrics for Prometheus, /livez and /readyz at this address, which should not be a public
    /// one; port 0 takes a free one and the log names it
    #[arg(long, value_name = "ADDRESS")]
    pub ops: Option<SocketAddr>,
    /// Write a line of JSON for each finished request to this file, `-` for stdout; opened anew on
    /// SIGHUP
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Look each second whether the manifest, the runtime configuration or a component's source has
    /// changed, and reload as on SIGHUP
    #[arg(long)]
    pub watch: bool,
}
