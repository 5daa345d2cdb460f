// @ts-check
/** The list of sales. */
import './count-down.js';
import { keepLive } from './live-sales.js';

const cards = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('[data-sale]')]);
if (cards.length > 0) {
  keepLive(cards, { path: '/api/sales', pace_ms: 10_000, read: ({ sales }) => sales });
}
