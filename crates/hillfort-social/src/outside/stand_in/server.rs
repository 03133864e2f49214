//! A server on loopback that answers by path, with or without TLS, and keys of the kinds that services sign with. The RSA keys are of these
//! tests alone: ring cannot make any. Knows nothing of this crate: tests of the calls take it, too.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) const RSA_1: &[u8] = include_bytes!("rsa-1.pk8");
pub(crate) const RSA_2: &[u8] = include_bytes!("rsa-2.pk8");

/// 2023-11-14.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

type Rules = Box<dyn Fn(&str) -> (u16, String) + Send>;

/// A server that answers by path and query.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    pub(crate) asked: Arc<AtomicUsize>,
    /// The authority to trust, when it speaks TLS.
    pub(crate) pem: String,
}

impl StandIn {
    pub(crate) async fn plain(rules: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        Self::start(Box::new(rules), None).await
    }

    pub(crate) async fn tls(rules: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let mut stand_in = Self::start(Box::new(rules), Some(TlsAcceptor::from(Arc::new(config)))).await;
        stand_in.pem = certified.cert.pem();
        stand_in
    }

    async fn start(rules: Rules, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (rules, asked) = (Arc::new(Mutex::new(rules)), Arc::<AtomicUsize>::default());
        let (kept, counted) = (Arc::clone(&rules), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (rules, asked, tls) = (Arc::clone(&kept), Arc::clone(&counted), tls.clone());
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        asked.fetch_add(1, Ordering::Relaxed);
                        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                        let (status, body) = (rules.lock().unwrap())(path);
                        let answer = Response::builder().status(status).header("cache-control", "public, max-age=600");
                        async move { answer.body(Full::new(Bytes::from(body))) }
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    match tls {
                        None => drop(server.serve_connection(TokioIo::new(stream), answer).await),
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(server.serve_connection(TokioIo::new(stream), answer).await);
                            }
                        }
                    }
                });
            }
        });
        Self { address, rules, asked, pem: String::new() }
    }

    pub(crate) fn change(&self, rules: impl Fn(&str) -> (u16, String) + Send + 'static) {
        *self.rules.lock().unwrap() = Box::new(rules);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A certificate of an RSA key, as Apple publishes one for Game Center; in 2023 and no other year.
pub(crate) fn certificate(pkcs8: &[u8]) -> String {
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(pkcs8);
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2023, 1, 1), rcgen::date_time_ymd(2023, 12, 31));
    params.self_signed(&key).unwrap().pem()
}

/// A key that signs identity tokens.
pub(crate) enum Signer {
    Rsa(&'static str, RsaKeyPair),
    Ec(&'static str, EcdsaKeyPair),
}

impl Signer {
    pub(crate) fn rsa(name: &'static str, pkcs8: &[u8]) -> Self {
        Self::Rsa(name, RsaKeyPair::from_pkcs8(pkcs8).unwrap())
    }

    pub(crate) fn ec(name: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Ec(name, EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    /// The key as a service publishes it.
    pub(crate) fn published(&self) -> Value {
        match self {
            Self::Rsa(name, pair) => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
                json!({"kty": "RSA", "kid": name, "use": "sig", "alg": "RS256", "n": n, "e": e})
            }
            Self::Ec(name, pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
                json!({"kty": "EC", "kid": name, "crv": "P-256", "x": x, "y": y})
            }
        }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let (name, algorithm) = match self {
            Self::Rsa(name, _) => (name, "RS256"),
            Self::Ec(name, _) => (name, "ES256"),
        };
        self.token_with(&json!({"alg": algorithm, "kid": name}), claims)
    }

    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn sign(&self, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(_, pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature).unwrap();
                signature
            }
            Self::Ec(_, pair) => pair.sign(&random, signed).unwrap().as_ref().to_vec(),
        }
    }
}

/// What a service that publishes these keys answers.
pub(crate) fn key_set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.published()).collect::<Vec<_>>()}).to_string()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
