// @ts-check
/** From the opening to the order by itself, for somebody who joined: the place, the turn, the purchase. */
import { now, synchronise } from './clock.js';
import { drawnPlaces, paceMs, standing, untilTurn } from './lobby.js';
import { pause } from './patience.js';
import { ProblemError } from './problem.js';
import { purchase } from './purchase.js';
import { request } from './request.js';

/** @typedef {import('./lobby.js').Standing} Standing */
/** @typedef {import('./purchase.js').Progress} Progress */
/** @typedef {import('./purchase.js').Placed} Placed */

/** While others are before us, how often to see how many. */
const LOOK_EVERY_MS = 10_000;

/**
 * @typedef {object} Options
 * @property {AbortSignal} signal
 * @property {() => number} quantity asked when the order is about to go
 * @property {(standing: Standing, drawn: number) => void} onStanding
 * @property {(wait: {error: unknown}) => void} onWait
 * @property {(buying: boolean) => void} onBuying
 * @property {(progress: Progress) => void} onProgress
 */

/**
 * The order; null if the turn was missed.
 * @param {string} sale_id
 * @param {Options} options
 * @returns {Promise<Placed | null>}
 */
export async function purchaseFromLobby(sale_id, options) {
  const { signal, onStanding, onBuying } = options;
  await synchronise();
  let drawn = 0;
  const show = async (/** @type {Standing} */ stands) => {
    if (stands.place !== null) drawn ||= await placesDrawn(sale_id, signal);
    onStanding(stands, drawn);
  };
  for (;;) {
    const stands = await untilTurn(sale_id, { ...options, onStanding: show });
    if (stands.state === 'passed') return null;
    onBuying(true);
    try {
      const onProgress = lookingOn(sale_id, options, show);
      return await purchase(sale_id, options.quantity(), { signal, onProgress });
    } catch (error) {
      // Sold out is never for good before the sale closes: back to watching.
      if (!(error instanceof ProblemError) || error.kind !== 'sold-out') throw error;
      onBuying(false);
      const sold_out = { ...stands, state: /** @type {const} */ ('sold_out') };
      await show(sold_out);
      await pause(paceMs(sold_out, now()), signal);
    }
  }
}

/**
 * Says how the purchase goes, and while others are before us also how many.
 * @param {string} sale_id
 * @param {Options} options
 * @param {(standing: Standing) => Promise<void>} show
 * @returns {(progress: Progress) => void}
 */
function lookingOn(sale_id, { signal, onProgress }, show) {
  let looked_at_ms = performance.now();
  return (progress) => {
    onProgress(progress);
    const soon = performance.now() - looked_at_ms < LOOK_EVERY_MS;
    if (progress.step !== 'waiting' || soon) return;
    looked_at_ms = performance.now();
    standing(sale_id, signal)
      .then(show)
      .catch(() => {
        // The purchase itself hears of what is wrong.
      });
  };
}

/** How many places were drawn; 0 while that is not known. @param {string} sale_id @param {AbortSignal} signal */
async function placesDrawn(sale_id, signal) {
  try {
    const { lobby } = await request('GET', `/api/sales/${sale_id}`, { signal });
    return drawnPlaces(lobby);
  } catch (error) {
    signal.throwIfAborted();
    return 0;
  }
}
