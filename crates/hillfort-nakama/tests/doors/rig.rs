//! A service that notes what it is asked, and a way to ask a router.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use hillfort_api::api::Rpc;
use hillfort_api::{Answer, ApiError, Call, CallName, Caller, Code, Credentials, Reply, Service, SessionUser, UserId, Who};
use hillfort_nakama::{Gate, Settings};
use hillfort_stream::Line;
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
    /// Calls that were charged and not put back, by their callers' addresses.
    charged: Mutex<Vec<IpAddr>>,
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
        self.charged.lock().unwrap().push(address);
        Ok(())
    }

    fn put_back(&self, _: CallName, _: &Who, address: IpAddr) {
        let mut charged = self.charged.lock().unwrap();
        let at = charged.iter().position(|other| *other == address).expect("only what was charged is put back");
        charged.remove(at);
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
    Settings {
        request_bytes_max: BYTES_MAX,
        patience: PATIENT,
        calls_max: 64,
        wait_max: PATIENT,
        answers_bytes_max: 1 << 28,
        requests_bytes_max: 1 << 28,
    }
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

    /// A request of REST from this address, which is not answered at once.
    pub(crate) fn begun(&self, address: [u8; 4], request: Request<Body>) -> Begun {
        let _inside = threads().enter();
        let mut begun: Begun = Box::pin(begin(self.rest.clone(), address, request));
        assert!(begun.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        begun
    }

    /// Calls that were charged, and not put back.
    pub(crate) fn charged(&self) -> usize {
        self.service.charged.lock().unwrap().len()
    }

    /// What the service was asked last.
    pub(crate) fn last(&self) -> (Caller, Call) {
        self.service.seen.lock().unwrap().last().cloned().expect("the service was asked")
    }

    pub(crate) fn asked(&self) -> usize {
        self.service.seen.lock().unwrap().len()
    }
}

/// A request under way.
pub(crate) type Begun = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What came by lines, in its order. What is ended is dropped, as a door does.
pub(crate) struct Open<T>(Arc<Mutex<Vec<Option<T>>>>);

impl<T: Send + 'static> Open<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Has one more.
    pub(crate) fn begin(&self, mut request: Request<Body>, begin: impl FnOnce(Request<Body>) -> T) {
        let (open, number) = (Arc::clone(&self.0), self.0.lock().unwrap().len());
        request.extensions_mut().insert(Line::new(move || drop(open.lock().unwrap()[number].take())));
        let begun = begin(request);
        self.0.lock().unwrap().push(Some(begun));
    }

    pub(crate) fn ended(&self) -> Vec<usize> {
        let open = self.0.lock().unwrap();
        open.iter().enumerate().filter(|(_, begun)| begun.is_none()).map(|(number, _)| number).collect()
    }

    /// All of them leave.
    pub(crate) fn leave(&self) {
        self.0.lock().unwrap().clear();
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
        while let Some(frame) = std::future::poll_fn(|context| http_body::Body::poll_frame(Pin::new(&mut body), context)).await {
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
    no_body_of(None)
}

/// The same, of which is known how long it is.
pub(crate) fn no_body_of(bytes: Option<u64>) -> Body {
    struct Never(Option<u64>);

    impl http_body::Body for Never {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> http_body::SizeHint {
            self.0.map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
        }
    }

    Body::new(Never(bytes))
}

/// A request of REST.
pub(crate) fn request(method: &str, path: &str, authorization: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(body.into()).unwrap()
}
