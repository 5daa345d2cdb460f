//! What survives a restart: one file of JSON lines, replayed and rewritten without its past when
//! the sandbox starts.
//!
//! Every record is handed to the operating system before it is answered for, so a killed process
//! loses nothing; a power cut may lose the last moments, which is fine for a sandbox.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::{Event, Payment, Refund};

/// Payments are forgotten this long after they expired, if nothing of them is still to come. A
/// shop that compares its books with a former day's finds them all.
const KEPT_MS: i64 = 3 * 24 * 60 * 60 * 1_000;

/// One line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The shop opened a payment.
    Opened(Payment),
    /// The buyer tried to pay: the payment afterwards and the event that tells the shop.
    Attempted { payment: Payment, event: Event },
    /// A refund began or ended: the payment afterwards, and the event if it ended.
    Refunded {
        payment: Payment,
        event: Option<Event>,
    },
    /// The shop has taken the event, or the sandbox gave up on it.
    Closed { event_id: String },
}

/// What the journal says.
#[derive(Default)]
pub struct Replay {
    pub payments: HashMap<String, Payment>,
    /// Events not yet delivered.
    pub events: HashMap<String, Event>,
}

/// The open file, locked against a second sandbox.
pub struct Journal {
    file: File,
    /// The last write failed, perhaps in the middle of a line.
    torn: bool,
    _lock: File,
}

impl Journal {
    pub fn open(folder: &Path, now_ms: i64) -> anyhow::Result<(Self, Replay)> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another sandbox", folder.display())
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let path = folder.join("journal.jsonl");
        let mut replay = read(&path)?;
        replay.forget(now_ms);

        let fresh = folder.join("journal.jsonl.new");
        let mut writer = BufWriter::new(File::create(&fresh)?);
        for record in replay.records() {
            write_line(&mut writer, &record)?;
        }
        writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&fresh, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok((
            Self {
                file,
                torn: false,
                _lock: lock,
            },
            replay,
        ))
    }

    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        let mut line = Vec::new();
        if self.torn {
            line.push(b'\n');
        }
        write_line(&mut line, record)?;
        let written = self.file.write_all(&line);
        self.torn = written.is_err();
        written
    }
}

impl Replay {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Opened(payment) => {
                self.payments.insert(payment.id.clone(), payment);
            }
            Record::Attempted { payment, event } => {
                self.payments.insert(payment.id.clone(), payment);
                self.events.insert(event.id.clone(), event);
            }
            Record::Refunded { payment, event } => {
                self.payments.insert(payment.id.clone(), payment);
                self.events
                    .extend(event.map(|event| (event.id.clone(), event)));
            }
            Record::Closed { event_id } => {
                self.events.remove(&event_id);
            }
        }
    }

    fn forget(&mut self, now_ms: i64) {
        let events = &self.events;
        self.payments.retain(|id, payment| {
            payment.request.expires_at_ms.saturating_add(KEPT_MS) > now_ms
                || payment.refunds.iter().any(Refund::is_pending)
                || events.values().any(|event| event.payment_id == *id)
        });
    }

    fn records(&self) -> impl Iterator<Item = Record> {
        let opened = self.payments.values().cloned().map(Record::Opened);
        let events = self.events.values().filter_map(|event| {
            let payment = self.payments.get(&event.payment_id)?.clone();
            Some(Record::Attempted {
                payment,
                event: event.clone(),
            })
        });
        opened.chain(events)
    }
}

fn read(path: &Path) -> anyhow::Result<Replay> {
    let mut replay = Replay::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(replay),
        Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
    };
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        if let Ok(record) = serde_json::from_slice(&line?) {
            replay.apply(record);
        } else {
            // Only a write that was cut off leaves such a line, and it was never answered for.
            tracing::warn!(journal.line = index + 1, "skipped a torn line");
        }
    }
    Ok(replay)
}

fn write_line(writer: &mut impl Write, record: &Record) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, record)?;
    writer.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::super::{Amount, Event, Outcome, Payment, Request, State};
    use super::{Journal, KEPT_MS, Record};

    fn payment(id: &str, expires_at_ms: i64) -> Payment {
        Payment {
            id: id.to_owned(),
            idempotency_key: format!("key-{id}"),
            created_at_ms: 0,
            request: Request {
                order_id: "1".to_owned(),
                amount: Amount {
                    amount_minor: 1,
                    currency: "USD".to_owned(),
                },
                return_url: "http://shop.test/".to_owned(),
                expires_at_ms,
            },
            state: State::Paid,
            declines: 0,
            refunds: Vec::new(),
        }
    }

    #[test]
    fn a_torn_line_loses_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, _) = Journal::open(folder.path(), 0).unwrap();
        journal
            .append(&Record::Opened(payment("pay_a", 10)))
            .unwrap();
        drop(journal);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"opened\":{")
            .unwrap();
        let (_, replay) = Journal::open(folder.path(), 0).unwrap();
        assert_eq!(replay.payments.keys().collect::<Vec<_>>(), ["pay_a"]);
    }

    #[test]
    fn a_payment_is_forgotten_only_when_its_events_are_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path(), 0).unwrap();
        let told = payment("pay_told", 10);
        let event = Event::of_attempt("evt_1".to_owned(), &told, Outcome::Pay, 5);
        journal
            .append(&Record::Attempted {
                payment: told,
                event,
            })
            .unwrap();
        journal
            .append(&Record::Opened(payment("pay_old", 10)))
            .unwrap();
        drop(journal);

        let late = KEPT_MS + 10;
        let (mut journal, replay) = Journal::open(folder.path(), late).unwrap();
        assert_eq!(replay.payments.keys().collect::<Vec<_>>(), ["pay_told"]);
        assert!(replay.events.contains_key("evt_1"));
        journal
            .append(&Record::Closed {
                event_id: "evt_1".to_owned(),
            })
            .unwrap();
        drop(journal);
        let (_, replay) = Journal::open(folder.path(), late).unwrap();
        assert!(replay.payments.is_empty() && replay.events.is_empty());
    }

    #[test]
    fn a_second_sandbox_on_the_same_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Journal::open(folder.path(), 0).unwrap();
        assert!(Journal::open(folder.path(), 0).is_err());
    }
}
