// @ts-check
/**
 * What a shopper has of a lobby: the ticket, as a proof of having come, and how many units the page
 * shall order at the turn. It belongs to an account, and outlives the tab: a draw can be hours off.
 */

/**
 * @typedef {object} Joined
 * @property {string} account_id
 * @property {string} ticket
 * @property {number} arrival
 * @property {number} joined_at_ms
 * @property {number | null} quantity units to order at the turn; null once that is done or called off
 */

const PREFIX = 'doorbuster.lobby.';
/** Tickets of sales so long past are thrown away. */
const KEEP_MS = 90 * 24 * 3_600_000;

/** @param {string} sale_id @returns {Joined | null} */
export function recallLobby(sale_id) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + sale_id) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {string} sale_id @param {Joined} joined */
export function keepLobby(sale_id, joined) {
  try {
    throwOldAway(joined.joined_at_ms - KEEP_MS);
    localStorage.setItem(PREFIX + sale_id, JSON.stringify(joined));
  } catch {
    // Without storage the place is kept by the shop alone, and a reload asks to join again.
  }
}

/** The place stays the account's; this page does nothing about it any more. @param {string} sale_id */
export function callOff(sale_id) {
  const joined = recallLobby(sale_id);
  if (joined) keepLobby(sale_id, { ...joined, quantity: null });
}

/** @param {number} before_ms */
function throwOldAway(before_ms) {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    const kept = recallLobby(key.slice(PREFIX.length));
    if (!kept || kept.joined_at_ms < before_ms) localStorage.removeItem(key);
  }
}
