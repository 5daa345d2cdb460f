//! The thread that writes the access log.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, TryRecvError},
};

use http::Version;
use serde::Serialize;

use super::{Entry, Message};

/// A file or stdout.
pub(super) struct Out {
    /// None for stdout.
    file: Option<PathBuf>,
    to: BufWriter<Box<dyn Write + Send>>,
    /// Whether the last write failed, so that a full disk is told once.
    is_failing: bool,
}

/// A line, its keys in the order in which they are written.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    client: String,
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    bytes: u64,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<&'a str>,
    trace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'a str>,
}

impl Out {
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        let file = (file != Path::new("-")).then(|| file.to_owned());
        Ok(Self {
            to: target(file.as_deref())?,
            file,
            is_failing: false,
        })
    }

    /// Writes what waits until told to end; what was written is there to be read as soon
    /// as nothing waits.
    pub(super) fn write_all(&mut self, waiting: &Receiver<Message>) {
        loop {
            let message = match waiting.try_recv() {
                Ok(message) => Some(message),
                Err(TryRecvError::Empty) => {
                    let flushed = self.to.flush();
                    self.judge(&flushed);
                    waiting.recv().ok()
                }
                Err(TryRecvError::Disconnected) => None,
            };
            match message {
                Some(Message::Line(entry)) => {
                    let written = write(&mut self.to, &entry);
                    self.judge(&written);
                }
                Some(Message::Reopen) => self.reopen(),
                Some(Message::Close) | None => break,
            }
        }
        let flushed = self.to.flush();
        self.judge(&flushed);
    }

    /// After a rotation the old file is full, and a new one has its name.
    fn reopen(&mut self) {
        let flushed = self.to.flush();
        self.judge(&flushed);
        match target(self.file.as_deref()) {
            Ok(to) => self.to = to,
            Err(error) => tracing::error!("cannot open the access log anew, it stays: {error}"),
        }
    }

    fn judge(&mut self, result: &io::Result<()>) {
        if let Err(error) = result
            && !self.is_failing
        {
            tracing::error!("cannot write the access log: {error}");
        }
        self.is_failing = result.is_err();
    }
}

fn target(file: Option<&Path>) -> io::Result<BufWriter<Box<dyn Write + Send>>> {
    let to: Box<dyn Write + Send> = match file {
        Some(file) => Box::new(append(file)?),
        None => Box::new(io::stdout()),
    };
    Ok(BufWriter::new(to))
}

fn append(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(file)
}

fn write(to: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let line = Line {
        time: humantime::format_rfc3339_millis(entry.time).to_string(),
        client: entry.client.to_string(),
        method: entry.method.as_str(),
        path: entry.url.path(),
        protocol: protocol(entry.version),
        status: entry.status,
        bytes: entry.bytes,
        // To the microsecond: more is noise.
        duration_ms: (entry.duration.as_secs_f64() * 1e6).round() / 1e3,
        component: entry.component.as_ref().map(|shard| &*shard.component),
        trace: entry.trace.as_str(),
        cache: entry.cache.as_ref().and_then(|value| value.to_str().ok()),
    };
    serde_json::to_writer(&mut *to, &line)?;
    to.write_all(b"\n")
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        _ => "other",
    }
}
