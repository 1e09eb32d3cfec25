import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { postAs, TOKENS } from '../fixture/console-under-test.ts';
import { openScene, type WholeScene } from '../fixture/whole-scene.ts';

const SCRIPT = '<script>alert(1)</script>';
const IMAGE = `"'><img src=x onerror=alert(1)>`;
const HOSTILE: readonly string[] = [
  ...[SCRIPT, IMAGE, 'a\0b', '-1', '2147483648', '9'.repeat(30), '9999-12-31T23:59:59.999Z'],
  ...['__proto__', '\\', 'x'.repeat(6_000), '00000000-0000-0000-0000-000000000000'],
];
/** Returns all hostile texts for a field, or every fifth of them in turn, so that each reaches some field. */
let turn = 0;
function some<T>(texts: readonly T[]): readonly T[] {
  if (inject('full')) return texts;
  turn += 1;
  return texts.filter((_, at) => (at + turn) % 5 === 0);
}
/** Bytes that are no UTF-8, and an address that is no percent-encoding. */
const RAW: readonly string[] = ['%FF', '%'];
/** What no form sends, and JSON can. */
const NO_TEXTS: readonly unknown[] = [null, 1e300, {}, [[]], ['a', 'b'], true];
/** Errors of Postgres that a value from outside must not reach. */
const OF_POSTGRES = /syntax for type|out of range|byte sequence|violates/;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly schema: { readonly enum?: readonly unknown[]; readonly type?: string };
}
interface Described {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': {
        readonly schema: { readonly properties: Record<string, Parameter['schema']> };
      };
    };
  };
}

let scene: WholeScene;
let paths: Readonly<Record<string, { readonly get?: Described; readonly post?: Described }>>;
beforeAll(async () => {
  scene = await openScene(inject('stack').databaseUrl);
  const answer = await fetch(new URL('/api/openapi.json', scene.url));
  ({ paths } = (await answer.json()) as { paths: typeof paths });
});
afterAll(() => scene.stop());

/** A value that a parameter may have, as far as its name and schema say. */
function usual({ name, schema }: Pick<Parameter, 'name' | 'schema'>): string {
  if (schema.enum !== undefined) return String(schema.enum[0]);
  if (schema.type === 'integer' || schema.type === 'number') return '1';
  const known: Readonly<Record<string, string>> = {
    database: 'inventory',
    consumer: 'stock',
    reconciler: 'stock-reserved',
    topic: 'shop.orders',
    saga: 'test.order',
    name: 'default',
    schedule: 'price-eu',
    reason: 'a test',
    key: 'a',
    since: '2026-01-01T00:00:00Z',
    until: '2026-01-02T00:00:00Z',
  };
  return known[name] ?? '01980000-0000-7000-8000-000000000000';
}

/** The addresses of an operation in each of which one parameter is hostile. */
function addresses(path: string, parameters: readonly Parameter[], isPage: boolean): string[] {
  const write = (bad: Parameter | undefined, raw: string): string => {
    const value = (one: Parameter): string => (one === bad ? raw : encodeURIComponent(usual(one)));
    const at = parameters
      .filter((one) => one.in === 'path')
      .reduce((text, one) => text.replace(`{${one.name}}`, value(one)), path);
    const query = parameters
      .filter((one) => one.in === 'query' && (one === bad || bad === undefined))
      .map((one) => `${one.name}=${value(one)}`);
    return `${at}?${query.join('&')}`;
  };
  const bad = (): readonly string[] => (isPage ? HOSTILE.slice(0, 3) : some(HOSTILE));
  return [
    write(undefined, ''),
    ...parameters.flatMap((one) => [
      ...bad().map((text) => write(one, encodeURIComponent(text))),
      ...some(RAW).map((raw) => write(one, raw)),
      ...(one.in === 'query' ? [`${write(one, 'a')}&${one.name}=b`] : []),
    ]),
  ];
}

async function faultOf(address: string, isPage: boolean): Promise<string | undefined> {
  const answer = await fetch(new URL(address, scene.url), { redirect: 'manual' });
  if (answer.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    await answer.body?.cancel();
    return undefined;
  }
  const text = await answer.text();
  if (answer.status >= 500) return `${answer.status} ${address.slice(0, 150)}: ${text.slice(0, 200)}`;
  if (isPage && (text.includes(SCRIPT) || text.includes(IMAGE))) return `a script in ${address}`;
  return undefined;
}

// Planted fault: a text with NUL that is not refused, which Postgres does not take.
it('no address of a page or of the API makes it fail, or puts a script into it', async () => {
  const faults: string[] = [];
  const views = Object.entries(paths).flatMap(([path, { get }]) =>
    get === undefined ? [] : [{ path, parameters: get.parameters ?? [] }],
  );
  expect(views.length).toBeGreaterThan(30);
  for (const { path, parameters } of views)
    for (const isPage of [false, true]) {
      const page = path === '/api/attention' ? '/' : path.slice('/api'.length);
      for (const address of addresses(isPage ? page : path, parameters, isPage))
        faults.push(...[await faultOf(address, isPage)].filter((fault) => fault !== undefined));
    }
  expect(faults).toEqual([]);
});

it('no field of an action makes it fail', async () => {
  const faults: string[] = [];
  const statuses = new Set<number>();
  let reasons = 0;
  for (const [path, { post }] of Object.entries(paths)) {
    const properties = post?.requestBody?.content['application/json'].schema.properties ?? {};
    const fields = Object.entries(properties).map(
      ([name, schema]) => [name, usual({ name, schema })] as const,
    );
    const at = (post?.parameters ?? []).reduce(
      (text, one) => text.replace(`{${one.name}}`, encodeURIComponent(usual(one))),
      path,
    );
    for (const [bad] of fields)
      for (const value of some([...HOSTILE, ...NO_TEXTS])) {
        const body = { ...Object.fromEntries(fields), [bad]: value };
        const [status, text] = await postAs(TOKENS.ada, new URL(at, scene.url), body);
        statuses.add(status);
        if (status >= 500 || OF_POSTGRES.test(text))
          faults.push(`${status} ${at} ${bad}=${JSON.stringify(value).slice(0, 60)}: ${text}`);
      }
    if (!('reason' in properties)) continue;
    reasons += 1;
    const long = { ...Object.fromEntries(fields), reason: 'r'.repeat(501) };
    const [status, text] = await postAs(TOKENS.ada, new URL(at, scene.url), long);
    if (status !== 400 || !text.includes('at most 500'))
      faults.push(`${status} ${at} a long reason: ${text}`);
  }
  expect(faults).toEqual([]);
  expect(reasons).toBeGreaterThan(5);
  expect([...statuses].toSorted()).toEqual([200, 400, 404, 409]);
});
