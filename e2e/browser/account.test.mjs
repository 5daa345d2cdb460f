/** The account's page, on a small phone, with scripts and without. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signUp } from './support/account.mjs';
import { keepPicture, launch, visit } from './support/browser.mjs';
import { codeFor } from './support/shop.mjs';

const SMALLEST_PHONE = { width: 320, height: 640 };
const PASSWORD = 'a long password';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function assertFits(page, name) {
  await keepPicture(page, name);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= page.viewportSize().width, `${name} is ${width} wide`);
}

test('an account is looked after on a small phone', { timeout: 120_000 }, async () => {
  const { context, page } = await visit(browser, { viewport: SMALLEST_PHONE });
  await page.goto('/sign-up?next=%2Faccount');
  await signUp(page);
  await page.waitForURL('**/api/account');
  await assertFits(page, 'account-phone');

  await page.getByLabel('Name', { exact: true }).fill('Grace Hopper');
  await page.getByRole('button', { name: 'Save name and language' }).click();
  await page.getByText('Name and language are saved.').waitFor();

  await page.getByRole('link', { name: 'Add an address' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Grace Hopper');
  await page.getByLabel('Street and house').fill('1 Compiler Street');
  await page.getByLabel('City').fill('Arlington');
  await page.getByLabel('Country').selectOption('US');
  await assertFits(page, 'account-address-phone');
  await page.getByRole('button', { name: 'Save the address' }).click();
  await page.getByText('Filled in when you pay').waitFor();

  // The page works alike without scripts; a mistake stands at its field.
  const plain = await browser.newContext({
    javaScriptEnabled: false,
    viewport: SMALLEST_PHONE,
    storageState: await context.storageState(),
    baseURL: new URL(page.url()).origin,
  });
  const still = await plain.newPage();
  await still.goto('/api/account');
  const number = `+49151${`${Date.now()}`.slice(-9)}`;
  await still.getByText('Use another contact').click();
  await still.getByLabel('New e-mail or mobile number').fill(number);
  await still.getByLabel('Password', { exact: true }).first().fill('not the password');
  await still.getByRole('button', { name: 'Send a code there' }).click();
  const mistake = still.getByRole('alert').getByRole('link', { name: /^Password/ });
  await mistake.waitFor();
  await assertFits(still, 'account-mistake-phone');
  await still.getByLabel('Password', { exact: true }).first().fill(PASSWORD);
  await still.getByRole('button', { name: 'Send a code there' }).click();
  await still.getByLabel('Code from the message').fill(await codeFor(number));
  await still.getByRole('button', { name: 'Use the new contact' }).click();
  await still.getByText('Your account has the new contact.').waitFor();
  assert.ok(await still.getByText(number).isVisible());

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download all that we know of you' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'account.json');

  await page.getByText('Delete your account').click();
  page.on('dialog', (dialog) => dialog.accept());
  await page.locator('#delete-password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Delete the account' }).click();
  await page.getByRole('heading', { name: 'Your account is deleted' }).waitFor();
  await page.getByRole('link', { name: 'Sign in' }).first().waitFor();
  await plain.close();
  await context.close();
});
