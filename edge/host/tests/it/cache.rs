//! The shared cache, as a client and the component behind it see it.

mod stale;
mod together;

use std::collections::BTreeSet;

use crate::{
    app::{App, Host, wait_for},
    client::{Answer, get, request},
};

/// One instance for all, so that it can count and be told what to do.
const ONE: [&str; 10] = [
    "--threads",
    "1",
    "--max-instances",
    "1",
    "--max-requests-per-instance",
    "1000000",
    "--max-concurrency-per-instance",
    "512",
    "--instance-idle-timeout",
    "1h",
];

/// A host of that app whose instance is there.
fn start(app: &App) -> Host {
    let host = app.start();
    assert_eq!(tally(&host), "0 0");
    host
}

fn path(answer: &str) -> String {
    format!("/probe/x/answer?{answer}")
}

fn ask(host: &Host, answer: &str, headers: &[(&str, &str)]) -> Answer {
    get(host.address, &path(answer), headers)
}

fn status(answer: &Answer) -> &str {
    let member = answer.header("cache-status").unwrap_or_default();
    member.strip_prefix("doorbuster-edge; ").unwrap_or(member)
}

fn is_hit(answer: &Answer) -> bool {
    status(answer).starts_with("hit; ttl=")
}

/// How many answers the component was asked for, and how many of them were `304`.
fn tally(host: &Host) -> String {
    host.tell("answers")
}

#[test]
fn a_fresh_answer_is_given_again_without_its_component() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let answer = "cache-control:public,max-age=60&etag:%22a%22&x-more:1&age:3";
    let first = ask(&host, answer, &[]);
    assert_eq!(status(&first), "fwd=uri-miss; fwd-status=200; stored");
    assert_eq!((first.status, first.body.as_str()), (200, "1"));

    let second = ask(&host, answer, &[]);
    assert!(is_hit(&second), "{second:?}");
    assert_eq!((second.status, second.body.as_str()), (200, "1"));
    for name in ["etag", "x-more", "cache-control", "content-length", "date"] {
        assert!(first.header(name).is_some(), "{name}");
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    let age: u64 = second.header("age").unwrap().parse().unwrap();
    let left: u64 = status(&second)["hit; ttl=".len()..].parse().unwrap();
    assert!(age >= 4 && age + left == 60, "{second:?}");

    // A shopper's reload asks no component.
    for control in ["no-cache", "max-age=0", "only-if-cached"] {
        assert!(is_hit(&ask(&host, answer, &[("cache-control", control)])));
    }
    let head = request(host.address, "HEAD", &path(answer), &[], "");
    assert!(is_hit(&head) && head.body.is_empty(), "{head:?}");
    assert_eq!(head.header("content-length"), Some("1"));
    let known = ask(&host, answer, &[("if-none-match", "W/\"a\"")]);
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert!(is_hit(&known) && known.header("etag") == Some("\"a\""));
    assert!(known.header("content-length").is_none(), "{known:?}");
    assert_eq!(ask(&host, answer, &[("if-none-match", "\"b\"")]).body, "1");
    assert_eq!(ask(&host, answer, &[("range", "bytes=0-0")]).status, 200);
    assert_eq!(tally(&host), "1 0");

    // Another address is another answer.
    assert_eq!(ask(&host, &format!("{answer}&key:2"), &[]).body, "2");
    let missing = format!("{answer}&key:3");
    let missing = ask(&host, &missing, &[("cache-control", "only-if-cached")]);
    assert_eq!(missing.status, 504);
    assert_eq!(tally(&host), "2 0");
}

#[test]
fn what_may_not_be_kept_is_asked_for_each_time() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let minute = "cache-control:public,max-age=60";
    let none: [(&str, &str); 0] = [];
    let check = |answer: &str, headers: &[(&str, &str)], why: &str| {
        let bodies: Vec<_> = (0..3)
            .map(|_| {
                let answer = ask(&host, answer, headers);
                assert_eq!(status(&answer), why, "{answer:?}");
                answer.body
            })
            .collect();
        let different: BTreeSet<_> = bodies.iter().collect();
        assert_eq!(different.len(), 3, "{answer} {headers:?}: {bodies:?}");
    };
    for answer in [
        "x-none:1",
        "cache-control:no-store",
        "cache-control:private,max-age=60",
        "cache-control:no-cache",
        &format!("{minute}&set-cookie:a=b"),
        &format!("{minute}&vary:*"),
        &format!("{minute}&status:206"),
        &format!("{minute}&status:500"),
        &format!("{minute}&status:503"),
        &format!("{minute}&age:60"),
    ] {
        check(answer, &none, "fwd=uri-miss");
    }
    let key = |number| format!("{minute}&key:{number}");
    check(&key(1), &[("authorization", "Bearer x")], "fwd=bypass");
    check(&key(2), &[("cache-control", "no-store")], "fwd=uri-miss");
    check(&key(3), &[("range", "bytes=0-0")], "fwd=uri-miss");
    let posted = || request(host.address, "POST", &path(&key(4)), &[], "");
    assert_eq!(status(&posted()), "fwd=method");
    assert_ne!(posted().body, posted().body);
}

