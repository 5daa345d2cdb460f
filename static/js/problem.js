// @ts-check
/** What can go wrong with a request: the shop said no (RFC 9457), or nothing was heard of it. */

/** @typedef {{field: string, message: string}} FieldError */

export class ProblemError extends Error {
  /**
   * @param {number} status
   * @param {{type?: string, title?: string, detail?: string, errors?: FieldError[]}} document
   * @param {number | null} retry_after_ms
   */
  constructor(status, document, retry_after_ms) {
    super(document.detail || document.title || `The shop answered ${status}.`);
    this.status = status;
    /** The last part of the type: `sold-out`, `signed-out`, … */
    this.kind = document.type?.split('/').pop() ?? '';
    this.errors = Array.isArray(document.errors) ? document.errors : [];
    this.retry_after_ms = retry_after_ms;
  }
}

/** The request or its answer was lost on the way. */
export class NetworkError extends Error {
  constructor() {
    super('There is no connection right now.');
  }
}

const MAY_PASS = [429, 502, 503, 504];

/** Whether the same request may well succeed a little later. @param {unknown} error */
export function mayPass(error) {
  if (error instanceof NetworkError) return true;
  return error instanceof ProblemError && MAY_PASS.includes(error.status);
}

/** @type {Record<string, string>} */
const WORDS = {
  'wrong-password': 'Contact and password do not match.',
  'signed-out': 'Please sign in again.',
  'slow-down': 'That was a little too often. Please try again in a moment.',
  paused: 'The sale is paused for a moment.',
  unavailable: 'The shop cannot do this for a moment.',
  'sold-out': 'Sold out at the moment.',
  'unknown-place': 'Your account has no place in this sale.',
  'over-limit': 'Your account already has as many units of this sale as one may have.',
  'challenge-wrong': 'The check against robots did not work. Please try again.',
  'challenge-spent': 'The check against robots did not work. Please try again.',
  'challenge-expired': 'The check against robots took too long. Please try again.',
  'not-payable': 'This order cannot be paid any more.',
  'not-cancellable': 'This order can no longer be cancelled.',
  'unknown-order': 'There is no such order in your account.',
  internal: 'Something went wrong on our side. Please try again.',
};

/** A sentence for the visitor. @param {unknown} error */
export function inPlainWords(error) {
  if (error instanceof ProblemError) return WORDS[error.kind] ?? error.message;
  if (error instanceof NetworkError) return error.message;
  return 'Something went wrong on this page. Please load it again.';
}

/** Whether a visitor's own leaving caused it. @param {unknown} error */
export function isAbort(error) {
  return error instanceof DOMException && error.name === 'AbortError';
}
