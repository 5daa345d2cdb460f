// @ts-check
/**
 * `<lobby-panel>`: tells somebody who joined where they stand. What is read out changes with the
 * state at once, and with the numbers every ten seconds at most; the countdown is never read out.
 */
import './count-down.js';
import { numberText } from './formats.js';
import { inPlainWords } from './problem.js';

/** @typedef {import('./lobby.js').Standing} Standing */

const SAID_EVERY_MS = 10_000;

/** @param {string} tag @param {string} className @param {string} [text] */
function element(tag, className, text = '') {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** @param {number} place from 0 @param {number} drawn */
function placeText(place, drawn) {
  const number = numberText(place + 1);
  if (drawn === 0) return `Your place is ${number}.`;
  if (place < drawn) return `Your place is ${number} of ${numberText(drawn)}.`;
  return `Your place is ${number}, behind the ${numberText(drawn)} that were drawn.`;
}

/** @param {number} before */
function beforeText(before) {
  if (before <= 0) return 'You are next.';
  return before === 1 ? 'One is before you.' : `${numberText(before)} are before you.`;
}

export class LobbyPanel extends HTMLElement {
  #words = element('p', 'lobby-words');
  #more = element('p', 'lobby-more');
  #links = element('p', 'lobby-links');
  #leave = /** @type {HTMLButtonElement} */ (element('button', 'link-button', 'Leave the lobby'));
  #kind = '';
  #said_at_ms = 0;

  connectedCallback() {
    this.tabIndex = -1;
    this.#words.setAttribute('role', 'status');
    this.#leave.type = 'button';
    this.#leave.addEventListener('click', () => this.dispatchEvent(new CustomEvent('leave')));
    const link = document.createElement('a');
    link.href = this.getAttribute('draw-address') ?? '';
    link.textContent = 'Check the draw';
    this.#links.replaceChildren(link);
    this.replaceChildren(this.#words, this.#more, this.#links, this.#leave);
  }

  joining() {
    this.#say('joining', 'Joining the lobby.');
    this.#show({ leave: false });
  }

  /** Before the opening. @param {number} waiting 0 while that is not known */
  joined(waiting) {
    this.#say(
      'joined',
      'You are in. Places are drawn when the sale opens; coming early or late before that makes no difference.',
    );
    // The shop counts a little behind: whoever reads this is one already.
    const others = waiting > 1 ? `${numberText(waiting)} are in the lobby. ` : '';
    this.#show({ more: `${others}Keep this page open: it goes on by itself at the opening.` });
  }

  /** @param {Standing} standing @param {number} drawn how many places were drawn */
  stands({ state, place, admitted_up_to, admitted_at_ms }, drawn) {
    if (place === null && state !== 'sold_out') {
      this.#say('drawing', 'The sale is open, and the places are being drawn. You are in.');
      this.#show({});
      return;
    }
    const own = place === null ? '' : placeText(place, drawn);
    if (state === 'sold_out') {
      this.#say('sold_out', `Sold out at the moment. ${own}`.trim());
      const more =
        'Units that are not paid for in time come back. This page goes on watching, and takes its turn if there are any.';
      this.#show({ more, links: place !== null });
    } else if (state === 'passed') {
      this.#say('passed', 'Your turn came and was not used within a minute, so it went to others.');
      const more = 'You can still get in line, behind the others.';
      this.#show({ more, links: true, leave: false });
    } else if (state === 'admitted') {
      this.#say('admitted', `${own} You are about to be let in.`);
      this.#show({ links: true, leave: false });
    } else {
      const before = Math.max(0, (place ?? 0) - admitted_up_to);
      this.#say('waiting', `${own} ${beforeText(before)}`);
      this.#show({ turn_at_ms: admitted_at_ms, links: true });
    }
  }

  /** @param {unknown} error what the page waits out */
  waits(error) {
    this.#say('waits', `${inPlainWords(error)} You keep your place. Trying again by itself.`);
  }

  /** @param {string} sign_in the address */
  signedOut(sign_in) {
    this.#say('signed-out', 'You are signed out. Your place is kept; ');
    const link = document.createElement('a');
    link.href = sign_in;
    link.textContent = 'sign in to use it';
    this.#words.append(link, '.');
    this.#show({ leave: false });
  }

  #say(/** @type {string} */ kind, /** @type {string} */ text) {
    const at_ms = performance.now();
    const soon = kind === this.#kind && at_ms - this.#said_at_ms < SAID_EVERY_MS;
    if (soon || this.#words.textContent === text) return;
    this.#words.textContent = text;
    this.dataset.kind = kind;
    this.#kind = kind;
    this.#said_at_ms = at_ms;
  }

  /** @param {{more?: string, turn_at_ms?: number | null, links?: boolean, leave?: boolean}} parts */
  #show({ more = '', turn_at_ms = null, links = false, leave = true }) {
    if (turn_at_ms !== null) this.#count(turn_at_ms);
    else if (this.#more.textContent !== more) this.#more.textContent = more;
    this.#more.hidden = turn_at_ms === null && more === '';
    this.#links.hidden = !links;
    this.#leave.hidden = !leave;
    this.hidden = false;
  }

  /** @param {number} at_ms */
  #count(at_ms) {
    const until = String(Math.ceil(at_ms));
    const timer = this.#more.querySelector('count-down') ?? document.createElement('count-down');
    if (timer.getAttribute('until-ms') !== until) timer.setAttribute('until-ms', until);
    if (!timer.isConnected) {
      this.#more.replaceChildren('Your turn comes about ', timer, '. Keep this page open.');
    }
  }
}

customElements.define('lobby-panel', LobbyPanel);
