//! TLS: the certificate that new connections get, which may change while old ones go on.
//!
//! Invariant: there is always a certificate that fits its key. What cannot be read replaces nothing.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use crate::cli::Front;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The certificate in use and where it came from.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    /// What the files were like when they were read last.
    seen: Mutex<Option<[Stamp; 2]>>,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

/// Changes whenever a file does.
#[derive(PartialEq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Tls {
    /// With the certificate of the command line, if it names one.
    pub fn load(front: &Front) -> Result<Option<Arc<Self>>> {
        let (Some(certificate), Some(key)) = (&front.tls_certificate, &front.tls_key) else {
            return Ok(None);
        };
        let seen = stamps(certificate, key);
        let current = Arc::new(Current(ArcSwap::from_pointee(read(certificate, key)?)));
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A session resumes with any later certificate too: it is the same host.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Some(Arc::new(Self {
            certificate: certificate.clone(),
            key: key.clone(),
            current,
            config: config.into(),
            seen: Mutex::new(seen),
        })))
    }

    /// What takes connections.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.config.clone().into()
    }

    /// Reads the files again. New connections get what is in them, unless it cannot be used.
    pub fn reload(&self) {
        // Before the reading, so that what is written during it is seen as a change.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            stamps(&self.certificate, &self.key);
        match read(&self.certificate, &self.key) {
            Ok(certified) => {
                self.current.0.store(certified.into());
                tracing::info!("read the certificate {}", self.certificate.display());
            }
            Err(error) => tracing::error!("the old certificate stays in use: {error:#}"),
        }
    }

    /// Reads the files again whenever they change.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = stamps(&self.certificate, &self.key);
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = now.is_some() && *seen != now;
            drop(seen);
            if changed {
                self.reload();
            }
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Nothing if a file is not there.
fn stamps(certificate: &Path, key: &Path) -> Option<[Stamp; 2]> {
    let stamp = |file: &Path| {
        let metadata = fs::metadata(file).ok()?;
        Some(Stamp {
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    };
    Some([stamp(certificate)?, stamp(key)?])
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey> {
    let named = |file: &Path| file.display().to_string();
    let text = |file: &Path| fs::read(file).with_context(|| format!("cannot read {}", named(file)));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text(certificate)?)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is not PEM", named(certificate)))?;
    if chain.is_empty() {
        bail!("{} holds no certificate in PEM", named(certificate));
    }
    let private = PrivateKeyDer::from_pem_slice(&text(key)?)
        .with_context(|| format!("{} holds no private key in PEM", named(key)))?;
    CertifiedKey::from_der(chain, private, &ring::default_provider()).with_context(|| {
        let (certificate, key) = (named(certificate), named(key));
        format!("{certificate} and {key} cannot be used together")
    })
}
