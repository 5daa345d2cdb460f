// @ts-check
/** A new account: a code to the e-mail address, then name and password. */
import { startCodeStep } from './code-step.js';
import { sendByScript, valuesOf } from './forms.js';
import { keepNext } from './keep-next.js';
import { request } from './request.js';
import { nextAddress, remember } from './session.js';

const form = /** @type {HTMLFormElement} */ (document.getElementById('finish'));
const step = startCodeStep('register');

sendByScript(form, {
  busy: 'Making your account.',
  send: async () => {
    const { code, name, password } = valuesOf(form);
    const body = { ticket: step.ticket(), code: code.trim(), name: name.trim(), password };
    remember(await request('POST', '/api/accounts', { body }));
    step.forget();
    location.replace(nextAddress());
  },
});
keepNext();
