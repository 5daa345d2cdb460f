//! The shared cache, as a client and the component behind it see it.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use crate::{
    app::{App, Host, wait_for},
    client::{Answer, connect, get, request},
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
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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
fn what_is_too_old_is_validated() {
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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

    let host = app.start();
    ask(&host, answer, &[]);
    wait_for("a newer answer", || ask(&host, answer, &[]).body == "2");
    let fresh = ask(&host, answer, &[]);
    assert!(is_hit(&fresh), "{fresh:?}");
}

#[test]
fn a_stale_answer_is_better_than_an_error() {
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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
    let host = app.start();
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
fn of_many_who_miss_one_asks_for_all() {
    let app = App::new("", "").arguments(&["--threads", "3"]);
    let host = app.start();
    let together = |answer: &'static str, count: usize| {
        let one = || {
            let answer = ask(&host, answer, &[]);
            assert_eq!(answer.status, 200, "{answer:?}");
            let instance = answer.header("probe-instance").unwrap().to_owned();
            (instance, answer.body.clone(), status(&answer).to_owned())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
            let answers = threads.into_iter().map(|thread| thread.join().unwrap());
            answers.collect::<Vec<_>>()
        })
    };
    let distinct = |answers: &[(String, String, String)]| {
        let pairs = answers.iter().map(|(instance, body, _)| (instance, body));
        pairs.collect::<BTreeSet<_>>().len()
    };
    let kept = together("sleep:1500&cache-control:max-age=60", 40);
    assert_eq!(distinct(&kept), 1, "{kept:?}");
    let waited = kept.iter().filter(|one| one.2 == "fwd=uri-miss; collapsed");
    assert!(waited.count() > 0, "{kept:?}");

    // Where that leads nowhere they do not queue up.
    let began = Instant::now();
    let own = together("sleep:1500&cache-control:no-store", 40);
    let took = began.elapsed();
    assert_eq!(distinct(&own), 40, "{own:?}");
    assert!(took < Duration::from_secs(20), "{took:?} instead of 3 s");
}

#[test]
fn nobody_waits_in_vain_for_a_client_that_went_away() {
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
    let answer = "sleep:2000&cache-control:max-age=60";
    let mut first = connect(host.address);
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\n\r\n",
        path(answer),
        host.address
    );
    first.write_all(head.as_bytes()).unwrap();
    wait_for("the component to be asked", || tally(&host) == "1 0");
    drop(first);
    let second = ask(&host, answer, &[]);
    assert_eq!((second.status, second.body.as_str()), (200, "1"));
    assert_eq!(tally(&host), "1 0");
}

#[test]
fn a_change_drops_what_is_stored_for_its_address() {
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
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

#[test]
fn streams_and_large_answers_pass_as_they_come() {
    let app = App::new("", "").arguments(&ONE);
    let host = app.start();
    let events = "lines:600&pause:50&content-type:text/event-stream&cache-control:max-age=60";
    let plain = "lines:600&pause:50&cache-control:max-age=60";
    for answer in [events, plain] {
        let mut stream = connect(host.address);
        let head = format!("GET {} HTTP/1.1\r\nhost: shop\r\n\r\n", path(answer));
        stream.write_all(head.as_bytes()).unwrap();
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        let began = Instant::now();
        while !text.contains("\r\n2\n") {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{text}");
            text += std::str::from_utf8(&buffer[..count]).unwrap();
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?} of 30 s");
        assert!(
            text.contains("\r\n0\n") && text.contains("fwd=uri-miss\r\n"),
            "{text}"
        );
    }
    let short = "lines:3&pause:1&cache-control:max-age=60";
    assert_eq!(ask(&host, short, &[]).body, "0\n1\n2\n");
    let again = ask(&host, short, &[]);
    assert!(is_hit(&again) && again.body == "0\n1\n2\n", "{again:?}");

    let size = (1 << 20) + 1;
    let large = format!("size:{size}&cache-control:max-age=60");
    for _ in 0..2 {
        let answer = ask(&host, &large, &[]);
        assert_eq!(answer.body.len(), size);
        assert_eq!(status(&answer), "fwd=uri-miss");
    }
}

#[test]
fn a_flood_of_addresses_fills_no_more_than_the_bound_and_leaves_what_is_popular() {
    let app = App::new("", "")
        .arguments(&ONE)
        .arguments(&["--cache-mib", "1"]);
    let host = app.start();
    let size = 32 << 10;
    let answer = |key: usize| format!("size:{size}&cache-control:max-age=3600&key:{key}");
    for _ in 0..100 {
        ask(&host, &answer(0), &[]);
    }
    for key in 1..300 {
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
    let app = App::new("", "")
        .arguments(&ONE)
        .arguments(&["--cache-mib", "0"]);
    let host = app.start();
    let answer = "cache-control:public,max-age=60";
    for number in 1..3 {
        let answer = ask(&host, answer, &[]);
        assert_eq!(answer.body, number.to_string());
        assert_eq!(answer.header("cache-status"), None);
    }
}
