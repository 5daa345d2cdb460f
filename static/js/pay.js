// @ts-check
/** The pay step of an order: the delivery address, then off to the provider's page. */
import { sendByScript, valuesOf } from './forms.js';
import { request } from './request.js';

/** @typedef {import('./order-words.js').Order} Order */

/** @param {string} order_id */
const keyOf = (order_id) => `doorbuster.checkout.${order_id}`;

/** Whether the visitor went off to pay this order from this tab. @param {string} order_id */
export function wentToCheckout(order_id) {
  try {
    return sessionStorage.getItem(keyOf(order_id)) !== null;
  } catch {
    return false;
  }
}

/** @param {string} order_id @param {string} checkout_url */
function goToCheckout(order_id, checkout_url) {
  const url = new URL(checkout_url, location.origin);
  if (!['http:', 'https:'].includes(url.protocol)) throw new TypeError('no address to pay at');
  try {
    sessionStorage.setItem(keyOf(order_id), '1');
  } catch {
    // The page only asks less often then.
  }
  location.assign(url.href);
}

/** A field of the API as the form names it: `ship_to.lines[0]` is `line-1`. @param {string} path */
export function formName(path) {
  const field = path.replace(/^ship_to\./, '');
  const line = /^lines(?:\D*(\d+))?/.exec(field);
  return line ? `line-${Number(line[1] ?? 0) + 1}` : field;
}

/** Fills in the address that the account keeps, where nothing is typed yet. @param {HTMLFormElement} form */
async function fillIn(form) {
  const { addresses } = await request('GET', '/api/account/addresses');
  const kept = addresses.find((/** @type {{is_default: boolean}} */ one) => one.is_default);
  if (!kept) return;
  const { name, lines, postcode, city, country } = kept.address;
  const [first, ...rest] = lines;
  const texts = { name, 'line-1': first, 'line-2': rest.join(', '), postcode, city, country };
  for (const [field, text] of Object.entries(texts)) {
    const input = /** @type {HTMLInputElement | null} */ (form.elements.namedItem(field));
    if (input && input.value === '') input.value = text;
  }
}

/**
 * @param {HTMLElement} article
 * @param {string} order_id
 * @returns {(order: Order) => void} shows the step that the order needs
 */
export function startPayStep(article, order_id) {
  const form = /** @type {HTMLFormElement} */ (article.querySelector('#pay'));
  const checkout = /** @type {HTMLElement} */ (article.querySelector('[data-checkout]'));
  const link = /** @type {HTMLAnchorElement} */ (article.querySelector('[data-checkout-link]'));
  const declined = /** @type {HTMLElement} */ (article.querySelector('[data-declined]'));

  sendByScript(form, {
    busy: 'Preparing the payment.',
    nameOf: formName,
    send: async () => {
      const values = valuesOf(form);
      const lines = [values['line-1'], values['line-2']].map((line) => line.trim()).filter(Boolean);
      const ship_to = {
        name: values.name.trim(),
        lines,
        postcode: values.postcode.trim(),
        city: values.city.trim(),
        country: values.country,
      };
      const path = `/api/orders/${order_id}/payment`;
      const { checkout_url } = await request('POST', path, { body: { ship_to } });
      goToCheckout(order_id, checkout_url);
    },
  });
  link.addEventListener('click', (event) => {
    event.preventDefault();
    goToCheckout(order_id, link.href);
  });

  let filled = false;
  return ({ payment, state }) => {
    if (!payment && !filled && state === 'pending_payment') {
      filled = true;
      // Without it the address is typed.
      fillIn(form).catch(() => undefined);
    }
    checkout.hidden = payment === null;
    form.hidden = payment !== null;
    if (!payment) return;
    link.href = payment.checkout_url;
    declined.hidden = payment.state !== 'declined';
  };
}
