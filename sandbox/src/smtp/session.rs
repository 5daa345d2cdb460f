//! One SMTP conversation: greeting, envelope, message.
//!
//! Every step has a limit of size and time, so a peer can neither fill memory nor hold a slot.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::line::{self, Line};
use crate::ids;
use crate::mailbox::Mailbox;

const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// RFC 5321 §4.5.3.1 asks for 512 (commands) and 1,000 (text); real senders go a little over.
const LINE_BYTES_MAX: usize = 2_048;
const ADDRESS_BYTES_MAX: usize = 254;
const RECIPIENTS_MAX: usize = 100;
const COMMANDS_MAX: usize = 10_000;
const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);
const MESSAGE_TIMEOUT: Duration = Duration::from_mins(2);

struct Session<'a> {
    stream: BufReader<TcpStream>,
    mailbox: &'a Mailbox,
    /// `MAIL FROM` was given.
    mail: bool,
    recipients: Vec<String>,
}

/// Talks until the peer quits, goes away or takes too long.
pub async fn run(stream: TcpStream, mailbox: &Mailbox) -> io::Result<()> {
    let stream = BufReader::new(stream);
    let mut session = Session {
        stream,
        mailbox,
        mail: false,
        recipients: Vec::new(),
    };
    session.reply("220 sandbox ready").await?;
    for _ in 0..COMMANDS_MAX {
        let command = match timeout(
            COMMAND_TIMEOUT,
            line::next(&mut session.stream, LINE_BYTES_MAX),
        )
        .await
        {
            Ok(Ok(Line::Whole(line))) => String::from_utf8_lossy(&line).trim().to_owned(),
            Ok(Ok(Line::TooLong)) => {
                session.reply("500 Line too long").await?;
                continue;
            }
            Ok(Ok(Line::End)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return session.reply("421 Waited too long").await,
        };
        if !session.obey(&command).await? {
            return Ok(());
        }
    }
    session.reply("421 Too many commands").await
}

impl Session<'_> {
    /// Whether the conversation goes on.
    async fn obey(&mut self, command: &str) -> io::Result<bool> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                self.reset();
                self.reply(&format!(
                    "250-sandbox\r\n250-SIZE {MESSAGE_BYTES_MAX}\r\n250-PIPELINING\r\n\
                     250-SMTPUTF8\r\n250 8BITMIME"
                ))
                .await?;
            }
            "HELO" => {
                self.reset();
                self.reply("250 sandbox").await?;
            }
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.recipient(rest).await?,
            "DATA" => self.data().await?,
            "RSET" => {
                self.reset();
                self.reply("250 OK").await?;
            }
            "NOOP" => self.reply("250 OK").await?,
            "QUIT" => {
                self.reply("221 Bye").await?;
                return Ok(false);
            }
            _ => self.reply("502 Command not known").await?,
        }
        Ok(true)
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        let Some((_, parameters)) = path(rest, "FROM:") else {
            return self.reply("501 Say MAIL FROM:<address>").await;
        };
        let declared = parameters.split_ascii_whitespace().find_map(|word| {
            word.to_ascii_uppercase()
                .strip_prefix("SIZE=")?
                .parse()
                .ok()
        });
        if declared.is_some_and(|bytes: usize| bytes > MESSAGE_BYTES_MAX) {
            return self.reply("552 Message too big").await;
        }
        self.reset();
        self.mail = true;
        self.reply("250 OK").await
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        if !self.mail {
            return self.reply("503 Say MAIL first").await;
        }
        let address = match path(rest, "TO:") {
            Some((address, _)) if !address.is_empty() && address.len() <= ADDRESS_BYTES_MAX => {
                address
            }
            _ => return self.reply("501 Say RCPT TO:<address>").await,
        };
        if self.recipients.len() >= RECIPIENTS_MAX {
            return self.reply("452 Too many recipients").await;
        }
        self.recipients.push(address.to_owned());
        self.reply("250 OK").await
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.recipients.is_empty() {
            return self.reply("503 Say RCPT first").await;
        }
        self.reply("354 End with a line that holds only a full stop")
            .await?;
        let read = timeout(MESSAGE_TIMEOUT, read_message(&mut self.stream));
        let verdict = match read.await {
            Ok(Ok(Some(raw))) => {
                if self.mailbox.receive(&self.recipients, &raw, ids::now_ms()) {
                    "250 OK"
                } else {
                    "554 This is not a message"
                }
            }
            Ok(Ok(None)) => "552 Message or line too big",
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        self.reset();
        self.reply(verdict).await
    }

    fn reset(&mut self) {
        self.mail = false;
        self.recipients.clear();
    }

    async fn reply(&mut self, text: &str) -> io::Result<()> {
        let bytes = format!("{text}\r\n").into_bytes();
        match timeout(COMMAND_TIMEOUT, self.stream.get_mut().write_all(&bytes)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// `FROM:<a@b> SIZE=1` → the address and what follows it.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    tail.trim_start().strip_prefix('<')?.split_once('>')
}

/// Reads to the full stop. `None`: it was too big, and has been read and dropped all the same, so
/// that the peer gets an answer; a peer that goes on and on is cut off by the time limit.
async fn read_message(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let mut too_big = false;
    loop {
        match line::next(stream, LINE_BYTES_MAX).await? {
            Line::Whole(line) if line == b".\r\n" => {
                return Ok((!too_big).then_some(message));
            }
            Line::Whole(line) => {
                // The sender doubled a full stop at the start of a line (RFC 5321 §4.5.2).
                let text = line.strip_prefix(b".").unwrap_or(&line);
                too_big |= message.len() + text.len() > MESSAGE_BYTES_MAX;
                if !too_big {
                    message.extend_from_slice(text);
                }
            }
            Line::TooLong => too_big = true,
            Line::End => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_read_with_what_follows_it() {
        let cases = [
            ("FROM:<a@b.test> SIZE=12", Some(("a@b.test", " SIZE=12"))),
            ("from: <>", Some(("", ""))),
            ("FROM:a@b.test", None),
            ("FR", None),
            ("TO:<a@b.test>", None),
        ];
        for (rest, expected) in cases {
            assert_eq!(path(rest, "FROM:"), expected, "{rest}");
        }
    }
}
