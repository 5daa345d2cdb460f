// @ts-check
/** One call to the shop's API: JSON in, JSON out, problems as errors, the session renewed once. */
import { NetworkError, ProblemError } from './problem.js';
import { renew } from './session.js';

const DEADLINE_MS = 20_000;

/**
 * @typedef {object} RequestOptions
 * @property {unknown} [body]
 * @property {string} [token] a purchase token
 * @property {AbortSignal} [signal]
 */

/** Seconds or a date, as RFC 9110 has it. @param {string | null} text @returns {number | null} */
export function retryAfterMs(text) {
  if (!text) return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const at_ms = Date.parse(text);
  return Number.isFinite(at_ms) ? Math.max(0, at_ms - Date.now()) : null;
}

/** @param {Response} response */
async function problemOf(response) {
  /** @type {object} */
  let document = {};
  try {
    const json = await response.json();
    if (json && typeof json === 'object') document = json;
  } catch {
    // Some part on the way answered in its own words.
  }
  const retry_after_ms = retryAfterMs(response.headers.get('retry-after'));
  return new ProblemError(response.status, document, retry_after_ms);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} options
 */
async function once(method, path, { body, token, signal }) {
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json, application/problem+json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token) headers.authorization = `Bearer ${token}`;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
  const onAbort = () => deadline.abort();
  signal?.addEventListener('abort', onAbort);
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: deadline.signal,
    });
    if (!response.ok) throw await problemOf(response);
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof ProblemError ? error : new NetworkError();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 */
export async function request(method, path, options = {}) {
  options.signal?.throwIfAborted();
  try {
    return await once(method, path, options);
  } catch (error) {
    const signedOut = error instanceof ProblemError && error.kind === 'signed-out';
    if (!signedOut) throw error;
    // A session is believed for five minutes; asking for it renews the cookie.
    const signed_in = await renew().catch(() => undefined);
    if (signed_in === undefined) throw new NetworkError();
    if (signed_in === null) throw error;
    return once(method, path, options);
  }
}
