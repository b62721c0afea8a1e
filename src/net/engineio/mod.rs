//! Where a scenario that speaks Socket.IO has its path routed: Engine.IO's polling, and its upgrade to a WebSocket.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::answer::{Answer, Problem};
use super::http::Visit;

/// Answers a request on the Socket.IO path. `Host` and `Origin` have been looked at; CORS is added by the caller.
#[expect(clippy::unused_async, reason = "polling waits")]
pub(super) async fn answer(_visit: &Visit, _request: Request<Incoming>) -> Result<Answer, Problem> {
    Err(Problem::new(
        StatusCode::NOT_IMPLEMENTED,
        "NOT_IMPLEMENTED",
        "Socket.IO is not spoken yet",
    ))
}
