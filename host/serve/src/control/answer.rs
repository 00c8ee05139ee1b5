//! Answers, and what is wrong, as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::swap::SwapError;

/// Why a request was not done, beside its answer, for the audit log.
#[derive(Clone)]
pub(super) struct Why(pub(super) String);

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    stage: &'static str,
    problem: String,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, problem: impl Into<String>) -> Refused {
        Refused {
            status,
            stage: "request",
            problem: problem.into(),
        }
    }

    /// The caller may look and change nothing.
    pub(crate) fn not_yours() -> Refused {
        let problem =
            "only root and the user whose server it is may change what runs; you may look";
        Refused::new(StatusCode::FORBIDDEN, problem)
    }

    /// A thread ended, or a lock or the database could not be had.
    pub(crate) fn inside(problem: impl std::fmt::Display) -> Refused {
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, problem.to_string())
    }
}

impl From<SwapError> for Refused {
    fn from(error: SwapError) -> Refused {
        Refused {
            status: match error.stage {
                "busy" => StatusCode::CONFLICT,
                "switch" => StatusCode::SERVICE_UNAVAILABLE,
                "unknown" => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            },
            stage: error.stage,
            problem: error.problem,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "stage": self.stage, "problem": self.problem } });
        let mut response = (self.status, Json(body)).into_response();
        let why = format!("{}: {}", self.stage, self.problem);
        response.extensions_mut().insert(Why(why));
        response
    }
}
