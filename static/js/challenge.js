// @ts-check
/** A challenge asked for, worked out and used: what shows the gate that somebody took the trouble. */
import { answerText, solve } from './pow.js';
import { ProblemError } from './problem.js';
import { request } from './request.js';

const ATTEMPTS_MAX = 3;

/** @typedef {{purpose: 'code' | 'sign-in' | 'place' | 'token', sale_id?: string}} ChallengeQuery */

/**
 * Sends a request together with the answer to a fresh challenge; a challenge that expired or was
 * used in the meantime is replaced.
 * @template T
 * @param {ChallengeQuery} query
 * @param {(answer: string) => Promise<T>} send
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function withChallenge(query, send, signal) {
  const address = `/gate/challenges?${new URLSearchParams({ ...query, kind: 'pow' })}`;
  for (let attempt = 1; ; attempt += 1) {
    const challenge = await request('GET', address, { signal });
    const solution = await solve(challenge.parameters, signal);
    try {
      return await send(answerText(challenge, solution));
    } catch (error) {
      const stale = error instanceof ProblemError && error.kind.startsWith('challenge-');
      if (!stale || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
