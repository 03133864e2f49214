//! The doors over accounts in a database, and shorthands for requests.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_api::service::Answer;
use hillfort_api::{ApiError, Call, CallName, Caller, Credentials, Sent, Service, SessionUser, Who};
use hillfort_nakama::{Gate, Settings};
use hillfort_social::limits::Allowance;
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{Budgets, Config, Guesses, MailConfig, Social};
use hillfort_store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::engine::{Database, Engine};
use crate::play;
use crate::services::Services;

/// Credentials of the game: `a server key`, without a password.
pub(crate) const SERVER_KEY: &str = "Basic YSBzZXJ2ZXIga2V5Og==";
pub(crate) const HTTP_KEY: &str = "an-http-key";
/// The clock at the start: 2023-11-14.
const START_MS: i64 = 1_700_000_000_000;
pub(crate) const BYTES_MAX: usize = 1 << 18;

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) social: Social,
    pub(crate) runtime: Runtime,
    now_ms: Arc<AtomicI64>,
    rest: Router,
    grpc: Router,
    heard: Arc<Heard>,
    pub(crate) database: Database,
    _modules: TempDir,
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
    /// A server over a store in memory.
    pub(crate) fn new(config: Config) -> Self {
        Self::on(Engine::Memory, config).unwrap()
    }

    /// A server over a new database. `None` where there is no such thing; that was said.
    pub(crate) fn on(engine: Engine, config: Config) -> Option<Self> {
        Some(Self::over(threads(), Database::new(engine)?, config))
    }

    /// The same beside the services that it asks who somebody is, where it is `later_s` later.
    pub(crate) fn with_services(engine: Engine, config: Config, later_s: i64) -> Option<(Self, Services)> {
        let (runtime, database) = (threads(), Database::new(engine)?);
        let services = runtime.block_on(Services::start(START_MS / 1000 + later_s));
        let config = Config { outside: services.config(), ..config };
        Some((Self::over(runtime, database, config), services))
    }

    fn over(runtime: Runtime, database: Database, config: Config) -> Self {
        let now_ms = Arc::new(AtomicI64::new(START_MS));
        let clock = Arc::clone(&now_ms);
        let store = database.open(&runtime);
        let clock = Arc::new(move || clock.load(Ordering::Relaxed));
        let social = runtime.block_on(Social::start(config, store.clone(), MailConfig::None, clock)).unwrap();
        let modules = tempfile::tempdir().unwrap();
        play::start(&social, runtime.handle(), modules.path());
        let settings = Settings {
            request_bytes_max: BYTES_MAX,
            patience: Duration::from_secs(60),
            calls_max: 64,
            wait_max: Duration::from_secs(60),
            answers_bytes_max: 1 << 28,
            requests_bytes_max: 1 << 28,
        };
        let heard = Arc::new(Heard { social: social.clone(), last: Mutex::default() });
        let gate = Arc::new(Gate::new(Arc::clone(&heard) as Arc<dyn Service>, runtime.handle().clone(), settings));
        let (rest, grpc) = (hillfort_nakama::rest::router(Arc::clone(&gate)), hillfort_nakama::grpc::router(gate));
        Self { store, social, runtime, now_ms, rest, grpc, heard, database, _modules: modules }
    }

    /// The rows of the database with this account's id, and how many rows there are.
    pub(crate) fn rows_of(&self, user: &str) -> (Vec<String>, usize) {
        self.database.rows_of(&self.runtime, user)
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

    /// The call that came to the service since this was last asked, as a message of gRPC.
    pub(crate) fn heard(&self) -> Option<(&'static str, Vec<u8>)> {
        self.heard.last.lock().unwrap().take()
    }

    /// The status of a call over gRPC.
    pub(crate) fn grpc_call(&self, name: &str, authorization: &str, message: &[u8]) -> u64 {
        let request = Request::post(format!("/nakama.api.Nakama/{name}")).header("content-type", "application/grpc");
        let request = request.header("authorization", authorization).body(Body::from(framed(message))).unwrap();
        let answer = self.grpc(request);
        self.heard();
        u64::from(answer.grpc_status.unwrap_or_else(|| panic!("{name} has no status: {answer:?}")))
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

fn threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The service, and the last call that came to it.
struct Heard {
    social: Social,
    last: Mutex<Option<(&'static str, Vec<u8>)>>,
}

impl Service for Heard {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        self.social.caller(credentials)
    }

    fn were_good(&self, credentials: Credentials<'_>) -> bool {
        self.social.were_good(credentials)
    }

    fn check_signature(&self, caller: &Caller, call: &Call, sent: &Sent<'_>) -> Result<(), ApiError> {
        self.social.check_signature(caller, call, sent)
    }

    fn alias(&self, who: &Who, name: &str) -> Option<CallName> {
        self.social.alias(who, name)
    }

    fn wants_alias(&self, who: &Who, call: &Call) -> bool {
        self.social.wants_alias(who, call)
    }

    fn has_ended(&self, user: &SessionUser) -> bool {
        self.social.has_ended(user)
    }

    fn charge(&self, call: CallName, who: &Who, address: std::net::IpAddr) -> Result<(), ApiError> {
        self.social.charge(call, who, address)
    }

    fn put_back(&self, call: CallName, who: &Who, address: std::net::IpAddr) {
        self.social.put_back(call, who, address);
    }

    fn answer_max(&self, call: &Call) -> usize {
        self.social.answer_max(call)
    }

    fn call(&self, caller: Caller, call: Call) -> Answer {
        *self.last.lock().unwrap() = Some((call.name().row().name, call.encode()));
        Service::call(&self.social, caller, call)
    }
}

/// A message of gRPC in its frame.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

/// `text` in a path or query.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
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
