//! What the table in `docs/spin-conformance.md` says, row by row, at a running host. The rows that need
//! none are tested beside the code: `manifest`, `routes`, `hosts`, `files`, `variables`, `runtime_config`.

mod instances;
mod interfaces;
mod runtime_config;
mod triggers;
mod variables;
