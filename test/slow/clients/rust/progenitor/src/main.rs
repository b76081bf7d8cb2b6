//! A tour of the service, by the client that progenitor makes of its document.

use base64::{Engine, prelude::BASE64_STANDARD};
use latchkey::types::{
    Credentials, Empty, IntrospectionRequest, LoginAnswer, Problem, RefreshRequest, Registered,
    Registration, TokenPair, VerifyRequest,
};
use latchkey::{Client, Error, ResponseValue};
use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use serde_json::{Value, json};
use std::{env, error, fmt::Debug};

type Fallible<T> = Result<T, Box<dyn error::Error>>;
type Answer<T> = Result<ResponseValue<T>, Error<Problem>>;

const PASSWORD: &str = "securepassword";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let client = connect(&env::var("LATCHKEY_URL")?, None)?;
    let registered = register(&client, "testuser").await?.into_inner();
    let login = log_in(&client, "testuser", PASSWORD).await?.into_inner();
    let tokens = refresh(&client, &login.refresh).await?;
    let mut whole = json!({
        "registered": registered.message,
        "login": login.message,
        "refreshed": tokens.access != login.access && tokens.refresh != login.refresh,
        "verified": verify(&client, &tokens.access).await.is_ok(),
        "introspected": introspected(&tokens.access).await?,
        // The client sends no empty username: the document says that it has a character at least.
        "invalid": invalid(register(&client, " ").await)?,
        "later": later().await?,
    });
    (whole["me"], whole["sessions"]) = mine(&tokens.access).await?;
    (whole["unauthorized"], whole["throttled"]) = refused_logins(&client).await?;
    (whole["loggedOut"], whole["afterLogout"]) = logged_out(&client, &tokens).await?;
    println!("{whole}");
    Ok(())
}

/// A client, which sends the `Authorization` header with each request.
fn connect(url: &str, authorization: Option<String>) -> Fallible<Client> {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.parse()?);
    }
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .build()?;
    Ok(Client::new_with_client(url, http))
}

async fn register(client: &Client, username: &str) -> Answer<Registered> {
    let user = Registration::builder()
        .username(username)
        .password(PASSWORD);
    client.register_user().body(user).send().await
}

async fn log_in(client: &Client, username: &str, password: &str) -> Answer<LoginAnswer> {
    let user = Credentials::builder().username(username).password(password);
    client.log_in().body(user).send().await
}

async fn refresh(client: &Client, refresh: &str) -> Fallible<TokenPair> {
    let body = RefreshRequest::builder().refresh(refresh);
    let tokens = client.refresh_token().body(body).send().await?.into_inner();
    let refresh = tokens.refresh.ok_or("the refresh token is not replaced")?;
    Ok(TokenPair {
        access: tokens.access,
        refresh,
    })
}

async fn verify(client: &Client, token: &str) -> Answer<Empty> {
    let body = VerifyRequest::builder().token(token);
    client.verify_token().body(body).send().await
}

/// Who the user is, and the user's sessions.
async fn mine(access: &str) -> Fallible<(Value, Value)> {
    let client = connect(&env::var("LATCHKEY_URL")?, Some(format!("Bearer {access}")))?;
    let me = client.get_me().send().await?;
    let sessions = client.list_my_sessions().send().await?;
    let current = sessions.iter().filter(|session| session.current).count();
    Ok((
        json!({ "id": me.id, "username": me.username }),
        json!({ "count": sessions.len(), "current": current }),
    ))
}

/// What a token says, asked by a service that is a client of Latchkey.
async fn introspected(token: &str) -> Fallible<Value> {
    let login = format!("{}:{}", env::var("CLIENT_ID")?, env::var("CLIENT_SECRET")?);
    let basic = format!("Basic {}", BASE64_STANDARD.encode(login));
    let client = connect(&env::var("LATCHKEY_URL")?, Some(basic))?;
    let body = IntrospectionRequest::builder().token(token);
    let token = client
        .introspect_token()
        .body(body)
        .send()
        .await?
        .into_inner();
    Ok(json!({
        "active": token.active,
        "sub": token.sub,
        "audience": token.aud,
        "expiresAfterIssue": token.exp.zip(token.iat).map(|(exp, iat)| exp - iat),
    }))
}

fn invalid(answer: Answer<Registered>) -> Fallible<Value> {
    let problem = refusal(answer)?.into_inner();
    Ok(json!({
        "status": problem.status,
        "code": problem.code,
        "username": problem.username,
        "errors": problem.errors,
    }))
}

/// A login with a wrong password, and one that is refused because there were too many.
async fn refused_logins(client: &Client) -> Fallible<(Value, Value)> {
    let first = refusal(log_in(client, "testuser", "wrong").await)?;
    for _ in 0..50 {
        let throttled = refusal(log_in(client, "testuser", "wrong").await)?;
        if throttled.status == 429 {
            let seconds: u32 = throttled.headers()[RETRY_AFTER].to_str()?.parse()?;
            let mut summary = summary(&throttled);
            summary["retryAfter"] = json!(seconds >= 1);
            return Ok((self::summary(&first), summary));
        }
    }
    Err("no login is throttled".into())
}

async fn logged_out(client: &Client, tokens: &TokenPair) -> Fallible<(Value, Value)> {
    let body = RefreshRequest::builder().refresh(tokens.refresh.as_str());
    let logout = client.blacklist_token().body(body).send().await;
    let after = refusal(verify(client, &tokens.access).await)?;
    Ok((json!(logout.is_ok()), summary(&after)))
}

/// What a later version of the service answers: members and codes that the document does not know.
async fn later() -> Fallible<Value> {
    let url = env::var("LATCHKEY_LATER_URL")?;
    let client = connect(&url, None)?;
    register(&client, "another").await?;
    let login = log_in(&client, "another", PASSWORD).await?;
    let user = connect(&url, Some(format!("Bearer {}", login.access)))?;
    let mut later = summary(&*refusal(verify(&client, "no.to.ken").await)?);
    later["id"] = json!(user.get_me().send().await?.id);
    Ok(later)
}

/// The answer that refuses a request: the problem, with the headers.
fn refusal<T: Debug>(answer: Answer<T>) -> Fallible<ResponseValue<Problem>> {
    match answer {
        Err(Error::ErrorResponse(refusal)) => Ok(refusal),
        Err(error) => Err(error.into()),
        Ok(answer) => Err(format!("not refused: {answer:?}").into()),
    }
}

fn summary(problem: &Problem) -> Value {
    json!({ "status": problem.status, "code": problem.code })
}
