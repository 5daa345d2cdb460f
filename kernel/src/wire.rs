//! The JSON of the public API, as README and `docs/api` describe it.
//!
//! Invariant: unknown fields of a request are refused; instants are `..._at_ms`; ids are decimal
//! strings; money is minor units and a currency.

mod account;

pub use account::*;

use crate::catalogue::{Attribute, Image};
use crate::ids::{AccountId, AddressId, ItemId, OrderId, PaymentId, SaleId};
use crate::lobby::Lobby;
use crate::money::Money;
use crate::order::{OrderState, Refusal};
use crate::sale::{Remaining, SaleState};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// The largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1_024;

/// `GET /api/clock`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// The edge's time.
    pub now_ms: UnixMillis,
}

/// A thing that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// Its name.
    pub title: String,
    /// What it is, plain text; blank lines part paragraphs.
    pub description: String,
    /// A picture that lies elsewhere, or none; `images` come before it.
    pub image_url: Option<String>,
    /// Its pictures, the first of which stands for it.
    #[serde(default)]
    pub images: Vec<Image>,
    /// What else is to be known, in this order.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// What it costs outside the sale.
    pub list_price: Money,
}

/// A sale as shoppers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Its id.
    pub id: SaleId,
    /// Its name in addresses: `/sales/<slug>`.
    pub slug: String,
    /// What is sold.
    pub item: Item,
    /// The price of a unit.
    pub price: Money,
    /// Units on sale.
    pub units_total: u32,
    /// The most units one account can have.
    pub limit_per_account: u32,
    /// When it opens.
    pub opens_at_ms: UnixMillis,
    /// When it closes.
    pub closes_at_ms: UnixMillis,
    /// Its state when the snapshot was made.
    pub state: SaleState,
    /// How much is left.
    pub remaining: Remaining,
    /// Who came before it opened, and the draw of their places.
    pub lobby: Lobby,
    /// Grows with every change.
    pub version: u64,
}

impl Sale {
    /// The state at `now`. The clock opens and closes a sale also while the origin is away.
    pub fn state_at(&self, now: UnixMillis) -> SaleState {
        match self.state {
            SaleState::Closed => SaleState::Closed,
            _ if now >= self.closes_at_ms => SaleState::Closed,
            SaleState::Scheduled if now >= self.opens_at_ms => match self.remaining {
                Remaining::None => SaleState::SoldOut,
                _ => SaleState::Open,
            },
            state => state,
        }
    }
}

/// `GET /api/sales`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaleList {
    /// The next to open first.
    pub sales: Vec<Sale>,
}

/// What a one-time code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodePurpose {
    /// A new account.
    Register,
    /// A forgotten password.
    Reset,
}

/// `POST /api/accounts/codes`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// An e-mail address or a mobile number.
    pub contact: String,
    /// What for.
    pub purpose: CodePurpose,
    /// The answer to a challenge of purpose `code`.
    pub challenge: String,
}

/// Its answer, the same whether the contact is known or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeTicket {
    /// Goes into the next request together with the code.
    pub ticket: String,
    /// Until when the code can be used.
    pub expires_at_ms: UnixMillis,
    /// From when another code can be asked for.
    pub resend_at_ms: UnixMillis,
}

/// `POST /api/accounts`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// From [`CodeTicket`].
    pub ticket: String,
    /// Six digits from the message.
    pub code: String,
    /// How the shopper is called, 1 to 100 characters.
    pub name: String,
    /// 8 to 128 characters.
    pub password: String,
}

/// `POST /api/accounts/password`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// From [`CodeTicket`].
    pub ticket: String,
    /// Six digits from the message.
    pub code: String,
    /// 8 to 128 characters.
    pub password: String,
}

/// `POST /api/session`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// An e-mail address or a mobile number.
    pub contact: String,
    /// The password.
    pub password: String,
    /// The answer to a challenge of purpose `sign-in`.
    pub challenge: String,
}

/// Who is signed in; comes with the session cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// The account.
    pub account: AccountView,
    /// Until when the cookie is believed; `GET /api/session` renews it.
    pub expires_at_ms: UnixMillis,
}

/// An account as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// How the shopper is called.
    pub name: String,
}

