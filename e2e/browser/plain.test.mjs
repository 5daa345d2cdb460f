/** The whole way without scripts: account, line, order, payment, by picture and by sound. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { keepPicture, launch, visit } from './support/browser.mjs';
import { ageSession, typeCode } from './support/code.mjs';
import { codeFor, saleIn, shop } from './support/shop.mjs';

const SMALLEST_PHONE = { width: 320, height: 640 };
const LOADS_MAX = 30;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const visitPlainly = (options = {}) => visit(browser, { javaScriptEnabled: false, ...options });

/** The page must tell itself apart, fit on a phone, and be kept by nobody. */
async function look(page, name) {
  await keepPicture(page, `plain-${name}`);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= page.viewportSize().width, `${name} is ${width} wide`);
}

/** Every field of every form has a label, and the page one heading of the first rank. */
async function assertLabelled(page) {
  const unlabelled = await page
    .locator('main :is(input, select):not([type="hidden"])')
    .evaluateAll((fields) => fields.filter(({ labels }) => !labels?.length).map(({ id }) => id));
  assert.deepEqual(unlabelled, []);
  assert.equal(await page.locator('h1').count(), 1);
}

/** On the page with a code: its medium comes, is ours, and the other is one link away. */
async function assertMedium(page, kind) {
  const shown = page.locator(kind === 'audio' ? 'audio' : 'img.challenge-picture');
  const address = await shown.getAttribute('src');
  const response = await page.request.get(address);
  assert.equal(response.status(), 200);
  assert.equal(response.headers()['content-type'], kind === 'audio' ? 'audio/wav' : 'image/png');
  if (kind === 'image') assert.ok(await shown.getAttribute('alt'));
}

/** From the page with a picture to one with a code of this kind, and the code typed. */
async function answerBy(page, kind) {
  if (kind === 'audio') {
    await page.getByRole('link', { name: 'Listen to a code instead' }).click();
    await page.getByRole('link', { name: 'Download the sound' }).waitFor();
  }
  await assertMedium(page, kind);
  await assertLabelled(page);
  await typeCode(page);
}

async function signUp(page, kind) {
  const address = `plain-${randomUUID()}@example.com`;
  await page.getByRole('link', { name: 'Make an account' }).click();
  await page.getByLabel('E-mail or mobile number').waitFor();
  await answerBy(page, kind);
  await page.getByLabel('E-mail or mobile number').fill(address);
  await look(page, `code-${kind}`);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await page.getByLabel('Code from the message').waitFor();
  await assertLabelled(page);

  // A wrong code leads back to the form with all but the password.
  const code = await codeFor(address);
  await page.getByLabel('Code from the message').fill(code === '000000' ? '000001' : '000000');
  await page.getByLabel('Your name').fill('Ada Plain');
  await page.getByLabel('Password').fill('a long password');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('alert').waitFor();
  await look(page, `finish-refused-${kind}`);
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada Plain');
  await page.getByLabel('Code from the message').fill(code);
  await page.getByLabel('Password').fill('a long password');
  await page.getByRole('button', { name: 'Make the account' }).click();
  return address;
}

/** Loads the page again, as it would by itself, until it has what is looked for. */
async function reloadUntil(page, locator) {
  for (let load = 0; load < LOADS_MAX && (await locator.count()) === 0; load += 1) {
    await page.waitForTimeout(500);
    await page.reload();
  }
  assert.ok((await locator.count()) > 0, `${page.url()}: ${await page.locator('main').innerText()}`);
}

async function pay(page, kind) {
  await page.getByLabel('Name', { exact: true }).fill('Ada Plain');
  await page.getByLabel('Street and house').fill('12 Analytical Street');
  await page.getByLabel('Postcode').fill('10115');
  await page.getByLabel('City').fill('Berlin');
  await page.getByLabel('Country').selectOption('DE');
  await look(page, `pay-${kind}`);
  await page.getByRole('button', { name: 'Go to the payment' }).click();
  await page.locator('button[name="outcome"][value="pay"]').click();
}

