//! Functions of modules, and lists of matches. Owns the checks; who runs them is behind [`crate::ports`].

use hillfort_api::api::{ListMatchesRequest, MatchList, Rpc};
use hillfort_api::{ApiError, Caller, Code};

use crate::checks;
use crate::core::Core;

/// Longest name of a function, bytes.
const RPC_ID_MAX: usize = 128;

impl Core {
    /// `RpcFunc`.
    pub(crate) async fn rpc(&self, caller: Caller, request: Rpc) -> Result<Rpc, ApiError> {
        if request.id.is_empty() {
            return Err(ApiError::invalid("id", "RPC ID must be set"));
        }
        if request.id.len() > RPC_ID_MAX {
            return Err(ApiError::invalid("id", format!("RPC ID must be at most {RPC_ID_MAX} bytes")));
        }
        let most = self.config.payloads.rpc_bytes;
        if request.payload.len() > most {
            return Err(ApiError::invalid("payload", format!("payload must be at most {most} bytes.")));
        }
        let id = request.id.to_lowercase();
        let answer = match self.own_rpc(&caller, &id, &request.payload).await {
            Some(answer) => Some(answer),
            None => match self.runtime.get() {
                Some(runtime) => runtime.rpc(caller, id.clone(), request.payload).await,
                None => None,
            },
        };
        let payload = answer.ok_or_else(|| ApiError::new(Code::NotFound, "RPC function not found"))??;
        Ok(Rpc { id: request.id, payload, http_key: String::new() })
    }

    /// `ListMatches`.
    pub(crate) async fn matches(&self, request: ListMatchesRequest) -> Result<MatchList, ApiError> {
        let limit = checks::limit(request.limit, 10, 100)?;
        let relayed = request.authoritative == Some(false);
        if relayed && request.label.is_some() {
            return Err(ApiError::invalid("label", "Label filtering is not supported for non-authoritative matches."));
        }
        if relayed && request.query.is_some() {
            return Err(ApiError::invalid("query", "Query filtering is not supported for non-authoritative matches."));
        }
        for (field, text) in [("label", &request.label), ("query", &request.query)] {
            if text.as_ref().is_some_and(|text| text.len() > 2048) {
                return Err(ApiError::invalid(field, format!("{field} must be at most 2048 bytes.")));
            }
        }
        if request.min_size.is_some_and(|size| size < 0) {
            return Err(ApiError::invalid("min_size", "Minimum size must be 0 or above."));
        }
        if request.max_size.is_some_and(|size| size < 0) {
            return Err(ApiError::invalid("max_size", "Maximum size must be 0 or above."));
        }
        if let (Some(min), Some(max)) = (request.min_size, request.max_size)
            && min > max
        {
            let message = "Maximum size must be greater than or equal to minimum size when both are specified.";
            return Err(ApiError::invalid("max_size", message));
        }
        let request = ListMatchesRequest { limit: i32::try_from(limit).ok(), ..request };
        match self.matches.get() {
            Some(matches) => Ok(MatchList { matches: matches.list(request).await? }),
            None => Ok(MatchList::default()),
        }
    }
}
