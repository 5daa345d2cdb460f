// @ts-check
/** Asking again, politely: as late as the shop asks for, with jitter, never faster. */
import { mayPass, ProblemError } from './problem.js';

const FIRST_PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 30_000;

/**
 * How long to wait before attempt number `attempt + 1`.
 * @param {number} attempt failed attempts so far, from 1
 * @param {number | null} retry_after_ms what the shop asked for
 */
export function pauseMs(attempt, retry_after_ms, random = Math.random()) {
  const growing = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 10), PAUSE_MS_MAX);
  const least = retry_after_ms === null ? growing : Math.max(retry_after_ms, 250);
  return Math.round(least * (1 + random / 2));
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Waits while nobody looks at the page. @param {AbortSignal} [signal] @returns {Promise<void>} */
export function untilVisible(signal) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (document.visibilityState !== 'visible') return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    look();
  });
}

/**
 * Repeats `work` while what stops it may pass.
 * @template T
 * @param {() => Promise<T>} work
 * @param {object} [options]
 * @param {AbortSignal} [options.signal]
 * @param {number} [options.pause_ms_max] a longer wait is given back as the error it came from
 * @param {(wait: {error: unknown, pause_ms: number}) => void} [options.onWait]
 * @returns {Promise<T>}
 */
export async function patiently(work, { signal, pause_ms_max = Infinity, onWait } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!mayPass(error)) throw error;
      const asked = error instanceof ProblemError ? error.retry_after_ms : null;
      const pause_ms = pauseMs(attempt, asked);
      if (pause_ms > pause_ms_max) throw error;
      onWait?.({ error, pause_ms });
      await pause(pause_ms, signal);
    }
  }
}
