//! Many who ask at once, and answers that are not stored on their way.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use super::{ONE, ask, is_hit, path, start, status, tally};
use crate::{
    app::{App, wait_for},
    client::connect,
};

#[test]
fn of_many_who_miss_one_asks_for_all() {
    let app = App::new("", "").with_cache().arguments(&["--threads", "3"]);
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
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
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
fn streams_and_large_answers_pass_as_they_come() {
    let app = App::new("", "").with_cache().arguments(&ONE);
    let host = start(&app);
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
