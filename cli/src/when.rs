//! Instants as an operator types them.

use kernel::time::UnixMillis;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `now`, `+90s`, `+2h`, or RFC 3339 such as `2026-11-27T12:00:00Z`.
pub(crate) fn parse(text: &str) -> Result<UnixMillis, String> {
    let now = SystemTime::now();
    let time = match text.strip_prefix('+') {
        Some(span) => span_after(now, span),
        None if text == "now" => Some(now),
        None => humantime::parse_rfc3339_weak(text).ok(),
    };
    let since_epoch = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let millis = since_epoch.and_then(|since| i64::try_from(since.as_millis()).ok());
    let help = "an instant is `now`, a span such as `+90s` or `+2h`, or 2026-11-27T12:00:00Z (UTC)";
    millis.map(UnixMillis).ok_or_else(|| help.to_owned())
}

fn span_after(now: SystemTime, span: &str) -> Option<SystemTime> {
    let span: Duration = humantime::parse_duration(span).ok()?;
    now.checked_add(span)
}

/// RFC 3339, for people.
pub(crate) fn show(time: UnixMillis) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(time.0).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_as_operators_type_them() {
        assert_eq!(
            parse("2026-11-27T12:00:00Z").unwrap(),
            UnixMillis(1_795_780_800_000)
        );
        assert_eq!(show(UnixMillis(1_795_780_800_000)), "2026-11-27T12:00:00Z");
        let (now, later) = (parse("now").unwrap(), parse("+2h").unwrap());
        assert!((later.since(now) - 7_200_000).abs() < 1_000);
        for bad in ["", "noon", "+soon", "12:00"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
