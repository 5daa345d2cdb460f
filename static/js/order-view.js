// @ts-check
/** Shows one order: its state, how far it is, what it is about. */
import { moneyText, whenText } from './formats.js';
import { stateWord } from './order-words.js';
import { saleName } from './sale-names.js';

/** @typedef {import('./order-words.js').Order} Order */

const TRACK = ['queued', 'pending_payment', 'paid', 'shipped'];
/** How many steps of the track are done in a state; the others have left the track. */
const STEPS_DONE = new Map([
  ['queued', 1],
  ['pending_payment', 2],
  ['paid', 3],
  ['packed', 3],
  ['shipped', 4],
  ['delivered', 4],
]);

/** @param {Element} root @param {string} selector @returns {HTMLElement} */
function find(root, selector) {
  return /** @type {HTMLElement} */ (root.querySelector(selector));
}

/** @param {Element} root @param {string} selector @param {string} text */
function setText(root, selector, text) {
  const element = find(root, selector);
  // Live regions speak on every change, also to the same text.
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} article @param {Order} order */
function showTrack(article, { state }) {
  const done = STEPS_DONE.get(state) ?? 0;
  find(article, '.track').hidden = done === 0;
  TRACK.forEach((step, index) => {
    const item = find(article, `[data-track="${step}"]`);
    item.toggleAttribute('data-done', index < done);
    if (index === done - 1) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
  });
}

/** @param {HTMLElement} article @param {Order} order */
function showTimeLeft(article, { expires_at_ms }) {
  const line = find(article, '[data-time-left]');
  line.hidden = expires_at_ms === null;
  if (expires_at_ms === null) return;
  const timer = find(line, 'count-down');
  if (timer.getAttribute('until-ms') !== String(expires_at_ms)) {
    timer.setAttribute('until-ms', String(expires_at_ms));
  }
}

/** @param {HTMLElement} article @param {string} row @param {string | null} text */
function showRow(article, row, text) {
  find(article, `[data-${row}-row]`).hidden = text === null;
  setText(article, `[data-${row}]`, text ?? '');
}

/** @param {HTMLElement} article @param {Order} order */
export function showOrder(article, order) {
  article.dataset.state = order.state;
  article.dataset.reason = order.reason ?? '';
  setText(article, '[data-word]', stateWord(order.state));
  showTrack(article, order);
  showTimeLeft(article, order);
  setText(article, '[data-number]', order.order_id);
  setText(article, '[data-quantity]', String(order.quantity));
  setText(article, '[data-amount]', moneyText(order.amount));
  setText(article, '[data-placed]', whenText(order.created_at_ms));
  const { refunded, shipment } = order;
  showRow(article, 'refunded', refunded && moneyText(refunded));
  showRow(article, 'shipment', shipment && `${shipment.carrier} ${shipment.tracking}`);
  article.hidden = false;
  saleName(order.sale_id).then(({ title, address }) => {
    setText(article, '[data-item]', title);
    find(article, '[data-sale-link]').setAttribute('href', address);
  });
}
