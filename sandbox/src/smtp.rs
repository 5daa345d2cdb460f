//! Receives mail (RFC 5321) for any address and puts it into the mailbox; nothing is sent on.

mod line;
mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::mailbox::Mailbox;

/// Conversations at one time.
const CONNECTIONS_MAX: usize = 100;

/// Accepts for ever.
pub async fn serve(listener: TcpListener, mailbox: Arc<Mailbox>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let mut stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: let some conversations end.
                tracing::warn!("cannot accept mail: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            // Said without waiting; whoever does not read it sees a closed connection.
            let busy = stream.write_all(b"421 Too many connections, try again later\r\n");
            let _ = tokio::time::timeout(Duration::from_millis(100), busy).await;
            continue;
        };
        let mailbox = Arc::clone(&mailbox);
        tokio::spawn(async move {
            if let Err(error) = session::run(stream, &mailbox).await {
                tracing::debug!("a mail conversation broke off: {error}");
            }
            drop(slot);
        });
    }
}
