//! The public site as an edge serves it.
//!
//! Invariant: what is kept is what was sent, byte for byte; there is no second renderer. All of it is
//! of one release, and a page and its compressed form are of the same moment. What is not for
//! everybody is an error, never a file.

use super::place;
use anyhow::{Context, bail, ensure};
use flate2::read::GzDecoder;
use futures::{StreamExt, TryStreamExt, stream};
use origin::fetch::{Fetched, Fetcher};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;
use tokio::time::sleep;

/// The most addresses, more than a catalogue of 1,000 sales and their pictures has.
const ADDRESSES_MAX: usize = 40_000;
/// The largest file.
const FILE_BYTES_MAX: usize = 8 << 20;
/// All files together; they are held in memory until they are written.
const BYTES_MAX: usize = 512 << 20;
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many are asked for at once.
const AT_ONCE: usize = 8;
/// How often the whole site is read if sales come and go meanwhile, ...
const READINGS_MAX: usize = 3;
/// ... and a page if it changes between its plain and its compressed form, or is too old.
const TRIES_MAX: usize = 5;
/// The pause before an answer that is too old is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// Where nothing is: the page for it.
const MISSING: &str = "/404";
/// Headers that belong to a file. Everything else is of one answer, or of who served it.
const KEPT: [&str; 12] = [
    "cache-control",
    "content-security-policy",
    "content-type",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-frame-options",
];

/// Everything.
pub(super) struct Site {
    /// The hash in the addresses of the assets.
    pub assets: String,
    /// The addresses with what is there, in the site's own order.
    pub pages: Vec<Page>,
    /// What stands where nothing is.
    pub missing: Page,
    /// The headers of an asset that is asked for under the hash of a former release.
    pub former_assets: Headers,
}

/// Names in lower case, in their order.
pub(super) type Headers = Vec<(String, String)>;

/// What is at an address.
pub(super) struct Page {
    /// The path of the address.
    pub path: String,
    /// The file for it.
    pub file: String,
    /// The headers that everybody gets with it.
    pub headers: Headers,
    plain: Vec<u8>,
    gzip: Option<Vec<u8>>,
    brotli: Option<Vec<u8>>,
}

/// `/site.json`: what the site says it has.
#[derive(Deserialize, PartialEq, Eq)]
struct Directory {
    assets: String,
    paths: Vec<String>,
}

struct Reader<'a> {
    edge: &'a str,
    fetcher: Fetcher,
}

impl Site {
    /// Reads the site of the edge at this base address.
    pub(super) async fn read(edge: &str) -> anyhow::Result<Self> {
        let fetcher = Fetcher::new(TIMEOUT, FILE_BYTES_MAX)?;
        let reader = Reader { edge, fetcher };
        let mut directory = reader.directory().await?;
        for _ in 0..READINGS_MAX {
            let site = reader.site(&directory).await;
            let now = reader.directory().await?;
            if now == directory {
                return site;
            }
            directory = now;
        }
        bail!("it changed each time while it was read; please try again when no release goes on")
    }

    /// The names of all files with what is in them.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let pages = self.pages.iter().chain([&self.missing]);
        pages.flat_map(Page::files)
    }

    fn check(&self) -> anyhow::Result<()> {
        let mut names = BTreeSet::new();
        let mut bytes = 0;
        for (name, body) in self.files() {
            bytes += body.len();
            ensure!(!names.contains(&name), "two addresses want the file {name}");
            names.insert(name);
        }
        ensure!(bytes <= BYTES_MAX, "it has more than {BYTES_MAX} bytes");
        Ok(())
    }
}

impl Page {
    fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let plain = (self.file.clone(), self.plain.as_slice());
        let variants = [(&self.gzip, "gz"), (&self.brotli, "br")].into_iter();
        let packed = variants.filter_map(|(body, ending)| {
            let name = format!("{}.{ending}", self.file);
            Some((name, body.as_deref()?))
        });
        std::iter::once(plain).chain(packed)
    }
}

