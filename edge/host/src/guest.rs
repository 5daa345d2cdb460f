//! What the host keeps for one instance, and what its component was granted.
//!
//! An instance serves many requests, so nothing of a request may be kept here.

use std::{collections::BTreeMap, sync::Arc};

use wasmtime::{
    StoreLimits, StoreLimitsBuilder,
    component::{Accessor, HasSelf, ResourceTable},
};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    bindings::spin::variables::variables,
    files::Staged,
    hosts::AllowedHosts,
    key_value::Store,
    log::Log,
    metrics::{Operation, Shard, Timed},
    outbound_http::{Client, Outbound},
    redis::Places,
    variables::check_name,
};

/// What the manifest gives a component; shared by its instances.
pub struct Grants {
    /// The component's id.
    pub id: Arc<str>,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// Its variables. They may be secrets.
    pub variables: BTreeMap<String, String>,
    /// The folder it sees as `/`.
    pub files: Option<Staged>,
    /// The stores it may open, by label.
    pub stores: BTreeMap<String, Store>,
    /// Where it may connect to.
    pub hosts: AllowedHosts,
    /// The HTTP client of the host.
    pub client: Client,
    /// Places for Redis connections.
    pub redis: Places,
}

/// The host's side of one instance.
pub struct Guest {
    /// Resources the instance holds.
    pub table: ResourceTable,
    /// What its component was granted.
    pub grants: Arc<Grants>,
    /// Where its calls are counted.
    shard: Arc<Shard>,
    /// What its memories may hold.
    pub memory: StoreLimits,
    /// Open key-value stores.
    pub open_stores: usize,
    /// Open Redis connections.
    pub open_connections: usize,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
}

impl Guest {
    /// A fresh instance's side.
    /// Each memory may grow to `memory_limit` bytes.
    pub fn new(
        grants: Arc<Grants>,
        shard: Arc<Shard>,
        memory_limit: Option<usize>,
    ) -> wasmtime::Result<Self> {
        let mut memory = StoreLimitsBuilder::new();
        if let Some(bytes) = memory_limit {
            memory = memory.memory_size(bytes);
        }
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&grants.environment)
            .stdout(Log::new(grants.id.clone(), "stdout"))
            .stderr(Log::new(grants.id.clone(), "stderr"));
        if let Some(files) = &grants.files {
            wasi.preopened_dir(files.folder(), "/", FsPerms::ReadOnly)?;
        }
        Ok(Self {
            table: ResourceTable::new(),
            memory: memory.build(),
            open_stores: 0,
            open_connections: 0,
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(grants.clone(), shard.clone()),
            shard,
            grants,
        })
    }
}

impl Guest {
    /// Counts a call of the instance, with its time, when the answer is dropped.
    pub fn time(&self, operation: Operation) -> Timed {
        self.shard.time(operation)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

impl variables::Host for Guest {}

impl variables::HostWithStore<Guest> for HasSelf<Guest> {
    async fn get(
        guest: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, variables::Error>> {
        if let Err(reason) = check_name(&name) {
            return Ok(Err(variables::Error::InvalidName(format!(
                "`{name}`: {reason}"
            ))));
        }
        let value = guest.with(|mut access| access.get().grants.variables.get(&name).cloned());
        Ok(value.ok_or(variables::Error::Undefined(name)))
    }
}
