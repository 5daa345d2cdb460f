//! What becomes of a request that the store does not answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header, request};
use tokio::time::timeout;
use wasmtime_wasi_http::WasiBody;

use super::{
    Cache,
    address::Key,
    directives::{Codings, has},
    fill::{Fill, Filled, stranger},
    flights::{End, Follow, Lead, Part},
    head::{Asked, Head},
    status::{CACHE_STATUS, Forward},
    stored::{OF_THE_BODY, Stored, Use, knows},
};
use crate::{body, server::Components};

/// How long a request waits for the answer to another one before it asks for itself.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(5);
/// How long it waits for a component while there is something to show in case of an error.
const EXCUSED_TIME_MAX: Duration = Duration::from_secs(2);
/// How often it joins others whose answer may turn out to be for other requests.
const JOINS_MAX: usize = 3;

/// A request that is not answered from the store.
pub struct Miss {
    pub cache: Arc<Cache>,
    pub components: Components,
    pub key: Key,
    pub why: Forward,
    /// The request carries a cookie.
    pub signed_in: bool,
    /// What must be validated first.
    pub stored: Option<Arc<Stored>>,
    /// Waiting for others has lately been in vain.
    pub passes: bool,
}

impl Miss {
    /// The answer to the request.
    pub async fn answer(self, request: Request<WasiBody>) -> Response<WasiBody> {
        if is_particular(&request) {
            return pass(&self.components, self.why, request).await;
        }
        if self.signed_in && self.stored.is_none() {
            return self.learn(request).await;
        }
        let (head, _) = request.into_parts();
        if self.passes {
            // As the client put it, but for what this cache has to ask.
            let alone = if self.stored.is_some() {
                stranger(&head)
            } else {
                head.clone()
            };
            let filled = self.fill(alone).run(None).await;
            return self.finish(head, filled).await;
        }
        for _ in 0..JOINS_MAX {
            let codings = Codings::of(&head.headers);
            match self.cache.flights.join(&self.key, codings) {
                Part::Lead(lead) => return self.lead(head, lead).await,
                Part::Follow(follow) => match self.follow(&head, follow).await {
                    Followed::Answer(answer) => return answer,
                    Followed::Another => {}
                    Followed::Nothing => break,
                },
            }
        }
        let filled = self.fill(stranger(&head)).run(None).await;
        self.finish(head, filled).await
    }

    /// Asks on behalf of all who wait, and goes on if the client of this request does not.
    async fn lead(self, head: request::Parts, lead: Lead) -> Response<WasiBody> {
        let task = tokio::spawn(self.fill(stranger(&head)).run(Some(lead)));
        let excused = self.excuse(&head, None);
        let filled = match excused {
            Some(excuse) => match timeout(EXCUSED_TIME_MAX, task).await {
                Ok(filled) => filled,
                Err(_) => return excuse,
            },
            None => task.await,
        };
        match filled {
            Ok(filled) => self.finish(head, filled).await,
            Err(error) => {
                tracing::error!("a request of the cache failed: {error}");
                let mut answer = Response::new(body::empty());
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                marked(answer, self.why.passed())
            }
        }
    }

    /// Waits for the answer that another request brings.
    async fn follow(&self, head: &request::Parts, follow: Follow) -> Followed {
        let excuse = self.excuse(head, None);
        let limit = match excuse {
            Some(_) => EXCUSED_TIME_MAX,
            None => FOLLOW_TIME_MAX,
        };
        match timeout(limit, follow.end()).await {
            Ok(End::Kept(stored)) => {
                let now = Instant::now();
                let is_usable = stored.usable(now) != Use::Validated;
                if !is_usable || (self.signed_in && !stored.public) {
                    Followed::Nothing
                } else if stored.vary.admits(&head.headers) {
                    let status = self.why.collapsed();
                    Followed::Answer(stored.answer(&head.method, &head.headers, now, status))
                } else {
                    Followed::Another
                }
            }
            Ok(End::Failed) | Err(_) => excuse.map_or(Followed::Nothing, Followed::Answer),
            Ok(End::Passed) => Followed::Nothing,
        }
    }

