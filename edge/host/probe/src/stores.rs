//! The key-value store and Redis.

use anyhow::{Context, Result};
use spin_sdk::{
    key_value::Store,
    redis::{Connection, Error, RedisParameter},
};

/// Whether the store with this label opens.
pub async fn open(label: &str) -> String {
    match Store::open(label).await {
        Ok(_) => "open".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// Sets `key=value`.
pub async fn set(pair: &str) -> Result<String> {
    let (key, value) = pair.split_once('=').context("key=value")?;
    Store::open_default().await?.set(key, value).await?;
    Ok("set".into())
}

/// The value of a key.
pub async fn get(key: &str) -> Result<String> {
    let value = Store::open_default().await?.get(key).await?;
    Ok(format!(
        "{:?}",
        value.map(|value| String::from_utf8_lossy(&value).into_owned())
    ))
}

/// Deletes a key and says whether it is still there.
pub async fn delete(key: &str) -> Result<String> {
    let store = Store::open_default().await?;
    store.delete(key).await?;
    Ok(store.exists(key).await?.to_string())
}

/// All keys.
pub async fn keys() -> Result<String> {
    Ok(Store::open_default()
        .await?
        .get_keys()
        .await
        .collect()
        .await?
        .join(","))
}

/// Uses every function of the interface once, a line each.
pub async fn redis(address: &str) -> String {
    match use_redis(address).await {
        Ok(text) => text,
        Err(error) => format!("{error:?}"),
    }
}

async fn use_redis(address: &str) -> Result<String, Error> {
    let connection = Connection::open(address).await?;
    connection.del(["n", "text", "set"]).await?;
    connection.set("text", "value").await?;
    connection.publish("channel", "message").await?;
    let mut lines = vec![
        format!("{:?}", connection.get("text").await?),
        format!("{:?}", connection.get("nothing").await?),
        format!(
            "{:?} {:?}",
            connection.incr("n").await?,
            connection.incr("n").await?
        ),
        format!("{:?}", connection.incr("text").await),
        format!("{:?}", connection.sadd("set", ["a", "b"]).await?),
        format!("{:?}", connection.sadd("text", ["a"]).await),
        format!("{:?}", connection.srem("set", ["b", "c"]).await?),
        format!("{:?}", connection.smembers("set").await?),
        format!("{:?}", connection.del(["n", "nothing"]).await?),
    ];
    let script = "return {'word', 7, {ARGV[1], redis.call('GET', KEYS[1])}, false}";
    let arguments = [
        RedisParameter::Binary(script.into()),
        RedisParameter::Int64(1),
        RedisParameter::Binary(b"text".to_vec()),
        RedisParameter::Binary(b"argument".to_vec()),
    ];
    lines.push(format!(
        "{:?}",
        connection.execute("EVAL", arguments).await?
    ));
    lines.push(format!("{:?}", connection.execute("PING", []).await?));
    lines.push(format!(
        "{:?}",
        connection.execute("NONSENSE", []).await.is_err()
    ));
    Ok(lines.join("\n"))
}
