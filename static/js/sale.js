// @ts-check
/** The page of one sale: its live state, and the button that buys. */
import './count-down.js';
import { keepLive } from './live-sales.js';
import { isAbort, ProblemError } from './problem.js';
import { PurchaseLine } from './purchase-line.js';
import { forgetPurchase, recallPurchase } from './purchase-store.js';
import { purchase } from './purchase.js';
import { currentSession, goToSignIn } from './session.js';

const CAN_BUY = ['open', 'few'];

/** @template {Element} T @param {new () => T} type @param {string} selector @returns {T} */
function find(type, selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof type)) throw new TypeError(`the page has no ${selector}`);
  return found;
}

const sale = find(HTMLElement, '.sale');
const form = find(HTMLFormElement, '.buy-form');
const quantity = find(HTMLSelectElement, '#quantity');
const button = find(HTMLButtonElement, '.buy-form button');
const line = find(PurchaseLine, 'purchase-line');
const sale_id = sale.dataset.sale ?? '';

/** @type {AbortController | null} */
let running = null;

function showButton() {
  button.disabled = !CAN_BUY.includes(sale.dataset.state ?? '');
  // Not `disabled` while it works: the keyboard's focus would be lost.
  button.setAttribute('aria-disabled', String(running !== null));
  quantity.disabled = running !== null;
}

/** The same page with the quantity kept, for the way back from signing in. */
function here() {
  return `${location.pathname}?quantity=${quantity.value}`;
}

/** @param {unknown} error */
function showFailure(error) {
  if (isAbort(error)) {
    line.hidden = true;
    return;
  }
  if (error instanceof ProblemError && error.kind === 'signed-out') {
    goToSignIn(here());
    return;
  }
  if (error instanceof ProblemError && error.kind === 'over-limit') {
    const link = document.createElement('a');
    link.href = '/orders';
    link.textContent = 'See your orders';
    line.fail(error, link);
    return;
  }
  line.fail(error);
}

async function buy() {
  // A second click while the first is at work changes nothing.
  if (running) return;
  running = new AbortController();
  const { signal } = running;
  showButton();
  try {
    line.show({ step: 'asking' });
    if ((await currentSession().catch(() => undefined)) === null) {
      goToSignIn(here());
      return;
    }
    const order = await purchase(sale_id, Number(quantity.value), {
      signal,
      onProgress: (progress) => line.show(progress),
    });
    line.done('Your order is placed. One moment.');
    location.assign(`/orders/${order.order_id}`);
  } catch (error) {
    showFailure(error);
  } finally {
    running = null;
    showButton();
  }
}

/** @param {number} wanted */
function choose(wanted) {
  const offered = [...quantity.options].some((option) => Number(option.value) === wanted);
  if (offered) quantity.value = String(wanted);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  buy();
});
line.addEventListener('leave', () => {
  running?.abort();
  forgetPurchase(sale_id);
  button.focus();
});
sale.addEventListener('sale-state', () => {
  showButton();
  // What stopped the last purchase is no news any more.
  if (!running) line.hidden = true;
});
// Coming back with the browser's own button finds the page as it was left.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) line.hidden = true;
});

choose(Number(new URLSearchParams(location.search).get('quantity')));
showButton();
keepLive([sale], { path: `/api/sales/${sale_id}`, pace_ms: 5_000, read: (answer) => [answer] });

const unfinished = recallPurchase(sale_id);
if (unfinished) {
  choose(unfinished.quantity);
  buy();
}
