// @ts-check
/** `<purchase-line>`: tells the visitor how the purchase goes, in words and with a countdown. */
import './count-down.js';
import { inPlainWords, NetworkError, ProblemError } from './problem.js';

/** @typedef {import('./purchase.js').Progress} Progress */

/** @param {unknown} error */
function whyWaiting(error) {
  if (error instanceof NetworkError) return 'The connection is away. The page keeps trying.';
  if (error instanceof ProblemError && error.kind === 'paused') {
    return 'The sale is paused for a moment. You keep your place.';
  }
  if (error instanceof ProblemError && error.kind === 'unavailable') {
    return 'The shop needs a moment. You keep your place.';
  }
  return 'You are in line.';
}

/** @param {string} tag @param {string} className @param {string} [text] */
function element(tag, className, text = '') {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export class PurchaseLine extends HTMLElement {
  #words = element('p', 'purchase-words');
  #wait = element('p', 'purchase-wait');
  #bar = element('div', 'purchase-bar');
  #leave = /** @type {HTMLButtonElement} */ (element('button', 'link-button', 'Leave the line'));

  connectedCallback() {
    this.#words.setAttribute('role', 'status');
    this.#bar.setAttribute('aria-hidden', 'true');
    this.#bar.replaceChildren(document.createElement('span'));
    this.#leave.type = 'button';
    this.#leave.addEventListener('click', () => this.dispatchEvent(new CustomEvent('leave')));
    this.replaceChildren(this.#words, this.#bar, this.#wait, this.#leave);
    this.#words.className = 'purchase-words';
  }

  /** @param {Progress} progress */
  show(progress) {
    switch (progress.step) {
      case 'asking':
        this.#say('Getting you a place in line.');
        break;
      case 'turn':
        this.#say('You are in line. Your turn has a time already; keep this page open.');
        this.#count('Your turn comes', progress.at_ms);
        break;
      case 'ordering':
        this.#say('It is your turn. Placing your order.');
        // On its way, it can no longer be called back: the order's page can cancel it.
        this.#leave.hidden = true;
        break;
      case 'waiting':
        this.#say(whyWaiting(progress.error));
        this.#count('Asking again', progress.at_ms);
        break;
    }
  }

  /** The end of a purchase that did not work. @param {unknown} error @param {Node[]} more */
  fail(error, ...more) {
    this.#say(inPlainWords(error), true);
    if (more.length > 0) this.#words.append(' ', ...more);
  }

  /** @param {string} text */
  done(text) {
    this.#say(text);
    this.#leave.hidden = true;
  }

  #say(/** @type {string} */ text, over = false) {
    const hidden = this.hidden;
    this.hidden = false;
    this.#words.classList.toggle('notice', over);
    this.#words.classList.toggle('notice-bad', over);
    if (this.#words.textContent !== text) this.#words.textContent = text;
    this.#wait.replaceChildren();
    this.#bar.hidden = over;
    this.#leave.hidden = over;
    if (hidden) this.scrollIntoView({ block: 'nearest' });
  }

  #count(/** @type {string} */ text, /** @type {number} */ at_ms) {
    const timer = document.createElement('count-down');
    timer.setAttribute('until-ms', String(Math.ceil(at_ms)));
    this.#wait.replaceChildren(`${text} `, timer, '.');
  }
}

customElements.define('purchase-line', PurchaseLine);
