//! Rules of flow control at origins that share a database.

use crate::proxy::Way;
use crate::site::{Call, GET, Site, assert_problem};
use crate::support::{World, eventually};
use axum::body::Body;
use axum::http::Request;
use kernel::flow::{Each, Faults, Limit, Mode, Period, Rate, Rule, RuleSet};
use kernel::ids::AccountId;
use origin::flow::{DeskError, Member, apply, rollback, show};
use origin::http::edge_routes;
use origin::ledger::Actor;
use origin::ops::metrics::METRICS;
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// An origin that follows the rules, as its program does.
struct Running {
    site: Site,
    stop: watch::Sender<bool>,
    following: JoinHandle<()>,
}

impl Running {
    async fn start(world: World, address: &str) -> Self {
        let site = Site::of(world);
        let (stop, mut stopped) = watch::channel(false);
        let (flow, ledger) = (site.origin.flow().clone(), site.world.stores.ledger.clone());
        let member = Member::join(flow, ledger, address.into()).await.unwrap();
        let stop_asked = async move { drop(stopped.wait_for(|stop| *stop).await) };
        let following = tokio::spawn(member.follow(stop_asked));
        Self {
            site,
            stop,
            following,
        }
    }

    async fn stop(self) -> World {
        self.stop.send_replace(true);
        self.following.await.unwrap();
        self.site.world
    }

    fn version(&self) -> u64 {
        self.site.origin.flow().version()
    }

    /// How many of so many requests for the orders of an account get through.
    async fn lists(&self, account: u64, count: usize) -> usize {
        let cookie = self.site.cookie(account).await;
        let mut passed = 0;
        for _ in 0..count {
            let cookie = Some(cookie.as_str());
            let (status, body) = self
                .site
                .call(Call {
                    path: "/api/orders",
                    cookie,
                    ..GET
                })
                .await;
            assert!(matches!(status, 200 | 429 | 503), "{status} {body}");
            passed += usize::from(status == 200);
        }
        passed
    }
}

fn operator() -> Actor {
    Actor("operator:ada".to_owned())
}

/// One rule for the list of orders, that regains nothing while a test runs.
fn lists(name: &str, each: Each, mode: Mode, burst: u32) -> RuleSet {
    let rate = Rate {
        requests: 1,
        per: Period::Minute,
        burst,
    };
    let rule = Rule {
        name: name.to_owned(),
        routes: vec!["order-list".to_owned()],
        each,
        mode,
        limit: Limit::Rate(rate),
    };
    RuleSet { rules: vec![rule] }
}

#[tokio::test]
async fn a_rule_that_is_changed_acts_at_two_origins_soon_and_so_does_its_rollback() {
    let world = World::new().await;
    let ledger = world.stores.ledger.clone();
    let second = Running::start(world.beside().await, "127.0.0.1:2").await;
    let first = Running::start(world, "127.0.0.1:1").await;
    let both = [&first, &second];
    let reaches = async |version: u64, what: &str| {
        let began = Instant::now();
        eventually(what, async || {
            both.iter().all(|origin| origin.version() == version)
        })
        .await;
        println!("{what} after {} ms", began.elapsed().as_millis());
    };
    let wide = lists("changed", Each::All, Mode::On, 1_000);
    let narrow = lists("changed", Each::All, Mode::On, 2);
    assert_eq!(
        apply(&ledger, &operator(), &wide, "to begin with")
            .await
            .unwrap(),
        1
    );
    reaches(1, "the first rules").await;
    for origin in both {
        assert_eq!(origin.lists(1, 20).await, 20);
    }
    assert_eq!(
        apply(&ledger, &operator(), &narrow, "a flood")
            .await
            .unwrap(),
        2
    );
    reaches(2, "the narrow rules").await;
    for origin in both {
        assert_eq!(origin.lists(1, 20).await, 0, "what came before counts");
    }
    assert_eq!(
        rollback(&ledger, &operator(), 1, "it is over")
            .await
            .unwrap(),
        3
    );
    reaches(3, "the rollback").await;
    for origin in both {
        assert_eq!(origin.lists(1, 20).await, 20);
    }

    let rows = ledger.origins().await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.beat.address.as_str(), row.live))
        .collect();
    assert_eq!(told, [("127.0.0.1:1", true), ("127.0.0.1:2", true)]);
    eventually("both told", async || {
        let rows = ledger.origins().await.unwrap();
        rows.iter()
            .all(|row| row.beat.applied == 3 && row.beat.refused.is_none())
    })
    .await;
    let world = first.stop().await;
    let logged = async |more: &str| {
        let text = format!(
            "UPDATE operator_log SET action = action
             WHERE actor = 'operator:ada' AND action = 'rules.apply' {more}"
        );
        world.sql(text).await
    };
    assert_eq!(logged("").await, 3);
    let change = "AND subject = 'rules:3' AND before_json LIKE '%\"burst\":2%'
                  AND after_json LIKE '%it is over%\"burst\":1000%'";
    assert_eq!(logged(change).await, 1);
    eventually("the first has left", async || {
        let rows = ledger.origins().await.unwrap();
        rows.len() == 1 && second.site.origin.flow().parts() == 1
    })
    .await;
}

