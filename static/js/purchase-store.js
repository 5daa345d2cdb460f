// @ts-check
/** An unfinished purchase, kept in the tab until its token is over, so that a reload loses nothing. */
import { now } from './clock.js';

/**
 * @typedef {object} Unfinished
 * @property {string} token
 * @property {number} not_before_ms
 * @property {number} expires_at_ms
 * @property {number} quantity
 */

/** @param {string} sale_id */
const keyOf = (sale_id) => `doorbuster.purchase.${sale_id}`;

/** @param {string} sale_id @returns {Unfinished | null} */
export function recallPurchase(sale_id) {
  try {
    const unfinished = JSON.parse(sessionStorage.getItem(keyOf(sale_id)) ?? 'null');
    if (!unfinished || unfinished.expires_at_ms <= now()) return null;
    return unfinished;
  } catch {
    return null;
  }
}

/** @param {string} sale_id @param {Unfinished} unfinished */
export function keepPurchase(sale_id, unfinished) {
  try {
    sessionStorage.setItem(keyOf(sale_id), JSON.stringify(unfinished));
  } catch {
    // Without storage a reload asks for the same token again.
  }
}

/** @param {string} sale_id */
export function forgetPurchase(sale_id) {
  try {
    sessionStorage.removeItem(keyOf(sale_id));
  } catch {
    // Nothing was kept.
  }
}