/// `POST /gate/sales/{id}/places`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceRequest {
    /// The answer to a challenge of purpose `place`.
    pub challenge: String,
}

/// A place in the lobby, or behind those who were there; asked again, the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceGrant {
    /// Proves the arrival; keep it.
    pub ticket: String,
    /// Counted from 1 at this PoP.
    pub arrival: u64,
    /// When it was given.
    pub joined_at_ms: UnixMillis,
}

/// Where somebody in a lobby stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceState {
    /// Not yet their turn.
    Waiting,
    /// A token is to be had.
    Admitted,
    /// They did not come when it was their turn; asking for a token puts them behind all others.
    Passed,
    /// Nothing is left at the moment.
    SoldOut,
}

/// `GET /gate/sales/{id}/places`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceStanding {
    /// Where they stand.
    pub state: PlaceState,
    /// Counted from 1 at their PoP.
    pub arrival: u64,
    /// How many have come, over all PoPs.
    pub waiting: u64,
    /// Counted from 0; none before the draw.
    pub place: Option<u64>,
    /// Places below this have their turn.
    pub admitted_up_to: u64,
    /// When the turn of this place comes at the present rate; none before the draw.
    pub admitted_at_ms: Option<UnixMillis>,
}

/// `POST /gate/sales/{id}/tokens`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The answer to a challenge of purpose `token`.
    pub challenge: String,
}

/// A purchase token; asked again while it lives, the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenGrant {
    /// For the `Authorization: Bearer` header of `POST /api/orders`.
    pub token: String,
    /// The sale it admits to.
    pub sale_id: SaleId,
    /// From when it can be used.
    pub not_before_ms: UnixMillis,
    /// Until when.
    pub expires_at_ms: UnixMillis,
}

/// `POST /api/orders`, with a purchase token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// The sale; the token's.
    pub sale_id: SaleId,
    /// Units, 1 to the sale's limit.
    pub quantity: u32,
}

/// An order as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id: the slot's.
    pub order_id: OrderId,
    /// The sale.
    pub sale_id: SaleId,
    /// Units.
    pub quantity: u32,
    /// What all of them cost.
    pub amount: Money,
    /// Where it stands.
    pub state: OrderState,
    /// Why it was refused.
    pub reason: Option<Refusal>,
    /// When it was admitted.
    pub created_at_ms: UnixMillis,
    /// Pay before then.
    pub expires_at_ms: Option<UnixMillis>,
    /// Its payment, once begun.
    pub payment: Option<Payment>,
    /// Its parcel, once shipped.
    pub shipment: Option<Shipment>,
    /// What went back to the buyer.
    pub refunded: Option<Money>,
    /// Grows with every change; 0 while queued.
    pub version: u64,
}

/// A parcel on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Who carries it.
    pub carrier: String,
    /// How to follow it.
    pub tracking: String,
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The checkout is open.
    Open,
    /// The money is there.
    Paid,
    /// The last try was declined; another is possible.
    Declined,
}

/// A payment as the buyer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id with us.
    pub payment_id: PaymentId,
    /// Where it stands.
    pub state: PaymentState,
    /// Where to pay.
    pub checkout_url: String,
}

/// `GET /api/orders`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderList {
    /// The newest first.
    pub orders: Vec<Order>,
    /// For the next page.
    pub next_cursor: Option<String>,
}

/// `POST /api/orders/{id}/payment`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest {
    /// Where the parcel goes.
    #[serde(default)]
    pub ship_to: Option<Address>,
    /// Or one of the account's addresses.
    #[serde(default)]
    pub address_id: Option<AddressId>,
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Who receives it, 1 to 100 characters.
    pub name: String,
    /// Street and house, 1 to 3 lines of 1 to 100 characters.
    pub lines: Vec<String>,
    /// Up to 20 characters; empty where a country has none.
    pub postcode: String,
    /// 1 to 100 characters.
    pub city: String,
    /// ISO 3166-1, two upper-case letters.
    pub country: String,
}

/// Its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentStarted {
    /// Our id.
    pub payment_id: PaymentId,
    /// Where to send the buyer.
    pub checkout_url: String,
}
