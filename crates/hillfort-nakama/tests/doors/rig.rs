//! A service that notes what it is asked, and a way to ask a router.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use hillfort_api::api::Rpc;
use hillfort_api::{Answer, ApiError, Call, CallName, Caller, Code, Credentials, Reply, Service, SessionUser, UserId, Who};
use hillfort_nakama::{Gate, Settings};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const SERVER_KEY: &str = "Basic ZGVmYXVsdGtleTo=";
pub(crate) const TOKEN: &str = "Bearer good";
pub(crate) const HTTP_KEY: &str = "defaulthttpkey";
pub(crate) const BYTES_MAX: usize = 4096;
/// An address that has no budget left.
pub(crate) const SPENT: [u8; 4] = [192, 0, 2, 66];
/// Longer than a busy machine holds a test up.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

/// Says who calls by fixed credentials, and answers each call with an empty reply, but RPCs by what they ask.
#[derive(Debug, Default)]
pub(crate) struct StandIn {
    pub(crate) seen: Mutex<Vec<(Caller, Call)>>,
}

impl Service for StandIn {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        match credentials {
            Credentials::ServerKey("defaultkey") => Ok(Who::ServerKey),
            Credentials::HttpKey(HTTP_KEY) => Ok(Who::HttpKey),
            Credentials::Token("good") => Ok(Who::User(Arc::new(SessionUser {
                user_id: UserId([7; 16]),
                username: "ann".into(),
                vars: Default::default(),
                expires_s: i64::MAX,
                issued_s: 0,
                token_id: "t".into(),
                generation: 0,
            }))),
            refused => Err(refused.refused()),
        }
    }

    fn charge(&self, call: CallName, _: &Who, address: IpAddr) -> Result<(), ApiError> {
        if address == IpAddr::from(SPENT) {
            return Err(ApiError::new(Code::ResourceExhausted, format!("Too many calls as {}", call.row().name)));
        }
        Ok(())
    }

    fn call(&self, caller: Caller, call: Call) -> Answer {
        self.seen.lock().unwrap().push((caller, call.clone()));
        Box::pin(async move {
            match call {
                Call::RpcFunc(rpc) => match rpc.id.as_str() {
                    "echo" => Ok(Reply::Rpc(Rpc { payload: rpc.payload, ..Default::default() })),
                    "long" => Ok(Reply::Rpc(Rpc { payload: "x".repeat(rpc.payload.parse().unwrap()), ..Default::default() })),
                    "panic" => panic!("a handler panics"),
                    "never" => std::future::pending().await,
                    _ => Err(ApiError::new(Code::NotFound, "RPC function not found")),
                },
                call => Ok(Reply::decode(call.name(), &[][..]).unwrap()),
            }
        })
    }
}

pub(crate) struct Rig {
    pub(crate) service: Arc<StandIn>,
    pub(crate) gate: Arc<Gate>,
    rest: Router,
    grpc: Router,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Bounds that nothing reaches by itself.
pub(crate) fn settings() -> Settings {
    Settings { request_bytes_max: BYTES_MAX, patience: PATIENT, calls_max: 64, wait_max: PATIENT, answers_bytes_max: 1 << 28 }
}

fn threads() -> &'static tokio::runtime::Runtime {
    static THREADS: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    THREADS.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let service = Arc::new(StandIn::default());
        let gate = Arc::new(Gate::new(Arc::clone(&service) as Arc<dyn Service>, threads().handle().clone(), settings));
        let (rest, grpc) = (hillfort_nakama::rest::router(Arc::clone(&gate)), hillfort_nakama::grpc::router(Arc::clone(&gate)));
        Self { service, gate, rest, grpc }
    }

    pub(crate) fn rest(&self, request: Request<Body>) -> Answered {
        ask(self.rest.clone(), request)
    }

    pub(crate) fn grpc(&self, request: Request<Body>) -> Answered {
        ask(self.grpc.clone(), request)
    }

    /// An answer of REST to somebody at this address, who has not read it.
    pub(crate) fn unread(&self, address: [u8; 4], request: Request<Body>) -> Response {
        threads().block_on(begin(self.rest.clone(), address, request))
    }

    /// The same of gRPC.
    pub(crate) fn unread_grpc(&self, address: [u8; 4], request: Request<Body>) -> Response {
        threads().block_on(begin(self.grpc.clone(), address, request))
    }

    /// What the service was asked last.
    pub(crate) fn last(&self) -> (Caller, Call) {
        self.service.seen.lock().unwrap().last().cloned().expect("the service was asked")
    }

    pub(crate) fn asked(&self) -> usize {
        self.service.seen.lock().unwrap().len()
    }
}

async fn begin(router: Router, address: [u8; 4], mut request: Request<Body>) -> Response {
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 4711))));
    router.oneshot(request).await.unwrap()
}

fn ask(router: Router, request: Request<Body>) -> Answered {
    threads().block_on(async move {
        let (parts, mut body) = begin(router, [192, 0, 2, 1], request).await.into_parts();
        let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
        while let Some(frame) =
            std::future::poll_fn(|context| http_body::Body::poll_frame(std::pin::Pin::new(&mut body), context)).await
        {
            match frame.unwrap().into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().unwrap(),
            }
        }
        Answered { status: parts.status.as_u16(), headers: parts.headers, body: bytes, trailers }
    })
}

/// A body that never comes.
pub(crate) fn no_body() -> Body {
    struct Never;

    impl http_body::Body for Never {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    Body::new(Never)
}

/// A request of REST.
pub(crate) fn request(method: &str, path: &str, authorization: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(body.into()).unwrap()
}
