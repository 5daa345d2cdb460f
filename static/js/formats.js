// @ts-check
/** Money, numbers and times as people read them. */

/** @typedef {{amount_minor: number, currency: string}} Money */

/** @param {Money} money */
export function moneyText({ amount_minor, currency }) {
  const format = new Intl.NumberFormat('en-US', { style: 'currency', currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount_minor / 10 ** digits);
}

const NUMBER = new Intl.NumberFormat('en-US');

/** @param {number} number */
export function numberText(number) {
  return NUMBER.format(number);
}

const WHEN = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** @param {number} at_ms by the visitor's own calendar */
export function whenText(at_ms) {
  return WHEN.format(at_ms);
}

/** Turns every `<time>` of the page, written in UTC, into the visitor's own time. */
export function showLocalTimes() {
  for (const time of document.querySelectorAll('time[datetime]')) {
    const at_ms = Date.parse(time.getAttribute('datetime') ?? '');
    if (!Number.isFinite(at_ms)) continue;
    time.setAttribute('title', time.textContent ?? '');
    time.textContent = whenText(at_ms);
  }
}
