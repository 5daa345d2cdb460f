//! Who waits where: the places that PoPs named when they last asked for slots.
//!
//! Invariant: what a PoP has got counts as waiting no more, and what it said long ago neither, so
//! that nobody is held up for places that are served, or for a PoP that is gone.

use super::pops::LIVE_MS;
use super::{Result, corrupt};
use kernel::ids::SaleId;
use kernel::time::UnixMillis;
use sqlx::MySqlConnection;

/// How long what a PoP said of its waiting places counts, in milliseconds; it asks again each
/// second while somebody waits.
const BELIEVED_MS: i64 = 2_000;

/// The places that wait at the PoPs besides this one.
pub(super) async fn others(
    connection: &mut MySqlConnection,
    sale: SaleId,
    pop: &str,
    now: UnixMillis,
) -> Result<Vec<u64>> {
    let rows = sqlx::query_scalar!(
        "SELECT places FROM pop_waiting WHERE sale_id = ? AND pop <> ? AND asked_at_ms > ?",
        sale.0,
        pop,
        now.0 - BELIEVED_MS
    );
    let mut places = Vec::new();
    for row in rows.fetch_all(connection).await? {
        places.extend(read(&row)?);
    }
    Ok(places)
}

/// How many PoPs share the slots that nobody waits for: this one, and those heard from lately.
pub(super) async fn pops(
    connection: &mut MySqlConnection,
    pop: &str,
    now: UnixMillis,
) -> Result<u32> {
    let count = sqlx::query_scalar!(
        r#"SELECT CAST(COUNT(*) AS SIGNED) AS "count!: i64" FROM pops
           WHERE id = ? OR (NOT revoked AND heard_at_ms > ?)"#,
        pop,
        now.0 - LIVE_MS
    );
    let count = count.fetch_one(connection).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX).max(1))
}

/// Notes the places that wait at this PoP.
pub(super) async fn note(
    connection: &mut MySqlConnection,
    sale: SaleId,
    pop: &str,
    waiting: &[u64],
    now: UnixMillis,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO pop_waiting (sale_id, pop, places, asked_at_ms) VALUES (?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE places = VALUES(places), asked_at_ms = VALUES(asked_at_ms)",
        sale.0,
        pop,
        write(waiting),
        now.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn write(places: &[u64]) -> String {
    let places: Vec<String> = places.iter().map(u64::to_string).collect();
    places.join(",")
}

fn read(text: &str) -> Result<Vec<u64>> {
    let places = text.split(',').filter(|place| !place.is_empty());
    places.map(|place| place.parse().map_err(corrupt)).collect()
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn places_read_as_they_were_written() {
        for places in [vec![], vec![0], vec![1, 70, u64::MAX]] {
            assert_eq!(read(&write(&places)).unwrap(), places);
        }
        assert!(read("1,x").is_err());
    }
}
