// @ts-check
/**
 * The lobby of a sale: joining it, and the wait for one's turn. Nothing is gained by asking often;
 * the page asks as seldom as keeps what it says true.
 */
import { withChallenge } from './challenge.js';
import { now } from './clock.js';
import { patiently, pause } from './patience.js';
import { request } from './request.js';

/**
 * @typedef {object} Standing
 * @property {'waiting' | 'admitted' | 'passed' | 'sold_out'} state
 * @property {number} arrival
 * @property {number} waiting how many have come
 * @property {number | null} place counted from 0; none before the draw
 * @property {number} admitted_up_to
 * @property {number | null} admitted_at_ms when the turn comes at the present rate
 */
/** @typedef {{ticket: string, arrival: number, joined_at_ms: number}} PlaceGrant */
/** @typedef {{id: string, count: number, size: number, root: string}} LobbyPop */
/**
 * @typedef {object} Lobby what everybody may know of it
 * @property {string} commitment
 * @property {string | null} seed
 * @property {number} waiting
 * @property {{round: number, due_at_ms: number, value: string | null} | null} beacon
 * @property {number | null} drawn_at_ms
 * @property {LobbyPop[]} pops
 */

/** The gate gives a token so long before the turn, and the rest of the wait is in the token. */
const TOKEN_AHEAD_MS = 10_000;
/** The moment of the opening is everybody's: who waited spreads over this. */
const OPENING_SPREAD_MS = 2_000;
const PACE_MS_MIN = 2_000;
const PACE_MS_MAX = 10_000;

/** @param {string} sale_id */
const placesOf = (sale_id) => `/gate/sales/${sale_id}/places`;

/**
 * Joins; who has joined before gets the same again.
 * @param {string} sale_id
 * @param {AbortSignal} signal
 * @returns {Promise<PlaceGrant>}
 */
export function join(sale_id, signal) {
  const query = { purpose: /** @type {const} */ ('place'), sale_id };
  const send = (/** @type {string} */ challenge) =>
    request('POST', placesOf(sale_id), { body: { challenge }, signal });
  return patiently(() => withChallenge(query, send, signal), { signal });
}

/** @param {string} sale_id @param {AbortSignal} signal @returns {Promise<Standing>} */
export function standing(sale_id, signal) {
  return request('GET', placesOf(sale_id), { signal });
}

/** How many places were drawn. @param {Lobby} lobby */
export function drawnPlaces({ pops }) {
  return pops.reduce((sum, { count }) => sum + count, 0);
}

/** How long to leave the gate alone. @param {Standing} standing @param {number} at_ms */
export function paceMs({ state, place, admitted_at_ms }, at_ms, random = Math.random()) {
  let least = PACE_MS_MIN;
  if (state === 'sold_out') least = PACE_MS_MAX;
  else if (place !== null && admitted_at_ms !== null) {
    const left_ms = admitted_at_ms - TOKEN_AHEAD_MS - at_ms;
    least = Math.min(Math.max(left_ms, PACE_MS_MIN), PACE_MS_MAX);
  }
  return Math.round(least * (1 + random / 4));
}

/**
 * Whether a token can be asked for. From the turn on it is asked for also when others wait before:
 * who asks is known to be there, and is not passed over.
 * @param {Standing} standing
 * @param {number} at_ms
 */
export function mayAsk({ state, admitted_at_ms }, at_ms) {
  if (state === 'admitted') return true;
  const due = admitted_at_ms !== null && admitted_at_ms - TOKEN_AHEAD_MS <= at_ms;
  return state === 'waiting' && due;
}

/** Lets everybody who waited for the opening not come at once. @param {AbortSignal} signal */
export function spreadOut(signal) {
  return pause(Math.random() * OPENING_SPREAD_MS, signal);
}

/**
 * Waits until the account may ask for its token, or was passed over.
 * @param {string} sale_id
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(standing: Standing) => Promise<void>} options.onStanding
 * @param {(wait: {error: unknown}) => void} options.onWait
 * @returns {Promise<Standing>}
 */
export async function untilTurn(sale_id, { signal, onStanding, onWait }) {
  for (;;) {
    const stands = await patiently(() => standing(sale_id, signal), { signal, onWait });
    await onStanding(stands);
    if (stands.state === 'passed' || mayAsk(stands, now())) return stands;
    await pause(paceMs(stands, now()), signal);
  }
}
