// @ts-check
/**
 * Answers a proof-of-work challenge: in a worker, or in slices on the main thread where workers
 * cannot run, so that the page stays usable either way.
 */
import { startSearch } from './pow-search.js';

/** @typedef {import('./pow-search.js').PowParameters} PowParameters */
/** @typedef {import('./pow-search.js').Solution} Solution */
/** @typedef {{parameters: PowParameters, signature?: string}} PowChallenge */

const TRIES_A_SLICE = 4_096;

/** A worker that did not start, as opposed to a challenge that cannot be solved. */
class WorkerUnavailable extends Error {}

/**
 * @param {PowParameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Solution>}
 */
function solveInWorker(parameters, signal) {
  return new Promise((resolve, reject) => {
    if (typeof Worker === 'undefined') {
      reject(new WorkerUnavailable());
      return;
    }
    /** @type {Worker} */
    let worker;
    try {
      worker = new Worker(new URL('./pow-worker.js', import.meta.url), { type: 'module' });
    } catch {
      reject(new WorkerUnavailable());
      return;
    }
    const stop = () => {
      worker.terminate();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = () => {
      stop();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort);
    worker.addEventListener('message', ({ data }) => {
      stop();
      if (data.solution) resolve(data.solution);
      else reject(new TypeError(data.error));
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      stop();
      reject(new WorkerUnavailable());
    });
    worker.postMessage(parameters);
  });
}

/**
 * @param {PowParameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Solution>}
 */
export async function solveInSlices(parameters, signal) {
  const search = startSearch(parameters);
  for (;;) {
    const solution = search(TRIES_A_SLICE);
    if (solution) return solution;
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
  }
}

/**
 * @param {PowParameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Solution>}
 */
export async function solve(parameters, signal) {
  signal?.throwIfAborted();
  try {
    return await solveInWorker(parameters, signal);
  } catch (error) {
    if (!(error instanceof WorkerUnavailable)) throw error;
    return solveInSlices(parameters, signal);
  }
}

/**
 * The text that goes into the field `challenge` of a request.
 * @param {PowChallenge} challenge
 * @param {Solution} solution
 * @returns {string}
 */
export function answerText(challenge, solution) {
  const { parameters, signature } = challenge;
  const bytes = new TextEncoder().encode(
    JSON.stringify({ challenge: { parameters, signature }, solution }),
  );
  return btoa(String.fromCharCode(...bytes));
}
