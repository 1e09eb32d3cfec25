import assert from 'node:assert';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loggableError, stackText } from './loggable-error.ts';

const canary = 'canary-8c1f';
function thrownBy(code: () => unknown): unknown {
  try {
    code();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
const pg = (code: string, message: string, fields: object = {}) =>
  Object.assign(new Error(message), { code, severity: 'ERROR', ...fields });

describe('an error in the log', () => {
  // Planted fault: each rule taken out lets the canary through.
  it.each([
    [
      'a violation of zod',
      thrownBy(() => z.object({ a: z.array(z.enum(['x'])) }).parse({ a: [canary] })),
      'data does not fit its schema: a.0 (invalid_value)',
    ],
    [
      'a violation at a key of the data',
      thrownBy(() => z.record(z.string(), z.number()).parse({ [canary]: canary })),
      'data does not fit its schema: … (invalid_type)',
    ],
    [
      'a data error of Postgres',
      pg('22P02', `invalid input syntax for type integer: "${canary}"`, { routine: 'pg_strtoint32_safe' }),
      'SQLSTATE 22P02 (in pg_strtoint32_safe)',
    ],
    [
      'a broken constraint',
      pg('23505', `duplicate key ${canary}`, { constraint: 'line_pkey', schema: 'public', table: 'line' }),
      'SQLSTATE 23505 (constraint line_pkey, schema public, table line)',
    ],
    ['an exception of a function', pg('P0001', `no such ${canary}`), 'SQLSTATE P0001'],
    [
      'a text that is no JSON',
      thrownBy(() => JSON.parse(`${canary} and more text`)),
      'a text could not be parsed (the message quotes it)',
    ],
    ['a failed assertion', thrownBy(() => assert.equal(canary, 'x')), 'an assertion failed (==)'],
    [
      'a refused argument of Node',
      thrownBy(() => Buffer.from({ [canary]: 1 } as never)),
      expect.stringContaining('The first argument must be of type string'),
    ],
    ['a thrown object', { message: undefined, canary }, 'an object that is no error was thrown'],
  ])('G5e: %s is reduced to code and path', (_, error, message) => {
    const shown = loggableError(new Error('outer', { cause: error }));
    expect(shown.cause?.message).toEqual(message);
    expect(JSON.stringify(shown) + stackText(shown)).not.toContain(canary);
  });

  it('an error that names code, SQL or settings keeps its message', () => {
    const missing = pg('42P01', 'relation "stock" does not exist');
    expect(loggableError(missing).message).toBe('relation "stock" does not exist');
    expect(loggableError(new TypeError('x.total is not a function')).message).toBe(
      'x.total is not a function',
    );
    // Planted fault: a contract error without a violated schema, such as KEY_INVALID, was logged as its code and nothing else.
    const refused = Object.assign(new Error('the key must be text'), { code: 'KEY_INVALID', issues: [] });
    expect(loggableError(refused).message).toBe('the key must be text');
  });

  // Planted fault: fields that are read as they are. A process that logs such an error ends by it.
  it.each(['name', 'message', 'stack', 'cause', 'code'])(
    'an error whose %s cannot be read is shown without it',
    (name) => {
      const get = (): never => {
        throw new Error('no answer to read');
      };
      const shown = loggableError(Object.defineProperty(new TypeError('wrong'), name, { get }));
      expect(shown.type).toBe(name === 'name' ? 'Error' : 'TypeError');
      expect(shown).not.toHaveProperty(name === 'stack' ? 'frames' : name === 'message' ? 'none' : name);
    },
  );

  it('the stack names the places in the code, and nothing of the message', () => {
    const error = new Error(`first\n    at ${canary} (secret:1:1)\nlast`);
    const { frames } = loggableError(error, { hide: () => 'hidden' });
    expect(frames).toMatch(/loggable-error\.test\.ts:\d+:\d+/);
    expect(frames).not.toContain(canary);
    expect(stackText(loggableError(error, { hide: () => 'hidden' })).split('\n')[0]).toBe('Error: hidden');
  });

  it('causes are shown with their places, at most five of them', () => {
    let error = new Error('0');
    for (let n = 1; n < 10; n += 1) error = new Error(String(n), { cause: error });
    const text = stackText(loggableError(error));
    expect(text.match(/caused by Error/g)).toHaveLength(5);
    expect(text).toMatch(/caused by Error: 8\n\s+at /);
  });
});
