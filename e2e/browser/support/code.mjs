/** What a person would read in a picture or hear in a sound; only whoever knows the PoP's secret can tell. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

async function pops() {
  const file = process.env.DOORBUSTER_ENVIRONMENT_FILE;
  assert.ok(file, 'DOORBUSTER_ENVIRONMENT_FILE says what the origin is told');
  const found = /^DOORBUSTER_POPS='(.*)'$/m.exec(await readFile(file, 'utf8'));
  assert.ok(found, 'the origin knows a PoP');
  return found[1];
}

/** Reads or hears the code of the page, and types it with the gaps that people leave. */
export async function typeCode(page) {
  const program = process.env.DOORBUSTER_CHALLENGE_CODE;
  assert.ok(program, 'DOORBUSTER_CHALLENGE_CODE names the program that reads codes');
  const id = await page.locator('input[name="challenge_id"]').getAttribute('value');
  const env = { ...process.env, DOORBUSTER_POPS: await pops() };
  const { stdout } = await promisify(execFile)(program, [id], { env });
  const code = stdout.trim();
  assert.match(code, /^\d{6}$/);
  await page.getByLabel(/^Digits/).fill(`${code.slice(0, 3)} ${code.slice(3)}`);
}
