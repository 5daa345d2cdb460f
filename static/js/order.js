// @ts-check
/**
 * The page of one order: hears how it stands while that matters. Where it cannot hear it asks, often
 * at first and seldom afterwards.
 */
import './count-down.js';
import { synchronise } from './clock.js';
import { listen } from './order-events.js';
import { showOrder } from './order-view.js';
import { patiently, pause, untilVisible } from './patience.js';
import { startPayStep, wentToCheckout } from './pay.js';
import { inPlainWords, isAbort, ProblemError } from './problem.js';
import { request } from './request.js';
import { goToSignIn } from './session.js';

/** @typedef {import('./order-words.js').Order} Order */

/** How often to ask in a state if nothing is heard; a state that is not here is the end. */
const PACE_MS = new Map([
  ['queued', 1_000],
  ['pending_payment', 4_000],
  ['paid', 15_000],
  ['packed', 60_000],
  ['shipped', 60_000],
]);
/** States that change in moments, which are worth listening. */
const LIVELY = new Set(['queued', 'pending_payment']);
/** After the checkout page the provider's word is a matter of moments. */
const AFTER_CHECKOUT_PACE_MS = 1_000;
const AFTER_CHECKOUT_POLLS = 30;

const article = /** @type {HTMLElement} */ (document.querySelector('.order'));
const status = /** @type {HTMLElement} */ (document.querySelector('[data-status]'));
const cancel = /** @type {HTMLButtonElement} */ (document.querySelector('[data-cancel]'));
const dialog = /** @type {HTMLDialogElement} */ (document.querySelector('.ask'));
const order_id = location.pathname.split('/')[2] ?? '';
const path = `/api/orders/${order_id}`;
const showPayStep = startPayStep(article, order_id);

/** @type {Order | null} */
let shown = null;
let polls = 0;

/** @param {string} text */
function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

/** @param {Order} order */
function show(order) {
  // Answers can overtake each other; an order never gets younger.
  if (shown && order.version < shown.version) return;
  shown = order;
  showOrder(article, order);
  showPayStep(order);
  const asked = order.state === 'pending_payment' && justBack();
  say(asked ? 'Waiting for the word of the payment provider.' : '');
}

function justBack() {
  const undecided = shown?.payment?.state === 'open';
  return undecided && wentToCheckout(order_id) && polls < AFTER_CHECKOUT_POLLS;
}

/** @param {unknown} error */
function fail(error) {
  if (isAbort(error)) return;
  if (error instanceof ProblemError && error.kind === 'signed-out') goToSignIn();
  else say(inPlainWords(error));
}

async function ask() {
  const order = await patiently(() => request('GET', path), {
    onWait: ({ error }) => say(`${inPlainWords(error)} Trying again by itself.`),
  });
  show(order);
}

/** @param {number} pace_ms */
async function rest(pace_ms) {
  await pause(pace_ms * (0.8 + Math.random() * 0.4));
  await untilVisible();
}

/** Asks while the word of the provider is due: a declined payment is no change of the order. */
async function askAfterCheckout() {
  while (justBack()) {
    await rest(AFTER_CHECKOUT_PACE_MS);
    polls += 1;
    await ask();
  }
}

async function follow() {
  await synchronise();
  // Asking first also renews the session, which listening cannot.
  await ask();
  askAfterCheckout().catch(fail);
  for (;;) {
    if (LIVELY.has(shown?.state ?? '')) {
      await listen(path, (order) => {
        show(order);
        return LIVELY.has(order.state);
      });
    }
    const pace_ms = PACE_MS.get(shown?.state ?? '');
    if (pace_ms === undefined) return;
    await rest(pace_ms);
    await ask();
  }
}

cancel.addEventListener('click', () => dialog.showModal());
dialog.addEventListener('close', async () => {
  if (dialog.returnValue !== 'cancel') return;
  dialog.returnValue = '';
  cancel.disabled = true;
  try {
    show(await patiently(() => request('POST', `${path}/cancel`), { pause_ms_max: 12_000 }));
  } catch (error) {
    fail(error);
  } finally {
    cancel.disabled = false;
  }
});

say('Looking up your order.');
follow().catch(fail);
