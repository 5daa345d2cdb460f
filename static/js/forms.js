// @ts-check
/**
 * A form that is sent by script: checked in plain words before it goes, its problems tied to the
 * fields they are about, sent once at a time, and patient when the shop is busy for a moment.
 */
import { patiently } from './patience.js';
import { inPlainWords, ProblemError } from './problem.js';
import { goToSignIn } from './session.js';

const PAUSE_MS_MAX = 12_000;

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

/** @param {HTMLFormElement} form @returns {Field[]} */
function fieldsOf(form) {
  return /** @type {Field[]} */ ([...form.querySelectorAll('input, select')]);
}

/** @param {HTMLFormElement} form */
export function valuesOf(form) {
  return Object.fromEntries(fieldsOf(form).map((field) => [field.name, field.value]));
}

/** @param {Field} field @returns {string} what to do about it, or nothing */
function complaint(field) {
  const value = field.value.trim();
  if (field.required && value === '') return 'Please fill this in.';
  if (!(field instanceof HTMLInputElement) || value === '') return '';
  if (field.validity.typeMismatch) return 'Please enter an address such as name@example.com.';
  if (field.minLength > 0 && field.value.length < field.minLength) {
    return `Please use at least ${field.minLength} characters.`;
  }
  if (field.validity.patternMismatch) return 'Please enter the six digits from the message.';
  return '';
}

/** @param {Field} field @param {string} message empty to take it back */
export function showFieldError(field, message) {
  const text = document.getElementById(`${field.id}-error`);
  if (!text) return;
  text.textContent = message;
  text.hidden = message === '';
  const hint = document.getElementById(`${field.id}-hint`);
  const described = [hint?.id, message && text.id].filter(Boolean).join(' ');
  if (described) field.setAttribute('aria-describedby', described);
  else field.removeAttribute('aria-describedby');
  if (message) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
}

/** @param {HTMLFormElement} form @returns {boolean} whether all fields are in order */
function checkFields(form) {
  const fields = fieldsOf(form);
  for (const field of fields) showFieldError(field, complaint(field));
  const wrong = fields.find((field) => field.getAttribute('aria-invalid') === 'true');
  wrong?.focus();
  return wrong === undefined;
}

/** @param {HTMLFormElement} form @param {string} text */
export function showStatus(form, text) {
  const status = form.querySelector('[data-status]');
  if (status) status.textContent = text;
}

/** @param {HTMLFormElement} form @param {string} text */
function showProblem(form, text) {
  const problem = /** @type {HTMLElement | null} */ (form.querySelector('[data-problem]'));
  if (!problem) return;
  problem.textContent = text;
  problem.hidden = text === '';
}

/**
 * @param {HTMLFormElement} form
 * @param {ProblemError} error
 * @param {(field: string) => string} nameOf
 */
function tieToFields(form, error, nameOf) {
  const fields = fieldsOf(form);
  /** @type {string[]} */
  const loose = [];
  /** @type {Field | undefined} */
  let first;
  for (const { field: path, message } of error.errors) {
    const field = fields.find(({ name }) => name === nameOf(path));
    if (field) showFieldError(field, sentence(message));
    else loose.push(sentence(message));
    first ??= field;
  }
  showProblem(form, loose.join(' ') || (first ? '' : inPlainWords(error)));
  first?.focus();
}

/** @param {string} text */
function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

/**
 * @param {HTMLFormElement} form
 * @param {object} options
 * @param {string} options.busy what is said while it is sent
 * @param {() => Promise<void>} options.send may run again when the shop asks to wait
 * @param {(field: string) => string} [options.nameOf] a field of the API as the form names it
 */
export function sendByScript(form, { busy, send, nameOf = (field) => field }) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('[type="submit"]'));
  let sending = false;

  /** @param {unknown} error */
  const fail = (error) => {
    if (error instanceof ProblemError && error.kind === 'signed-out') goToSignIn();
    else if (error instanceof ProblemError && error.errors.length > 0) {
      tieToFields(form, error, nameOf);
    } else showProblem(form, inPlainWords(error));
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (sending || !checkFields(form)) return;
    sending = true;
    button.setAttribute('aria-disabled', 'true');
    showProblem(form, '');
    showStatus(form, busy);
    try {
      await patiently(send, {
        pause_ms_max: PAUSE_MS_MAX,
        onWait: ({ error }) => showStatus(form, `${inPlainWords(error)} Trying again by itself.`),
      });
    } catch (error) {
      showStatus(form, '');
      fail(error);
    } finally {
      sending = false;
      button.removeAttribute('aria-disabled');
    }
  });
  form.addEventListener('input', ({ target }) => {
    const field = /** @type {Field} */ (target);
    if (field.getAttribute('aria-invalid') === 'true') showFieldError(field, complaint(field));
  });
  button.disabled = false;
}
