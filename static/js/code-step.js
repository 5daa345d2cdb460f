// @ts-check
/**
 * The first step of two: a code goes to an e-mail address or a number; then the second form is shown. What the
 * shop answered is kept in the tab, so that looking into the mailbox and reloading loses nothing.
 */
import { withChallenge } from './challenge.js';
import { now, synchronise } from './clock.js';
import { sendByScript, showStatus, valuesOf } from './forms.js';
import { inPlainWords } from './problem.js';
import { request } from './request.js';

/** @typedef {{ticket: string, contact: string, expires_at_ms: number, resend_at_ms: number}} Sent */

/** @template {Element} T @param {string} selector @returns {T} */
function find(selector) {
  return /** @type {T} */ (/** @type {unknown} */ (document.querySelector(selector)));
}

/** @param {string} step */
export function showStep(step) {
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll('[data-step]')
  )) {
    part.hidden = part.dataset.step !== step;
  }
}

/** @param {string} key @returns {Sent | null} */
function recall(key) {
  try {
    const sent = JSON.parse(sessionStorage.getItem(key) ?? 'null');
    return sent && sent.expires_at_ms > now() ? sent : null;
  } catch {
    return null;
  }
}

/**
 * @param {'register' | 'reset'} purpose
 * @returns {{ticket: () => string, forget: () => void}}
 */
export function startCodeStep(purpose) {
  const key = `doorbuster.code.${purpose}`;
  const askForm = /** @type {HTMLFormElement} */ (find('#ask-code'));
  const finishForm = /** @type {HTMLFormElement} */ (find('#finish'));
  const resend = /** @type {HTMLButtonElement} */ (find('[data-resend]'));
  /** @type {Sent | null} */
  let sent = recall(key);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const showResend = () => {
    clearTimeout(timer);
    if (!sent) return;
    const left_ms = sent.resend_at_ms - now();
    const seconds = Math.ceil(left_ms / 1_000);
    resend.disabled = left_ms > 0;
    resend.textContent = left_ms > 0 ? `Send another code (in ${seconds} s)` : 'Send another code';
    if (left_ms > 0) timer = setTimeout(showResend, 1_000);
  };

  const showSecondStep = () => {
    if (!sent) return;
    find('[data-contact]').textContent = sent.contact;
    showStep('finish');
    showResend();
    /** @type {HTMLElement} */ (find('[data-sent]')).focus();
  };

  /** @param {string} contact */
  const askFor = async (contact) => {
    const answer = await withChallenge({ purpose: 'code' }, (challenge) =>
      request('POST', '/api/accounts/codes', { body: { contact, purpose, challenge } }),
    );
    sent = { ...answer, contact };
    try {
      sessionStorage.setItem(key, JSON.stringify(sent));
    } catch {
      // Without storage the page must stay open; it works all the same.
    }
  };

  sendByScript(askForm, {
    busy: 'Sending the code.',
    send: async () => {
      await askFor(valuesOf(askForm).contact.trim());
      showStatus(askForm, '');
      showSecondStep();
    },
  });
  resend.addEventListener('click', async () => {
    if (!sent || resend.disabled) return;
    resend.disabled = true;
    try {
      await askFor(sent.contact);
      showStatus(finishForm, 'Another code is on its way.');
    } catch (error) {
      showStatus(finishForm, inPlainWords(error));
    }
    showResend();
  });
  const forget = () => {
    sent = null;
    clearTimeout(timer);
    try {
      sessionStorage.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  };
  find('[data-back]').addEventListener('click', () => {
    forget();
    showStep('contact');
    /** @type {HTMLElement} */ (find('#contact')).focus();
  });

  showSecondStep();
  synchronise().then(showResend);
  return { ticket: () => sent?.ticket ?? '', forget };
}
