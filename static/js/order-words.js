// @ts-check
/** The words for an order's state, which the page's template holds. */

/**
 * @typedef {object} Order
 * @property {string} order_id
 * @property {string} sale_id
 * @property {number} quantity
 * @property {import('./formats.js').Money} amount
 * @property {string} state
 * @property {string | null} reason
 * @property {number} created_at_ms
 * @property {number | null} expires_at_ms
 * @property {{payment_id: string, state: 'open' | 'paid' | 'declined', checkout_url: string} | null} payment
 * @property {{carrier: string, tracking: string} | null} shipment
 * @property {import('./formats.js').Money | null} refunded
 * @property {number} version
 */

/** @param {string} state */
export function stateWord(state) {
  const template = /** @type {HTMLTemplateElement | null} */ (
    document.getElementById('order-words')
  );
  const word = template?.content.querySelector(`[data-state="${CSS.escape(state)}"]`);
  return word?.textContent ?? state;
}
