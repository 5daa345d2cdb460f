// @ts-check
/** What an order's sale sold, by the public catalogue; a sale long over is known by number alone. */
import { request } from './request.js';

/** @typedef {{title: string, address: string}} SaleName */

/** @type {Map<string, Promise<SaleName>>} */
const asked = new Map();

/** @param {string} sale_id @returns {Promise<SaleName>} */
async function ask(sale_id) {
  try {
    const { slug, item } = await request('GET', `/api/sales/${sale_id}`);
    return { title: item.title, address: `/sales/${slug}` };
  } catch {
    return { title: `Sale ${sale_id}`, address: '/' };
  }
}

/** @param {string} sale_id @returns {Promise<SaleName>} */
export function saleName(sale_id) {
  const name = asked.get(sale_id) ?? ask(sale_id);
  asked.set(sale_id, name);
  return name;
}
