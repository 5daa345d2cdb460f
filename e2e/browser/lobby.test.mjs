/** The lobby: joining, the wait, the purchase by itself, and the draw that anybody can check. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { signUp } from './support/account.mjs';
import { assertAccessible } from './support/axe.mjs';
import { assertQuiet, keepPicture, launch, visit } from './support/browser.mjs';
import { newSale, operate } from './support/operator.mjs';

/** Long enough to make an account and join on a busy machine. */
const OPENS = '+40s';
const OPENING_MS = 90_000;
const BUSY = /status of (429|503)/;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** A new shopper on the page of a sale that is to open, in its lobby. */
async function joined(sale, quantity = '2') {
  const visitor = await visit(browser);
  const { page } = visitor;
  await page.goto(`/sign-up?next=/sales/${sale.slug}`);
  await signUp(page);
  await page.waitForURL(({ pathname }) => pathname === `/sales/${sale.slug}`);
  await page.getByLabel('Quantity').selectOption(quantity);
  await page.getByRole('button', { name: 'Join the lobby' }).click();
  await page.getByText('You are in. Places are drawn when the sale opens').waitFor();
  return visitor;
}

/** What the page says of a receipt that somebody brings. */
async function verdictOn(page, receipt) {
  await page.getByLabel('Or the text of a receipt').fill(JSON.stringify(receipt));
  await page.getByRole('button', { name: 'Check this receipt' }).click();
  const verdict = page.locator('[data-other].notice');
  await verdict.waitFor();
  const text = await verdict.innerText();
  await page.locator('[data-other]').evaluate((place) => place.classList.remove('notice'));
  return text;
}

test('who joined buys by itself and can check the draw', { timeout: 300_000 }, async () => {
  const sale = await newSale('Lobby lamp', { units: '5', limit: '2', opens: OPENS });
  const { context, page, complaints } = await joined(sale);
  await page.getByText('is what this page orders for you at your turn').waitFor();
  const kept = await page.evaluate((id) => localStorage.getItem(`doorbuster.lobby.${id}`), sale.id);
  const { ticket, quantity } = JSON.parse(kept);
  assert.ok(ticket.length > 0 && quantity === 2);
  await keepPicture(page, 'lobby-joined');
  await assertAccessible(page);

  // Before the draw its page shows what binds the shop, and has nothing to check yet.
  const early = await context.newPage();
  await early.goto(`/sales/${sale.slug}/draw`);
  await early.getByText('have not been drawn yet').waitFor();
  await early.getByText(sale.lobby.commitment).waitFor();
  await early.close();

  // Nothing is lost by a reload, and nothing is left to do.
  await page.reload();
  await page.getByText('You are in. Places are drawn').waitFor();
  assert.equal(await page.getByLabel('Quantity').inputValue(), '2');
  assert.ok(await page.getByRole('button', { name: 'Join the lobby' }).isHidden());
  await page.waitForURL('**/orders/*', { timeout: OPENING_MS });
  const word = page.locator('[data-word]');
  await word.filter({ hasText: 'Waiting for payment' }).waitFor();
  assert.equal(await page.locator('[data-quantity]').innerText(), '2');

  await page.goto(`/sales/${sale.slug}`);
  await page.getByRole('link', { name: 'Drawn by lot' }).click();
  await page.getByText('The operator could have known the draw.').waitFor();
  await page.getByText(/^Right\. Arrival 1 at pop-1 was drawn place 1 of 1 /).waitFor();
  await keepPicture(page, 'draw-right');
  await assertAccessible(page);

  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download your receipt' }).click();
  const saved = await (await download).path();
  assert.match(await operate('lobby', 'verify', saved), /^RIGHT: /m);
  const receipt = JSON.parse(await readFile(saved, 'utf8'));
  assert.equal(receipt.ticket, ticket);

  await page.getByText('Check another receipt').click();
  assert.match(await verdictOn(page, receipt), /^Right\. /);
  const reseeded = { ...receipt.lobby, seed: '07'.repeat(32) };
  const recounted = receipt.lobby.pops.map((pop) => ({ ...pop, count: pop.count + 1 }));
  const later = { ...receipt.lobby, drawn_at_ms: receipt.lobby.drawn_at_ms + 1 };
  for (const [changed, expected] of [
    [{ ...receipt, place: receipt.place + 1 }, /^Wrong: the place is not the one/],
    [{ ...receipt, ticket: `${ticket}x` }, /^Wrong: the ticket does not stand in the tree/],
    [{ ...receipt, arrival: 2 }, /^Wrong: this arrival took no part/],
    [{ ...receipt, lobby: reseeded }, /^Wrong: the seed is not the one/],
    [{ ...receipt, lobby: { ...receipt.lobby, pops: recounted } }, /^Wrong: /],
    [{ ...receipt, lobby: later }, /^Wrong: the shop publishes another time of the draw/],
    [{ ...receipt, sale_id: undefined }, /^This is no receipt: /],
  ]) {
    assert.match(await verdictOn(page, changed), expected);
  }
  await page.locator('#receipt-file').setInputFiles(saved);
  await page.locator('[data-other]').filter({ hasText: /^Right\. / }).waitFor();
  await verdictOn(page, { ...receipt, place: receipt.place + 1 });
  await page.locator('[data-other]').evaluate((place) => place.classList.add('notice'));
  await keepPicture(page, 'draw-wrong');
  await assertAccessible(page);
  assertQuiet(complaints, BUSY);
  await context.close();

  const plain = await visit(browser, { javaScriptEnabled: false });
  await plain.page.goto(`/sales/${sale.slug}/draw`);
  for (const text of [receipt.lobby.commitment, receipt.lobby.seed, receipt.lobby.pops[0].root]) {
    await plain.page.getByText(text).waitFor();
  }
  await plain.page.getByText('doorbuster lobby verify receipt.json').waitFor();
  assert.ok(await plain.page.getByText('Check another receipt').isHidden());
  await plain.context.close();
});

