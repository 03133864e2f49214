//! Modules of the server runtime as operators see them: what is loaded and registered, what will not work, what failed; and a way to load them
//! anew. Knows nothing of how they run.

use axum::Json;
use axum::extract::State as Shared;
use hillfort_modules::source::Finding;
use hillfort_modules::{Kind, ModuleFault, Status};
use serde_json::{Value, json};

use super::api::State;
use super::told::{Note, Noted, Refusal};

/// Findings, and registered functions, that an answer tells of.
const ROWS_MAX: usize = 500;
/// Findings that a refusal tells of.
const REFUSED_MAX: usize = 5;
/// Bytes of a failure's text: the trace of a deep recursion is long.
const FAULT_BYTES_MAX: usize = 2048;

/// `GET /api/modules`.
pub(super) async fn show(Shared(state): Shared<State>) -> Json<Value> {
    Json(shown(&state.office.play.modules.status()))
}

fn shown(status: &Status) -> Value {
    let modules = status
        .modules
        .iter()
        .map(|(name, file)| json!({ "name": name, "file": file, "match": status.match_handlers.contains(name) }));
    let functions = status.functions.iter().take(ROWS_MAX).map(|(kind, name)| json!({ "kind": kind_name(*kind), "name": name }));
    json!({
        "generation": status.generation,
        "loaded": status.loaded_ms,
        "load": status.load,
        "modules": modules.collect::<Vec<_>>(),
        "functions": functions.collect::<Vec<_>>(),
        "functionsTotal": status.functions.len(),
        "unsupported": findings(&status.warnings),
        "refused": findings(&status.refused),
        "faults": status.faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

/// With a line of 0 for the whole file.
fn findings(list: &[Finding]) -> Value {
    let rows = list.iter().take(ROWS_MAX).map(|found| json!({ "file": found.file, "line": found.line, "text": found.text }));
    json!({ "rows": rows.collect::<Vec<_>>(), "total": list.len() })
}

fn fault(fault: &ModuleFault) -> Value {
    let text = &fault.text[..fault.text.floor_char_boundary(FAULT_BYTES_MAX)];
    json!({ "at": fault.at_ms, "place": fault.place, "text": text, "cut": text.len() < fault.text.len() })
}

/// As the functions that register them are called.
const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Rpc => "rpc",
        Kind::ReqBefore => "req_before",
        Kind::ReqAfter => "req_after",
        Kind::RtBefore => "rt_before",
        Kind::RtAfter => "rt_after",
        Kind::Shutdown => "shutdown",
    }
}

/// `POST /api/modules/reload`: when one of them does not load, everything stays as it was.
pub(super) async fn reload(Shared(state): Shared<State>) -> Noted {
    let runtime = state.office.play.modules.clone();
    let loaded = match state.office.run(async move { runtime.reload().await }).await {
        Ok(loaded) => loaded,
        Err(refusal) => return Note::about("modules").told(Err(refusal)),
    };
    match loaded {
        Ok(generation) => {
            Note::about("modules").with("generation", generation).told(Ok(Json(json!({ "ok": true, "generation": generation }))))
        }
        Err(findings) => {
            let note = Note::about("modules").with("findings", findings.len());
            note.told(Err(refused(&findings)))
        }
    }
}

fn refused(findings: &[Finding]) -> Refusal {
    let mut lines: Vec<_> = findings.iter().take(REFUSED_MAX).map(Finding::to_string).collect();
    if findings.len() > lines.len() {
        lines.push(format!("and {} more", findings.len() - lines.len()));
    }
    Refusal::invalid(format!("nothing was changed: {}", lines.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_and_texts_are_cut_and_say_so() {
        let finding = |line| Finding { file: "a.lua".to_owned(), line, text: "is no word".to_owned() };
        let status = Status {
            warnings: (0..1_000).map(finding).collect(),
            faults: vec![ModuleFault { at_ms: 1, place: "buy".to_owned(), text: "é".repeat(2_000) }],
            functions: (0..1_000).map(|n| (Kind::Rpc, format!("f{n}"))).collect(),
            ..Status::default()
        };
        let shown = shown(&status);
        let unsupported = &shown["unsupported"];
        assert_eq!((unsupported["rows"].as_array().map(Vec::len), &unsupported["total"]), (Some(ROWS_MAX), &json!(1_000)));
        assert_eq!((shown["functions"].as_array().map(Vec::len), &shown["functionsTotal"]), (Some(ROWS_MAX), &json!(1_000)));
        let fault = &shown["faults"][0];
        assert_eq!((fault["text"].as_str().map(str::len), &fault["cut"]), (Some(FAULT_BYTES_MAX), &json!(true)));
        let text = refused(&status.warnings).text;
        assert!(
            text.starts_with("nothing was changed: a.lua: is no word; a.lua:1: is no word") && text.ends_with("and 995 more")
        );
    }
}
