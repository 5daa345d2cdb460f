//! Files of pictures: from the PoP's store, or once from the origin.
//!
//! Invariant: only files that the snapshot names are looked for, so that nobody fills the store or
//! wears out the origin by asking; and what is kept is what its name says.

mod fetch;
mod flights;
mod kept;

use bytes::Bytes;
use flights::{Flights, Turn};
use kernel::catalogue::ImageName;
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::Snapshot;
use kit::clock;
use kit::settings::Edge;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a request waits for a neighbour's fetch.
const WAIT_MS_MAX: i64 = 4_000;
const LOOK_AGAIN_MS: u64 = 20;
const RETRY_SECONDS: u32 = 2;

/// Public: names of files that are being fetched.
static FLIGHTS: Mutex<Flights> = Mutex::new(Flights::new());

/// The file of this name; `None` if no item has it, 503 if it cannot be had at the moment.
pub async fn find(
    edge: &Edge,
    snapshot: &Snapshot,
    name: &ImageName,
) -> Result<Option<Bytes>, Problem> {
    if !is_named(snapshot, &name.path()) {
        return Ok(None);
    }
    let store = kept::open().await;
    let began = clock::local();
    loop {
        if let Some(bytes) = kept::get(store.as_ref(), name).await {
            return Ok(Some(bytes));
        }
        let now = clock::local();
        let mut turn = flights().begin(name, now);
        if turn == Turn::Mine {
            turn = kept::begin(store.as_ref(), name).await;
            if turn != Turn::Mine {
                flights().end(name, true, now);
            }
        }
        match turn {
            Turn::Mine => break,
            Turn::Failed => return Err(unavailable()),
            Turn::Others if now.since(began).abs() > WAIT_MS_MAX => return Err(unavailable()),
            Turn::Others => clock::sleep_ms(LOOK_AGAIN_MS).await,
        }
    }
    let fetched = fetch::fetch(edge, name).await;
    if let Ok(Some(bytes)) = &fetched {
        kept::set(store.as_ref(), name, bytes).await;
        kept::sweep(store.as_ref(), snapshot).await;
    }
    kept::end(store.as_ref(), name, fetched.is_ok()).await;
    flights().end(name, fetched.is_ok(), clock::local());
    fetched.map_err(|why| {
        eprintln!("the picture {name} cannot be had: {why}");
        unavailable()
    })
}

/// Whether an item has a file at this path.
pub fn is_named(snapshot: &Snapshot, path: &str) -> bool {
    paths(snapshot).any(|named| named == path)
}

/// Where all files of pictures lie, those of items in several sales more than once.
pub fn paths(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let images = snapshot
        .sales
        .iter()
        .flat_map(|entry| &entry.sale.item.images);
    images.flat_map(|image| image.files.iter().map(|file| file.path.as_str()))
}

fn unavailable() -> Problem {
    let detail = "This picture cannot be had at the moment.";
    Problem::new(ProblemKind::Unavailable, detail).retry_after(RETRY_SECONDS)
}

fn flights() -> MutexGuard<'static, Flights> {
    FLIGHTS.lock().unwrap_or_else(PoisonError::into_inner)
}
