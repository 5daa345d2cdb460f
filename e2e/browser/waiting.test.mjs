/** What a busy shop, a lost connection and an old session look like: nothing is lost by them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signIn } from './support/account.mjs';
import { assertQuiet, keepPicture, launch, visit } from './support/browser.mjs';
import { saleIn } from './support/shop.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const problem = (status, word, headers = {}) => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify({ type: `/problems/${word}`, title: word, status }),
});

/** A signed-in visitor on the page of an open sale. */
async function atTheSale() {
  const sale = await saleIn('open');
  const visitor = await visit(browser);
  await visitor.page.goto(`/sign-in?next=/sales/${sale.slug}`);
  await signIn(visitor.page);
  await visitor.page.waitForURL(({ pathname }) => pathname === `/sales/${sale.slug}`);
  return { ...visitor, sale, buy: visitor.page.getByRole('button', { name: 'Buy now' }) };
}

test('a busy shop is waited out, and the line can be left', { timeout: 60_000 }, async () => {
  const { context, page, complaints, buy } = await atTheSale();
  await page.route('**/gate/sales/*/tokens', (route) =>
    route.fulfill(problem(429, 'slow-down', { 'retry-after': '2' })),
  );
  await buy.click();
  await page.getByText('You are in line.').waitFor();
  await page.getByText(/Asking again in \d s/).waitFor();
  await keepPicture(page, 'busy');
  const again = await page.waitForRequest('**/gate/sales/*/tokens');
  assert.equal(again.method(), 'POST');
  await page.getByRole('button', { name: 'Leave the line' }).click();
  await page.locator('purchase-line').waitFor({ state: 'hidden' });
  assertQuiet(complaints, /status of 429/);
  await context.close();
});

test('a turn survives a reload and is given up by leaving', { timeout: 60_000 }, async () => {
  const { context, page, complaints, sale, buy } = await atTheSale();
  await page.route('**/gate/sales/*/tokens', (route) => {
    const now_ms = Date.now();
    const [not_before_ms, expires_at_ms] = [now_ms + 60_000, now_ms + 180_000];
    const grant = { token: 'a.b.c', sale_id: sale.id, not_before_ms, expires_at_ms };
    return route.fulfill({ status: 201, json: grant });
  });
  await buy.click();
  await page.getByText('Your turn comes').waitFor();
  await page.reload();
  await page.getByText('Your turn comes').waitFor();
  await page.getByRole('button', { name: 'Leave the line' }).click();
  await page.reload();
  await buy.and(page.locator(':enabled')).waitFor();
  assert.ok(await page.locator('purchase-line').isHidden());
  assertQuiet(complaints);
  await context.close();
});

test('a limit is said plainly', { timeout: 60_000 }, async () => {
  const { context, page, complaints, buy } = await atTheSale();
  await page.route('**/gate/sales/*/tokens', (route) => route.fulfill(problem(409, 'over-limit')));
  await buy.click();
  await page.getByText('Your account already has as many units').waitFor();
  await page.getByRole('link', { name: 'See your orders' }).waitFor();
  assertQuiet(complaints, /status of 409/);
  await context.close();
});

test('a lost connection is waited out', { timeout: 60_000 }, async () => {
  const { context, page } = await atTheSale();
  let lost = true;
  await page.route('**/api/orders', (route) => (lost ? route.abort() : route.fallback()));
  await page.goto('/orders');
  await page.getByText('There is no connection right now. Trying again by itself.').waitFor();
  lost = false;
  await page.getByText('There is no connection right now.').waitFor({ state: 'detached' });
  await page.locator('.order-row, .empty:not([hidden])').first().waitFor();
  await context.close();
});

test('a session of five minutes is renewed without a word', { timeout: 60_000 }, async () => {
  const { context, page, complaints } = await atTheSale();
  let refusals = 0;
  await page.route('**/api/orders', (route) => {
    refusals += 1;
    return refusals === 1 ? route.fulfill(problem(401, 'signed-out')) : route.fallback();
  });
  const renewed = page.waitForResponse('**/api/session');
  await page.goto('/orders');
  assert.equal((await renewed).status(), 200);
  await page.locator('.order-row, .empty:not([hidden])').first().waitFor();
  assert.equal(new URL(page.url()).pathname, '/orders');
  assertQuiet(complaints, /status of 401 .*\/api\/orders\)$/);
  await context.close();
});
