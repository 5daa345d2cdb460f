// @ts-check
/** The page of the account: the visitor's own times, and a question before what cannot be undone. */
import { showLocalTimes } from './formats.js';
import { renew } from './session.js';

showLocalTimes();
// The name may have changed on this page.
renew().catch(() => undefined);

for (const form of document.querySelectorAll('form[action$="/delete"]')) {
  form.addEventListener('submit', (event) => {
    const what = form.getAttribute('action') === '/api/account/delete' ? 'account' : 'address';
    if (!window.confirm(`Delete this ${what}?`)) event.preventDefault();
  });
}
