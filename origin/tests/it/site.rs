//! An origin with its listeners, and requests as a PoP signs them.

use crate::support::World;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use kernel::ids::{AccountId, SaleId};
use kernel::keys::PopKeys;
use kernel::lease::{LeaseGrant, LeaseRequest};
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, signature,
};
use kernel::session::SigningKey;
use kernel::token::{PurchaseToken, mint};
use origin::accounts::Accounts;
use origin::http::{Origin, edge_routes};
use origin::payments::Provider;
use origin::settings::{
    AccountSettings, HttpSettings, PaymentSettings, RefundSettings, SandboxSettings, Secret,
    TextSettings,
};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;

pub struct Site {
    pub world: World,
    pub origin: Arc<Origin>,
    pub keys: PopKeys,
    accounts: Accounts,
}

/// Who asks, where it does not matter.
const CLIENT: &str = "127.0.0.1";

/// A request through the PoP.
pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub cookie: Option<&'a str>,
    pub token: Option<&'a str>,
    pub body: String,
}

pub const GET: Call = Call {
    method: "GET",
    path: "/",
    cookie: None,
    token: None,
    body: String::new(),
};

/// Nobody listens there.
const NO_MAIL: &str = "smtp://127.0.0.1:9";

fn paid_nowhere() -> PaymentSettings {
    PaymentSettings::Sandbox(SandboxSettings {
        url: "http://127.0.0.1:9".into(),
        api_key: Secret("key".into()),
        webhook_secret: Secret("secret".into()),
    })
}

impl Site {
    pub async fn new() -> Self {
        Self::of(World::new().await)
    }

    pub fn of(world: World) -> Self {
        Self::with(world, paid_nowhere(), NO_MAIL, None)
    }

    /// One whose payments are made there.
    pub fn paying_at(world: World, payments: PaymentSettings) -> Self {
        Self::with(world, payments, NO_MAIL, None)
    }

    /// One whose mail and text messages go there.
    pub fn that_sends(world: World, smtp_url: &str, texts: Option<TextSettings>) -> Self {
        Self::with(world, paid_nowhere(), smtp_url, texts)
    }

    fn with(
        world: World,
        payments: PaymentSettings,
        smtp_url: &str,
        texts: Option<TextSettings>,
    ) -> Self {
        let keys = pop_keys("pop-1");
        let account_settings = AccountSettings {
            session_key: SigningKey::from_bytes(&[7; 32]),
            smtp_url: Secret(smtp_url.into()),
            mail_from: "Shop <shop@example.test>".into(),
            texts,
        };
        let stores = world.stores.clone();
        let (ledger, ids) = (stores.ledger.clone(), stores.ids.clone());
        let accounts = Accounts::new(&account_settings, ledger, &stores.stock, ids).unwrap();
        let http = HttpSettings {
            edge_listen: ([127, 0, 0, 1], 0).into(),
            webhooks_listen: ([127, 0, 0, 1], 0).into(),
            pops: ["pop-1", "pop-2"]
                .map(|pop| (pop.to_owned(), pop_keys(pop)))
                .into(),
            public_url: "http://127.0.0.1:8080".into(),
        };
        let provider = Provider::new(payments).unwrap();
        let refunds = RefundSettings {
            promised_ms: 300_000,
        };
        let origin = Origin::new(stores, accounts.clone(), provider, http, refunds);
        Self {
            world,
            origin,
            keys,
            accounts,
        }
    }

    pub async fn cookie(&self, account: u64) -> String {
        let open = self
            .accounts
            .sessions()
            .open(AccountId(account))
            .await
            .unwrap();
        open.cookie.split(';').next().unwrap().to_owned()
    }

    pub fn signed(&self, call: &Call<'_>) -> Request<Body> {
        signed_by(&self.keys, call, CLIENT)
    }

