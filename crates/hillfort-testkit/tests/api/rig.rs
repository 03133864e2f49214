//! The doors over accounts in memory, and shorthands for requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_api::Service;
use hillfort_nakama::{Gate, Settings};
use hillfort_social::limits::Allowance;
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{Budgets, Config, Guesses, MailConfig, Social};
use hillfort_store::{Options, Store};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Credentials of the game: `a server key`, without a password.
pub(crate) const SERVER_KEY: &str = "Basic YSBzZXJ2ZXIga2V5Og==";
pub(crate) const HTTP_KEY: &str = "an-http-key";
pub(crate) const BYTES_MAX: usize = 1 << 18;

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) social: Social,
    pub(crate) runtime: Runtime,
    now_ms: Arc<AtomicI64>,
    rest: Router,
    grpc: Router,
}

/// What a door answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) grpc_status: Option<u16>,
    pub(crate) body: Vec<u8>,
}

/// A session as its client has it.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) bearer: String,
    pub(crate) refresh_token: String,
    /// Id of the account.
    pub(crate) user: String,
    /// The key for signatures, where there is one.
    pub(crate) key: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Code of the error; 0 for none.
    pub(crate) fn code(&self) -> u64 {
        if self.status == 200 { 0 } else { self.json()["code"].as_u64().unwrap_or_default() }
    }

    /// The field that is at fault.
    pub(crate) fn field(&self) -> String {
        let said = if self.status == 200 { Value::Null } else { self.json() };
        said["details"][0]["field_violations"][0]["field"].as_str().unwrap_or_default().to_owned()
    }
}

/// Passwords that cost nothing, and budgets that are never spent.
pub(crate) fn config() -> Config {
    let plenty = Allowance::new(1 << 20, 1);
    Config {
        server_key: "a server key".into(),
        http_key: HTTP_KEY.into(),
        passwords: PasswordCost { memory_kib: 64, passes: 1, threads: 2, queue: 64 },
        budgets: Budgets { account: [plenty; 6], address: [plenty; 6] },
        guesses: Guesses { pair: plenty, account: plenty, address: plenty, known_days: 30 },
        ..Config::default()
    }
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let now_ms = Arc::new(AtomicI64::new(1_700_000_000_000));
        let clock = Arc::clone(&now_ms);
        let (store, social) = runtime.block_on(async {
            let store = Store::open("memory:", Options::default()).await.unwrap();
            let clock = Arc::new(move || clock.load(Ordering::Relaxed));
            let social = Social::start(config, store.clone(), MailConfig::None, clock).await.unwrap();
            (store, social)
        });
        let settings = Settings {
            request_bytes_max: BYTES_MAX,
            patience: Duration::from_secs(60),
            calls_max: 64,
            wait_max: Duration::from_secs(60),
            answers_bytes_max: 1 << 28,
        };
        let service = Arc::new(social.clone()) as Arc<dyn Service>;
        let gate = Arc::new(Gate::new(service, runtime.handle().clone(), settings));
        let (rest, grpc) = (hillfort_nakama::rest::router(Arc::clone(&gate)), hillfort_nakama::grpc::router(gate));
        Self { store, social, runtime, now_ms, rest, grpc }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) fn rest(&self, request: Request<Body>) -> Answered {
        self.ask(self.rest.clone(), request)
    }

    pub(crate) fn grpc(&self, request: Request<Body>) -> Answered {
        self.ask(self.grpc.clone(), request)
    }

    fn ask(&self, router: Router, mut request: Request<Body>) -> Answered {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
        self.runtime.block_on(async move {
            let (parts, mut body) = router.oneshot(request).await.unwrap().into_parts();
            let (mut bytes, mut trailers) = (Vec::new(), parts.headers.clone());
            while let Some(frame) =
                std::future::poll_fn(|context| http_body::Body::poll_frame(std::pin::Pin::new(&mut body), context)).await
            {
                match frame.unwrap().into_data() {
                    Ok(data) => bytes.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().unwrap(),
                }
            }
            let grpc_status = trailers.get("grpc-status").map(|status| status.to_str().unwrap().parse().unwrap());
            Answered { status: parts.status.as_u16(), grpc_status, body: bytes }
        })
    }

    /// A request with JSON.
    pub(crate) fn call(&self, method: &str, path: &str, authorization: &str, body: &Value) -> Answered {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.rest(request(method, path, authorization, text))
    }

    pub(crate) fn device(&self, id: &str) -> Signed {
        let answer = self.call("POST", "/v2/account/authenticate/device", SERVER_KEY, &json!({ "id": id }));
        self.session(&answer)
    }

    pub(crate) fn session(&self, answer: &Answered) -> Signed {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let session = answer.json();
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        let (token, refresh_token) = (text("token"), text("refresh_token"));
        let claims = claims(&refresh_token);
        let claim = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        Signed { bearer: format!("Bearer {token}"), refresh_token, user: claim("uid"), key: claim("sgk") }
    }
}

/// What a token claims.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A request of REST; without credentials when they are empty.
pub(crate) fn request(method: &str, path: &str, authorization: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    request.body(body.into()).unwrap()
}
