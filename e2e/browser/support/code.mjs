/** What takes a secret: to read a code in a picture as a person does, and to make a session old. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const COOKIE = '__Host-session';

/** Runs a program of `e2e/src/bin` with one of the origin's settings. */
async function run(program, argument, setting) {
  const { DOORBUSTER_BINARIES: folder, DOORBUSTER_ENVIRONMENT_FILE: file } = process.env;
  assert.ok(folder && file, 'DOORBUSTER_BINARIES and DOORBUSTER_ENVIRONMENT_FILE are set');
  const found = new RegExp(`^${setting}='(.*)'$`, 'm').exec(await readFile(file, 'utf8'));
  assert.ok(found, `${file} has ${setting}`);
  const env = { ...process.env, [setting]: found[1] };
  const { stdout } = await promisify(execFile)(join(folder, program), [argument], { env });
  return stdout.trim();
}

/** Reads or hears the code of the page, and types it with the gaps that people leave. */
export async function typeCode(page) {
  const id = await page.locator('input[name="challenge_id"]').getAttribute('value');
  const code = await run('challenge-code', id, 'DOORBUSTER_POPS');
  assert.match(code, /^\d{6}$/);
  await page.getByLabel(/^Digits/).fill(`${code.slice(0, 3)} ${code.slice(3)}`);
}

/** Lets five minutes pass for the session of a browser. */
export async function ageSession(context) {
  const cookies = await context.cookies();
  const cookie = cookies.find(({ name }) => name === COOKIE);
  assert.ok(cookie, 'somebody is signed in');
  const value = await run('aged-session', cookie.value, 'DOORBUSTER_SESSION_KEY');
  assert.notEqual(value, cookie.value);
  await context.addCookies([{ ...cookie, value }]);
}
