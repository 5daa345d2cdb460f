// @ts-check
/** The page of one sale: its live state, the button that joins the lobby or buys, and what comes of it. */
import './count-down.js';
import { LobbyPanel } from './lobby-panel.js';
import { purchaseFromLobby } from './lobby-purchase.js';
import { callOff, keepLobby, recallLobby } from './lobby-store.js';
import { join, spreadOut } from './lobby.js';
import { keepLive } from './live-sales.js';
import { isAbort, ProblemError } from './problem.js';
import { PurchaseLine } from './purchase-line.js';
import { forgetPurchase, recallPurchase } from './purchase-store.js';
import { purchase } from './purchase.js';
import { currentSession, goToSignIn, signInAddress } from './session.js';

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
const promise = find(HTMLElement, '.buy-promise');
const line = find(PurchaseLine, 'purchase-line');
const panel = find(LobbyPanel, 'lobby-panel');
const sale_id = sale.dataset.sale ?? '';

/** @typedef {'joining' | 'lobby' | 'buying'} Step */
/** @type {{controller: AbortController, step: Step, joined: boolean} | null} */
let running = null;
/** How many are in the lobby, as far as this page has heard. */
let waiting = 0;

const isScheduled = () => sale.dataset.state === 'scheduled';

function showButton() {
  button.disabled = !isScheduled() && !CAN_BUY.includes(sale.dataset.state ?? '');
  // Not `disabled` while it works: the keyboard's focus would be lost.
  button.setAttribute('aria-disabled', String(running !== null));
  const joined = running?.joined ?? false;
  if (joined && document.activeElement === button) panel.focus({ preventScroll: true });
  button.hidden = joined;
  promise.hidden = !joined;
  quantity.disabled = running !== null && running.step !== 'lobby';
}

/** @param {Step} step */
function enter(step) {
  if (!running) return;
  running.step = step;
  if (step === 'lobby') running.joined = true;
  showButton();
}

/** The same page with the quantity kept, for the way back from signing in. */
function here() {
  return `${location.pathname}?quantity=${quantity.value}`;
}

/** @param {unknown} error */
function showFailure(error) {
  panel.hidden = true;
  if (isAbort(error)) {
    line.hidden = true;
    return;
  }
  if (error instanceof ProblemError && error.kind === 'signed-out') {
    goToSignIn(here());
    return;
  }
  if (error instanceof ProblemError) callOff(sale_id);
  if (error instanceof ProblemError && error.kind === 'over-limit') {
    const link = document.createElement('a');
    link.href = '/orders';
    link.textContent = 'See your orders';
    line.fail(error, link);
    return;
  }
  line.fail(error);
}

/** Does one thing at a time: a second click while the first is at work changes nothing. */
async function run(/** @type {Step} */ step, /** @type {(signal: AbortSignal) => Promise<void>} */ work) {
  if (running) return;
  const controller = new AbortController();
  running = { controller, step, joined: step === 'lobby' };
  showButton();
  try {
    await work(controller.signal);
  } catch (error) {
    showFailure(error);
  } finally {
    running = null;
    showButton();
  }
}

/** @param {import('./purchase.js').Placed} order */
function goToOrder({ order_id }) {
  callOff(sale_id);
  line.done('Your order is placed. One moment.');
  location.assign(`/orders/${order_id}`);
}

/** @param {AbortSignal} signal */
async function buy(signal) {
  panel.hidden = true;
  line.show({ step: 'asking' });
  if ((await currentSession().catch(() => undefined)) === null) {
    goToSignIn(here());
    return;
  }
  const order = await purchase(sale_id, Number(quantity.value), {
    signal,
    onProgress: (progress) => line.show(progress),
  });
  goToOrder(order);
}

/** @param {AbortSignal} signal */
async function joinLobby(signal) {
  line.hidden = true;
  panel.joining();
  const session = await currentSession();
  if (session === null) {
    goToSignIn(here());
    return;
  }
  const { ticket, arrival, joined_at_ms } = await join(sale_id, signal);
  const account_id = session.account.id;
  keepLobby(sale_id, { account_id, ticket, arrival, joined_at_ms, quantity: Number(quantity.value) });
  await waitInLobby(signal);
}

/** Goes on where a page that was loaded before had got to. @param {AbortSignal} signal */
async function resume(signal) {
  const session = await currentSession().catch(() => undefined);
  if (session === null) {
    panel.signedOut(signInAddress(here()));
    return;
  }
  // Somebody else's place is none of ours.
  if (session && session.account.id !== recallLobby(sale_id)?.account_id) return;
  await waitInLobby(signal);
}

/** @param {AbortSignal} signal */
async function waitInLobby(signal) {
  enter('lobby');
  if (isScheduled()) {
    panel.joined(waiting);
    await opening(signal);
    await spreadOut(signal);
  }
  const order = await purchaseFromLobby(sale_id, {
    signal,
    quantity: () => Number(quantity.value),
    onStanding: (standing, drawn) => panel.stands(standing, drawn),
    onWait: ({ error }) => panel.waits(error),
    onBuying: (buying) => {
      line.hidden = !buying;
      enter(buying ? 'buying' : 'lobby');
    },
    onProgress: (progress) => line.show(progress),
  });
  if (order) goToOrder(order);
  else callOff(sale_id);
}

/** @param {AbortSignal} signal @returns {Promise<void>} */
function opening(signal) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (isScheduled()) return;
      sale.removeEventListener('sale-state', look);
      resolve();
    };
    sale.addEventListener('sale-state', look);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    look();
  });
}

function leave() {
  running?.controller.abort();
  forgetPurchase(sale_id);
  callOff(sale_id);
}

/** @param {number} wanted */
function choose(wanted) {
  const offered = [...quantity.options].some((option) => Number(option.value) === wanted);
  if (offered) quantity.value = String(wanted);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (isScheduled()) run('joining', joinLobby);
  else run('buying', buy);
});
quantity.addEventListener('change', () => {
  const joined = recallLobby(sale_id);
  if (joined && running?.joined) keepLobby(sale_id, { ...joined, quantity: Number(quantity.value) });
});
for (const place of [line, panel]) {
  place.addEventListener('leave', () => {
    leave();
    // The button is back once what was running has stopped.
    setTimeout(() => button.focus());
  });
}
sale.addEventListener('sale-state', () => {
  // Who only watches has nothing to wait for any more; an order on its way is let through.
  if (sale.dataset.state === 'closed' && running?.step === 'lobby') leave();
  showButton();
  // What stopped the last purchase is no news any more.
  if (!running) line.hidden = true;
});
sale.addEventListener('sale-news', (event) => {
  const { lobby } = /** @type {CustomEvent<import('./live-sales.js').Sale>} */ (event).detail;
  waiting = lobby?.waiting ?? waiting;
  if (running?.step === 'lobby' && isScheduled()) panel.joined(waiting);
});
// Coming back with the browser's own button finds the page as it was left.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) line.hidden = true;
});

choose(Number(new URLSearchParams(location.search).get('quantity')));
showButton();
keepLive([sale], { path: `/api/sales/${sale_id}`, pace_ms: 5_000, read: (answer) => [answer] });

const unfinished = recallPurchase(sale_id);
const joined_quantity = recallLobby(sale_id)?.quantity ?? null;
if (unfinished) {
  choose(unfinished.quantity);
  run('buying', buy);
} else if (joined_quantity !== null) {
  choose(joined_quantity);
  run('lobby', resume);
}