for (const kind of ['image', 'audio']) {
  test(`a shopper without scripts buys and pays, by ${kind}`, { timeout: 180_000 }, async () => {
    const sale = await saleIn('open');
    const { context, page } = await visitPlainly();
    await page.goto(`/sales/${sale.slug}`);
    await look(page, 'sale');
    await page.getByRole('button', { name: 'Buy now' }).click();

    // Nobody is signed in: first an account, then back to the line.
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await look(page, 'sign-in');
    await signUp(page, kind);
    await page.getByRole('heading', { level: 1, name: 'Get in line' }).waitFor();
    await answerBy(page, kind);
    await look(page, `line-${kind}`);
    await page.getByRole('button', { name: 'Get in line' }).click();

    const order = page.getByRole('button', { name: 'Place the order' });
    await reloadUntil(page, order);
    await look(page, 'turn');
    await order.click();
    await page.waitForURL('**/api/orders/*');
    await reloadUntil(page, page.getByText('Waiting for payment'));
    const address = page.url();

    // What is missing is said on top and at its field; what was typed stays.
    await page.getByLabel('Name', { exact: true }).fill(' ');
    await page.getByLabel('Street and house').fill('12 <Street>');
    await page.getByLabel('City').fill(' ');
    await page.getByLabel('Country').selectOption('DE');
    await page.getByRole('button', { name: 'Go to the payment' }).click();
    await page.getByRole('alert').waitFor();
    await look(page, `pay-refused-${kind}`);
    const name = page.getByLabel('Name', { exact: true });
    assert.equal(await name.getAttribute('aria-invalid'), 'true');
    assert.equal(await page.getByLabel('Street and house').inputValue(), '12 <Street>');
    await page.getByRole('alert').getByRole('link').first().click();
    assert.ok(await name.evaluate((field) => field === document.activeElement));

    await pay(page, kind);
    await page.waitForURL('**/api/orders/*');
    assert.equal(page.url().replace(/\?.*/, ''), address);
    await reloadUntil(page, page.locator('.order-word', { hasText: /^Paid$/ }));
    await look(page, 'paid');

    await page.getByRole('link', { name: 'Orders', exact: true }).click();
    await page.waitForURL('**/api/orders');
    assert.equal(await page.locator('.order-row').count(), 1);
    await look(page, 'orders');
    await context.close();
  });
}

