/** A shopper's whole way: account, purchase, payment, parcel to come. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signIn, signUp } from './support/account.mjs';
import { assertQuiet, keepPicture, launch, visit } from './support/browser.mjs';
import { saleIn } from './support/shop.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function fillAddress(page) {
  await page.getByLabel('Name', { exact: true }).fill('Ada Shopper');
  await page.getByLabel('Street and house').fill('12 Analytical Street');
  await page.getByLabel('Postcode').fill('10115');
  await page.getByLabel('City').fill('Berlin');
  await page.getByLabel('Country').selectOption('DE');
}

test('a new shopper buys and pays', { timeout: 180_000 }, async () => {
  const sale = await saleIn('open');
  const { context, page, complaints } = await visit(browser);
  const workers = [];
  page.on('worker', (worker) => workers.push(new URL(worker.url()).pathname));

  // Whoever is signed out is led to an account and back to the sale.
  await page.goto(`/sales/${sale.slug}`);
  await keepPicture(page, 'sale');
  await page.getByRole('button', { name: 'Buy now' }).click();
  await page.waitForURL('**/sign-in?next=*');
  await page.getByRole('link', { name: 'Make an account' }).click();
  await signUp(page, () => keepPicture(page, 'sign-up'));
  await page.waitForURL(({ pathname }) => pathname === `/sales/${sale.slug}`);

  // A second click is harmless.
  const buy = page.getByRole('button', { name: 'Buy now' });
  await buy.dblclick({ force: true });
  await keepPicture(page, 'in-line');
  await page.waitForURL('**/orders/*');
  const orderAddress = page.url();
  const word = page.locator('[data-word]');
  await word.filter({ hasText: /^(In the queue|Waiting for payment)$/ }).waitFor();
  await word.filter({ hasText: 'Waiting for payment' }).waitFor();
  // One proof for the code and one for the token, neither on the page's own thread.
  assert.ok(workers.length >= 2 && workers.every((path) => path.endsWith('/js/pow-worker.js')));
  await page.getByText('Time left to pay').waitFor();

  // The form says what is missing, at the field.
  await page.getByRole('button', { name: 'Go to the payment' }).click();
  const name = page.getByLabel('Name', { exact: true });
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await keepPicture(page, 'pay-empty');
  await fillAddress(page);
  await keepPicture(page, 'pay');
  await page.getByRole('button', { name: 'Go to the payment' }).click();

  const pay = page.locator('button[name="outcome"][value="pay"]');
  await pay.waitFor();
  assert.notEqual(new URL(page.url()).pathname, new URL(orderAddress).pathname);
  await keepPicture(page, 'checkout');
  await pay.click();
  await page.waitForURL(`${orderAddress}*`);
  await word.filter({ hasText: /^Paid$/ }).waitFor();
  await keepPicture(page, 'paid');

  // Exactly one order came of the two clicks.
  await page.goto('/orders');
  const rows = page.locator('.order-row');
  await rows.first().waitFor();
  assert.equal(await rows.count(), 1);
  assert.match(await rows.first().innerText(), /Paid/);
  await keepPicture(page, 'orders');
  assertQuiet(complaints);
  await context.close();
});

test('a known shopper signs in and out', { timeout: 60_000 }, async () => {
  const { context, page, complaints } = await visit(browser);
  await page.goto('/orders');
  await page.waitForURL('**/sign-in?next=*');
  await signIn(page, 'not the password');
  await page.getByRole('alert').filter({ hasText: 'do not match' }).waitFor();
  await keepPicture(page, 'sign-in-refused');

  await signIn(page);
  await page.waitForURL(({ pathname }) => pathname === '/orders');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  const response = await page.request.get('/api/session');
  assert.equal(response.status(), 401);
  assertQuiet(complaints, /status of 401 .*\/api\/orders\)$/);
  await context.close();
});
