/** The running shop, as whoever started it describes it. */
import assert from 'node:assert/strict';

const WAIT_MS = 30_000;

function described() {
  const text = process.env.DOORBUSTER_UP_JSON;
  assert.ok(text, 'DOORBUSTER_UP_JSON says where the shop runs');
  return JSON.parse(text);
}

export const shop = described();

/** Looks until `find` finds something, or the deadline passes. */
export async function eventually(what, find, deadline_ms = WAIT_MS) {
  const until = Date.now() + deadline_ms;
  for (;;) {
    const found = await find();
    if (found) return found;
    assert.ok(Date.now() < until, `${what}: not within ${deadline_ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A sale of the shop's public list in this state. */
export function saleIn(state) {
  return eventually(`a sale that is ${state}`, async () => {
    const response = await fetch(new URL('/api/sales', shop.edge_url));
    if (!response.ok) return null;
    const { sales } = await response.json();
    return sales.find((sale) => sale.state === state);
  });
}

/** The code that was mailed to this address last. */
export function codeFor(address) {
  return eventually(`a code for ${address}`, async () => {
    const url = new URL('/mailbox', shop.sandbox_url);
    url.searchParams.set('to', address);
    const response = await fetch(url, { headers: { accept: 'application/json' } });
    const { messages } = await response.json();
    const [newest] = messages.sort((a, b) => b.received_at_ms - a.received_at_ms);
    return newest?.code;
  });
}
