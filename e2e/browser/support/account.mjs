/** Ways to be somebody. */
import { randomUUID } from 'node:crypto';
import { codeFor, shop } from './shop.mjs';

/** Makes a new account; the page is the one to sign up. */
export async function signUp(page, beforeSending = async () => {}) {
  const address = `shopper-${randomUUID()}@example.com`;
  await page.getByLabel('E-mail or mobile number').fill(address);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await page.getByLabel('Code from the message').fill(await codeFor(address));
  await page.getByLabel('Your name').fill('Ada Shopper');
  await page.getByLabel('Password').fill('a long password');
  await beforeSending();
  await page.getByRole('button', { name: 'Make the account' }).click();
}

/** Signs the demo account in; the page is the one to sign in. */
export async function signIn(page, password = shop.account.password) {
  await page.getByLabel('E-mail or mobile number').fill(shop.account.contact);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}
