// @ts-check
/** Solves one proof of work off the main thread: parameters in, `{solution}` or `{error}` out. */
import { startSearch } from './pow-search.js';

const TRIES_A_SLICE = 65_536;

self.addEventListener('message', (/** @type {MessageEvent} */ event) => {
  try {
    const search = startSearch(event.data);
    let solution = null;
    while (solution === null) solution = search(TRIES_A_SLICE);
    self.postMessage({ solution });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
});
