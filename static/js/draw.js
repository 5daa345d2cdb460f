// @ts-check
/** The page of a draw: checks the visitor's own receipt, and any other that somebody brings. */
import { recallLobby } from './lobby-store.js';
import { patiently } from './patience.js';
import { inPlainWords, ProblemError } from './problem.js';
import { check } from './receipt.js';
import { request } from './request.js';
import { currentSession, signInAddress } from './session.js';

/** @typedef {import('./receipt.js').Verdict} Verdict */

/** What the kernel takes; a receipt has some KiB. */
const BYTES_MAX = 64 * 1_024;
const PAUSE_MS_MAX = 5_000;

const article = /** @type {HTMLElement} */ (document.querySelector('.draw'));
const sale_id = article.dataset.sale ?? '';

/** @param {Element | null} place @param {Verdict} verdict */
function show(place, { good, text }) {
  if (!place) return;
  place.textContent = text;
  place.classList.add('notice');
  place.classList.toggle('notice-good', good === true);
  place.classList.toggle('notice-bad', good === false);
  place.classList.toggle('notice-plain', good === null);
}

/** @param {string} path */
const ask = (path) => patiently(() => request('GET', path), { pause_ms_max: PAUSE_MS_MAX });

/** @param {string} text @returns {Promise<Verdict>} */
async function verdict(text) {
  if (new TextEncoder().encode(text).length > BYTES_MAX) {
    return { good: null, text: 'This is too long for a receipt.' };
  }
  try {
    const { lobby } = await ask(`/api/sales/${sale_id}`);
    return await check(text, sale_id, lobby);
  } catch (error) {
    if (error instanceof ProblemError) return { good: null, text: inPlainWords(error) };
    const text = 'This browser could not run the check. Please use the command line below.';
    return { good: null, text };
  }
}

/** The link saves the very bytes that were checked. @param {string} text */
function offer(text) {
  const link = /** @type {HTMLAnchorElement} */ (article.querySelector('[data-receipt]'));
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
}

/** @param {Element} place */
async function checkOwn(place) {
  const session = await currentSession().catch(() => undefined);
  if (!session) {
    const link = document.createElement('a');
    link.href = signInAddress(location.pathname);
    link.textContent = 'Sign in';
    place.replaceChildren(link, ' to have your own place checked here.');
    return;
  }
  place.textContent = 'Checking your place.';
  try {
    const receipt = await ask(`/gate/sales/${sale_id}/receipt`);
    const text = JSON.stringify(receipt, null, 2);
    offer(text);
    const kept = recallLobby(sale_id);
    const mine = kept?.account_id === session.account.id ? kept.ticket : receipt.ticket;
    if (receipt.ticket !== mine) {
      const words = 'Wrong: the ticket in your receipt is not the one you were given when you joined.';
      show(place, { good: false, text: words });
    } else show(place, await verdict(text));
  } catch (error) {
    // Whoever came after the draw, or not at all, is told so by the gate.
    const told = error instanceof ProblemError && error.kind === 'unknown-place';
    show(place, { good: null, text: told ? error.message : inPlainWords(error) });
  }
}

/** @param {HTMLFormElement} form */
function checkOthers(form) {
  const place = form.querySelector('[data-other]');
  const file = /** @type {HTMLInputElement} */ (form.querySelector('#receipt-file'));
  const field = /** @type {HTMLTextAreaElement} */ (form.querySelector('#receipt-text'));

  file.addEventListener('change', async () => {
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    if (chosen.size > BYTES_MAX) {
      show(place, { good: null, text: 'This file is too large for a receipt.' });
      return;
    }
    field.value = await chosen.text();
    show(place, await verdict(field.value));
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (field.value.trim() === '') {
      show(place, { good: null, text: 'Please choose a file or paste a receipt first.' });
      field.focus();
      return;
    }
    show(place, await verdict(field.value));
  });
}

const own = article.querySelector('[data-own]');
const form = article.querySelector('.check-form');
if (own) checkOwn(own);
if (form instanceof HTMLFormElement) checkOthers(form);
