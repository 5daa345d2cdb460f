// @ts-check
/**
 * Keeps the state of sales on a page true without loading it again: by the clock, so that a sale
 * opens on the second, and by asking at a gentle pace, so that "sold out" is never sticky.
 */
import { now, synchronise } from './clock.js';
import { pause, untilVisible } from './patience.js';
import { request } from './request.js';

/**
 * @typedef {object} Sale
 * @property {string} id
 * @property {number} opens_at_ms
 * @property {number} closes_at_ms
 * @property {'scheduled' | 'open' | 'paused' | 'sold_out' | 'closed'} state
 * @property {'many' | 'few' | 'none'} remaining
 * @property {import('./lobby.js').Lobby} [lobby] none until the first answer
 */

const TICK_MS = 250;
const FAR_FROM_OPENING_MS = 120_000;

/**
 * The word for what a page shows; the templates know the same words.
 * @param {Sale} sale
 * @param {number} at_ms
 */
export function shownState(sale, at_ms) {
  if (sale.state === 'closed' || at_ms >= sale.closes_at_ms) return 'closed';
  const opened = sale.state === 'scheduled' && at_ms >= sale.opens_at_ms;
  if (sale.state !== 'open' && !opened) return sale.state;
  if (sale.remaining === 'none') return 'sold_out';
  return sale.remaining === 'few' ? 'few' : 'open';
}

/**
 * What the page was made with, until the first answer.
 * @param {HTMLElement} element
 * @returns {Sale}
 */
function fromPage(element) {
  const shown = element.dataset.state;
  return {
    id: element.dataset.sale ?? '',
    opens_at_ms: Number(element.dataset.opensAtMs),
    closes_at_ms: Number(element.dataset.closesAtMs),
    state: shown === 'few' ? 'open' : /** @type {Sale['state']} */ (shown),
    remaining: shown === 'few' ? 'few' : shown === 'sold_out' ? 'none' : 'many',
  };
}

/** @param {Sale[]} sales */
function isQuiet(sales) {
  const at_ms = now();
  return sales.every((sale) => {
    const shown = shownState(sale, at_ms);
    const soon = sale.opens_at_ms - at_ms < FAR_FROM_OPENING_MS;
    return shown === 'closed' || (shown === 'scheduled' && !soon);
  });
}

/**
 * Elements hear `sale-state` when what is shown changes, and `sale-news` with each answer.
 * @param {HTMLElement[]} elements with `data-sale`, `data-state` and the times
 * @param {object} source
 * @param {string} source.path
 * @param {number} source.pace_ms
 * @param {(answer: any) => Sale[]} source.read
 */
export async function keepLive(elements, { path, pace_ms, read }) {
  /** @type {Map<string, Sale>} */
  const sales = new Map(elements.map((element) => [element.dataset.sale ?? '', fromPage(element)]));

  const show = () => {
    const at_ms = now();
    for (const element of elements) {
      const sale = sales.get(element.dataset.sale ?? '');
      const shown = sale && shownState(sale, at_ms);
      if (!shown || shown === element.dataset.state) continue;
      element.dataset.state = shown;
      element.dispatchEvent(new CustomEvent('sale-state', { bubbles: true }));
    }
    for (const { id, opens_at_ms } of sales.values()) {
      // Others that stand there, of a turn to come, are none of ours.
      const timers = `[data-sale="${id}"] [data-when="scheduled"] count-down`;
      for (const timer of document.querySelectorAll(timers)) {
        if (timer.getAttribute('until-ms') !== String(opens_at_ms)) {
          timer.setAttribute('until-ms', String(opens_at_ms));
        }
      }
    }
  };

  await synchronise();
  show();
  setInterval(show, TICK_MS);
  for (;;) {
    const slower = isQuiet([...sales.values()]) ? 6 : 1;
    await pause(pace_ms * slower * (0.8 + Math.random() * 0.4));
    await untilVisible();
    try {
      for (const sale of read(await request('GET', path))) {
        if (sales.has(sale.id)) sales.set(sale.id, sale);
      }
      show();
      for (const element of elements) {
        const detail = sales.get(element.dataset.sale ?? '');
        element.dispatchEvent(new CustomEvent('sale-news', { detail }));
      }
    } catch {
      // The state last heard of stands; the next round asks again.
    }
  }
}
