// @ts-check
/**
 * The search behind a proof of work: which counter makes a key that begins as the challenge says.
 * Key = SHA-256(salt ‖ nonce ‖ counter as u32 big-endian), after ALTCHA v2 in deterministic mode.
 */
import { hashBlock, paddedBlock } from './sha256-block.js';

/**
 * @typedef {object} PowParameters
 * @property {string} algorithm
 * @property {number} cost
 * @property {number} keyLength
 * @property {string} keyPrefix
 * @property {string} nonce
 * @property {string} salt
 * @property {number} [expiresAt] seconds since the Unix epoch
 */
/** @typedef {{counter: number, derivedKey: string}} Solution */

const COUNTERS = 2 ** 32;

/** @param {string} text @returns {Uint8Array} */
function bytesFromHex(text) {
  if (text.length % 2 !== 0 || /[^0-9a-f]/i.test(text)) throw new TypeError('not hexadecimal');
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(i * 2, i * 2 + 2), 16),
  );
}

/** @param {Int32Array} words @returns {string} */
function hexFromWords(words) {
  return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/**
 * A search that can be run in slices.
 * @param {PowParameters} parameters
 * @returns {(tries: number) => Solution | null} tries that many further counters
 */
export function startSearch(parameters) {
  const { algorithm, cost, keyLength, keyPrefix } = parameters;
  if (algorithm !== 'SHA-256' || cost !== 1 || keyLength !== 32) {
    throw new TypeError('this challenge is of a kind that the page cannot solve');
  }
  const salt = bytesFromHex(parameters.salt);
  const nonce = bytesFromHex(parameters.nonce);
  const counterAt = salt.length + nonce.length;
  if (counterAt % 4 !== 0) throw new TypeError('salt and nonce do not fill whole words');
  const message = new Uint8Array(counterAt + 4);
  message.set(salt);
  message.set(nonce, salt.length);
  const block = paddedBlock(message);
  const hash = new Int32Array(8);

  // Most keys differ in the first word: look at that alone before making text of the whole.
  const prefix = keyPrefix.toLowerCase();
  const firstWord = prefix.length >= 8 ? Number.parseInt(prefix.slice(0, 8), 16) | 0 : null;
  let counter = 0;

  return (tries) => {
    const end = Math.min(counter + tries, COUNTERS);
    for (; counter < end; counter += 1) {
      block[counterAt / 4] = counter;
      hashBlock(block, hash);
      if (firstWord !== null && hash[0] !== firstWord) continue;
      const derivedKey = hexFromWords(hash);
      if (derivedKey.startsWith(prefix)) return { counter, derivedKey };
    }
    if (counter >= COUNTERS) throw new RangeError('no counter solves this challenge');
    return null;
  };
}