#[test]
fn who_is_signed_in_gets_what_a_stranger_gets_and_leaves_nothing() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let cookie = [("cookie", "__Host-session=secret")];

    // The first one pays for himself; a stranger's answer is fetched for the next.
    let public = "cache-control:public,max-age=60";
    let first = ask(&host, public, &cookie);
    assert_eq!(status(&first), "fwd=uri-miss");
    assert_eq!(first.header("probe-cookie"), Some("true"));
    wait_for("a stranger's answer", || {
        is_hit(&ask(&host, public, &cookie))
    });
    for headers in [&cookie[..], &[]] {
        let answer = ask(&host, public, headers);
        assert!(is_hit(&answer), "{answer:?}");
        assert_eq!(answer.header("probe-cookie"), Some("false"));
    }

    // What does not say that it is for all is for strangers alone.
    for answer in [
        "cache-control:max-age=60",
        "cache-control:public,max-age=60&vary:cookie",
    ] {
        ask(&host, answer, &[]);
        assert!(is_hit(&ask(&host, answer, &[])), "{answer}");
        for _ in 0..3 {
            let own = ask(&host, answer, &cookie);
            assert!(!is_hit(&own), "{own:?}");
            assert_eq!(own.header("probe-cookie"), Some("true"));
        }
        let stranger = ask(&host, answer, &[]);
        assert_eq!(stranger.header("probe-cookie"), Some("false"));
    }

    // A shopper who finds it too old has it asked for as a stranger, and none of his own is kept.
    let short = "cache-control:public,max-age=1&key:short";
    ask(&host, short, &[]);
    wait_for("a stale answer", || {
        let answer = ask(&host, short, &cookie);
        assert_eq!(answer.header("probe-cookie"), Some("false"));
        status(&answer).starts_with("fwd=stale; fwd-status=200; stored")
    });
}

#[test]
fn answers_are_told_apart_by_what_they_vary_by() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
    let by_language = "cache-control:max-age=60&vary:accept-language";
    let ask_in = |language: &str| ask(&host, by_language, &[("accept-language", language)]);
    let english = ask_in("en");
    let german = ask_in("de");
    assert_eq!(status(&german), "fwd=vary-miss; fwd-status=200; stored");
    assert_ne!(english.body, german.body);
    for (language, first) in [("en", &english), ("de", &german)] {
        let again = ask_in(language);
        assert!(is_hit(&again) && again.body == first.body, "{again:?}");
    }
    // Not more than eight, the first goes first.
    for number in 0..8 {
        ask_in(&format!("x-{number}"));
    }
    assert!(is_hit(&ask_in("x-7")) && is_hit(&ask_in("x-0")));
    assert!(!is_hit(&ask_in("en")));

    let packed = "cache-control:max-age=60&vary:accept-encoding&content-encoding:br";
    let accept = |accepted| ask(&host, packed, &[("accept-encoding", accepted)]);
    accept("gzip, deflate, br, zstd");
    assert!(is_hit(&accept("br, gzip")), "browsers are alike");
    assert!(!is_hit(&accept("gzip")), "this one takes no br");
}

#[test]
fn a_flood_of_addresses_fills_no_more_than_the_bound_and_leaves_what_is_popular() {
    let app = App::new("", "")
        .with_cache()
        .arguments(&ONE)
        .arguments(&["--cache-mib", "1"]);
    let host = start(&app);
    let size = 32 << 10;
    let answer = |key: usize| format!("size:{size}&cache-control:max-age=3600&key:{key}");
    // Who is popular is noticed from the time on that there is not room for all.
    for key in 1..50 {
        ask(&host, &answer(key), &[]);
    }
    for _ in 0..100 {
        ask(&host, &answer(0), &[]);
    }
    for key in 50..300 {
        ask(&host, &answer(key), &[]);
    }
    let only = [("cache-control", "only-if-cached")];
    let stored = (0..300).filter(|key| ask(&host, &answer(*key), &only).status == 200);
    let stored: Vec<usize> = stored.collect();
    assert!(stored.contains(&0), "{stored:?}");
    assert!((2..=(1 << 20) / size).contains(&stored.len()), "{stored:?}");
}

#[test]
fn the_cache_can_be_switched_off() {
    let app = App::new("", "").arguments(&ONE);
    let host = start(&app);
    let answer = "cache-control:public,max-age=60";
    for number in 1..3 {
        let answer = ask(&host, answer, &[]);
        assert_eq!(answer.body, number.to_string());
        assert_eq!(answer.header("cache-status"), None);
    }
}
