//! The server runtime behind the port of modules. Owns the turn from one into the other.

use hillfort_api::realtime::Envelope;
use hillfort_api::{ApiError, Call, CallName, Caller, Reply};
use hillfort_modules::Runtime as Modules;

use crate::ports::{Hooks, Later, Runtime};

impl Runtime for Modules {
    fn hooks(&self, call: CallName) -> Hooks {
        let (before, after) = Self::hooks(self, call);
        Hooks { before, after }
    }

    fn before(&self, caller: Caller, call: Call) -> Later<Result<Option<Call>, ApiError>> {
        let modules = self.clone();
        Box::pin(async move { Self::before(&modules, &caller, call).await })
    }

    fn after(&self, caller: Caller, call: Call, reply: Reply) -> Later<()> {
        let modules = self.clone();
        // What fails there is logged there.
        Box::pin(async move { drop(Self::after(&modules, &caller, &call, &reply).await) })
    }

    fn message_hooks(&self, message: &'static str) -> Hooks {
        let (before, after) = self.realtime_hooks(message);
        Hooks { before, after }
    }

    fn before_message(&self, caller: Caller, envelope: Envelope) -> Later<Result<Option<Envelope>, ApiError>> {
        let modules = self.clone();
        Box::pin(async move { modules.realtime_before(&caller, envelope).await })
    }

    fn after_message(&self, caller: Caller, reply: Option<Envelope>, envelope: Envelope) -> Later<()> {
        let modules = self.clone();
        Box::pin(async move { drop(modules.realtime_after(&caller, reply.as_ref(), &envelope).await) })
    }

    fn rpc(&self, caller: Caller, id: String, payload: String) -> Later<Option<Result<String, ApiError>>> {
        let modules = self.clone();
        Box::pin(async move { Self::rpc(&modules, &caller, &id, payload).await })
    }
}
