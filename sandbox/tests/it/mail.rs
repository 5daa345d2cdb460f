//! Mail in by SMTP, out by HTTP.

use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::program::{Sandbox, client};

const NO_SHOP: &str = "http://127.0.0.1:9/webhooks/sandbox";

async fn mailbox(sandbox: &Sandbox, to: &str) -> Vec<Value> {
    let url = format!("{}/mailbox", sandbox.url);
    let response = client().get(url).query(&[("to", to)]).send().await.unwrap();
    let body: Value = response.json().await.unwrap();
    body["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_mailed_code_can_be_read() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(sandbox.smtp_port)
        .build();
    for code in ["111111", "222222"] {
        let message = Message::builder()
            .from("Doorbuster <shop@example.test>".parse().unwrap())
            .to("Zoë <Buyer@example.test>".parse().unwrap())
            .subject("Dein Code für Doorbuster")
            .header(ContentType::TEXT_PLAIN)
            .body(format!("Grüße!\r\n.\r\n..Your code is {code}.\r\n"))
            .unwrap();
        transport.send(message).await.unwrap();
    }

    let messages = mailbox(&sandbox, "buyer@example.test").await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["code"], "222222");
    assert_eq!(messages[0]["to"], "buyer@example.test");
    assert_eq!(messages[0]["subject"], "Dein Code für Doorbuster");
    let text = messages[0]["text"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), "Grüße!\n.\n..Your code is 222222.");
    assert!(messages[0]["received_at_ms"].is_i64());
    assert!(mailbox(&sandbox, "other@example.test").await.is_empty());
    assert_eq!(mailbox(&sandbox, "").await.len(), 2);

    let page = client()
        .get(format!("{}/mailbox", sandbox.url))
        .header("accept", "text/html,*/*;q=0.8")
        .send()
        .await
        .unwrap();
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(page.text().await.unwrap().contains("222222"));
}

/// Says each line by hand and checks the code of the answer.
async fn converse(sandbox: &Sandbox, lines: &[(&str, &str)]) {
    let stream = TcpStream::connect(("127.0.0.1", sandbox.smtp_port))
        .await
        .unwrap();
    let mut stream = BufReader::new(stream);
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    assert!(answer.starts_with("220 "), "{answer}");
    for (line, code) in lines {
        stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .await
            .unwrap();
        loop {
            answer.clear();
            stream.read_line(&mut answer).await.unwrap();
            if !answer.starts_with(&format!("{code}-")) {
                break;
            }
        }
        let start: String = line.chars().take(40).collect();
        assert!(answer.starts_with(&format!("{code} ")), "{start}: {answer}");
    }
}

#[tokio::test]
async fn a_conversation_by_hand_keeps_its_rules() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;
    let long = "x".repeat(5_000);
    let lines = ("y".repeat(900) + "\r\n").repeat(1_200);
    let big = format!("Subject: big\r\n\r\n{lines}.");
    converse(
        &sandbox,
        &[
            ("HELO client", "250"),
            ("DATA", "503"),
            ("RCPT TO:<a@example.test>", "503"),
            ("MAIL FROM:<> SIZE=9999999", "552"),
            ("mail from:<>", "250"),
            ("RCPT TO:nobody", "501"),
            ("RCPT TO:<a@example.test>", "250"),
            ("RSET", "250"),
            ("DATA", "503"),
            (&long, "500"),
            ("VRFY a", "502"),
            ("EHLO client", "250"),
            ("MAIL FROM:<s@example.test>", "250"),
            ("RCPT TO:<a@example.test>", "250"),
            ("DATA", "354"),
            (&big, "552"),
            ("MAIL FROM:<s@example.test>", "250"),
            ("RCPT TO:<a@example.test>", "250"),
            ("DATA", "354"),
            ("Subject: dots\r\n\r\n..\r\n...two\r\n.", "250"),
            ("NOOP", "250"),
            ("QUIT", "221"),
        ],
    )
    .await;
    let messages = mailbox(&sandbox, "a@example.test").await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["subject"], "dots");
    assert_eq!(
        messages[0]["text"].as_str().unwrap().trim_end(),
        ".\r\n..two"
    );
    assert_eq!(messages[0]["code"], Value::Null);
}
