/** Every page by axe's rules for WCAG 2.2 AA, in light and dark, and by keyboard alone. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signIn } from './support/account.mjs';
import { assertAccessible } from './support/axe.mjs';
import { keepPicture, launch, visit } from './support/browser.mjs';
import { saleIn } from './support/shop.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const colorScheme of ['light', 'dark']) {
  test(`pages can be read by everybody, ${colorScheme}`, { timeout: 120_000 }, async () => {
    const sale = await saleIn('open');
    const options = { colorScheme, reducedMotion: 'reduce' };
    const { context, page } = await visit(browser, options);
    const address = `/sales/${sale.slug}`;
    const pages = ['/', address, `${address}/draw`, `/items/${sale.item.id}`, '/sign-up', '/reset'];
    for (const path of [...pages, '/nowhere', '/api/none', '/problems/slow-down']) {
      await page.goto(path);
      await assertAccessible(page);
    }
    await page.goto('/orders');
    await page.waitForURL('**/sign-in?next=*');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Please fill this in.').first().waitFor();
    await assertAccessible(page);
    await signIn(page);
    await page.waitForURL(({ pathname }) => pathname === '/orders');
    await page.getByText('Looking up your orders.').waitFor({ state: 'detached' });
    await assertAccessible(page);
    await page.goto('/account');
    await page.waitForURL('**/api/account');
    await page.getByText('Use another contact').click();
    await page.getByText('Choose another password').click();
    await page.getByText('Delete your account').click();
    await assertAccessible(page);
    await keepPicture(page, `account-${colorScheme}`);
    await page.goto('/api/account/addresses/new');
    await assertAccessible(page);
    await context.close();
  });
}

test('the keyboard reaches the content first and the button next', { timeout: 60_000 }, async () => {
  const sale = await saleIn('open');
  const { context, page } = await visit(browser);
  await page.goto(`/sales/${sale.slug}`);
  await page.getByRole('button', { name: 'Buy now' }).and(page.locator(':enabled')).waitFor();
  await page.keyboard.press('Tab');
  const skipLink = page.getByRole('link', { name: 'Skip to the content' });
  assert.ok(await skipLink.evaluate((link) => link === document.activeElement));
  await page.keyboard.press('Enter');
  const reached = async () => {
    await page.keyboard.press('Tab');
    return page.evaluate(() => {
      const element = document.activeElement;
      const name = element.labels?.[0]?.innerText || element.innerText;
      return { name: (name || element.querySelector('img')?.alt).trim(), isPicture: Boolean(element.closest('.gallery')) };
    });
  };
  for (const expected of ['All sales', 'Quantity', 'Buy now']) {
    let next = await reached();
    while (next.isPicture) {
      assert.notEqual(next.name, '', 'a picture says what it shows');
      next = await reached();
    }
    assert.equal(next.name, expected);
  }
  await context.close();
});
