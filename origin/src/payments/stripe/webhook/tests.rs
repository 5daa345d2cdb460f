//! Which signatures are believed, and what each event says.

use super::*;

const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

fn code(secret: &str, time: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn read_with(header: &str, body: &str) -> Result<ProviderEvent, BadWebhook> {
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE_HEADER, header.parse().unwrap());
    read("whsec_1", &headers, body.as_bytes(), NOON)
}

fn event(kind: &str, object: &str) -> String {
    format!(
        r#"{{"id":"evt_1","object":"event","type":"{kind}","livemode":false,"data":{{"object":{object}}}}}"#
    )
}

fn intent(status: &str, more: &str) -> String {
    format!(
        r#"{{"id":"pi_1","object":"payment_intent","amount":59900,"currency":"usd","created":1,
            "status":"{status}","metadata":{{"order_id":"5","payment_id":"6"}}{more}}}"#
    )
}

fn refund(status: &str, metadata: &str) -> String {
    format!(
        r#"{{"id":"re_1","object":"refund","amount":100,"currency":"usd","payment_intent":"pi_1",
            "status":"{status}","failure_reason":"expired_or_canceled_card","metadata":{{{metadata}}}}}"#
    )
}

#[test]
fn only_what_stripe_signed_lately_is_read() {
    let body = event("payment_intent.succeeded", &intent("succeeded", ""));
    let time = NOON.seconds();
    let right = code("whsec_1", time, &body);
    let wrong = code("whsec_2", time, &body);
    let signed_at = |time: i64| format!("t={time},v1={}", code("whsec_1", time, &body));
    let check = |header: &str, expected: Option<BadWebhook>| {
        assert_eq!(read_with(header, &body).err(), expected, "{header}");
    };
    check(&format!("t={time},v1={right}"), None);
    // While the secret is being changed, and beside what is signed for tests.
    check(&format!("t={time},v1={wrong},v1={right},v0={wrong}"), None);
    check(&format!("t={time},v1={wrong}"), Some(BadWebhook::Signature));
    check(&format!("t={time},v0={right}"), Some(BadWebhook::Signature));
    let other = time + 1;
    check(
        &format!("t={other},v1={right}"),
        Some(BadWebhook::Signature),
    );
    check(&signed_at(time - 300), None);
    check(&signed_at(time - 301), Some(BadWebhook::Old(300)));
    check(&signed_at(time + 301), Some(BadWebhook::Old(300)));
    check(&signed_at(i64::MIN), Some(BadWebhook::Old(300)));
    check("v1=00", Some(BadWebhook::Signature));
    check("", Some(BadWebhook::Signature));
}

fn told(body: &str) -> String {
    let time = NOON.seconds();
    match read_with(
        &format!("t={time},v1={}", code("whsec_1", time, body)),
        body,
    ) {
        Ok(ProviderEvent::Payment(settlement)) => format!(
            "{} {} of {}: {} {}",
            if settlement.paid { "paid" } else { "declined" },
            settlement.provider_ref,
            settlement.order,
            settlement.amount.amount_minor,
            settlement.amount.currency,
        ),
        Ok(ProviderEvent::Refund(notice)) => {
            let key = notice.key.map(|key| key.to_string());
            format!(
                "{} {} {}: {}",
                notice.refund_ref,
                notice.provider_ref,
                key.as_deref().unwrap_or("by hand"),
                notice.failed.as_deref().unwrap_or("done")
            )
        }
        Ok(ProviderEvent::NotOurs(kind)) => format!("not ours: {kind}"),
        Err(BadWebhook::Malformed(_)) => "malformed".to_owned(),
        Err(other) => other.to_string(),
    }
}

#[test]
fn each_type_of_event_is_told_from_the_others() {
    let check = |kind: &str, object: &str, expected: &str| {
        assert_eq!(told(&event(kind, object)), expected, "{kind} {object}");
    };
    let succeeded = "payment_intent.succeeded";
    check(
        succeeded,
        &intent(
            "succeeded",
            r#","amount_received":59900,"latest_charge":"ch_1""#,
        ),
        "paid pi_1 of 5: 59900 USD",
    );
    // What came counts, not what was asked for.
    check(
        succeeded,
        &intent("succeeded", r#","amount_received":100"#),
        "paid pi_1 of 5: 100 USD",
    );
    check(
        "payment_intent.payment_failed",
        &intent("requires_payment_method", r#","amount_received":0"#),
        "declined pi_1 of 5: 59900 USD",
    );
    check(
        "payment_intent.canceled",
        &intent("canceled", ""),
        "declined pi_1 of 5: 59900 USD",
    );
    check(
        succeeded,
        r#"{"id":"pi_2","amount":1,"currency":"usd","created":1,"status":"succeeded","metadata":{}}"#,
        "not ours: payment_intent.succeeded of a payment that is not the shop's",
    );
    let ours = r#""refund_key":"7-2""#;
    check(
        "refund.updated",
        &refund("succeeded", ours),
        "re_1 pi_1 7-2: done",
    );
    check(
        "refund.failed",
        &refund("failed", ours),
        "re_1 pi_1 7-2: re_1 failed at Stripe: expired_or_canceled_card",
    );
    check(
        "charge.refund.updated",
        &refund("succeeded", ""),
        "re_1 pi_1 by hand: done",
    );
    check(
        "refund.created",
        &refund("pending", ours),
        "not ours: refund.created of a refund that has not ended",
    );
    check(
        "charge.refunded",
        r#"{"id":"ch_1"}"#,
        "not ours: charge.refunded",
    );
    check("customer.created", "{}", "not ours: customer.created");
    check(succeeded, "{}", "malformed");
    assert_eq!(told("{}"), "malformed");
}
