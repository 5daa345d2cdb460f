//! Builds what a system runs: native programs in the dev profile, components in release.

use crate::{tool, workspace};

/// Packages with the programs of a system.
const PROGRAMS: [&str; 4] = ["origin", "edge-host", "sandbox", "doorbuster"];
/// The components of `spin.toml`.
pub const COMPONENTS: [&str; 3] = ["pages", "gate", "relay"];
/// What components are compiled for.
pub const COMPONENT_TARGET: &str = "wasm32-wasip2";
/// What pages run in browsers is compiled for, by the build script of `pages`.
pub const BROWSER_TARGET: &str = "wasm32-unknown-unknown";

/// Builds all tests and, because each program has tests in `tests/`, the programs too. One call for
/// both, as other features of one shared crate would have wasmtime compiled twice.
pub fn for_tests() -> anyhow::Result<()> {
    let mut native = workspace::cargo();
    native.args(["test", "--workspace", "--exclude", "edge-probe", "--no-run"]);
    tool::run_quiet(native)?;
    components(&COMPONENTS)
}

/// Builds all that a system runs; cargo tells its progress on standard error.
pub fn all() -> anyhow::Result<()> {
    let mut native = workspace::cargo();
    native.arg("build");
    for package in PROGRAMS {
        native.args(["--package", package]);
    }
    tool::run_quiet(native)?;
    components(&COMPONENTS)
}

/// Builds packages as components where `spin.toml` and the tests look for them.
pub fn components(packages: &[&str]) -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args([
        "build",
        "--release",
        "--target",
        COMPONENT_TARGET,
        "--target-dir",
    ]);
    command.arg(workspace::component_target());
    for package in packages {
        command.args(["--package", package]);
    }
    tool::run_quiet(command)
}
