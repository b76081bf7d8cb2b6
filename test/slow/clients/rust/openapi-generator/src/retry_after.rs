use http::Extensions;
use reqwest::{Request, Response, header::RETRY_AFTER};
use reqwest_middleware::{Middleware, Next, Result};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Keeps the `Retry-After` of the last answer: what the client returns has no headers.
#[derive(Clone, Default)]
pub struct RetryAfter(Arc<AtomicU64>);

impl RetryAfter {
    /// How long to wait, in seconds; 0 when the last answer did not say.
    pub fn seconds(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[async_trait::async_trait]
impl Middleware for RetryAfter {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let response = next.run(request, extensions).await?;
        let value = response.headers().get(RETRY_AFTER);
        let seconds = value.and_then(|value| value.to_str().ok()?.parse().ok());
        self.0.store(seconds.unwrap_or(0), Relaxed);
        Ok(response)
    }
}
