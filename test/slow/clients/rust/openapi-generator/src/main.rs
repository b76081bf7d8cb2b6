//! A tour of the service, by the client that OpenAPI Generator makes of its document.

mod retry_after;

use latchkey::apis::configuration::{BasicAuth, Configuration};
use latchkey::apis::tokens_api::{
    VerifyTokenError, blacklist_token, introspect_token, refresh_token, verify_token,
};
use latchkey::apis::users_api::{LogInError, RegisterUserError, log_in, register_user};
use latchkey::apis::{Error, ResponseContent, account_api};
use latchkey::models::{
    Credentials, IntrospectionRequest, LoginAnswer, Problem, RefreshRequest, Registered,
    Registration, TokenPair, VerifyRequest,
};
use reqwest_middleware::ClientBuilder;
use retry_after::RetryAfter;
use serde_json::{Value, json};
use std::{env, error};

type Fallible<T> = Result<T, Box<dyn error::Error>>;

const PASSWORD: &str = "securepassword";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let service = Configuration {
        base_path: env::var("LATCHKEY_URL")?,
        ..Configuration::default()
    };
    let registered = register(&service, "testuser").await?;
    let login = enter(&service, "testuser", PASSWORD).await?;
    let tokens = refresh(&service, &login.refresh).await?;
    let mut whole = json!({
        "registered": registered.message,
        "login": login.message,
        "refreshed": tokens.access != login.access && tokens.refresh != login.refresh,
        "verified": verify(&service, &tokens.access).await.is_ok(),
        "introspected": introspected(&service, &tokens.access).await?,
        "invalid": invalid(&service).await?,
        "later": later().await?,
    });
    (whole["me"], whole["sessions"]) = mine(&service, &tokens.access).await?;
    (whole["unauthorized"], whole["throttled"]) = refused_logins(&service).await?;
    (whole["loggedOut"], whole["afterLogout"]) = logged_out(&service, &tokens).await?;
    println!("{whole}");
    Ok(())
}

/// The problem that refuses a request. All variants of an operation's errors are a problem: what is read is always the first.
macro_rules! problem {
    ($answer:expr, $first:path) => {
        match $answer {
            Err(Error::ResponseError(ResponseContent {
                entity: Some($first(problem)),
                ..
            })) => Ok(problem),
            answer => Err(format!("no problem: {answer:?}")),
        }
    };
}

async fn register(
    service: &Configuration,
    username: &str,
) -> Result<Registered, Error<RegisterUserError>> {
    let user = Registration::new(PASSWORD.into(), username.into());
    register_user(service, user).await
}

async fn enter(
    service: &Configuration,
    username: &str,
    password: &str,
) -> Result<LoginAnswer, Error<LogInError>> {
    let user = Credentials::new(username.into(), password.into());
    log_in(service, user, None).await
}

async fn refresh(service: &Configuration, refresh: &str) -> Fallible<TokenPair> {
    let tokens = refresh_token(service, RefreshRequest::new(refresh.into())).await?;
    let refresh = tokens.refresh.ok_or("the refresh token is not replaced")?;
    Ok(TokenPair::new(refresh, tokens.access))
}

async fn verify(service: &Configuration, token: &str) -> Result<Value, Error<VerifyTokenError>> {
    verify_token(service, VerifyRequest::new(token.into())).await
}

/// Who the user is, and the user's sessions.
async fn mine(service: &Configuration, access: &str) -> Fallible<(Value, Value)> {
    let user = Configuration {
        bearer_access_token: Some(access.into()),
        ..service.clone()
    };
    let me = account_api::get_me(&user).await?;
    let sessions = account_api::list_my_sessions(&user).await?;
    let current = sessions.iter().filter(|session| session.current).count();
    Ok((
        json!({ "id": me.id, "username": me.username }),
        json!({ "count": sessions.len(), "current": current }),
    ))
}

/// What a token says, asked by a service that is a client of Latchkey.
async fn introspected(service: &Configuration, token: &str) -> Fallible<Value> {
    let client: BasicAuth = (env::var("CLIENT_ID")?, Some(env::var("CLIENT_SECRET")?));
    let client = Configuration {
        basic_auth: Some(client),
        ..service.clone()
    };
    let token = introspect_token(&client, IntrospectionRequest::new(token.into())).await?;
    Ok(json!({
        "active": token.active,
        "sub": token.sub,
        "audience": token.aud,
        "expiresAfterIssue": token.exp.zip(token.iat).map(|(exp, iat)| exp - iat),
    }))
}

async fn invalid(service: &Configuration) -> Fallible<Value> {
    let problem = problem!(register(service, "").await, RegisterUserError::Status400)?;
    Ok(json!({
        "status": problem.status,
        "code": problem.code,
        "username": problem.username,
        "errors": problem.errors,
    }))
}

/// A login with a wrong password, and one that is refused because there were too many.
async fn refused_logins(service: &Configuration) -> Fallible<(Value, Value)> {
    let retry_after = RetryAfter::default();
    let service = Configuration {
        client: ClientBuilder::new(reqwest::Client::new())
            .with(retry_after.clone())
            .build(),
        ..service.clone()
    };
    let first = problem!(
        enter(&service, "testuser", "wrong").await,
        LogInError::Status400
    )?;
    for _ in 0..50 {
        let problem = problem!(
            enter(&service, "testuser", "wrong").await,
            LogInError::Status400
        )?;
        if problem.status == 429 {
            let mut throttled = summary(&problem);
            throttled["retryAfter"] = json!(retry_after.seconds() >= 1);
            return Ok((summary(&first), throttled));
        }
    }
    Err("no login is throttled".into())
}

async fn logged_out(service: &Configuration, tokens: &TokenPair) -> Fallible<(Value, Value)> {
    let logout = blacklist_token(service, RefreshRequest::new(tokens.refresh.clone())).await;
    let after = problem!(
        verify(service, &tokens.access).await,
        VerifyTokenError::Status400
    )?;
    Ok((json!(logout.is_ok()), summary(&after)))
}

/// What a later version of the service answers: members and codes that the document does not know.
async fn later() -> Fallible<Value> {
    let mut service = Configuration::new();
    service.base_path = env::var("LATCHKEY_LATER_URL")?;
    register(&service, "another").await?;
    let login = enter(&service, "another", PASSWORD).await?;
    let refused = problem!(
        verify(&service, "no.to.ken").await,
        VerifyTokenError::Status400
    )?;
    let mut later = summary(&refused);
    service.bearer_access_token = Some(login.access);
    later["id"] = json!(account_api::get_me(&service).await?.id);
    Ok(later)
}

fn summary(problem: &Problem) -> Value {
    json!({ "status": problem.status, "code": problem.code })
}
