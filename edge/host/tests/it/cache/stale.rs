//! What is stored and no longer fresh, or no longer true.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{ONE, ask, is_hit, path, start, status, tally};
use crate::{
    app::{App, wait_for},
    client::request,
};

#[test]
fn what_is_too_old_is_validated() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let answer = "cache-control:public,max-age=1&etag:%22a%22";
    ask(&host, answer, &[]);
    host.tell("from-now-on?x-new:1");
    let mut validated = ask(&host, answer, &[]);
    wait_for("the answer to be validated", || {
        validated = ask(&host, answer, &[]);
        !is_hit(&validated)
    });
    assert_eq!(status(&validated), "fwd=stale; fwd-status=304; stored");
    assert_eq!((validated.status, validated.body.as_str()), (200, "1"));
    assert_eq!(validated.header("x-new"), Some("1"));
    assert!(tally(&host).ends_with(" 1"));

    host.tell("from-now-on?cache-control:no-store&etag:%22b%22");
    wait_for("another answer", || {
        let now = ask(&host, answer, &[]);
        status(&now) == "fwd=stale" && now.body != "1"
    });
}

#[test]
fn a_stale_answer_is_given_while_a_newer_one_is_fetched() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let answer = "cache-control:public,max-age=1,stale-while-revalidate=60";
    ask(&host, answer, &[]);
    // Nobody waits for what takes so long.
    host.tell("from-now-on?sleep:20000");
    let mut stale = ask(&host, answer, &[]);
    wait_for("a stale answer", || {
        stale = ask(&host, answer, &[]);
        status(&stale).starts_with("hit; ttl=-")
    });
    assert_eq!(stale.body, "1");
    wait_for("the component to be asked", || tally(&host) == "2 0");
    let began = Instant::now();
    for headers in [&[][..], &[("cookie", "a=b")]] {
        assert_eq!(ask(&host, answer, headers).body, "1");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(tally(&host), "2 0", "one asks for all");
    drop(host);

    let host = start(&app);
    ask(&host, answer, &[]);
    wait_for("a newer answer", || ask(&host, answer, &[]).body == "2");
    let fresh = ask(&host, answer, &[]);
    assert!(is_hit(&fresh), "{fresh:?}");
}

#[test]
fn a_stale_answer_is_better_than_an_error() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let answer = "cache-control:public,max-age=1,stale-if-error=60";
    let excused = |mode: &str, expected: &str| {
        host.tell(&format!("from-now-on?{mode}"));
        let mut given = ask(&host, answer, &[]);
        wait_for("an excuse", || {
            given = ask(&host, answer, &[]);
            !is_hit(&given)
        });
        assert_eq!(status(&given), expected);
        given
    };
    let first = ask(&host, answer, &[]);
    let stale = excused(
        "status:503",
        "fwd=stale; fwd-status=503; detail=stale-if-error",
    );
    assert_eq!((stale.status, stale.body), (200, first.body.clone()));
    let cookie = [("cookie", "a=b")];
    assert_eq!(ask(&host, answer, &cookie).status, 200);

    // What has nothing stored gets the error.
    assert_eq!(ask(&host, "cache-control:max-age=1&key:2", &[]).status, 503);
    host.tell("from-now-on?");
    wait_for("a newer answer", || {
        ask(&host, answer, &[]).body != first.body
    });

    // No answer at all is an error too.
    let stale = excused("sleep:20000", "fwd=stale; detail=stale-if-error");
    assert_eq!(stale.status, 200);
    drop(host);

    // A component that breaks down is one more.
    let host = start(&app);
    let short = format!("{answer}&key:trap");
    ask(&host, &short, &[]);
    wait_for("the answer to be too old", || {
        host.tell("from-now-on?trap:1");
        let given = ask(&host, &short, &[]);
        assert_eq!(given.status, 200);
        status(&given).contains("fwd-status=500; detail=stale-if-error")
    });
}

#[test]
fn a_change_drops_what_is_stored_for_its_address() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let answer = "cache-control:max-age=60";
    let post = || request(host.address, "POST", &path(answer), &[], "");
    ask(&host, answer, &[]);
    ask(&host, &format!("{answer}&key:other"), &[]);
    host.tell("from-now-on?status:409");
    assert_eq!(post().status, 409);
    assert!(is_hit(&ask(&host, answer, &[])), "nothing was changed");
    host.tell("from-now-on?");
    assert_eq!(post().status, 200);
    let again = ask(&host, answer, &[]);
    assert_eq!(status(&again), "fwd=uri-miss; fwd-status=200; stored");
    assert!(is_hit(&ask(&host, &format!("{answer}&key:other"), &[])));

    // What was on its way while something changed is not kept.
    let slow = "cache-control:max-age=60&key:slow";
    host.tell("from-now-on?sleep:2000");
    let before: u64 = tally(&host).split(' ').next().unwrap().parse().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| ask(&host, slow, &[]));
        wait_for("the component to be asked", || {
            tally(&host) == format!("{} 0", before + 1)
        });
        host.tell("from-now-on?");
        assert_eq!(
            request(host.address, "POST", &path(slow), &[], "").status,
            200
        );
        assert_eq!(reader.join().unwrap().status, 200);
    });
    assert!(!is_hit(&ask(&host, slow, &[])));
}
