import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkSchemas, writeSchemas } from '../operate.ts';
import { defineEvent, type EventDefinition } from '../index.ts';
import { failureEvent } from '../engine.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'schemas-'));
});
afterEach(() => rm(dir, { recursive: true }));

const node: z.ZodObject = z.object({
  name: z.string(),
  get children(): z.ZodArray {
    return z.array(node);
  },
});
const placed = (data: z.ZodType, version = 1, upcast = {}): EventDefinition =>
  defineEvent('shop.order.placed', { version, topic: 'shop.orders', key: () => 'k', data, upcast });
const tree = defineEvent('shop.tree.grown', {
  version: 2,
  topic: 'shop/trees'.replace('/', '.'),
  key: () => 'k',
  data: z.object({ root: node, other: node, at: z.coerce.date() }),
});
const v1 = placed(z.object({ id: z.uuidv7(), by: z.enum(['card', 'cash']) }));
const kinds = async (...events: EventDefinition[]): Promise<string[]> =>
  (await checkSchemas(events, dir)).map(({ kind, type, version }) => `${kind} ${type} v${version}`);

describe('written schemas', () => {
  it('written schemas are one file per event version and a document that the official AsyncAPI parser accepts', async () => {
    const files = await writeSchemas([v1, tree, failureEvent('payments'), v1], dir, {
      title: 'Shop',
      version: '2.0.0',
    });
    expect(files.map((file) => file.slice(dir.length + 1))).toEqual([
      'json/converge.failure.v1.json',
      'json/shop.order.placed.v1.json',
      'json/shop.tree.grown.v2.json',
      'asyncapi.json',
    ]);
    expect(JSON.parse(await readFile(join(dir, 'json/shop.order.placed.v1.json'), 'utf8'))).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:converge:shop.order.placed:1',
      required: ['id', 'by'],
    });
    const { document, diagnostics } = await new Parser().parse(
      await readFile(join(dir, 'asyncapi.json'), 'utf8'),
    );
    // Severity 0 is an error, 1 a warning; below are hints such as "no licence".
    expect(diagnostics.filter(({ severity }) => [0, 1].includes(severity))).toEqual([]);
    expect(document?.version()).toBe('3.0.0');
    expect(
      document
        ?.allMessages()
        .all()
        .map((one) => one.title()),
    ).toEqual(expect.arrayContaining(['shop.order.placed.v1', 'shop.tree.grown.v2', 'converge.failure.v1']));
    expect(
      document
        ?.allChannels()
        .all()
        .map((one) => one.address()),
    ).toEqual(expect.arrayContaining(['shop.orders', 'shop.trees', 'payments.failures']));
    const payload = document
      ?.allMessages()
      .all()
      .find((one) => one.title() === 'shop.tree.grown.v2')
      ?.payload();
    expect(payload?.property('root')?.property('children')?.items()).toBeDefined();
  });

  it('the document says which events the service publishes and which it receives, in the words of EventCatalog', async () => {
    await writeSchemas([v1], dir, { received: [tree, tree] });
    const text = await readFile(join(dir, 'asyncapi.json'), 'utf8');
    const { diagnostics } = await new Parser().parse(text);
    expect(diagnostics.filter(({ severity }) => [0, 1].includes(severity))).toEqual([]);
    expect(JSON.parse(text)).toMatchObject({
      operations: {
        'publish.shop.orders': {
          action: 'send',
          messages: [{ $ref: '#/channels/shop.orders/messages/shop.order.placed.v1' }],
        },
        'receive.shop.trees': { action: 'receive' },
      },
      components: {
        messages: {
          'shop.order.placed.v1': {
            'x-eventcatalog-message-type': 'event',
            'x-eventcatalog-message-version': '1.0.0',
            'x-eventcatalog-role': 'provider',
          },
          'shop.tree.grown.v2': {
            'x-eventcatalog-message-version': '2.0.0',
            'x-eventcatalog-role': 'client',
          },
        },
      },
    });
    // The contract of a received event is the business of its service: no file of it is written here.
    expect(await readdir(join(dir, 'json'))).toEqual(['shop.order.placed.v1.json']);
    expect(await checkSchemas([v1], dir, { received: [tree] })).toEqual([]);
    expect(await checkSchemas([v1], dir)).toMatchObject([{ kind: 'outdated' }]);
  });

  it('schemas written twice are identical, and the check then reports nothing', async () => {
    expect(await kinds(v1)).toEqual(['not_written shop.order.placed v1']);
    await writeSchemas([v1, tree], dir);
    const first = await readFile(join(dir, 'asyncapi.json'), 'utf8');
    await writeSchemas([tree, v1], dir);
    expect(await readFile(join(dir, 'asyncapi.json'), 'utf8')).toBe(first);
    expect(await checkSchemas([v1, tree], dir)).toEqual([]);
  });
});

