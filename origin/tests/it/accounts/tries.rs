//! Wrong passwords and codes: they wait longer and longer, alike whether there is an account, and
//! never shut an owner out.

use super::{PASSWORD, Post, fresh};
use crate::site::assert_problem;
use crate::support::{World, eventually};
use redis::Script;
use serde_json::{Value, json};

const WRONG: &str = "battery staple";

/// The word and the number of an answer to wrong passwords, until it is to wait.
async fn until_told_to_wait(post: &Post, client: &str, contact: &str) -> Vec<(u16, Value)> {
    let mut answers = Vec::new();
    while answers.len() < 20 && answers.last().is_none_or(|(status, _)| *status != 429) {
        let (status, body) = post.sign_in(client, contact, WRONG).await;
        answers.push((status, body["type"].clone()));
    }
    answers
}

#[tokio::test]
async fn wrong_passwords_wait_alike_with_an_account_and_without() {
    let post = Post::new().await;
    let (known, unknown) = (fresh("known"), fresh("unknown"));
    post.register("10.3.0.1", &known, &known).await;
    let with = until_told_to_wait(&post, "10.3.0.2", &known).await;
    let without = until_told_to_wait(&post, "10.3.0.3", &unknown).await;
    assert_eq!(with, without);
    let statuses: Vec<u16> = with.iter().map(|answer| answer.0).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);

    // From anywhere else it is no different: what is counted is the contact.
    let elsewhere = post.sign_in("10.3.0.4", &known, WRONG).await;
    assert_problem(&elsewhere, 429, "slow-down");
    // The owner is let in from where they signed in before,
    assert_eq!(post.sign_in("10.3.0.1", &known, PASSWORD).await.0, 200);
    // and after the wait from anywhere: a try that has to wait does not make it longer.
    eventually("the end of the wait", async || {
        post.sign_in("10.3.0.2", &known, PASSWORD).await.0 == 200
    })
    .await;
    let right = post.sign_in("10.3.0.2", &known, WRONG).await;
    assert_problem(&right, 401, "wrong-password");
}

#[tokio::test]
async fn a_code_opens_an_account_whose_password_is_tried_and_its_owner_is_told() {
    let post = Post::new().await;
    let contact = fresh("owner");
    post.register("10.4.0.1", &contact, &contact).await;
    let told = "Somebody tries to sign in to your account";
    eventually("the notice", async || {
        post.sign_in("10.4.0.2", &contact, WRONG).await;
        post.outside.has(&contact, told).await
    })
    .await;
    let shut = post.sign_in("10.4.0.3", &contact, PASSWORD).await;
    assert_problem(&shut, 429, "slow-down");

    let (status, ticket) = post.ask_code("10.4.0.3", &contact, "reset").await;
    assert_eq!(status, 202, "{ticket}");
    let (code, ticket) = (post.outside.code(&contact).await, &ticket["ticket"]);
    let body = json!({ "ticket": ticket, "code": code, "password": "another horse" });
    let reset = post.from("10.4.0.3", "/api/accounts/password", body).await;
    assert_eq!(reset.0, 200, "{reset:?}");
    let again = post.sign_in("10.4.0.3", &contact, "another horse").await;
    assert_eq!(again.0, 200, "{again:?}");
}

#[tokio::test]
async fn a_network_that_is_wrong_too_often_waits_whoever_it_asks_for() {
    let post = Post::new().await;
    let client = "2001:db8:5:1::1";
    let mut wrong = 0;
    for number in 0..50_u32 {
        // Another contact each time, and another address of the same household.
        let neighbour = format!("2001:db8:5:1::{number}");
        let body = json!({ "ticket": "x", "code": "000000", "password": PASSWORD });
        let (status, _) = match number % 2 {
            0 => post.sign_in(&neighbour, &fresh("n"), WRONG).await,
            _ => post.from(&neighbour, "/api/accounts/password", body).await,
        };
        if status == 429 {
            break;
        }
        wrong += 1;
    }
    assert!((30..40).contains(&wrong), "{wrong} were judged");
    let shut = post.sign_in(client, &fresh("n"), PASSWORD).await;
    assert_problem(&shut, 429, "slow-down");
    let elsewhere = post.sign_in("2001:db8:5:2::1", &fresh("n"), PASSWORD).await;
    assert_problem(&elsewhere, 401, "wrong-password");
}

/// `try.lua` at times of our own: 3 free, then 1 s, doubled to 5 s; one forgotten a minute; room
/// for 2.
#[tokio::test]
async fn the_script_waits_twice_as_long_each_time_forgets_and_keeps_no_more_than_it_may() {
    let world = World::new().await;
    let script = Script::new(include_str!("../../../../lua/accounts/try.lua"));
    let key = format!("tries:{{{}}}", origin::random_id());
    let mut redis = world.stores.stock.connection();
    let mut check = async |who: &str, at: i64, expected: (&str, i64)| {
        let mut call = script.key(&key);
        call.key(format!("{key}:last")).arg(who).arg(at);
        call.arg(3).arg(1_000).arg(5_000).arg(60_000).arg(2);
        let answer: (String, i64) = call.invoke_async(&mut redis).await.unwrap();
        assert_eq!((answer.0.as_str(), answer.1), expected, "{who} at {at}");
    };
    let start = 1_800_000_000_000;
    check("a", start, ("go", 1)).await;
    check("a", start, ("go", 2)).await;
    check("a", start, ("go", 3)).await;
    check("a", start + 1, ("wait", 999)).await;
    check("a", start + 999, ("wait", 1)).await;
    check("a", start + 1_000, ("go", 4)).await;
    check("a", start + 2_999, ("wait", 1)).await;
    check("a", start + 3_000, ("go", 5)).await;
    check("a", start + 7_000, ("go", 6)).await;
    check("a", start + 7_000, ("wait", 5_000)).await;
    // A minute after it began one is forgotten, and after ten all are.
    check("a", start + 60_000, ("go", 6)).await;
    check("a", start + 660_000, ("go", 1)).await;
    // The third name pushes out the one that tried longest ago.
    check("b", start + 660_001, ("go", 1)).await;
    check("c", start + 660_002, ("go", 1)).await;
    check("b", start + 660_003, ("go", 2)).await;
    check("a", start + 660_004, ("go", 1)).await;
    check("c", start + 660_005, ("go", 1)).await;
}
