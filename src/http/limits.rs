//! How much clients may take: sockets and streams, requests and bytes, each client and all together.
//!
//! A client is whoever [`ClientKey`] says. What each takes is kept in one table, which is bounded:
//! a timer forgets those who have all of their quotas again, and when it is full, newcomers share
//! what one client has. Without a limit there is no table, and nothing is counted.

mod client;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use arc_swap::ArcSwap;

use self::client::{Client, Quotas};
use super::problem::{Code, Problem};
use crate::{
    core::access::{ClientKey, Quota},
    settings::LimitSettings,
    telemetry::Metrics,
};

/// Clients that are told apart at a time.
const MAX_CLIENTS: usize = 65_536;
/// How often those are forgotten who need not be remembered.
const SWEEP: Duration = Duration::from_secs(5);
/// When to come back where there are too many connections: nobody knows when one ends.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// What the routes are not limited by that tell whether the router is well: whoever restarts a
/// router that does not answer must get an answer.
const EXEMPT: [&str; 2] = ["/livez", "/readyz"];

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// All limits, and what is left of them.
pub struct Limits {
    rules: ArcSwap<Rules>,
    total: Client,
    clients: Mutex<HashMap<ClientKey, Arc<Client>>>,
    /// Who came when the table was full.
    others: Arc<Client>,
    began: Instant,
    metrics: Arc<Metrics>,
}

/// What may be taken.
#[derive(PartialEq)]
struct Rules {
    quotas: Quotas,
    total: Quotas,
    max_connections: usize,
    policy: Option<HeaderValue>,
}

impl Rules {
    fn of(settings: &LimitSettings) -> Self {
        let bytes = |rate| Quota::of(rate, 0, settings.body_bytes);
        let quotas = Quotas {
            requests: Quota::of(settings.client_requests, settings.client_burst, 0),
            bytes: bytes(settings.client_bytes),
        };
        let total = Quotas {
            requests: Quota::of(settings.total_requests, settings.total_burst, 0),
            bytes: bytes(settings.total_bytes),
        };
        let policy = policy(&quotas, &total);
        Self { quotas, total, max_connections: settings.client_connections, policy }
    }

    /// Whether no client has a limit.
    fn are_none(&self) -> bool {
        self.max_connections == 0 && self.quotas.are_none()
    }
}

/// A client, to be charged for what it takes; nothing where there is no limit.
#[derive(Clone, Default)]
pub struct Account {
    client: Option<Arc<Client>>,
    standing: Option<HeaderValue>,
    is_exempt: bool,
}

impl Account {
    /// Of the router itself, which is charged for nothing.
    #[must_use]
    pub fn exempt() -> Self {
        Self { is_exempt: true, ..Self::default() }
    }

    /// Whether it is charged for nothing.
    #[must_use]
    pub fn is_exempt(&self) -> bool {
        self.is_exempt
    }
}

/// A socket or a stream of a client, until it is dropped.
#[derive(Default)]
pub struct Connection(Option<Arc<Client>>);

impl Limits {
    /// The limits of these settings, with nothing taken.
    #[must_use]
    pub fn new(settings: &LimitSettings, metrics: Arc<Metrics>) -> Self {
        let rules = Rules::of(settings);
        Self {
            total: Client::new(&rules.total),
            clients: Mutex::default(),
            others: Arc::new(Client::new(&rules.quotas)),
            rules: ArcSwap::from_pointee(rules),
            began: Instant::now(),
            metrics,
        }
    }

    /// Takes other limits; who has taken something has taken it. Connections count from when there
    /// is a limit on anything of a client.
    pub fn reconfigure(&self, settings: &LimitSettings) {
        let rules = Arc::new(Rules::of(settings));
        self.rules.store(rules.clone());
        self.total.adopt(&rules.total);
        self.others.adopt(&rules.quotas);
        // Whoever is put into the table after this finds the new rules.
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        for client in clients.values() {
            client.adopt(&rules.quotas);
        }
    }