impl Reader<'_> {
    async fn directory(&self) -> anyhow::Result<Directory> {
        let answer = self.ask("/site.json", "identity").await?;
        ensure!(
            answer.status == 200,
            "/site.json was answered with {}; is this an edge of Doorbuster?",
            answer.status
        );
        let directory: Directory =
            serde_json::from_slice(&answer.body).context("/site.json is not as expected")?;
        let count = directory.paths.len();
        ensure!(
            count <= ADDRESSES_MAX,
            "it has {count} addresses, more than {ADDRESSES_MAX}"
        );
        Ok(directory)
    }

    async fn site(&self, directory: &Directory) -> anyhow::Result<Site> {
        let pages = stream::iter(&directory.paths).map(|path| self.page(path, 200));
        let pages: Vec<_> = pages.buffered(AT_ONCE).try_collect().await?;
        let site = Site {
            assets: directory.assets.clone(),
            pages,
            missing: self.page(MISSING, 404).await?,
            former_assets: self.former_assets(directory).await?,
        };
        site.check()?;
        Ok(site)
    }

    /// Nobody keeps what is found under an old hash, so it has headers of its own.
    async fn former_assets(&self, directory: &Directory) -> anyhow::Result<Headers> {
        let ours = format!("/assets/{}/", directory.assets);
        let mut paths = directory.paths.iter();
        let name = paths.find_map(|path| path.strip_prefix(&ours));
        let name = name.context("it has no assets")?;
        let former = "0".repeat(directory.assets.len());
        let path = format!("/assets/{former}/{name}");
        let mut headers = kept(&self.ask(&path, "identity").await?);
        headers.retain(|(name, _)| name != "content-type");
        Ok(headers)
    }

    async fn page(&self, path: &str, status: u16) -> anyhow::Result<Page> {
        let page = self.page_of(path, status).await;
        page.with_context(|| format!("cannot read {path}"))
    }

    async fn page_of(&self, path: &str, status: u16) -> anyhow::Result<Page> {
        for _ in 0..TRIES_MAX {
            let plain = self.variant(path, "identity", status).await?;
            let plain = plain.context("it is sent compressed to whoever wants it plain")?;
            let gzip = self.variant(path, "gzip", status).await?;
            if let Some(gzip) = &gzip
                && unpacked(&gzip.body)? != plain.body
            {
                continue;
            }
            let headers = kept(&plain);
            let value = |name| plain.header(name).unwrap_or_default();
            let is_page = value("content-type").starts_with("text/html");
            // What may change between two answers has no such form that could be checked here.
            let lasts = value("cache-control").contains("immutable");
            let brotli = if lasts {
                self.variant(path, "br", status).await?
            } else {
                None
            };
            for other in [&gzip, &brotli].into_iter().flatten() {
                let alike = kept(other) == headers;
                ensure!(alike, "its compressed form has other headers");
            }
            return Ok(Page {
                path: path.to_owned(),
                file: place::file(path, is_page)?,
                headers,
                plain: plain.body,
                gzip: gzip.map(|gzip| gzip.body),
                brotli: brotli.map(|brotli| brotli.body),
            });
        }
        bail!("it changed each time between its plain and its compressed form")
    }

    /// The answer in this encoding; `None` if it comes in another.
    async fn variant(
        &self,
        path: &str,
        encoding: &str,
        status: u16,
    ) -> anyhow::Result<Option<Fetched>> {
        let answer = self.ask(path, encoding).await?;
        let got = answer.status;
        ensure!(got == status, "the answer was {got}");
        let cache_control = answer.header("cache-control").unwrap_or_default();
        let public = cache_control.contains("public") && answer.header("set-cookie").is_none();
        ensure!(public, "it is not for everybody: {cache_control}");
        let sent = answer.header("content-encoding").unwrap_or("identity");
        Ok((sent == encoding).then_some(answer))
    }

    /// The answer, no older than it may be.
    async fn ask(&self, path: &str, encoding: &str) -> anyhow::Result<Fetched> {
        let mut answer = self.ask_once(path, encoding).await?;
        for _ in 1..TRIES_MAX {
            if !is_stale(&answer) {
                return Ok(answer);
            }
            sleep(PAUSE).await;
            answer = self.ask_once(path, encoding).await?;
        }
        let age = answer.header("age").unwrap_or_default();
        let stale = is_stale(&answer);
        ensure!(
            !stale,
            "{path} is {age} s old: the edge does not hear from its origin; please try again when it does"
        );
        Ok(answer)
    }

    /// As a browser asks.
    async fn ask_once(&self, path: &str, encoding: &str) -> anyhow::Result<Fetched> {
        ensure!(path.starts_with('/'), "{path:?} is no path");
        let headers = [
            ("accept", "text/html, */*;q=0.8"),
            ("accept-encoding", encoding),
        ];
        let url = format!("{}{path}", self.edge);
        Ok(self.fetcher.ask(&url, &headers).await?)
    }
}

/// Whether it is older than a cache that keeps to its `Cache-Control` would let it become.
fn is_stale(answer: &Fetched) -> bool {
    let cache_control = answer.header("cache-control").unwrap_or_default();
    let age = answer.header("age").and_then(|age| age.parse::<u64>().ok());
    age.is_some_and(|age| age > life_seconds(cache_control))
}

fn life_seconds(cache_control: &str) -> u64 {
    let seconds = |name: &str| {
        let mut parts = cache_control
            .split(',')
            .filter_map(|part| part.split_once('='));
        let part = parts.find(|part| part.0.trim() == name);
        part.and_then(|part| part.1.trim().parse::<u64>().ok())
    };
    let fresh = seconds("s-maxage").or_else(|| seconds("max-age"));
    let more = seconds("stale-while-revalidate").unwrap_or_default();
    fresh.unwrap_or_default().saturating_add(more)
}

fn kept(answer: &Fetched) -> Headers {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| KEPT.contains(&name.as_str()));
    headers.sort();
    headers
}

fn unpacked(gzip: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX)? + 1;
    let read = GzDecoder::new(gzip).take(limit).read_to_end(&mut plain);
    read.context("its compressed form cannot be unpacked")?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::life_seconds;

    #[test]
    fn an_answer_says_how_old_it_may_become() {
        let check = |text, expected| assert_eq!(life_seconds(text), expected, "{text}");
        check(
            "public, max-age=1, s-maxage=1, stale-while-revalidate=1, stale-if-error=60",
            2,
        );
        check(
            "public, max-age=60, s-maxage=300, stale-while-revalidate=600",
            900,
        );
        check("public, max-age=86400", 86_400);
        check("no-store", 0);
        check("max-age=never", 0);
    }
}
