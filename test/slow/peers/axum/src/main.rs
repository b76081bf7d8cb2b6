//! An API behind Latchkey's access tokens: `/me` checks them by itself, `/asked` asks Latchkey.
mod keys;

use axum::extract::FromRequestParts;
use axum::http::{StatusCode, header::WWW_AUTHENTICATE, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use axum_extra::TypedHeader;
use axum_extra::headers::{Authorization, authorization::Bearer};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use keys::Keys;
use serde::Deserialize;
use std::{env, error::Error, sync::Arc, time::Duration};

/// The user's id, by the published keys: good until the token expires, also after a logout.
struct User(String);

/// The user's id, by asking Latchkey: good now.
struct LiveUser(String);

pub enum Refusal {
    NoToken,
    Invalid,
    /// Latchkey does not answer. That is no verdict, so nobody is let in.
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let challenge = match self {
            Refusal::NoToken => "Bearer",
            Refusal::Invalid => r#"Bearer error="invalid_token""#,
            Refusal::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        };
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

struct Latchkey {
    keys: Arc<Keys>,
    validation: Validation,
    http: reqwest::Client,
    introspection: String,
    client: (String, String),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Deserialize)]
struct Introspection {
    active: bool,
    token_type: Option<String>,
    sub: Option<String>,
}

impl Latchkey {
    fn from_env() -> Result<Self, Box<dyn Error>> {
        let issuer = env::var("ISSUER")?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            keys: Keys::new(http.clone(), format!("{issuer}/.well-known/jwks.json")),
            introspection: format!("{issuer}/api/token/introspect/"),
            client: (env::var("CLIENT_ID")?, env::var("CLIENT_SECRET")?),
            validation: validation(issuer, env::var("AUDIENCE").unwrap_or_default()),
            http,
        })
    }

    async fn check(&self, token: &str) -> Result<String, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        let key = self.keys.find(&header.kid.ok_or(Refusal::Invalid)?).await?;
        match decode::<Claims>(token, &key, &self.validation) {
            Ok(verified) => Ok(verified.claims.sub),
            Err(_) => Err(Refusal::Invalid),
        }
    }

    async fn ask(&self, token: &str) -> Result<String, Refusal> {
        match self.introspect(token).await {
            Ok(Introspection {
                active: true,
                token_type: Some(kind),
                sub: Some(sub),
            }) if kind == "access" => Ok(sub),
            Ok(_) => Err(Refusal::Invalid),
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    async fn introspect(&self, token: &str) -> reqwest::Result<Introspection> {
        let (id, secret) = &self.client;
        let question = self
            .http
            .post(&self.introspection)
            .basic_auth(id, Some(secret))
            .form(&[("token", token)]);
        question.send().await?.error_for_status()?.json().await
    }
}

fn validation(issuer: String, audience: String) -> Validation {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    if !audience.is_empty() {
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    }
    validation
}

async fn token_of(parts: &mut Parts) -> Result<String, Refusal> {
    let header = TypedHeader::<Authorization<Bearer>>::from_request_parts(parts, &()).await;
    header
        .map(|bearer| bearer.token().to_owned())
        .map_err(|_| Refusal::NoToken)
}

impl FromRequestParts<Arc<Latchkey>> for User {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        latchkey: &Arc<Latchkey>,
    ) -> Result<Self, Refusal> {
        latchkey.check(&token_of(parts).await?).await.map(User)
    }
}

impl FromRequestParts<Arc<Latchkey>> for LiveUser {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        latchkey: &Arc<Latchkey>,
    ) -> Result<Self, Refusal> {
        latchkey.ask(&token_of(parts).await?).await.map(LiveUser)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new()
        .route("/me", get(async |User(id): User| id))
        .route("/asked", get(async |LiveUser(id): LiveUser| id))
        .with_state(Arc::new(Latchkey::from_env()?));
    let listener =
        tokio::net::TcpListener::bind(format!("127.0.0.1:{}", env::var("PORT")?)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
