// @ts-check
/** An order's changes as they happen, told by the shop (server-sent events). */

/** @typedef {import('./order-words.js').Order} Order */

/** The names of events: the states in which an order can be. */
const STATES = [
  'queued',
  'pending_payment',
  'paid',
  'packed',
  'shipped',
  'delivered',
  'refused',
  'cancelled',
  'expired',
  'refunded',
];
/** The browser connects again by itself; a page that is alone for so long does better to ask. */
const ALONE_MS_MAX = 10_000;

/**
 * Listens for as long as somebody looks at the page and `onOrder` wants more. The promise is kept
 * when nothing will come any more: the stream was refused, is over, or could not be had again.
 * @param {string} path of the order
 * @param {(order: Order) => boolean} onOrder whether to go on
 * @returns {Promise<void>}
 */
export function listen(path, onOrder) {
  if (!('EventSource' in window) || document.visibilityState !== 'visible') {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const source = new EventSource(`${path}/events`);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let alone;
    const end = () => {
      source.close();
      clearTimeout(alone);
      document.removeEventListener('visibilitychange', onVisibility);
      resolve();
    };
    const onVisibility = () => {
      if (document.visibilityState !== 'visible') end();
    };
    /** @param {MessageEvent<string>} event */
    const onEvent = (event) => {
      let more = false;
      try {
        more = onOrder(JSON.parse(event.data));
      } finally {
        if (!more) end();
      }
    };
    for (const state of STATES) source.addEventListener(state, onEvent);
    source.addEventListener('open', () => {
      clearTimeout(alone);
      alone = undefined;
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) end();
      else alone ??= setTimeout(end, ALONE_MS_MAX);
    });
    document.addEventListener('visibilitychange', onVisibility);
  });
}
