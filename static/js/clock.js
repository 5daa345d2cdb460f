// @ts-check
/**
 * The shop's time. A visitor's clock may be wrong, so the page counts from `/api/clock` on the
 * browser's steady clock; until that has answered, the visitor's own has to do.
 */

/** @type {{server_ms: number, at_ms: number} | null} */
let base = null;
/** @type {Promise<void> | null} */
let asking = null;

/** Milliseconds since the Unix epoch by the shop's clock. */
export function now() {
  return base ? base.server_ms + (performance.now() - base.at_ms) : Date.now();
}

async function ask() {
  const sent_ms = performance.now();
  try {
    const response = await fetch('/api/clock', { cache: 'no-store' });
    if (!response.ok) return;
    const { now_ms } = await response.json();
    const at_ms = performance.now();
    // The answer was written somewhere between question and answer: take the middle.
    if (Number.isFinite(now_ms)) base = { server_ms: now_ms + (at_ms - sent_ms) / 2, at_ms };
  } catch {
    // Without the shop's clock the page goes on by its own.
  }
}

/** Asks the shop for the time; calls that overlap share one question. */
export function synchronise() {
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

// The steady clock may stand still while a device sleeps.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && base) synchronise();
});
