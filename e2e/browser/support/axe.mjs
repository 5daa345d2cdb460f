/** A page by axe's rules for WCAG 2.2 AA. */
import assert from 'node:assert/strict';
import axe from 'axe-core';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export async function assertAccessible(page) {
  await page.evaluate(axe.source);
  const run = (rules) => globalThis.axe.run({ runOnly: rules });
  const { passes, violations } = await page.evaluate(run, RULES);
  assert.ok(passes.length > 10, 'the rules were applied');
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${page.url()} ${id} ${target}: ${failureSummary}`),
  );
  assert.deepEqual(found, []);
}
