//! What pages run of the kernel: WebAssembly for browsers, `static/js/kernel.js` calls it.
//!
//! Invariant: text in, text out, and no other import or export than these. A call takes three
//! steps: [`room`] for the text, the call itself with its length, and then as many bytes from
//! [`told`] on as the call returned. There is one room and one answer; a worker calls one at a time.
#![expect(
    unsafe_code,
    reason = "a function that JavaScript calls must keep its name, which is all that is unsafe here"
)]

mod receipt;
mod search;

use std::cell::RefCell;

/// The longest text that a call takes, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;

thread_local! {
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static TOLD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where to write a text of `length` bytes; null if it is too long.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    if length > TEXT_BYTES_MAX {
        return std::ptr::null_mut();
    }
    ROOM.with_borrow_mut(|room| {
        room.clear();
        room.resize(length, 0);
        room.as_mut_ptr()
    })
}

/// Where the answer of the last call begins.
#[unsafe(no_mangle)]
pub extern "C" fn told() -> *const u8 {
    TOLD.with_borrow(Vec::as_ptr)
}

/// Tries `tries` counters from `first` on. In: the parameters of a challenge, as JSON. Out: JSON,
/// `{"solution": {counter, derivedKey} | null}` or `{"error": why}`.
#[unsafe(no_mangle)]
pub extern "C" fn search(first: u32, tries: u32) -> usize {
    call(|parameters| search::run(parameters, first, tries))
}

/// Recomputes a place. In: a receipt, as JSON. Out: JSON, `{"place": n}` counted from 0, `{"wrong":
/// why}`, or `{"error": why}` for what is no receipt.
#[unsafe(no_mangle)]
pub extern "C" fn verify() -> usize {
    call(receipt::verify)
}

/// Gives the text in the room to `work`, and keeps what it says; how long that is.
fn call(work: impl FnOnce(&[u8]) -> Vec<u8>) -> usize {
    let said = ROOM.with_borrow(|room| work(room));
    TOLD.with_borrow_mut(|told| {
        *told = said;
        told.len()
    })
}
