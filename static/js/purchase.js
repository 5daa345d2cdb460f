// @ts-check
/**
 * The way of a purchase: a challenge, a token, the turn that the token names, an order. Every step
 * may be repeated: the same account gets the same token, the same token the same order.
 */
import { withChallenge } from './challenge.js';
import { now, synchronise } from './clock.js';
import { patiently, pause } from './patience.js';
import { ProblemError } from './problem.js';
import { forgetPurchase, keepPurchase, recallPurchase } from './purchase-store.js';
import { request } from './request.js';

/**
 * @typedef {{step: 'asking'} | {step: 'turn', at_ms: number} | {step: 'ordering'}
 *   | {step: 'waiting', at_ms: number, error: unknown}} Progress
 */
/** @typedef {{order_id: string}} Placed */
/** @typedef {import('./purchase-store.js').Unfinished} Unfinished */

const TOKENS_MAX = 3;

/**
 * @param {string} sale_id
 * @param {number} quantity
 * @param {{signal: AbortSignal, onProgress: (progress: Progress) => void}} options
 */
async function getToken(sale_id, quantity, { signal, onProgress }) {
  const query = { purpose: /** @type {const} */ ('token'), sale_id };
  const path = `/gate/sales/${sale_id}/tokens`;
  const grant = await patiently(
    () => {
      onProgress({ step: 'asking' });
      const send = (/** @type {string} */ challenge) =>
        request('POST', path, { body: { challenge }, signal });
      return earlyIsPatient(withChallenge(query, send, signal));
    },
    { signal, onWait: showWait(onProgress) },
  );
  const { token, not_before_ms, expires_at_ms } = grant;
  /** @type {Unfinished} */
  const unfinished = { token, not_before_ms, expires_at_ms, quantity };
  keepPurchase(sale_id, unfinished);
  return unfinished;
}

/**
 * Clocks differ a little, so "early" may be heard; it costs nothing but a moment.
 * @template T
 * @param {Promise<T>} asked
 * @returns {Promise<T>}
 */
async function earlyIsPatient(asked) {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.kind !== 'token-early') throw error;
    throw new ProblemError(503, {}, error.retry_after_ms ?? 1_000);
  }
}

/** @param {(progress: Progress) => void} onProgress */
function showWait(onProgress) {
  return (/** @type {{error: unknown, pause_ms: number}} */ { error, pause_ms }) =>
    onProgress({ step: 'waiting', at_ms: now() + pause_ms, error });
}

/**
 * @param {string} sale_id
 * @param {Unfinished} unfinished
 * @param {{signal: AbortSignal, onProgress: (progress: Progress) => void}} options
 * @returns {Promise<Placed>}
 */
async function placeOrder(sale_id, unfinished, { signal, onProgress }) {
  const { token, quantity, not_before_ms } = unfinished;
  if (not_before_ms > now()) {
    onProgress({ step: 'turn', at_ms: not_before_ms });
    await pause(not_before_ms - now(), signal);
  }
  return patiently(
    () => {
      onProgress({ step: 'ordering' });
      const body = { sale_id, quantity };
      return earlyIsPatient(request('POST', '/api/orders', { body, token, signal }));
    },
    { signal, onWait: showWait(onProgress) },
  );
}

/**
 * @param {string} sale_id
 * @param {number} quantity
 * @param {{signal: AbortSignal, onProgress: (progress: Progress) => void}} options
 * @returns {Promise<Placed>}
 */
export async function purchase(sale_id, quantity, options) {
  await synchronise();
  for (let tokens = 1; ; tokens += 1) {
    const unfinished =
      recallPurchase(sale_id) ?? (await getToken(sale_id, quantity, options));
    try {
      const order = await placeOrder(sale_id, { ...unfinished, quantity }, options);
      forgetPurchase(sale_id);
      return order;
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof ProblemError && error.status !== 401) forgetPurchase(sale_id);
      const tokenIsOver = error instanceof ProblemError && error.kind === 'token-invalid';
      if (!tokenIsOver || tokens === TOKENS_MAX) throw error;
    }
  }
}
