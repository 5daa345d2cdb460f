//! A signed-in shopper's request about one sale, at the PoP that is the account's home.
//!
//! Invariant: everything that a later step goes by (account, sale, address) comes from here, where
//! all of it was checked.

use crate::limits::Limits;
use crate::routes::Route;
use crate::settings::Gate;
use crate::turns::Applicant;
use kernel::challenge::{Binding, Purpose, Solved, is_code, verify};
use kernel::client_address::prefix;
use kernel::ids::{AccountId, SaleId};
use kernel::problem::{Problem, ProblemKind};
use kernel::session::Session;
use kernel::snapshot::SnapshotSale;
use kernel::wire::TokenRequest;
use kit::answer::Answer;
use kit::body::Whole;
use kit::peer::{Asked, At, at_home};
use kit::snapshot::View;
use kit::{body, challenge, clock, random, snapshot, visitor};
use serde::de::DeserializeOwned;
use std::net::IpAddr;

/// Who asks, and about what.
pub(crate) struct Shopper {
    gate: &'static Gate,
    view: View,
    /// Where the sale stands in the snapshot.
    index: usize,
    request: Whole,
    /// The account.
    pub(crate) account: AccountId,
    client: IpAddr,
    vouched: Option<Vouched>,
}

/// A solved challenge that showed whose session it is, so that nobody need check it again.
struct Vouched {
    answer: String,
    purpose: Purpose,
    client: IpAddr,
    solved: Solved,
}

impl Shopper {
    /// Reads and checks the request. `Err` is the answer of the account's home, if that is elsewhere.
    pub(crate) async fn of(
        gate: &'static Gate,
        request: Whole,
        sale: &str,
    ) -> Result<Result<Self, Answer>, Problem> {
        let headers = request.headers();
        visitor::check_site(&gate.edge, request.method(), headers)?;
        let view = snapshot::current(&gate.edge).await?;
        let mut sales = view.snapshot().sales.iter();
        let index = sales.position(|entry| entry.sale.id.to_string() == sale);
        let index = index.ok_or(ProblemKind::UnknownSale)?;
        let (account, vouched) = Self::account(gate, &request, &view, index)?;
        let drawn = view.snapshot().sales[index]
            .sale
            .lobby
            .drawn_at_ms
            .is_some();
        let asked = Asked::of(&request);
        Ok(
            match at_home(&gate.edge, &view, asked, account, drawn).await? {
                At::Home(answer) => Err(answer),
                At::Here(client) => Ok(Self {
                    gate,
                    view,
                    index,
                    request,
                    account,
                    client,
                    vouched,
                }),
            },
        )
    }

    /// Who is signed in. A solved challenge of ours shows that we checked this session when it was
    /// made, two minutes ago at most; whether it has run out or was ended is looked at again.
    fn account(
        gate: &Gate,
        request: &Whole,
        view: &View,
        index: usize,
    ) -> Result<(AccountId, Option<Vouched>), Problem> {
        let headers = request.headers();
        let now = clock::now();
        let mut vouched = None;
        let vouch = |session: &Session, text: &str| {
            let sale = view.snapshot().sales[index].sale.id;
            vouched = Vouched::read(gate, request, sale, session.account);
            let solved = vouched.as_ref().map(|vouched| &vouched.solved);
            solved.is_some_and(|solved| solved.was_made_for(text))
        };
        let session = visitor::session_or_vouched(headers, view, now, vouch)?;
        Ok((session.account, vouched))
    }

    /// Answers with what `serve` says to the shopper, or what the account's home says elsewhere.
    pub(crate) async fn serve(
        gate: &'static Gate,
        request: Whole,
        sale: &str,
        serve: impl AsyncFnOnce(&'static Gate, Self) -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        match Self::of(gate, request, sale).await? {
            Ok(shopper) => serve(gate, shopper).await,
            Err(answer) => Ok(answer),
        }
    }

    /// The sale.
    pub(crate) fn entry(&self) -> &SnapshotSale {
        &self.view.snapshot().sales[self.index]
    }

    /// The snapshot that the request is answered from.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// What the body says.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        body::json(self.request.headers(), self.request.body())
    }

    /// What a challenge of theirs is bound to.
    pub(crate) fn binding(&self, purpose: Purpose) -> Binding {
        let sale = Some(self.entry().sale.id);
        let binding = Binding::new(purpose, sale, Some(self.account), prefix(self.client));
        match visitor::session_text(self.request.headers()) {
            Some(text) => binding.made_for(&text),
            None => binding,
        }
    }

    /// Checks the answer to a challenge of this purpose, unless that was done to see who asks.
    pub(crate) async fn solved(&self, answer: &str, purpose: Purpose) -> Result<Solved, Problem> {
        let vouched = self.vouched.as_ref().filter(|vouched| {
            vouched.answer == answer && vouched.purpose == purpose && vouched.client == self.client
        });
        if let Some(vouched) = vouched {
            return Ok(vouched.solved.clone());
        }
        let Gate { edge, store, .. } = self.gate;
        challenge::check(edge, store, answer, &self.binding(purpose)).await
    }

    /// The limits that they count against.
    pub(crate) fn limits(&self) -> Limits {
        Limits::of(self.gate, self.entry().sale.id, self.account, self.client)
    }

    /// Them, as the store's scripts know them.
    pub(crate) fn applicant(&self, solved: &Solved) -> Applicant {
        Applicant {
            request: random::name(),
            account: self.account,
            nonce: solved.nonce.clone(),
            nonce_ms: challenge::remember_ms(solved),
        }
    }
}

impl Vouched {
    /// What a request for a place or a token answers, if that is right and no code: trying a code
    /// counts.
    fn read(gate: &Gate, request: &Whole, sale: SaleId, account: AccountId) -> Option<Self> {
        let purpose = match Route::of(request.uri().path())? {
            Route::Places(_) => Purpose::Place,
            Route::Tokens(_) => Purpose::Token,
            Route::Challenges | Route::Receipt(_) | Route::Medium(..) => return None,
        };
        let headers = request.headers();
        // Places are asked for in the same words.
        let asked: TokenRequest = body::json(headers, request.body()).ok()?;
        let answer = asked.challenge;
        if is_code(&answer) {
            return None;
        }
        let client = visitor::client(&gate.edge, headers).ok()?;
        let binding = Binding::new(purpose, Some(sale), Some(account), prefix(client));
        let solved = verify(&gate.edge.keys, &answer, &binding, clock::now()).ok()?;
        Some(Self {
            answer,
            purpose,
            client,
            solved,
        })
    }
}
