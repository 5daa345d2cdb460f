//! The engine: compiles the components once, limits what each instance can use, and makes instances.

mod generation;
mod instance;
mod worker;

use std::{fs, path::Path, thread, time::Duration};

use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    Result,
    component::{Component, HasSelf, Linker},
    error::{Context as _, format_err},
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::{
    bindings::spin::{key_value::key_value, redis::redis, variables::variables},
    cli::{ComponentLimits, Limits},
    faults::Faults,
    guest::Guest,
    interfaces,
};

pub use generation::Generation;
pub use instance::{Factory, InstanceLimitError};
pub use worker::{Fate, Ticket, end};

/// How often running code looks whether it must yield.
const TICK: Duration = Duration::from_millis(10);
/// Core modules, memories and tables of one component: what the linker makes of a Rust component is a
/// handful.
const CORE_INSTANCES_PER_COMPONENT: u32 = 20;
const MEMORIES_PER_COMPONENT: u32 = 2;
const TABLES_PER_COMPONENT: u32 = 8;
/// Stacks an instance may use at once; a task that waits needs none.
const STACKS_PER_INSTANCE: u32 = 4;
/// Memory of a freed instance that stays resident for the next one, rather than being mapped anew.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// Compiles components and links them to what the host offers.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Guest>,
    /// What the pool gives an instance at most.
    max_memory_mib: usize,
}

/// A component that is compiled and linked.
pub struct Compiled {
    engine: Engine,
    pre: ServicePre<Guest>,
    /// The memory of an instance if it is less than what the pool would give, in bytes.
    memory_limit: Option<usize>,
}

impl Runtime {
    /// An engine that keeps compiled code in the folder `cache`.
    pub fn new(limits: &Limits, cache: &Path) -> Result<Self> {
        let max_memory_mib = ComponentLimits::max_memory_mib(limits, &limits.of_components);
        let engine = Engine::new(&configure(limits, max_memory_mib, cache)?)?;
        let ticked = engine.weak();
        thread::Builder::new().name("epoch".into()).spawn(move || {
            while let Some(engine) = ticked.upgrade() {
                engine.increment_epoch();
                thread::sleep(TICK);
            }
        })?;
        let linker = link(&engine)?;
        Ok(Self {
            engine,
            linker,
            max_memory_mib,
        })
    }

    /// Compiles a component, or takes it from the cache.
    pub fn compile(&self, id: &str, source: &Path, limits: &ComponentLimits) -> Result<Compiled> {
        let component = Component::from_file(&self.engine, source)
            .with_context(|| format!("component `{id}`: cannot load {}", source.display()))?;
        let mut faults = Faults::default();
        interfaces::check(&self.engine, &component, &mut faults);
        faults
            .into_result()
            .map_err(|faults| format_err!("component `{id}`: {faults}"))?;
        let pre = self
            .linker
            .instantiate_pre(&component)
            .with_context(|| format!("component `{id}` needs what this host does not offer"))?;
        let pre = ServicePre::new(pre)
            .with_context(|| format!("component `{id}` does not serve wasi:http/handler@0.3.0"))?;
        let is_less = limits.max_memory_mib < self.max_memory_mib;
        Ok(Compiled {
            engine: self.engine.clone(),
            pre,
            memory_limit: is_less.then_some(limits.max_memory_mib << 20),
        })
    }
}

fn configure(limits: &Limits, max_memory_mib: usize, cache: &Path) -> Result<Config> {
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let mut cache_config = CacheConfig::new();
    cache_config.with_directory(cache);

    let instances = u32::try_from(limits.max_instances)?;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES_PER_COMPONENT)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(instances * MEMORIES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .total_tables(instances * TABLES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .total_stacks(instances * STACKS_PER_INSTANCE)
        .max_memory_size(max_memory_mib << 20)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES);

    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .cache(Some(Cache::new(cache_config)?))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(config)
}

/// Everything a component may import. Sockets are linked, and every use of one is denied.
fn link(engine: &Engine) -> Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    key_value::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    redis::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    variables::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}
