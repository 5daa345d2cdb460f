/**
 * ALTCHA's own library and widget against the gate: each solves what the gate makes, and verifies
 * what the kernel answers. The vectors are those of the kernel's test with the library for Python.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { solveChallenge, verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/sha';
import { launch, visit } from './support/browser.mjs';
import { shop } from './support/shop.mjs';

const VECTORS = new URL('../../kernel/tests/altcha/vectors.json', import.meta.url);
const WIDGET = new URL('./node_modules/altcha/dist/main/altcha.js', import.meta.url);

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

function decoded(text) {
  return JSON.parse(Buffer.from(text, 'base64').toString());
}

/** What the shop says to a sign-in with this answer; the password is wrong, so 401 is as far as it goes. */
async function signInWith(challenge) {
  const body = { contact: 'nobody@example.com', password: 'not a password', challenge };
  const response = await fetch(new URL('/api/session', shop.edge_url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: shop.edge_url },
    body: JSON.stringify(body),
  });
  const { type } = await response.json();
  return `${response.status} ${type.split('/').pop()}`;
}

async function signInChallenge() {
  const address = new URL('/gate/challenges?purpose=sign-in&kind=pow', shop.edge_url);
  return (await fetch(address)).json();
}

test("ALTCHA's library for JavaScript believes what the kernel answers, and finds the same", async () => {
  const { ours } = JSON.parse(await readFile(VECTORS, 'utf8'));
  const secrets = { hmacSignatureSecret: ours.secret, hmacKeySignatureSecret: ours.key_secret };
  for (const text of [ours.answer, ours.their_answer]) {
    const verdict = await verifySolution({ ...decoded(text), deriveKey, ...secrets });
    assert.equal(verdict.verified, true, JSON.stringify(verdict));
  }
  const other = { ...secrets, hmacSignatureSecret: 'another' };
  const refusal = await verifySolution({ ...decoded(ours.answer), deriveKey, ...other });
  assert.equal(refusal.verified, false);
  const solution = await solveChallenge({ challenge: ours.challenge, deriveKey });
  assert.equal(solution.derivedKey, decoded(ours.answer).solution.derivedKey);
});

test("the gate takes what ALTCHA's library solved, once", async () => {
  const challenge = await signInChallenge();
  const solution = await solveChallenge({ challenge, deriveKey });
  const answer = btoa(JSON.stringify({ challenge, solution }));
  assert.equal(await signInWith(answer), '401 wrong-password');
  assert.equal(await signInWith(answer), '422 challenge-spent');
});

test("the gate takes what ALTCHA's widget solved in a browser", { timeout: 120_000 }, async () => {
  const { context, page } = await visit(browser);
  // A page of somebody's own on the site, with the widget as its package ships it.
  const html = `<!doctype html><title>Widget</title><script type="module" src="/widget.js"></script>
    <form><altcha-widget name="challenge"
      challenge="/gate/challenges?purpose=sign-in&amp;kind=pow"></altcha-widget></form>`;
  await page.route('**/widget', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  const script = await readFile(WIDGET, 'utf8');
  await page.route('**/widget.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: script }),
  );
  await page.goto('/widget');
  // Its box is drawn anew all the time, so that it never stands still for a click of the mouse.
  await page.getByRole('checkbox').dispatchEvent('click');
  const field = page.locator('input[name="challenge"]');
  await field.waitFor({ state: 'attached' });
  await page.waitForFunction(() => document.querySelector('input[name="challenge"]')?.value);
  const answer = await field.inputValue();
  assert.equal(await signInWith(answer), '401 wrong-password');
  await context.close();
});
