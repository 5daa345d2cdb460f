// @ts-check
/** The list of the visitor's orders, page by page. */
import { moneyText, whenText } from './formats.js';
import { stateWord } from './order-words.js';
import { patiently } from './patience.js';
import { inPlainWords, ProblemError } from './problem.js';
import { request } from './request.js';
import { saleName } from './sale-names.js';
import { goToSignIn } from './session.js';

/** @typedef {import('./order-words.js').Order} Order */

const list = /** @type {HTMLElement} */ (document.querySelector('[data-orders]'));
const status = /** @type {HTMLElement} */ (document.querySelector('[data-status]'));
const more = /** @type {HTMLButtonElement} */ (document.querySelector('[data-more]'));
const empty = /** @type {HTMLElement} */ (document.querySelector('[data-empty]'));

/** @type {string | null} */
let cursor = null;

/** @param {string} tag @param {string} className @param {string} text */
function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** @param {Order} order */
function row(order) {
  const item = document.createElement('li');
  item.className = 'order-row';
  item.dataset.state = order.state;
  const link = document.createElement('a');
  link.href = `/orders/${order.order_id}`;
  link.textContent = `Order ${order.order_id}`;
  saleName(order.sale_id).then(({ title }) => {
    link.textContent = order.quantity > 1 ? `${order.quantity} × ${title}` : title;
  });
  const title = document.createElement('p');
  title.append(link);
  item.append(
    title,
    element('p', 'badge', stateWord(order.state)),
    element('p', 'order-when', whenText(order.created_at_ms)),
    element('p', 'order-sum', moneyText(order.amount)),
  );
  return item;
}

async function load() {
  more.disabled = true;
  const query = cursor ? `?${new URLSearchParams({ cursor })}` : '';
  try {
    status.textContent = 'Looking up your orders.';
    const page = await patiently(() => request('GET', `/api/orders${query}`), {
      onWait: ({ error }) => {
        status.textContent = `${inPlainWords(error)} Trying again by itself.`;
      },
    });
    status.textContent = '';
    list.append(...page.orders.map(row));
    cursor = page.next_cursor;
    more.hidden = cursor === null;
    empty.hidden = list.children.length > 0;
  } catch (error) {
    if (error instanceof ProblemError && error.kind === 'signed-out') goToSignIn();
    else status.textContent = inPlainWords(error);
  } finally {
    more.disabled = false;
  }
}

more.addEventListener('click', load);
load();
