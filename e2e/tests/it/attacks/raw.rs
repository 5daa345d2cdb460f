//! Requests that no client library sends.

use super::Site;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Sends bytes and gives all that comes back until the edge closes.
async fn send(site: &Site, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", site.edge.port))
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let all = stream.read_to_end(&mut answer);
    // A connection that is reset has ended too.
    drop(timeout(Duration::from_secs(20), all).await.expect("an end"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers on a connection.
fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line[..3].parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_paths_lead_nowhere() {
    let site = Site::new(&[]).await;
    let cookie = site.mallory.cookie.clone().unwrap();
    let paths = [
        "/api/../internal/snapshot",
        "/api/orders/../../internal/snapshot",
        "/api/orders/5/../../../internal/leases",
        "/api/..%2finternal/snapshot",
        "/api/%2e%2e/internal/snapshot",
        "/api/./orders",
        "//api/orders",
        "/api//orders",
        "/api/orders/",
        "/api/orders//5",
        "/api/orders/5/",
        "/api/orders/5%2fcancel",
        "/api/orders/%35",
        "/api/orders/05",
        "/api/orders/+5",
        "/api/orders/-5",
        "/api/orders/5;x",
        "/api/orders%00",
        "/api/orders%0d%0aX:y",
        "/api\\orders",
        "/API/orders",
        "/api/orders/99999999999999999999",
        "/api/orders/5/events/6",
        "/internal/snapshot",
        "/internal/leases",
        "http://127.0.0.1:9/api/orders",
        "http://6.6.6.6/internal/snapshot",
        "*",
    ];
    for path in paths {
        for method in ["GET", "POST", "OPTIONS", "TRACE"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\
                 origin: {origin}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                port = site.edge.port,
                origin = site.edge.addresses.edge_url,
            );
            let answer = send(&site, request.as_bytes()).await;
            let answered = statuses(&answer);
            let refused = answered.iter().all(|status| *status >= 400);
            assert!(refused, "{method} {path}: {answer}");
        }
    }
    site.assert_nothing_reached_the_origin();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_inside_a_request_is_one_that_the_edge_judges() {
    let site = Site::new(&[]).await;
    let hidden = "GET /internal/snapshot HTTP/1.1\r\nhost: x\r\n\r\n";
    let head = format!(
        "POST /api/orders HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n",
        site.edge.port
    );
    let length = hidden.len();
    let chunked = "transfer-encoding: chunked\r\n";
    let attempts = [
        // Which length counts?
        format!("{head}content-length: {length}\r\n{chunked}\r\n0\r\n\r\n{hidden}"),
        format!("{head}{chunked}content-length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}content-length: 0\r\ncontent-length: {length}\r\n\r\n{hidden}"),
        format!("{head}content-length: +{length}\r\n\r\n{hidden}"),
        format!("{head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}x: y\n{chunked}\r\n0\r\n\r\n{hidden}"),
        // Whose host, and what is one header?
        format!("{head}host: 6.6.6.6\r\ncontent-length: 0\r\n\r\n{hidden}"),
        format!("{head}x: y\r\n folded: z\r\ncontent-length: 0\r\n\r\n{hidden}"),
        format!("{head}{chunked}\r\nfffffffffffffffff\r\n{hidden}"),
        format!("{head}{chunked}\r\n-1\r\n{hidden}"),
    ];
    for attempt in attempts {
        let whole = attempt.replace("host: x\r\n", "host: x\r\nconnection: close\r\n");
        let answer = send(&site, whole.as_bytes()).await;
        let refused = statuses(&answer).iter().all(|status| *status >= 400);
        assert!(refused, "{attempt:?}: {answer}");
        assert!(!answer.contains("session_key"), "{answer}");
    }
    site.assert_nothing_reached_the_origin();
}
