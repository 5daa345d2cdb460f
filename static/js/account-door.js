// @ts-check
/** The way to the account: signed in, to its page; else by way of signing in. */
import { inPlainWords } from './problem.js';
import { goToSignIn, renew } from './session.js';

const status = /** @type {HTMLElement} */ (document.querySelector('[data-status]'));

try {
  status.textContent = 'Looking up your account.';
  if (await renew()) location.replace('/api/account');
  else goToSignIn();
} catch (error) {
  status.textContent = inPlainWords(error);
}