test('whoever finds it sold out gets what comes back', { timeout: 300_000 }, async () => {
  const sale = await newSale('Lobby locket', { units: '1', limit: '1', opens: OPENS });
  const shoppers = [await joined(sale, '1'), await joined(sale, '1')];
  const bought = (shopper) => shopper.page.waitForURL('**/orders/*', { timeout: OPENING_MS });
  const first = await Promise.race(shoppers.map((shopper) => bought(shopper).then(() => shopper)));
  const second = shoppers.find((shopper) => shopper !== first);
  await second.page.locator('lobby-panel').getByText('Sold out at the moment.').waitFor();
  await first.page.locator('[data-word]').filter({ hasText: 'Waiting for payment' }).waitFor();
  await first.page.getByRole('button', { name: 'Cancel' }).first().click();
  await first.page.locator('dialog button[value="cancel"]').click();
  await first.page.locator('[data-word]').filter({ hasText: /^Cancelled$/ }).waitFor();
  await bought(second);
  await second.page.locator('[data-word]').filter({ hasText: 'Waiting for payment' }).waitFor();
  for (const { context, complaints } of shoppers) {
    assertQuiet(complaints, BUSY, /status of 409/);
    await context.close();
  }
});

test('every wait says where one stands', { timeout: 300_000 }, async () => {
  const sale = await newSale('Lobby lantern', { units: '5', limit: '2', opens: OPENS });
  const { context, page, complaints } = await joined(sale);
  const standing = (more) => ({
    state: 'waiting',
    arrival: 7,
    waiting: 10_000,
    place: 1_233,
    admitted_up_to: 33,
    admitted_at_ms: Date.now() + 600_000,
    ...more,
  });
  let stands = standing({ place: null, admitted_at_ms: null });
  let tokens = 0;
  await page.route('**/gate/sales/*/places', (route) => route.fulfill({ json: stands }));
  await page.route('**/gate/sales/*/tokens', (route) => {
    tokens += 1;
    return route.fallback();
  });
  const pops = [{ id: 'pop-1', count: 10_000, size: 10_000, root: '00'.repeat(32) }];
  const drawn = { ...sale.lobby, waiting: 10_000, pops };
  await page.route(`**/api/sales/${sale.id}`, (route) =>
    route.fulfill({ json: { ...sale, state: 'open', lobby: drawn } }),
  );

  await page.getByText('The sale is open, and the places are being drawn.').waitFor({ timeout: OPENING_MS });
  stands = standing({});
  await page.getByText('Your place is 1,234 of 10,000. 1,200 are before you.').waitFor();
  const turn = page.getByText(/Your turn comes about in \d+ min \d\d s/);
  await turn.waitFor();
  assert.match(await page.getByRole('link', { name: 'Check the draw' }).getAttribute('href'), /\/draw$/);
  await keepPicture(page, 'lobby-place');
  await assertAccessible(page);
  // Asked for no token before the turn, and for the place no more often than every ten seconds.
  const first = await page.waitForRequest('**/places');
  assert.equal(first.method(), 'GET');
  const asked_at = Date.now();
  await page.waitForRequest('**/places');
  assert.ok(Date.now() - asked_at > 9_000);
  // What the page hears of the sale meanwhile leaves the time of the turn alone.
  assert.ok(await turn.isVisible());
  assert.equal(tokens, 0);

  stands = standing({ state: 'sold_out' });
  await page.getByText('Sold out at the moment. Your place is 1,234 of 10,000.').waitFor();
  await page.getByText('This page goes on watching').waitFor();
  await keepPicture(page, 'lobby-sold-out');
  stands = standing({ state: 'passed' });
  await page.getByText('Your turn came and was not used within a minute').waitFor();
  await page.getByText('You can still get in line, behind the others.').waitFor();
  await page.getByRole('button', { name: 'Buy now' }).and(page.locator(':enabled')).waitFor();
  await keepPicture(page, 'lobby-passed');
  assert.equal(tokens, 0);
  assertQuiet(complaints, BUSY);
  await context.close();
});

test('the lobby can be left', { timeout: 120_000 }, async () => {
  const sale = await newSale('Lobby ladder', { units: '5', limit: '2', opens: '+600s' });
  const { context, page, complaints } = await joined(sale);
  await page.getByRole('button', { name: 'Leave the lobby' }).click();
  const join = page.getByRole('button', { name: 'Join the lobby' });
  await join.and(page.locator(':enabled')).waitFor();
  assert.ok(await join.evaluate((button) => button === document.activeElement));
  await page.reload();
  await join.and(page.locator(':enabled')).waitFor();
  assert.ok(await page.locator('lobby-panel').isHidden());
  // Coming back finds the same arrival.
  await join.click();
  await page.getByText('You are in. Places are drawn').waitFor();
  const kept = await page.evaluate((id) => localStorage.getItem(`doorbuster.lobby.${id}`), sale.id);
  assert.equal(JSON.parse(kept).arrival, 1);
  assertQuiet(complaints);
  await context.close();
});
