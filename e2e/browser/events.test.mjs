/** The order page hears of changes, and asks where it cannot hear. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signUp } from './support/account.mjs';
import { assertQuiet, launch, visit } from './support/browser.mjs';
import { saleIn } from './support/shop.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** A new shopper on the page of an order that waits for payment, and what asked for that order. */
async function atAnOrder(prepare = async () => {}) {
  const sale = await saleIn('open');
  const visitor = await visit(browser);
  const { page } = visitor;
  const asked = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (/^\/api\/orders\/\d+(\/events)?$/.test(pathname)) asked.push(pathname);
  });
  await prepare(page);
  await page.goto(`/sign-up?next=/sales/${sale.slug}`);
  await signUp(page);
  await page.waitForURL(({ pathname }) => pathname === `/sales/${sale.slug}`);
  await page.getByRole('button', { name: 'Buy now' }).click();
  await page.waitForURL('**/orders/*');
  const word = page.locator('[data-word]');
  await word.filter({ hasText: 'Waiting for payment' }).waitFor();
  return { ...visitor, asked, word, path: `/api${new URL(page.url()).pathname}` };
}

/** Cancels the order as another tab of the shopper's would: the page's own code knows nothing of it. */
async function cancelElsewhere(page, path) {
  const cancel = (address) => fetch(address, { method: 'POST' }).then(({ status }) => status);
  assert.equal(await page.evaluate(cancel, `${path}/cancel`), 200);
}

test('a change arrives without asking', { timeout: 120_000 }, async () => {
  const { context, page, complaints, asked, word, path } = await atAnOrder();
  const streams = () => asked.filter((asked_path) => asked_path.endsWith('/events'));
  while (streams().length === 0) await page.waitForRequest('**/events');
  const before = asked.length;
  await cancelElsewhere(page, path);
  await word.filter({ hasText: /^Cancelled$/ }).waitFor({ timeout: 3_000 });
  assert.deepEqual(asked.slice(before), []);
  assert.equal(streams().length, 1);
  assertQuiet(complaints);
  await context.close();
});

test('without events the page asks', { timeout: 120_000 }, async () => {
  const refuse = (page) =>
    page.route('**/api/orders/*/events', (route) => route.fulfill({ status: 503 }));
  const { context, page, complaints, word, path } = await atAnOrder(refuse);
  await cancelElsewhere(page, path);
  await word.filter({ hasText: /^Cancelled$/ }).waitFor();
  assertQuiet(complaints, /status of 503/);
  await context.close();
});

test('a browser that knows no events asks', { timeout: 120_000 }, async () => {
  const forget = (page) => page.addInitScript('delete window.EventSource');
  const { context, page, complaints, asked, word, path } = await atAnOrder(forget);
  await cancelElsewhere(page, path);
  await word.filter({ hasText: /^Cancelled$/ }).waitFor();
  assert.ok(asked.every((asked_path) => !asked_path.endsWith('/events')));
  assertQuiet(complaints);
  await context.close();
});
