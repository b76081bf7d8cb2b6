//! Prints the id of the user whose access token it is given.
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::{env, error::Error};

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let issuer = env::var("ISSUER")?;
    let token = env::args().nth(1).ok_or("no token")?;

    let keys: JwkSet = ureq::get(format!("{issuer}/.well-known/jwks.json"))
        .call()?
        .body_mut()
        .read_json()?;
    let kid = decode_header(&token)?.kid.ok_or("no kid")?;
    let key = DecodingKey::from_jwk(keys.find(&kid).ok_or("unknown kid")?)?;

    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    if let Ok(audience) = env::var("AUDIENCE") {
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    }
    let verified = decode::<Claims>(&token, &key, &validation)?;
    println!("{}", verified.claims.sub);
    Ok(())
}
