/** What the operator does, by the command line. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { eventually, shop } from './shop.mjs';

/** The settings as they stand in the file: NAME='value', a line each. */
async function settings() {
  const file = process.env.DOORBUSTER_ENVIRONMENT_FILE;
  assert.ok(file, 'DOORBUSTER_ENVIRONMENT_FILE says what the origin is told');
  const lines = (await readFile(file, 'utf8')).matchAll(/^(\w+)='(.*)'$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/** Runs `doorbuster`; what it printed. */
export async function operate(...words) {
  const program = process.env.DOORBUSTER_CLI;
  assert.ok(program, 'DOORBUSTER_CLI names the command line');
  // Nothing else: it takes no setting that it does not know.
  const env = { PATH: process.env.PATH, ...(await settings()) };
  const { stdout } = await promisify(execFile)(program, words, { env });
  return stdout.trim();
}

/** A new public sale; `options` as `doorbuster sale create` has them, on top of the usual ones. */
export async function newSale(title, options) {
  const list_price = ['--list-price', '59900', '--currency', 'USD'];
  const item = await operate('item', 'add', '--title', title, '--description', '', ...list_price);
  const slug = `sale-${randomUUID()}`;
  const usual = { item, slug, price: '39900', currency: 'USD', closes: '+86400s' };
  const words = Object.entries({ ...usual, ...options }).flatMap(([name, value]) => [`--${name}`, value]);
  const id = await operate('sale', 'create', ...words);
  await operate('sale', 'publish', id);
  return eventually(`sale ${id}`, async () => {
    const response = await fetch(new URL(`/api/sales/${id}`, shop.edge_url));
    return response.ok && response.json();
  });
}