    /// The answer of somebody signed in is nobody else's. If it says that it is the same for all, a
    /// stranger's is fetched and stored for the next, unless that has lately been in vain.
    async fn learn(self, request: Request<WasiBody>) -> Response<WasiBody> {
        let (head, content) = request.into_parts();
        let asked = Asked::now();
        let request = Request::from_parts(head.clone(), content);
        let answer = pass(&self.components, self.why, request).await;
        if head.method == Method::GET && !self.passes {
            let (code, headers) = (answer.status(), answer.headers());
            let nobody = stranger(&head);
            let public = Head::of(&nobody, code, headers, asked);
            if public.is_some_and(|public| public.is_for_all(&head.headers)) {
                self.refresh(nobody);
            }
        }
        answer
    }

    /// Fetches what is to be stored behind the request's back, unless somebody does.
    pub fn refresh(&self, nobody: request::Parts) {
        let codings = Codings::of(&nobody.headers);
        if let Part::Lead(lead) = self.cache.flights.join(&self.key, codings) {
            tokio::spawn(self.fill(nobody).run(Some(lead)));
        }
    }

    fn fill(&self, head: request::Parts) -> Fill {
        Fill {
            cache: self.cache.clone(),
            components: self.components.clone(),
            key: self.key.clone(),
            head,
            stored: self.stored.clone(),
        }
    }

    async fn finish(self, head: request::Parts, filled: Filled) -> Response<WasiBody> {
        match filled {
            Filled::Kept(stored, code) => {
                let status = self.why.stored(code);
                stored.answer(&head.method, &head.headers, Instant::now(), status)
            }
            Filled::Failed(answer) => {
                let excuse = self.excuse(&head, Some(answer.status()));
                excuse.unwrap_or_else(|| marked(answer, self.why.passed()))
            }
            Filled::Passed(answer) if self.signed_in => {
                // What a stranger gets is not for everybody any more.
                drop(answer);
                let request = Request::from_parts(head, body::empty());
                pass(&self.components, self.why, request).await
            }
            Filled::Passed(answer) => {
                let answer = marked(answer, self.why.passed());
                if answer.status() == StatusCode::OK && knows(&head.headers, answer.headers()) {
                    unchanged(answer)
                } else {
                    answer
                }
            }
        }
    }

    /// What is stored, in place of a failure, if it allows that.
    fn excuse(
        &self,
        head: &request::Parts,
        code: Option<StatusCode>,
    ) -> Option<Response<WasiBody>> {
        let now = Instant::now();
        let stored = self.stored.as_ref().filter(|stored| stored.excuses(now))?;
        let status = self.why.excused(code);
        Some(stored.answer(&head.method, &head.headers, now, status))
    }
}

/// What came of waiting for another request's answer.
enum Followed {
    /// It is one for this request too.
    Answer(Response<WasiBody>),
    /// It is for other requests, and somebody may be asking for ones like this.
    Another,
    /// The request has to ask for itself.
    Nothing,
}

/// Sends a request on as it is.
pub async fn pass(
    components: &Components,
    why: Forward,
    request: Request<WasiBody>,
) -> Response<WasiBody> {
    marked(components.ask(request).await, why.passed())
}

/// Whether the answer is good for this request only: no body, a part of it, or not to be stored. What
/// else a request says of caching is not followed: a shopper's reload must not ask a component.
fn is_particular(request: &Request<WasiBody>) -> bool {
    let headers = request.headers();
    *request.method() == Method::HEAD
        || headers.contains_key(header::RANGE)
        || headers.contains_key(header::IF_MATCH)
        || headers.contains_key(header::IF_UNMODIFIED_SINCE)
        || has(headers, "no-store")
}

fn marked(mut answer: Response<WasiBody>, status: HeaderValue) -> Response<WasiBody> {
    answer.headers_mut().append(CACHE_STATUS, status);
    answer
}

fn unchanged(answer: Response<WasiBody>) -> Response<WasiBody> {
    let mut answer = answer.map(|_| body::empty());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    for name in &OF_THE_BODY {
        answer.headers_mut().remove(name);
    }
    answer
}
