//! Two origins' admin listeners before one world, and people who sign in there.

use crate::support::{World, actor};
use origin::fetch::Fetcher;
use origin::http::{admin_routes, bind, serve};
use origin::ledger::{Ledger, Role};
use origin::operators::{CodeSecret, Desk, Door, add};
use origin::settings::{AdminKey, AdminSettings, RefundSettings};
use origin::stock::Stock;
use origin::stores::Stores;
use serde_json::{Value, json};
use std::time::Duration;

const KEY: AdminKey = AdminKey([9; 32]);
const REFUNDS: RefundSettings = RefundSettings {
    promised_ms: 60_000,
};

pub struct Admin {
    pub world: World,
    pub ports: [u16; 2],
    /// Where this test's requests seem to come from: back-off goes by it, and Redis is shared.
    pub address: String,
    fetcher: Fetcher,
}

/// An operator with their phone.
pub struct Person {
    pub name: String,
    pub password: String,
    secret: CodeSecret,
}

impl Person {
    /// The code of so many steps from now. Used one after the other, those of 0 and 1 both count for
    /// half a minute.
    pub fn code(&self, steps: i64) -> String {
        self.secret.code_at(origin::now().plus_seconds(30 * steps))
    }

    /// A code that is none of these minutes.
    pub fn wrong_code(&self) -> String {
        let right: Vec<String> = (-5..=5).map(|steps| self.code(steps)).collect();
        let mut codes = (0..).map(|number| format!("{number:06}"));
        codes.find(|code| !right.contains(code)).unwrap()
    }

    /// The body of a sign-in.
    pub fn asks(&self, steps: i64) -> Value {
        let (name, password) = (&self.name, &self.password);
        json!({ "name": name, "password": password, "code": self.code(steps), "bearer": true })
    }

    /// The phone reads another secret, in base 32.
    pub fn reads(&mut self, text: &str) {
        self.secret = CodeSecret::read(&self.name, text).unwrap();
    }
}

/// A request.
pub struct Asked {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

impl Asked {
    pub fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    pub fn by(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

pub struct Answer {
    pub status: u16,
    pub body: Value,
    headers: Vec<(String, String)>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|header| header.0 == name)
            .map(|header| header.1.as_str())
    }
}

pub fn assert_refused(answer: &Answer, status: u16, word: &str) {
    let expected = format!("/problems/{word}");
    assert_eq!(
        (answer.status, answer.body["type"].as_str()),
        (status, Some(expected.as_str())),
        "{}",
        answer.body
    );
}

impl Admin {
    pub async fn new() -> Self {
        let world = World::new().await;
        let first = world.stores.clone();
        let second = Stores {
            ledger: Ledger::connect(world.mysql_url()).await.unwrap(),
            stock: Stock::connect(&world.store_settings().redis_url.0)
                .await
                .unwrap(),
            ..first.clone()
        };
        let mut ports = [0; 2];
        for (port, stores) in ports.iter_mut().zip([first, second]) {
            *port = listen(&world, stores).await;
        }
        let [a, b, c] = origin::random_bytes::<3>();
        Self {
            world,
            ports,
            address: format!("10.{a}.{b}.{c}"),
            fetcher: Fetcher::new(Duration::from_mins(1), 1 << 20).unwrap(),
        }
    }

    /// An operator whose name no other test has.
    pub async fn person(&self, name: &str, role: Role) -> Person {
        let name = format!("{name}-{}", &origin::random_id()[..12]);
        let ledger = &self.world.stores.ledger;
        let added = add(ledger, &KEY, &actor(), &name, role, None)
            .await
            .unwrap();
        Person {
            name,
            password: added.password.unwrap(),
            secret: added.secret,
        }
    }

    /// A request to one of the two.
    pub async fn at(&self, origin: usize, asked: &Asked) -> Answer {
        let url = format!(
            "http://127.0.0.1:{}/admin/api/{}",
            self.ports[origin], asked.path
        );
        let mut headers = vec![
            ("content-type", "application/json"),
            ("x-forwarded-for", self.address.as_str()),
        ];
        headers.extend(
            asked
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let body = asked
            .body
            .as_ref()
            .map(Value::to_string)
            .unwrap_or_default();
        let answer = self
            .fetcher
            .send(asked.method, &url, &headers, body.into_bytes());
        let answer = answer.await.unwrap();
        Answer {
            status: answer.status.as_u16(),
            body: serde_json::from_slice(&answer.body).unwrap_or_default(),
            headers: answer.headers,
        }
    }

    pub async fn try_sign_in(&self, origin: usize, person: &Person, steps: i64) -> Answer {
        self.at(origin, &Asked::post("session").with(person.asks(steps)))
            .await
    }

    /// A token.
    pub async fn sign_in(&self, origin: usize, person: &Person) -> String {
        let opened = self.try_sign_in(origin, person, 0).await;
        assert_eq!(opened.status, 201, "{}", opened.body);
        opened.body["token"].as_str().unwrap().to_owned()
    }

    /// Lines of the log.
    pub async fn lines(&self, token: &str, query: &str) -> Vec<Value> {
        let answer = self
            .at(0, &Asked::get(&format!("log?{query}")).by(token))
            .await;
        answer.body["lines"].as_array().unwrap().clone()
    }
}

async fn listen(world: &World, stores: Stores) -> u16 {
    let settings = AdminSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        url: None,
        proxies: vec!["127.0.0.1/32".parse().unwrap()],
    };
    let door = Door::new(stores.ledger.clone(), &stores.stock, KEY);
    let desk = Desk::new(world.store_settings().clone(), None, Some(KEY), REFUNDS);
    let desk = desk.with(stores);
    let listener = bind("admin", settings.listen).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let routes = admin_routes(desk, door, settings);
    tokio::spawn(serve(listener, routes, std::future::pending()));
    port
}