    /// A request of this client.
    pub async fn call_from(&self, client: &str, call: &Call<'_>) -> (u16, Value) {
        self.send(signed_by(&self.keys, call, client)).await
    }

    /// The same through another PoP.
    pub async fn call_by(&self, pop: &str, call: Call<'_>) -> (u16, Value) {
        self.send(signed_by(&pop_keys(pop), &call, CLIENT)).await
    }

    /// A POST of a PoP for itself.
    pub async fn post_by(&self, pop: &str, path: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let call = Call {
            method: "POST",
            path,
            body,
            ..GET
        };
        self.call_by(pop, call).await
    }

    /// The snapshot, as the PoP gets it.
    pub async fn snapshot_by(&self, pop: &str) -> (u16, Value) {
        let path = "/internal/snapshot";
        self.call_by(pop, Call { path, ..GET }).await
    }
}

fn pop_keys(pop: &str) -> PopKeys {
    PopKeys::derive(pop, &"5a".repeat(32)).unwrap()
}

fn signed_by(keys: &PopKeys, call: &Call<'_>, client: &str) -> Request<Body> {
    let authorization = call
        .token
        .map(|token| format!("Bearer {token}"))
        .unwrap_or_default();
    let signed = Signed {
        time: origin::now(),
        nonce: "n",
        method: call.method,
        path_and_query: call.path,
        authorization: &authorization,
        client,
        body: call.body.as_bytes(),
    };
    let mut request = Request::builder()
        .method(call.method)
        .uri(call.path)
        .header(POP_HEADER, &keys.pop)
        .header(TIME_HEADER, signed.time.0)
        .header(NONCE_HEADER, "n")
        .header(CLIENT_HEADER, client)
        .header(SIGNATURE_HEADER, signature(keys, &signed))
        .header("content-type", "application/json");
    if call.token.is_some() {
        request = request.header("authorization", &authorization);
    }
    if let Some(cookie) = call.cookie {
        request = request.header("cookie", cookie);
    }
    request.body(Body::from(call.body.clone())).unwrap()
}

impl Site {
    pub async fn send(&self, request: Request<Body>) -> (u16, Value) {
        read(
            edge_routes(self.origin.clone())
                .oneshot(request)
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn call(&self, call: Call<'_>) -> (u16, Value) {
        self.send(self.signed(&call)).await
    }

    pub async fn token(&self, sale: SaleId, account: u64) -> String {
        let want = LeaseRequest {
            sale_id: sale,
            generation: "g".into(),
            want: 1,
            waiting: Vec::new(),
            returned: None,
        };
        let body = serde_json::to_string(&want).unwrap();
        let lease = Call {
            method: "POST",
            path: "/internal/leases",
            body,
            ..GET
        };
        let (status, grant) = self.call(lease).await;
        assert_eq!(status, 200, "{grant}");
        let grant: LeaseGrant = serde_json::from_value(grant).unwrap();
        assert_eq!(grant.count, 1);
        mint(
            &self.keys,
            1,
            &PurchaseToken {
                account: AccountId(account),
                sale,
                slot: grant.first_slot,
                lease: grant.lease_id,
                not_before: origin::now(),
                expires_at: origin::now().plus_seconds(120),
            },
        )
    }

    pub async fn place(&self, cookie: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        let (cookie, body) = (Some(cookie), body.to_string());
        self.call(Call {
            method: "POST",
            path: "/api/orders",
            cookie,
            token,
            body,
        })
        .await
    }
}

pub async fn read(response: Response<Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    let problem = response
        .headers()
        .get("content-type")
        .is_some_and(|value| value == "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    assert_eq!(problem, status >= 400, "{status} {body}");
    (status, body)
}

#[track_caller]
pub fn assert_problem(answer: &(u16, Value), status: u16, word: &str) {
    let kind = format!("/problems/{word}");
    assert_eq!(
        (answer.0, answer.1["type"].as_str()),
        (status, Some(kind.as_str())),
        "{answer:?}"
    );
}