describe('a change of a published version', () => {
  beforeEach(() => writeSchemas([v1], dir));

  it('an incompatible change is reported with reason and fix, and is not written', async () => {
    const changed = placed(z.object({ id: z.string(), by: z.enum(['card']), at: z.string() }));
    const found = await checkSchemas([changed], dir);
    expect(found.map(({ path, breaks }) => [path, breaks])).toEqual([
      ['id', 'old_readers'],
      ['id', 'old_readers'],
      ['by', 'old_events'],
      ['at', 'old_events'],
    ]);
    expect(found[0]).toMatchObject({
      kind: 'incompatible',
      fix: expect.stringContaining('publish version 2'),
    });
    const before = await readFile(join(dir, 'json/shop.order.placed.v1.json'), 'utf8');
    await expect(writeSchemas([changed], dir)).rejects.toMatchObject({ code: 'SCHEMAS_INCOMPATIBLE' });
    expect(await readFile(join(dir, 'json/shop.order.placed.v1.json'), 'utf8')).toBe(before);
  });

  it('a compatible change is reported until it is written', async () => {
    const wider = placed(
      z.object({ id: z.uuidv7(), by: z.enum(['card', 'cash']), note: z.string().optional() }),
    );
    expect(await kinds(wider)).toEqual(['outdated shop.order.placed v1']);
    await writeSchemas([wider], dir);
    expect(await kinds(wider)).toEqual([]);
  });

  it('a new version must keep the old one readable by an upcast, or the old one counts as withdrawn', async () => {
    const data = z.object({ other: z.string() });
    expect(await kinds(placed(data, 2))).toEqual([
      'not_written shop.order.placed v2',
      'withdrawn shop.order.placed v1',
    ]);
    const v2 = placed(data, 2, { 1: () => ({ other: 'x' }) });
    expect(await kinds(v2)).toEqual(['not_written shop.order.placed v2']);
    await writeSchemas([v2], dir);
    expect((await readdir(join(dir, 'json'))).sort()).toEqual([
      'shop.order.placed.v1.json',
      'shop.order.placed.v2.json',
    ]);
    expect(await kinds(v2)).toEqual([]);
    await expect(writeSchemas([], dir)).rejects.toThrow('nothing reads it now');
  });

  it('a recorded payload that is no longer readable is reported by name', async () => {
    await mkdir(join(dir, 'fixtures'));
    await writeFile(
      join(dir, 'fixtures/shop.order.placed.v1.cash.json'),
      '{"id":"019aa3c0-0000-7000-8000-000000000001","by":"cash"}',
    );
    expect(await kinds(v1)).toEqual([]);
    await writeFile(join(dir, 'fixtures/shop.order.placed.v1.bad.json'), '{"id":1}');
    await writeFile(join(dir, 'fixtures/shop.gone.v1.json'), '{}');
    expect((await checkSchemas([v1], dir)).map(({ reason }) => reason)).toEqual([
      expect.stringContaining('shop.gone.v1.json is no longer read: no definition'),
      expect.stringContaining('shop.order.placed.v1.bad.json is no longer read'),
    ]);
  });
});

describe('definitions that cannot be written', () => {
  it('one event name with two schemas is rejected', async () => {
    await expect(writeSchemas([v1, placed(z.object({}))], dir)).rejects.toThrow('defined twice');
  });
  it('a schema library without JSON Schema is rejected by name', async () => {
    const bare = {
      '~standard': { version: 1 as const, vendor: 'home-made', validate: (value: unknown) => ({ value }) },
    };
    await expect(writeSchemas([placed(bare as never)], dir)).rejects.toThrow(
      '(home-made) cannot be written as JSON Schema',
    );
  });
  it('a recorded file that is not JSON is reported', async () => {
    await mkdir(join(dir, 'json'));
    await writeFile(join(dir, 'json/shop.order.placed.v1.json'), '{');
    await expect(checkSchemas([v1], dir)).rejects.toMatchObject({ code: 'SCHEMAS_UNREADABLE' });
  });
});
