// @ts-check
/** The search behind a proof of work, by the kernel's own code. */
import { loadKernel } from './kernel.js';

/** @typedef {import('./pow-search.js').PowParameters} PowParameters */
/** @typedef {import('./pow-search.js').Solution} Solution */

const COUNTERS = 2 ** 32;

/**
 * A search that can be run in slices, as `startSearch` of `pow-search.js`.
 * @param {PowParameters} parameters
 * @returns {Promise<(tries: number) => Solution | null>}
 */
export async function startKernelSearch(parameters) {
  const call = await loadKernel();
  const text = JSON.stringify(parameters);
  let first = 0;
  return (tries) => {
    const { solution, error } = call('search', text, first, tries);
    if (error) throw new TypeError(error);
    first += tries;
    if (!solution && first >= COUNTERS) throw new RangeError('no counter solves this challenge');
    return solution;
  };
}
