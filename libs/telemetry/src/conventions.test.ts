import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { attributeNames, SEMANTIC_CONVENTIONS, spanNames } from './names.ts';

/** The conventions in the version that the SDK depends on. */
const require = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/sdk-node'));
const file = require.resolve('@opentelemetry/semantic-conventions/incubating');
const { version } = JSON.parse(
  readFileSync(file.replace(/\/(?:dist|build)\/.*$/, '/package.json'), 'utf8'),
) as { readonly version: string };
// Only the comments of the declarations say which names are deprecated.
const known = new Set(
  ['stable', 'experimental'].flatMap((kind) => attributesOf(`${dirname(file)}/${kind}_attributes.d.cts`)),
);

/** The attributes that a file declares, without deprecated ones. */
function attributesOf(path: string): readonly string[] {
  const declared = /\/\*\*(?<comment>(?:(?!\*\/)[^])*)\*\/\s*declare const ATTR_\w+: "(?<name>[^"]+)"/g;
  return [...readFileSync(path, 'utf8').matchAll(declared)].flatMap(({ groups }) =>
    groups?.['comment']?.includes('@deprecated') === true ? [] : [groups?.['name'] ?? ''],
  );
}

// Planted fault: `http.status_code`, a name of an older version, is listed here; it is still declared, as deprecated.
it('every attribute that is not our own is one of the semantic conventions, in the version that we name', () => {
  const foreign = Object.values(attributeNames).filter((name) => !name.startsWith('converge.'));
  expect(foreign.length).toBeGreaterThan(10);
  expect(foreign.filter((name) => !known.has(name))).toEqual([]);
  expect(SEMANTIC_CONVENTIONS).toBe(version);
});

it('span names have the form of the conventions: the operation, then its low-cardinality target', () => {
  expect([spanNames.create('t'), spanNames.send('t'), spanNames.process('t')]).toEqual([
    'create t',
    'send t',
    'process t',
  ]);
  expect([spanNames.request('POST', '/orders/:id'), spanNames.request('GET')]).toEqual([
    'POST /orders/:id',
    'GET',
  ]);
});