#[tokio::test]
async fn origins_share_a_rate_in_equal_parts() {
    let world = World::new().await;
    let ledger = world.stores.ledger.clone();
    let set = lists("shared", Each::All, Mode::On, 8);
    apply(&ledger, &operator(), &set, "8 for all")
        .await
        .unwrap();
    let second = Running::start(world.beside().await, "127.0.0.1:2").await;
    let first = Running::start(world, "127.0.0.1:1").await;
    let both = [&first, &second];
    eventually("both know of each other", async || {
        both.iter()
            .all(|origin| origin.site.origin.flow().parts() == 2)
    })
    .await;
    for origin in both {
        assert_eq!(origin.lists(1, 10).await, 4);
    }
}

#[tokio::test]
async fn a_dry_run_sheds_nothing_and_says_what_it_would_have_shed() {
    let world = World::new().await;
    let set = lists("tried", Each::All, Mode::DryRun, 3);
    apply(&world.stores.ledger, &operator(), &set, "a try")
        .await
        .unwrap();
    let origin = Running::start(world, "127.0.0.1:1").await;
    assert_eq!(origin.lists(1, 20).await, 20);
    let meters = METRICS.flow.of("tried");
    let counted = (meters.passed.get(), meters.dry_run_shed.get());
    assert_eq!((counted, meters.shed.get()), ((3, 17), 0));
    let metrics = origin::ops::metrics::text().unwrap();
    let line = "doorbuster_flow_dry_run_shed_total{rule=\"tried\"} 17";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn an_account_that_asks_too_much_is_told_to_slow_down_and_the_others_go_on() {
    let world = World::new().await;
    let set = lists("accounts", Each::Account, Mode::On, 2);
    apply(&world.stores.ledger, &operator(), &set, "each 2")
        .await
        .unwrap();
    let origin = Running::start(world, "127.0.0.1:1").await;
    assert_eq!(origin.lists(1, 5).await, 2);
    assert_eq!(origin.lists(2, 5).await, 2);
    let cookie = origin.site.cookie(1).await;
    let call = Call {
        path: "/api/orders",
        cookie: Some(&cookie),
        ..GET
    };
    assert_problem(&origin.site.call(call).await, 429, "slow-down");
    let call = Call {
        path: "/api/orders",
        cookie: Some(&cookie),
        ..GET
    };
    let request = origin.site.signed(&call);
    let answer = edge_routes(origin.site.origin.clone())
        .oneshot(request)
        .await
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let seconds = header("retry-after");
    assert!(
        (1..=60).contains(&seconds.parse::<u32>().unwrap()),
        "{seconds}"
    );
    assert_eq!(header("ratelimit"), format!("\"accounts\";r=0;t={seconds}"));
    assert_eq!(header("ratelimit-policy"), "\"accounts\";q=1;w=60");
}

#[tokio::test]
async fn what_all_are_too_many_for_is_shed_before_its_signature_is_looked_at() {
    let world = World::new().await;
    let mut set = lists("early", Each::All, Mode::On, 1);
    set.rules[0].routes = vec!["*".to_owned()];
    apply(&world.stores.ledger, &operator(), &set, "1 of all")
        .await
        .unwrap();
    let origin = Running::start(world, "127.0.0.1:1").await;
    for (path, status, word) in [
        ("/api/session", 403, "unknown-pop"),
        ("/api/session", 503, "unavailable"),
        ("/nothing", 503, "unavailable"),
    ] {
        let bare = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_problem(&origin.site.send(bare).await, status, word);
    }
}

#[tokio::test]
async fn a_sale_has_a_limit_of_its_own_by_the_token_of_who_orders() {
    let world = World::new().await;
    let mut set = lists("sales", Each::Sale, Mode::On, 2);
    set.rules[0].routes = vec!["place".to_owned()];
    apply(&world.stores.ledger, &operator(), &set, "each 2")
        .await
        .unwrap();
    let sales = [world.sale(50, 2).await, world.sale(50, 2).await];
    let origin = Running::start(world, "127.0.0.1:1").await;
    for sale in sales {
        for (account, status) in [(1, 202), (2, 202), (3, 503)] {
            let cookie = origin.site.cookie(account).await;
            let token = origin.site.token(sale, account).await;
            let order = serde_json::json!({ "sale_id": sale, "quantity": 1 });
            let answer = origin.site.place(&cookie, Some(&token), order).await;
            assert_eq!(answer.0, status, "{:?} {answer:?}", AccountId(account));
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_the_rules_and_a_set_that_cannot_be_read_leaves_the_former() {
    let world = World::new().await;
    let ledger = world.stores.ledger.clone();
    let set = lists("kept", Each::All, Mode::On, 1);
    apply(&ledger, &operator(), &set, "to be kept")
        .await
        .unwrap();
    let origin = Running::start(world, "127.0.0.1:1").await;
    assert_eq!(origin.lists(1, 3).await, 1);
    // As a newer program may write it.
    let newer = "INSERT INTO rule_sets (version, author, why, rules, created_at_ms)
                 VALUES (2, 'x', 'x', '{\"rules\":[],\"weather\":\"fine\"}', 0)";
    origin.site.world.sql(newer.to_owned()).await;
    let refused = async || {
        let rows = ledger.origins().await.unwrap();
        let told = |row: &origin::ledger::OriginRow| (row.beat.applied, row.beat.refused);
        rows.len() == 1 && told(&rows[0]) == (1, Some(2))
    };
    eventually("it is refused", refused).await;
    assert_eq!((origin.version(), origin.lists(1, 3).await), (1, 0));
    let world = origin.stop().await;
    let origin = Running::start(world, "127.0.0.1:1").await;
    assert_eq!((origin.version(), origin.lists(1, 3).await), (1, 1));
    eventually("it is refused again", refused).await;
    let shown = show(&ledger, None).await.unwrap();
    let faults = shown.rules.unwrap_err().to_string();
    assert!(
        shown.version == 2 && faults.contains("unknown field `weather`"),
        "{faults}"
    );
    assert!(matches!(
        rollback(&ledger, &operator(), 2, "no").await,
        Err(DeskError::Faults(_))
    ));
}

#[tokio::test]
async fn rules_that_cannot_act_or_have_no_reason_are_not_written() {
    let world = World::new().await;
    let ledger = &world.stores.ledger;
    let good = lists("good", Each::All, Mode::On, 1);
    let refused = apply(
        ledger,
        &operator(),
        &lists("bad", Each::All, Mode::On, 0),
        "x",
    )
    .await;
    let Err(DeskError::Faults(Faults(faults))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(faults.len(), 1, "{faults:?}");
    for why in ["", "  ", &"x".repeat(501)] {
        let refused = apply(ledger, &operator(), &good, why).await;
        assert!(matches!(refused, Err(DeskError::Why)), "{refused:?}");
    }
    let refused = rollback(ledger, &operator(), 5, "x").await;
    assert!(matches!(refused, Err(DeskError::Unknown(5))), "{refused:?}");
    assert_eq!(ledger.rules_now().await.unwrap().version, 0);
    let many = (0..8).map(|_| async { apply(ledger, &operator(), &good, "at once").await });
    let written = futures::future::join_all(many).await;
    let mut versions: Vec<u64> = written
        .iter()
        .filter_map(|done| done.as_ref().ok().copied())
        .collect();
    versions.sort_unstable();
    let raced = written
        .iter()
        .filter(|done| matches!(done, Err(DeskError::Raced)));
    assert_eq!(versions.len() + raced.count(), 8, "{written:?}");
    let expected: Vec<u64> = (1..=versions.len() as u64).collect();
    assert_eq!(
        versions, expected,
        "no version is given twice, and none left out"
    );
}

#[tokio::test]
async fn while_mysql_is_away_the_rules_stay() {
    let (world, proxies) = World::behind_proxies().await;
    let ledger = world.stores.ledger.clone();
    let set = lists("away", Each::Account, Mode::On, 2);
    apply(&ledger, &operator(), &set, "each 2").await.unwrap();
    let origin = Running::start(world, "127.0.0.1:1").await;
    assert_eq!(origin.lists(1, 3).await, 2);
    let cookie = origin.site.cookie(1).await;
    proxies.mysql.set(Way::Closed);
    eventually("MySQL is away", async || ledger.rules_now().await.is_err()).await;
    let began = Instant::now();
    while began.elapsed() < origin::flow::POLL_EVERY * 3 {
        let call = Call {
            path: "/api/orders",
            cookie: Some(&cookie),
            ..GET
        };
        assert_problem(&origin.site.call(call).await, 429, "slow-down");
        tokio::time::sleep(origin::flow::POLL_EVERY / 10).await;
    }
    proxies.mysql.set(Way::Open);
    eventually("MySQL is back, and rules can be written", async || {
        let set = lists("away", Each::Account, Mode::Off, 2);
        apply(&ledger, &operator(), &set, "off").await.is_ok()
    })
    .await;
    eventually("they are followed again", async || {
        origin.lists(1, 3).await == 3
    })
    .await;
}
