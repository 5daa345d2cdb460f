// @ts-check
/**
 * Pays an order with Stripe's form. What opens it stands behind the `#` of the address, where no
 * server sees it. Whether the order is paid is never decided here: the order's page hears it.
 */

/**
 * As much of Stripe's script as is used.
 * @typedef {{message?: string}} StripeError
 * @typedef {{mount: (at: HTMLElement) => void, on: (event: string, hear: (heard: {error?: StripeError}) => void) => void}} StripeElement
 * @typedef {{create: (kind: 'payment') => StripeElement}} StripeElements
 * @typedef {{
 *   elements: (options: object) => StripeElements,
 *   confirmPayment: (options: object) => Promise<{error?: StripeError}>,
 * }} Stripe
 */

// A module, though it imports nothing: its names are its own.
export {};

/** What Stripe calls the client secret of a PaymentIntent. */
const SECRET = /^pi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/;
const NOT_NOW = 'The form of our payment provider cannot be loaded. Load this page again in a moment.';
const NO_SECRET = 'This address is not whole. Go back to your order and continue from there.';

const form = /** @type {HTMLFormElement} */ (document.querySelector('#stripe-pay'));
const card = /** @type {HTMLElement} */ (form.querySelector('[data-card]'));
const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
const problem = /** @type {HTMLElement} */ (form.querySelector('[data-problem]'));
const status = /** @type {HTMLElement} */ (document.querySelector('[data-status]'));
const order = form.dataset.order ?? '/orders';

/** @param {string} text */
function complain(text) {
  problem.textContent = text;
  problem.hidden = false;
  status.textContent = '';
}

/** @param {Stripe} stripe @param {string} clientSecret */
function open(stripe, clientSecret) {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const elements = stripe.elements({ clientSecret, appearance: { theme: dark ? 'night' : 'stripe' } });
  const element = elements.create('payment');
  button.disabled = true;
  status.textContent = 'Loading the form.';
  element.on('ready', () => {
    button.disabled = false;
    status.textContent = '';
  });
  element.on('loaderror', ({ error }) => complain(error?.message ?? NOT_NOW));
  element.mount(card);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    problem.hidden = true;
    status.textContent = 'Paying.';
    const confirmParams = { return_url: new URL(order, location.origin).href };
    // Cards ask what they must in a frame; a way back by redirect would show servers the secret.
    const { error } = await stripe
      .confirmPayment({ elements, confirmParams, redirect: 'if_required' })
      .catch(() => ({ error: { message: NOT_NOW } }));
    if (!error) {
      location.assign(order);
      return;
    }
    complain(error.message ?? 'The payment was not taken. You can try again.');
    button.disabled = false;
  });
}

const make = /** @type {{Stripe?: (key: string) => Stripe}} */ (/** @type {unknown} */ (window)).Stripe;
const secret = location.hash.slice(1);
form.hidden = false;
if (!SECRET.test(secret)) {
  button.disabled = true;
  complain(NO_SECRET);
} else if (!make) {
  button.disabled = true;
  complain(NOT_NOW);
} else {
  open(make(form.dataset.key ?? ''), secret);
}
