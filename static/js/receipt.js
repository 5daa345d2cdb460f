// @ts-check
/** A receipt for a drawn place: worked out again by the kernel's own code, and compared with the shop. */
import { drawnPlaces } from './lobby.js';
import { loadKernel } from './kernel.js';
import { numberText } from './formats.js';

/** @typedef {import('./lobby.js').Lobby} Lobby */
/**
 * @typedef {object} Receipt
 * @property {string} sale_id
 * @property {string} pop
 * @property {number} arrival
 * @property {string} ticket
 * @property {string[]} proof
 * @property {number} place
 * @property {Lobby} lobby
 */
/** @typedef {{good: boolean | null, text: string}} Verdict right, wrong, or neither */

/** All of a draw; how many came later is no part of it. @type {(keyof Lobby)[]} */
const PARTS = ['commitment', 'seed', 'beacon', 'pops', 'drawn_at_ms'];
/** @type {Partial<Record<keyof Lobby, string>>} */
const NAMES = { pops: 'list of counts and roots', drawn_at_ms: 'time of the draw' };

/** @param {unknown} value @returns {unknown} the same with sorted names, to be compared as text */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]),
  );
}

/** What of two draws is not the same. @param {Lobby} ours @param {Lobby} published */
export function difference(ours, published) {
  const text = (/** @type {unknown} */ part) => JSON.stringify(sorted(part));
  const part = PARTS.find((name) => text(ours[name]) !== text(published[name]));
  return part && (NAMES[part] ?? part);
}

/**
 * @param {string} text a receipt
 * @param {string} sale_id the sale that it shall be of
 * @param {Lobby} published what the shop says of its draw
 * @returns {Promise<Verdict>}
 */
export async function check(text, sale_id, published) {
  const call = await loadKernel();
  const { place, wrong, error } = call('verify', text);
  if (error) return { good: null, text: `This is no receipt: ${error}.` };
  if (wrong) return { good: false, text: `Wrong: ${wrong}.` };
  /** @type {Receipt} */
  const receipt = JSON.parse(text);
  if (receipt.sale_id !== sale_id) {
    return { good: null, text: 'This receipt is of another sale; check it on the page of that sale.' };
  }
  const other = difference(receipt.lobby, published);
  if (other) {
    return { good: false, text: `Wrong: the shop publishes another ${other} than the receipt has.` };
  }
  const { pop, arrival, lobby } = receipt;
  const counted = `place ${numberText(place + 1)} of ${numberText(drawnPlaces(lobby))}`;
  const given = `Arrival ${numberText(arrival)} at ${pop} was drawn ${counted}`;
  return {
    good: true,
    text: `Right. ${given} (${place} in the receipt, which counts from 0). This browser has worked it out again, and the shop publishes the same draw.`,
  };
}
