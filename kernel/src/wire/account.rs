//! The JSON of `/api/account` and `/api/sessions`: what an owner sees and changes of an account.

use super::{Address, Order};
use crate::ids::{AccountId, AddressId};
use crate::language::Language;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// Delivery addresses that an account keeps at most.
pub const ADDRESSES_MAX: usize = 10;
/// Orders in an export at most, the newest.
pub const EXPORT_ORDERS_MAX: u32 = 5_000;

/// `GET /api/account`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDetails {
    /// Its id.
    pub id: AccountId,
    /// How the shopper is called.
    pub name: String,
    /// An e-mail address, or a mobile number as `+` and digits.
    pub contact: String,
    /// What messages are written in.
    pub language: Language,
    /// When it was made.
    pub created_at_ms: UnixMillis,
    /// Where parcels go; the oldest first.
    pub addresses: Vec<SavedAddress>,
}

/// An address that an account keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAddress {
    /// Its id.
    pub address_id: AddressId,
    /// Whether it is the one that is offered first; one of them is.
    pub is_default: bool,
    /// The address.
    pub address: Address,
}

/// `GET /api/account/addresses`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressList {
    /// The oldest first.
    pub addresses: Vec<SavedAddress>,
}

/// `POST /api/account`: what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// 1 to 100 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// What messages are written in.
    #[serde(default)]
    pub language: Option<Language>,
}

/// `POST /api/account/password`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one that holds now.
    pub current_password: String,
    /// 8 to 128 characters.
    pub password: String,
}

/// `POST /api/account/contact-codes`: its answer is a [`super::CodeTicket`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactCodeRequest {
    /// The new one.
    pub contact: String,
    /// The password.
    pub current_password: String,
}

/// `POST /api/account/contact`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactChange {
    /// From [`super::CodeTicket`].
    pub ticket: String,
    /// Six digits from the message to the new contact.
    pub code: String,
}

/// `POST /api/account/addresses` and `/api/account/addresses/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRequest {
    /// The address.
    pub address: Address,
    /// Whether to offer it first from now on.
    #[serde(default)]
    pub is_default: bool,
}

/// `DELETE /api/account`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The password.
    pub current_password: String,
}

/// One place where an account is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id; it opens nothing.
    pub session_id: String,
    /// Browser and system, coarsely.
    pub device: String,
    /// When somebody signed in.
    pub opened_at_ms: UnixMillis,
    /// When it was last renewed, which an open page does every five minutes.
    pub renewed_at_ms: UnixMillis,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// `GET /api/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The newest first.
    pub sessions: Vec<SessionView>,
}

/// `GET /api/account/export`: all that the shop knows of somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountExport {
    /// When it was made.
    pub exported_at_ms: UnixMillis,
    /// The account and its addresses.
    pub account: AccountDetails,
    /// Orders and their payments, the newest first.
    pub orders: Vec<ExportedOrder>,
    /// Whether there are older orders, which an operator can look up.
    pub has_older_orders: bool,
    /// Where the account is signed in.
    pub sessions: Vec<SessionView>,
}

/// An order with where it went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportedOrder {
    /// The order, with its payment.
    pub order: Order,
    /// Where the parcel goes, once a payment was begun.
    pub ship_to: Option<Address>,
}
