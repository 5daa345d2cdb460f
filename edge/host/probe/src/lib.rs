//! A component that does what it is told, so that tests of the host see what a component sees.
//!
//! The command is the last segment of the path, its argument the query as it is written.

mod answers;
mod misbehave;
mod stores;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Result;
use bytes::Bytes;
use futures::SinkExt;
use http_body_util::BodyExt;
use spin_sdk::{
    http::{BoxBody, FullBody, Request, Response, box_body},
    http_service, variables,
};

/// Requests that this instance has taken.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

#[http_service]
async fn handle(request: Request) -> Result<Response<BoxBody>> {
    let requests = 1 + REQUESTS.fetch_add(1, Relaxed);
    let command = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let argument = request.uri().query().unwrap_or_default().to_owned();
    let text = match command.as_str() {
        "seen" => seen(&request),
        "requests" => requests.to_string(),
        "body" => format!("{}", request.into_body().collect().await?.to_bytes().len()),
        "variable" => format!("{:?}", variables::get(&argument).await),
        "arguments" => format!("{:?}", std::env::args().collect::<Vec<_>>()),
        "environment" => format!("{:?}", std::env::var(&argument).ok()),
        "file" => format!("{:?}", std::fs::read_to_string(&argument).ok()),
        "write" => format!("{:?}", std::fs::write(&argument, "").is_ok()),
        "connect" => format!("{:?}", std::net::TcpStream::connect(&argument).is_ok()),
        "fetch" => fetch(&argument).await,
        "open" => stores::open(&argument).await,
        "set" => stores::set(&argument).await?,
        "get" => stores::get(&argument).await?,
        "delete" => stores::delete(&argument).await?,
        "keys" => stores::keys().await?,
        "redis" => stores::redis(&argument).await,
        "sleep" => {
            spin_sdk::time::sleep(std::time::Duration::from_millis(argument.parse()?)).await;
            "slept".into()
        }
        "print" => {
            misbehave::print(&argument);
            "printed".into()
        }
        "answer" => return answers::answer(request.headers(), &argument).await,
        "from-now-on" => answers::from_now_on(&argument),
        "answers" => answers::tally(),
        "stream" => {
            let pause = std::time::Duration::from_millis(50);
            return Ok(Response::new(stream_of(argument.parse()?, pause)));
        }
        "loop" => {
            misbehave::print("looping");
            misbehave::compute_for_ever()
        }
        "loop-later" => {
            spin_sdk::wasip3::spawn(async {
                spin_sdk::time::sleep(std::time::Duration::from_millis(50)).await;
                misbehave::compute_for_ever();
            });
            "answered".into()
        }
        "allocate" => misbehave::allocate(argument.parse()?),
        "trap" => misbehave::trap(),
        _ => {
            return Ok(Response::builder()
                .status(404)
                .body(full("no such command"))?);
        }
    };
    Ok(Response::new(full(text)))
}

/// The method, the URL and every header in its order, a line each.
fn seen(request: &Request) -> String {
    let headers = request.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}: {value}\n")
    });
    format!(
        "{} {}\n{}",
        request.method(),
        request.uri(),
        headers.collect::<String>()
    )
}

async fn fetch(url: &str) -> String {
    match spin_sdk::http::get(url).await {
        Ok(response) => {
            let status = response.status().as_u16();
            match response.into_body().collect().await {
                Ok(body) => format!("{status} {}", String::from_utf8_lossy(&body.to_bytes())),
                Err(error) => format!("{error:?}"),
            }
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Numbered lines with a pause after each.
fn stream_of(lines: usize, pause: std::time::Duration) -> BoxBody {
    let (mut sender, body) = spin_sdk::http::body::stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        for line in 0..lines {
            if sender.send(format!("{line}\n")).await.is_err() {
                return;
            }
            spin_sdk::time::sleep(pause).await;
        }
    });
    box_body(body)
}

fn full(text: impl Into<Bytes>) -> BoxBody {
    box_body(FullBody::new(text.into()))
}
