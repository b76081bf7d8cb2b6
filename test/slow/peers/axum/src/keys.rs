//! Latchkey's published keys, kept for as long as their `Cache-Control` allows by default.
use crate::Refusal;
use jsonwebtoken::{DecodingKey, jwk::JwkSet};
use std::{collections::HashMap, sync::Arc, time::Duration, time::Instant};
use tokio::sync::{Mutex, RwLock};

const KEPT: Duration = Duration::from_secs(300);
/// The least time between two requests for the keys, however many tokens come with a `kid` that is not among them.
const PAUSE: Duration = Duration::from_secs(10);

pub struct Keys {
    http: reqwest::Client,
    url: String,
    known: RwLock<Known>,
    asked: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    fetched: Option<Instant>,
    /// Whether the last request for the keys brought them: without that, an unknown `kid` may be a good one.
    is_in_reach: bool,
}

impl Known {
    fn new(set: &JwkSet) -> Self {
        let usable = |jwk| DecodingKey::from_jwk(jwk).ok();
        let keys = set
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, usable(jwk)?)));
        Self {
            keys: keys.collect(),
            fetched: Some(Instant::now()),
            is_in_reach: true,
        }
    }

    fn is_fresh(&self, kid: &str) -> bool {
        self.keys.contains_key(kid) && self.fetched.is_some_and(|at| at.elapsed() < KEPT)
    }

    fn find(&self, kid: &str) -> Result<DecodingKey, Refusal> {
        match self.keys.get(kid) {
            Some(key) => Ok(key.clone()),
            None if self.is_in_reach => Err(Refusal::Invalid),
            None => Err(Refusal::Unavailable),
        }
    }
}

impl Keys {
    pub fn new(http: reqwest::Client, url: String) -> Arc<Self> {
        Arc::new(Self {
            http,
            url,
            known: RwLock::default(),
            asked: Mutex::default(),
        })
    }

    /// The key of this id. While Latchkey does not answer, the keys that are known are kept.
    pub async fn find(self: &Arc<Self>, kid: &str) -> Result<DecodingKey, Refusal> {
        if !self.known.read().await.is_fresh(kid) {
            // In a task of its own, which goes on when the client hangs up.
            let _ = tokio::spawn(Arc::clone(self).refresh(kid.to_owned())).await;
        }
        self.known.read().await.find(kid)
    }

    /// One asks; those that come meanwhile wait for what it brings.
    async fn refresh(self: Arc<Self>, kid: String) {
        let mut asked = self.asked.lock().await;
        if self.known.read().await.is_fresh(&kid) || asked.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        *asked = Some(Instant::now());
        let answer = self.fetch().await;
        let mut known = self.known.write().await;
        match answer {
            Ok(set) => *known = Known::new(&set),
            Err(_) => known.is_in_reach = false,
        }
    }

    async fn fetch(&self) -> reqwest::Result<JwkSet> {
        self.http
            .get(&self.url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    }
}
