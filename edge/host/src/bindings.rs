//! The interfaces of Spin that components may import, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "host",
    imports: {
        "spin:key-value/key-value.[method]store.get-keys": async | store | trappable,
        default: trappable,
    },
    with: {
        "spin:key-value/key-value.store": crate::key_value::Store,
        "spin:redis/redis.connection": crate::redis::Connection,
    },
});