    /// Charges a client for a request to the route with this pattern.
    ///
    /// # Errors
    /// When it, or all together, have made as many as they may.
    pub fn request(&self, key: ClientKey, pattern: Option<&str>) -> Result<Account, Problem> {
        if pattern.is_some_and(|pattern| EXEMPT.contains(&pattern)) {
            return Ok(Account::default());
        }
        let client = self.client(key);
        let mut standing = Vec::new();
        let limits = [
            (client.as_deref(), "client", "client_requests"),
            (Some(&self.total), "total", "total_requests"),
        ];
        for (client, name, limit) in limits {
            let bucket = client.and_then(|client| client.requests.load_full());
            let Some(bucket) = bucket else { continue };
            match bucket.take(1) {
                Ok(left) => standing.push(bucket.quota.standing(name, left)),
                Err(after) => {
                    standing.push(bucket.quota.standing(name, 0));
                    let problem = self.refuse(Code::TooManyRequests, limit, after);
                    return Err(problem.header(STANDING, &standing.join(", ")));
                }
            }
        }
        let standing = (!standing.is_empty()).then(|| standing.join(", ").parse().ok()).flatten();
        Ok(Account { client, standing, is_exempt: false })
    }

    /// Charges a client for bytes of a body.
    ///
    /// # Errors
    /// When it, or all together, have sent as many as they may.
    pub fn bytes(&self, account: &Account, bytes: usize) -> Result<(), Problem> {
        if account.is_exempt {
            return Ok(());
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let limits =
            [(account.client.as_deref(), "client_bytes"), (Some(&self.total), "total_bytes")];
        for (client, limit) in limits {
            let bucket = client.and_then(|client| client.bytes.load_full());
            if let Some(Err(after)) = bucket.map(|bucket| bucket.take(bytes)) {
                return Err(self.refuse(Code::TooManyRequests, limit, after));
            }
        }
        Ok(())
    }

    /// Charges a client for a socket or a stream, for as long as it lasts.
    ///
    /// # Errors
    /// When it has as many as it may.
    pub fn connect(&self, account: &Account) -> Result<Connection, Problem> {
        let Some(client) = &account.client else { return Ok(Connection::default()) };
        if client.connect(self.rules.load().max_connections) {
            return Ok(Connection(Some(client.clone())));
        }
        Err(self.refuse(Code::TooManyConnections, "client_connections", RETRY_AFTER))
    }

    /// Tells in the headers of an answer what the limits are, and what is left.
    pub fn tell(&self, account: Option<&Account>, headers: &mut HeaderMap) {
        if let Some(policy) = &self.rules.load().policy {
            headers.insert(POLICY, policy.clone());
        }
        if let Some(standing) = account.and_then(|account| account.standing.as_ref()) {
            headers.insert(STANDING, standing.clone());
        }
    }

    /// The same in a problem, which is answered before there is a place for it.
    #[must_use]
    pub fn tell_problem(&self, account: &Account, problem: Problem) -> Problem {
        let standing = account.standing.as_ref().and_then(|standing| standing.to_str().ok());
        standing.into_iter().fold(problem, |problem, value| problem.header(STANDING, value))
    }

    /// Forgets, every few seconds, who need not be remembered.
    pub async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.forget(self.began.elapsed());
        }
    }

    fn refuse(&self, code: Code, limit: &'static str, after: Duration) -> Problem {
        self.metrics.limited_total.with([limit]).increment(1);
        Problem::too_many(code, limit, after)
    }

    /// The account of a client; none when no client has a limit.
    fn client(&self, key: ClientKey) -> Option<Arc<Client>> {
        if self.rules.load().are_none() {
            return None;
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = self.rules.load();
        let client = match clients.get(&key) {
            Some(client) => client.clone(),
            None if clients.len() >= MAX_CLIENTS => self.others.clone(),
            None => clients.entry(key).or_insert(Arc::new(Client::new(&rules.quotas))).clone(),
        };
        client.saw(self.began.elapsed());
        Some(client)
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn forget(&self, now: Duration) {
        let refilled = self.rules.load().quotas.refill();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|_, client| {
            // Somebody else holds it only while a request or a connection lasts.
            Arc::strong_count(client) > 1 || now < client.last_seen() + refilled
        });
        self.metrics.limit_clients.set(clients.len() as f64);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = &self.0 {
            client.disconnect();
        }
    }
}

