//! Tests of the whole system, as its users meet it: `tests/it` over HTTP, `browser/` in a browser.
//! The library itself is empty; `src/bin` has what the tests in a browser call.
