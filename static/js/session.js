// @ts-check
/**
 * Who is signed in, as far as a page can know: the cookie is out of reach of scripts, so the last
 * answer of `/api/session` is kept for as long as it is worth anything. It only spares questions;
 * every decision is the shop's.
 */
import { ProblemError } from './problem.js';

/** @typedef {{account: {id: string, name: string}, expires_at_ms: number}} SignedIn */
/** @typedef {{signed_in: SignedIn | null, until_ms: number}} Known */

const KEY = 'doorbuster.session';
const SIGNED_OUT_FOR_MS = 60_000;
/** The name stays right for longer than the cookie: a call that needs the cookie renews it. */
const SIGNED_IN_FOR_MS = 240_000;

/** @type {Promise<SignedIn | null> | null} */
let asking = null;
/** How often this page learned who is signed in. */
let learned = 0;

/** @returns {Known | null} */
function recall() {
  try {
    const known = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return known && known.until_ms > Date.now() ? known : null;
  } catch {
    return null;
  }
}

/** @param {SignedIn | null} signed_in */
export function remember(signed_in) {
  learned += 1;
  const until_ms = Date.now() + (signed_in ? SIGNED_IN_FOR_MS : SIGNED_OUT_FOR_MS);
  try {
    const before = recall()?.signed_in?.account.id;
    if (before !== signed_in?.account.id) forgetPurchases();
    localStorage.setItem(KEY, JSON.stringify({ signed_in, until_ms }));
  } catch {
    // Storage may be switched off; then every page asks.
  }
  document.dispatchEvent(new CustomEvent('session', { detail: signed_in }));
}

/** What one account began must not be finished by another. */
function forgetPurchases() {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith('doorbuster.purchase.')) sessionStorage.removeItem(key);
  }
}

async function ask() {
  const before = learned;
  const response = await fetch('/api/session', { headers: { accept: 'application/json' } });
  if (response.ok) {
    const signed_in = await response.json();
    remember(signed_in);
    return signed_in;
  }
  if (response.status !== 401) throw new ProblemError(response.status, {}, null);
  // Somebody may have signed in while the question was under way.
  if (learned === before) remember(null);
  return null;
}

/**
 * Asks the shop who is signed in, which also renews the cookie. Calls that overlap share one
 * question.
 * @returns {Promise<SignedIn | null>}
 */
export function renew() {
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

/** @returns {Promise<SignedIn | null>} */
export async function currentSession() {
  const known = recall();
  return known ? known.signed_in : renew();
}

/** The way to the sign-in page and back. @param {string} next */
export function signInAddress(next) {
  return `/sign-in?next=${encodeURIComponent(next)}`;
}

export function goToSignIn(next = location.pathname + location.search) {
  location.assign(signInAddress(next));
}

/** Where a signed-in visitor wanted to go; never another site. */
export function nextAddress() {
  const next = new URLSearchParams(location.search).get('next') ?? '/';
  try {
    const url = new URL(next, location.origin);
    return url.origin === location.origin ? url.pathname + url.search : '/';
  } catch {
    return '/';
  }
}
