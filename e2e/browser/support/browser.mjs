/** A browser on a phone's screen that writes down everything it complains about. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { shop } from './shop.mjs';

const PHONE = { width: 390, height: 844 };
const WAIT_MS = 30_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A fresh visitor: page, and what the browser complained about, save on the checkout's pages. */
export async function visit(browser, options = {}) {
  const context = await browser.newContext({
    baseURL: shop.edge_url,
    viewport: PHONE,
    ...options,
  });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    const { url } = message.location();
    if (!url.startsWith(shop.sandbox_url)) complaints.push(`${message.text()} (${url})`);
  });
  return { context, page, complaints };
}

/**
 * Fails if there was any complaint but those that are meant: whoever is not signed in is told so
 * with 401 when the page asks who it is.
 */
export function assertQuiet(complaints, ...meant) {
  const known = [/status of 401 .*\/api\/session\)$/, ...meant];
  const others = complaints.filter((text) => !known.some((pattern) => pattern.test(text)));
  assert.deepEqual(others, []);
}

/** Keeps a picture of the page if somebody wants to look at it. */
export async function keepPicture(page, name) {
  const folder = process.env.DOORBUSTER_SCREENSHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
