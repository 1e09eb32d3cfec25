import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readSettings } from '@convergekit/operate/host';
import { systemClock } from '@convergekit/core';
import { expect, it } from 'vitest';
import { createApp } from '../app.ts';
import type { App } from '../types.ts';
import { RunningActions } from './running.ts';
import { screens } from '../screens/index.ts';
import { signer } from '../security/session.ts';

const none = { all: [], names: [], get: () => ({}), gather: () => ({}), close: () => ({}) };

function wholeApp(): App {
  return createApp({
    databases: none as never,
    broker: undefined,
    clock: systemClock,
    screens,
    base: '',
    mount: undefined,
    settings: readSettings({}),
    stopping: new AbortController().signal,
    running: new RunningActions(() => ''),
    signer: signer(Buffer.alloc(32)),
  });
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const documentOf = async (app: App): Promise<Document> =>
  (await (await app.request('/api/openapi.json', { headers: { host: 'localhost' } }, {})).json()) as Document;

it('the document of the API is valid by the schema of OpenAPI 3.1', async () => {
  const text = readFileSync(new URL('../fixture/openapi-3.1.schema.json', import.meta.url), 'utf8');
  // Ajv resolves this dynamic anchor to the first one of its path; nothing here extends the schema, so a plain reference is the same.
  const plain = text.replaceAll('"$dynamicRef": "#meta"', '"$ref": "#/$defs/schema"');
  const schema = JSON.parse(plain.replace('"$dynamicAnchor": "meta",', '')) as Record<string, unknown>;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const validate = ajv.compile(schema);
  const document = await documentOf(wholeApp());
  expect(validate(document), JSON.stringify(validate.errors?.slice(0, 5))).toBe(true);
  expect(validate({ ...document, paths: { '/x': { get: { responses: 'wrong' } } } })).toBe(false);
});

/** Paths that are no page with data: files, sign-in, the document itself, exports and streams. */
const WITHOUT_TWIN = /^\/(static|sign-|api\/|\*$|audit\.jsonl$)|^\*$|\/(payload|values)$|^\/tail\/events$/;

it('every page and every action has its twin in the document of the API', async () => {
  const app = wholeApp();
  const { paths } = await documentOf(app);
  const pages = app.routes.filter(({ method, path }) => method !== 'ALL' && !WITHOUT_TWIN.test(path));
  const missing = pages.filter(({ method, path }) => {
    const twin = path === '/' ? '/api/attention' : `/api${path.replaceAll(/:(\w+)/g, '{$1}')}`;
    return paths[twin]?.[method.toLowerCase()] === undefined;
  });
  expect(pages.length).toBeGreaterThan(5);
  expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

it('two operations of the API have different ids', async () => {
  const { paths } = await documentOf(wholeApp());
  const ids = Object.values(paths).flatMap((path) =>
    Object.values(path).map((one) => (one as { operationId: string }).operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});
