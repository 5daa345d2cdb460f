// @ts-check
/** `<account-menu>`: the header's link to sign in, or the name and the way out. */
import { request } from './request.js';
import { currentSession, remember, signInAddress } from './session.js';

/** @typedef {import('./session.js').SignedIn} SignedIn */

const WITHOUT_ACCOUNT = ['/sign-in', '/sign-up', '/reset'];

class AccountMenu extends HTMLElement {
  connectedCallback() {
    document.addEventListener('session', (event) => {
      this.#show(/** @type {CustomEvent<SignedIn | null>} */ (event).detail);
    });
    // A page that answers a click on "Sign in" asks by itself.
    if (location.pathname === '/sign-in') this.#show(null);
    else this.#ask();
  }

  async #ask() {
    try {
      this.#show(await currentSession());
    } catch {
      this.#show(null);
    }
  }

  /** @param {SignedIn | null} signed_in */
  #show(signed_in) {
    if (signed_in) this.replaceChildren(...this.#signedIn(signed_in));
    else this.replaceChildren(this.#signedOut());
  }

  #signedOut() {
    const link = document.createElement('a');
    link.className = 'button button-quiet';
    const here = location.pathname + location.search;
    link.href = WITHOUT_ACCOUNT.includes(location.pathname) ? '/sign-in' : signInAddress(here);
    link.textContent = 'Sign in';
    return link;
  }

  /** @param {SignedIn} signed_in */
  #signedIn(signed_in) {
    const name = document.createElement('a');
    name.className = 'account-name';
    name.href = '/account';
    name.textContent = signed_in.account.name;
    const button = document.createElement('button');
    button.className = 'button button-quiet';
    button.type = 'button';
    button.textContent = 'Sign out';
    button.addEventListener('click', () => this.#signOut(button));
    return [name, button];
  }

  /** @param {HTMLButtonElement} button */
  async #signOut(button) {
    button.disabled = true;
    try {
      await request('DELETE', '/api/session');
    } catch (error) {
      if (/** @type {{status?: number}} */ (error).status !== 401) {
        button.disabled = false;
        button.textContent = 'Try again';
        return;
      }
    }
    remember(null);
    location.assign('/');
  }
}

customElements.define('account-menu', AccountMenu);