/// Whether clients may take more or less.
#[cfg(test)]
pub(crate) fn differ(next: &LimitSettings, before: &LimitSettings) -> bool {
    Rules::of(next) != Rules::of(before)
}

fn policy(client: &Quotas, total: &Quotas) -> Option<HeaderValue> {
    let policies = [
        client.requests.map(|quota| quota.policy("client", None)),
        client.bytes.map(|quota| quota.policy("client-bytes", Some("content-bytes"))),
        total.requests.map(|quota| quota.policy("total", None)),
        total.bytes.map(|quota| quota.policy("total-bytes", Some("content-bytes"))),
    ];
    let policies: Vec<_> = policies.into_iter().flatten().collect();
    (!policies.is_empty()).then(|| policies.join(", ").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(settings: &LimitSettings) -> Limits {
        Limits::new(settings, Arc::new(Metrics::new()))
    }

    fn named(name: &str) -> ClientKey {
        ClientKey::Named(name.into())
    }

    #[test]
    fn without_a_limit_nothing_is_kept_and_nothing_told() {
        let limits = limits(&LimitSettings::default());
        let account = limits.request(named("a"), None).unwrap();
        assert!(limits.bytes(&account, usize::MAX).is_ok() && limits.connect(&account).is_ok());
        assert!(limits.clients.lock().unwrap().is_empty());
        let mut headers = HeaderMap::new();
        limits.tell(Some(&account), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_client_is_forgotten_when_it_has_all_again_and_holds_nothing() {
        let settings =
            LimitSettings { client_requests: 1, client_burst: 3, ..LimitSettings::default() };
        let limits = limits(&settings);
        let account = limits.request(named("a"), None).unwrap();
        let connection = limits.connect(&account).unwrap();
        drop(account);
        limits.request(named("b"), None).unwrap();
        let known = |at| {
            limits.forget(limits.began.elapsed() + Duration::from_millis(at));
            limits.clients.lock().unwrap().len()
        };
        assert_eq!(known(1_000), 2);
        assert_eq!(known(4_000), 1, "the one with a connection");
        drop(connection);
        assert_eq!(known(4_000), 0);
    }

    #[test]
    fn other_limits_count_at_once_for_everybody() {
        let limits = limits(&LimitSettings {
            client_burst: 9,
            client_requests: 1,
            ..LimitSettings::default()
        });
        let take = || limits.request(named("a"), None).map(drop);
        for _ in 0..5 {
            take().unwrap();
        }
        let with = |client_requests, client_burst| {
            limits.reconfigure(&LimitSettings {
                client_requests,
                client_burst,
                ..LimitSettings::default()
            });
        };
        with(1, 6);
        assert!(take().is_ok() && take().is_err(), "five of six were taken");
        limits.request(named("b"), None).unwrap();
        with(0, 0);
        for _ in 0..50 {
            take().unwrap();
        }
        let mut headers = HeaderMap::new();
        limits.tell(None, &mut headers);
        assert!(headers.is_empty(), "and nothing is told of limits that are none");
    }

    #[test]
    fn the_table_is_bounded_and_newcomers_share() {
        let settings = LimitSettings { client_connections: 1, ..LimitSettings::default() };
        let limits = limits(&settings);
        let key = |n: usize| named(&n.to_string());
        for n in 0..MAX_CLIENTS {
            limits.request(key(n), None).unwrap();
        }
        let newcomer = |n| limits.request(key(MAX_CLIENTS + n), None).unwrap();
        let _held = limits.connect(&newcomer(1)).unwrap();
        assert_eq!(limits.connect(&newcomer(2)).err().unwrap().code(), Code::TooManyConnections);
        assert!(limits.connect(&limits.request(key(7), None).unwrap()).is_ok());
        assert_eq!(limits.clients.lock().unwrap().len(), MAX_CLIENTS);
    }
}
