// @ts-check
/** A forgotten password: a code to the e-mail address, then a new one. */
import { showStep, startCodeStep } from './code-step.js';
import { sendByScript, showStatus, valuesOf } from './forms.js';
import { keepNext } from './keep-next.js';
import { request } from './request.js';
import { remember } from './session.js';

const form = /** @type {HTMLFormElement} */ (document.getElementById('finish'));
const step = startCodeStep('reset');

sendByScript(form, {
  busy: 'Saving the password.',
  send: async () => {
    const { code, password } = valuesOf(form);
    const body = { ticket: step.ticket(), code: code.trim(), password };
    await request('POST', '/api/accounts/password', { body });
    step.forget();
    remember(null);
    showStatus(form, '');
    showStep('done');
    /** @type {HTMLElement} */ (document.querySelector('[data-done]')).focus();
  },
});
keepNext();
