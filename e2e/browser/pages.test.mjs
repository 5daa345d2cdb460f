/** Pages as they are read: with and without scripts, narrow and wide, known and unknown. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertQuiet, keepPicture, launch, visit } from './support/browser.mjs';
import { saleIn, shop } from './support/shop.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const NOT_FOUND = /status of 404/;

test('an address that means nothing says so', { timeout: 60_000 }, async () => {
  const { context, page, complaints } = await visit(browser);
  for (const path of ['/sales/there-is-no-such-sale', '/nowhere', '/orders/seven', '/api/none', '/gate/none']) {
    const response = await page.goto(path);
    assert.equal(response.status(), 404, path);
    await page.getByRole('heading', { level: 1, name: 'There is nothing here' }).waitFor();
    await page.getByRole('link', { name: 'See the sales' }).waitFor();
  }
  await keepPicture(page, 'not-found');
  assertQuiet(complaints, NOT_FOUND);
  await context.close();
});

test('a sale reads well without scripts', { timeout: 60_000 }, async () => {
  const sale = await saleIn('open');
  const { context, page } = await visit(browser, { javaScriptEnabled: false });
  await page.goto(`/sales/${sale.id}`);
  await page.getByRole('heading', { level: 1, name: sale.item.title }).waitFor();
  await page.getByRole('button', { name: 'Buy now' }).and(page.locator(':enabled')).waitFor();
  assert.ok(await page.getByText('The sale is open.').or(page.getByText('Few left.')).first().isVisible());
  await page.goto('/');
  await page.getByRole('link', { name: sale.item.title }).click();
  await page.waitForURL(`**/sales/${sale.slug}`);
  await context.close();
});

test('machines read the offer, and no policy stands in their way', { timeout: 60_000 }, async () => {
  const sale = await saleIn('open');
  const { context, page, complaints } = await visit(browser);
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(event.violatedDirective));
  });
  for (const path of [`/sales/${sale.slug}`, `/items/${sale.item.id}`]) {
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name: sale.item.title }).waitFor();
    const text = await page.locator('script[type="application/ld+json"]').textContent();
    const product = JSON.parse(text);
    assert.equal(product['@type'], 'Product');
    assert.equal(product.name, sale.item.title);
    const url = new URL(`/sales/${sale.slug}`, shop.edge_url).href;
    const offer = product.offers.find((offer) => offer.url === url);
    assert.equal(offer.priceCurrency, sale.price.currency);
    assert.match(offer.availability, /^https:\/\/schema\.org\/(InStock|LimitedAvailability)$/);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
  }
  await keepPicture(page, 'item');
  assertQuiet(complaints);
  await context.close();
});

test('sold out is shown when it happens, and taken back', { timeout: 60_000 }, async () => {
  const sale = await saleIn('open');
  const { context, page, complaints } = await visit(browser);
  let soldOut = true;
  await page.route(`**/api/sales/${sale.id}`, (route) =>
    route.fulfill({
      json: { ...sale, state: soldOut ? 'sold_out' : 'open', remaining: soldOut ? 'none' : 'few' },
    }),
  );
  await page.goto(`/sales/${sale.slug}`);
  await page.getByText('Sold out at the moment.').waitFor();
  await page.getByRole('button', { name: 'Sold out' }).and(page.locator(':disabled')).waitFor();
  await keepPicture(page, 'sold-out');
  soldOut = false;
  await page.getByRole('button', { name: 'Buy now' }).and(page.locator(':enabled')).waitFor();
  assertQuiet(complaints);
  await context.close();
});

test('no page is wider than a small phone', { timeout: 60_000 }, async () => {
  const sale = await saleIn('open');
  const viewport = { width: 320, height: 640 };
  const { context, page, complaints } = await visit(browser, { viewport });
  const address = `/sales/${sale.slug}`;
  const item = `/items/${sale.item.id}`;
  for (const path of ['/', address, `${address}/draw`, item, '/sign-in', '/sign-up', '/reset', '/nowhere']) {
    await page.goto(path);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${path} is ${width} wide`);
  }
  assertQuiet(complaints, NOT_FOUND);
  await context.close();
});

test('pages may be kept by anybody and are checked by hash', { timeout: 60_000 }, async () => {
  const url = new URL('/', shop.edge_url);
  const first = await fetch(url);
  const etag = first.headers.get('etag');
  assert.match(first.headers.get('cache-control'), /^public, max-age=1, s-maxage=1, stale-while-revalidate=1, stale-if-error=60$/);
  assert.equal(first.headers.get('set-cookie'), null);
  const policy = first.headers.get('content-security-policy');
  assert.ok(policy.includes("default-src 'none'") && !policy.includes("'unsafe"), policy);

  const html = await first.text();
  const [asset] = html.match(/\/assets\/[0-9a-f]{12}\/css\/base\.css/);
  const style = await fetch(new URL(asset, shop.edge_url));
  assert.match(style.headers.get('cache-control'), /immutable/);
  assert.match(style.headers.get('content-encoding'), /br|gzip/);

  const post = await fetch(url, { method: 'POST' });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
  // The state of a sale may change between two requests; then the hash does too.
  const again = await fetch(url, { headers: { 'if-none-match': etag } });
  assert.ok(again.status === 304 || again.headers.get('etag') !== etag);
});
