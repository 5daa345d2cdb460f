// @ts-check
/**
 * Solves one proof of work off the main thread: parameters in, `{solution}` or `{error}` out. The
 * kernel's own code does it; where the browser does not run that, JavaScript.
 */
import { startKernelSearch } from './pow-kernel.js';
import { startSearch } from './pow-search.js';

const TRIES_A_SLICE = 65_536;

self.addEventListener('message', async (/** @type {MessageEvent} */ event) => {
  try {
    const inJavaScript = () => startSearch(event.data);
    const search = await startKernelSearch(event.data).catch(inJavaScript);
    let solution = null;
    while (solution === null) solution = search(TRIES_A_SLICE);
    self.postMessage({ solution });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
});
