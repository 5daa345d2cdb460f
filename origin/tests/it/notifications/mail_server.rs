//! A mail server (RFC 5321) that keeps what it is given, and can be told to refuse it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
struct Mailbox {
    mails: Mutex<Vec<String>>,
    refuses: AtomicBool,
}

pub struct MailServer {
    address: SocketAddr,
    mailbox: Arc<Mailbox>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mailbox = Arc::new(Mailbox::default());
        let kept = Arc::clone(&mailbox);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&kept)));
            }
        });
        Self { address, mailbox }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Whether it says that it cannot take mail now.
    pub fn refuse(&self, refuses: bool) {
        self.mailbox.refuses.store(refuses, Ordering::SeqCst);
    }

    pub fn mails(&self) -> Vec<String> {
        self.mailbox.mails.lock().unwrap().clone()
    }

    /// How often which message was taken.
    pub fn message_ids(&self) -> BTreeMap<String, usize> {
        let mut ids = BTreeMap::new();
        for mail in self.mails() {
            let id = mail
                .lines()
                .find_map(|line| line.strip_prefix("Message-ID: "));
            *ids.entry(id.unwrap().to_owned()).or_default() += 1;
        }
        ids
    }
}

async fn talk(stream: TcpStream, mailbox: Arc<Mailbox>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut answer = "220 mail.example.test";
    let mut mail: Option<String> = None;
    loop {
        if write
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
        if answer.starts_with("354") {
            let mut text = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "." {
                    break;
                }
                text.push_str(&line);
                text.push('\n');
            }
            mail = Some(text);
        }
        if let Some(mail) = mail.take() {
            answer = if mailbox.refuses.load(Ordering::SeqCst) {
                "451 not now"
            } else {
                mailbox.mails.lock().unwrap().push(mail);
                "250 OK"
            };
            continue;
        }
        let Ok(Some(line)) = lines.next_line().await else {
            return;
        };
        answer = match line.get(..4).unwrap_or_default() {
            "DATA" => "354 go on",
            "QUIT" => return,
            _ => "250 OK",
        };
    }
}
