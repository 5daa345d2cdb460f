// @ts-check
/** Signing in with e-mail address and password. */
import { withChallenge } from './challenge.js';
import { sendByScript, valuesOf } from './forms.js';
import { keepNext } from './keep-next.js';
import { request } from './request.js';
import { nextAddress, remember, renew } from './session.js';

const form = /** @type {HTMLFormElement} */ (document.getElementById('sign-in'));

sendByScript(form, {
  busy: 'Signing you in.',
  send: async () => {
    const { contact, password } = valuesOf(form);
    const signed_in = await withChallenge({ purpose: 'sign-in' }, (challenge) =>
      request('POST', '/api/session', { body: { contact: contact.trim(), password, challenge } }),
    );
    remember(signed_in);
    location.replace(nextAddress());
  },
});
keepNext();

// Somebody who is signed in already need not do it again.
renew()
  .then((signed_in) => {
    if (signed_in) location.replace(nextAddress());
  })
  .catch(() => undefined);