test('a wrong code costs another, and the shop says so', { timeout: 60_000 }, async () => {
  const { context, page } = await visitPlainly({ viewport: SMALLEST_PHONE });
  await page.goto('/sign-in');
  await look(page, 'sign-in-page');
  await page.getByRole('link', { name: 'Go on to sign in' }).click();
  await typeCode(page);
  const typed = await page.getByLabel(/^Digits/).inputValue();
  await page.getByLabel(/^Digits/).fill(typed.replace(/./, (digit) => String((Number(digit) + 1) % 10)));
  await page.getByLabel('E-mail or mobile number').fill(shop.account.contact);
  await page.getByLabel('Password').fill(shop.account.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'That was not the code' }).waitFor();
  await look(page, 'wrong-code');

  await page.getByRole('link', { name: 'Sign in with another code' }).click();
  await typeCode(page);
  await page.getByLabel('E-mail or mobile number').fill(shop.account.contact);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: /do not match/ }).waitFor();

  await page.getByRole('link', { name: 'Sign in with another code' }).click();
  await typeCode(page);
  await page.getByLabel('E-mail or mobile number').fill(shop.account.contact);
  await page.getByLabel('Password').fill(shop.account.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('/');
  await page.goto('/orders');
  await page.getByRole('heading', { level: 1, name: 'Your orders' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/api/orders');
  await context.close();
});

test('a new password starts as an account does', { timeout: 60_000 }, async () => {
  const { context, page } = await visitPlainly({ viewport: SMALLEST_PHONE });
  await page.goto('/reset');
  await look(page, 'reset-page');
  await page.getByRole('link', { name: 'Go on to choose a new password' }).click();
  await typeCode(page);
  // Nobody learns that there is no such account, and so no code.
  await page.getByLabel('E-mail or mobile number').fill(`nobody-${randomUUID()}@example.com`);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await page.waitForURL(({ pathname }) => pathname === '/reset');
  await page.getByLabel('Code from the message').fill('123456');
  await page.getByLabel('New password').fill('another long password');
  await look(page, 'reset');
  await page.getByRole('button', { name: 'Save the password' }).click();
  await page.getByRole('alert').getByRole('link', { name: /Code from the message/ }).waitFor();
  assert.equal(await page.getByLabel('New password').inputValue(), '');
  await context.close();
});

test('nobody is lost when the session ends on the way', { timeout: 120_000 }, async () => {
  const sale = await saleIn('open');
  const { context, page } = await visitPlainly({ viewport: SMALLEST_PHONE });
  await page.goto(`/sales/${sale.slug}`);
  await page.getByRole('button', { name: 'Buy now' }).click();
  await signUp(page, 'image');
  const line = page.getByRole('heading', { level: 1, name: 'Get in line' });
  await line.waitFor();

  // The gate cannot renew a session: it leads there and back.
  await ageSession(context);
  await page.reload();
  await line.waitFor();
  await typeCode(page);
  await page.getByRole('button', { name: 'Get in line' }).click();
  const order = page.getByRole('button', { name: 'Place the order' });
  await reloadUntil(page, order);
  await ageSession(context);
  await page.reload();
  await order.waitFor();
  // The relay renews it on the way, for a form and for a page.
  await ageSession(context);
  await order.click();
  await page.waitForURL('**/api/orders/*');
  await reloadUntil(page, page.getByText('Waiting for payment'));
  await ageSession(context);
  await page.reload();
  await page.getByText('Waiting for payment').waitFor();

  await page.getByText('Cancel this order').click();
  await look(page, 'cancel');
  await ageSession(context);
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await page.locator('.order-word', { hasText: /^Cancelled$/ }).waitFor();
  await look(page, 'cancelled');
  await context.close();
});

test('a page without scripts is for everybody, and is kept by nobody', { timeout: 60_000 }, async () => {
  // With scripts on, as axe is one.
  const { context, page } = await visit(browser);
  for (const path of [
    '/gate/challenges?purpose=sign-in&kind=image',
    '/gate/challenges?purpose=sign-in&kind=audio',
    '/gate/challenges?purpose=code&kind=image&for=reset',
  ]) {
    const response = await page.goto(path);
    assert.equal(response.headers()['cache-control'], 'no-store');
    const policy = response.headers()['content-security-policy'];
    assert.ok(policy.includes("default-src 'none'") && !policy.includes('unsafe-inline'), policy);
    await page.evaluate(axe.source);
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await page.evaluate((rules) => globalThis.axe.run({ runOnly: rules }), tags);
    assert.deepEqual(violations.map(({ id, nodes }) => [path, id, nodes[0].html]), []);
  }
  await context.close();
});

test('the way on never leads to another site', { timeout: 60_000 }, async () => {
  const to = async (next) => {
    const url = new URL('/api/session', shop.edge_url);
    url.searchParams.set('next', next);
    const response = await fetch(url, { headers: { accept: 'text/html' }, redirect: 'manual' });
    assert.equal(response.status, 303);
    return new URL(response.headers.get('location'), shop.edge_url);
  };
  assert.equal((await to('/orders')).searchParams.get('next'), '/orders');
  for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example', '/\t/evil.example']) {
    const address = await to(next);
    assert.equal(address.origin, new URL(shop.edge_url).origin);
    assert.equal(address.searchParams.get('next'), '/', next);
  }
});

test('programs get what they always got', { timeout: 60_000 }, async () => {
  const ask = (path, accept) => fetch(new URL(path, shop.edge_url), { headers: { accept } });
  for (const accept of ['*/*', 'application/json']) {
    const challenge = await ask('/gate/challenges?purpose=sign-in&kind=image', accept);
    assert.match((await challenge.json()).media_url, /\/image\?pop=/);
    const orders = await ask('/api/orders', accept);
    assert.equal(orders.status, 401);
    assert.equal(orders.headers.get('content-type'), 'application/problem+json');
  }
  // Another site's form is refused as its scripts are.
  const response = await fetch(new URL('/api/session', shop.edge_url), {
    method: 'POST',
    headers: { origin: 'https://evil.example' },
    body: new URLSearchParams({ contact: 'a@b.c', password: 'x', challenge: 'y' }),
  });
  assert.equal(response.status, 403);
  assert.match(response.headers.get('content-type'), /^text\/html/);
});
