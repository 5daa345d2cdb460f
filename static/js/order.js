// @ts-check
/** The page of one order: asks how it stands, often while that matters and seldom afterwards. */
import './count-down.js';
import { synchronise } from './clock.js';
import { showOrder } from './order-view.js';
import { patiently, pause, untilVisible } from './patience.js';
import { startPayStep, wentToCheckout } from './pay.js';
import { inPlainWords, isAbort, ProblemError } from './problem.js';
import { request } from './request.js';
import { goToSignIn } from './session.js';

/** @typedef {import('./order-words.js').Order} Order */

/** How often to ask in a state; a state that is not here is the end. */
const PACE_MS = new Map([
  ['queued', 1_000],
  ['pending_payment', 4_000],
  ['paid', 15_000],
  ['packed', 60_000],
  ['shipped', 60_000],
]);
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

async function follow() {
  await synchronise();
  for (;;) {
    const order = await patiently(() => request('GET', path), {
      onWait: ({ error }) => say(`${inPlainWords(error)} Trying again by itself.`),
    });
    polls += 1;
    show(order);
    const pace_ms = PACE_MS.get(order.state);
    if (pace_ms === undefined) return;
    const next_ms = justBack() ? AFTER_CHECKOUT_PACE_MS : pace_ms;
    await pause(next_ms * (0.8 + Math.random() * 0.4));
    await untilVisible();
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
