import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import { addressUnder, basePathOf, pageUnder, pathUnder } from './base-path.ts';

const own = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };

describe('a base path', () => {
  it('a base path is written with or without a slash at its end, and one that could be read in two ways is refused', () => {
    expect(['/', '', '/ops', '/ops/', '/ops/console_2.x~'].map(basePathOf)).toEqual([
      '',
      '',
      '/ops',
      '/ops',
      '/ops/console_2.x~',
    ]);
    for (const path of ['ops', '//ops', '/ops//x', '/../ops', '/ops/.', '/a b', '/%6fps', '/ops"x', '/ops?x'])
      expect(() => basePathOf(path), path).toThrow('write it as /ops/console');
  });

  it('a path that only begins like the base path is not under it', () => {
    expect(pathUnder('/ops', '/ops')).toBe('/');
    expect(pathUnder('/ops', '/ops/sagas')).toBe('/sagas');
    expect(pathUnder('/ops', '/opsx/sagas')).toBeUndefined();
    expect(pathUnder('/ops', '/sagas')).toBeUndefined();
    expect(pathUnder('', '/sagas')).toBe('/sagas');
    expect(addressUnder('/ops', 'http://x.test/ops/sagas?a=%2Fops').href).toBe(
      'http://x.test/sagas?a=%2Fops',
    );
  });

  it('a page has the base path in its own links alone, and not in what it shows', () => {
    const shown = '&lt;a href=&quot;/sagas&quot;&gt; href=/x //cdn';
    expect(pageUnder('/ops', `<a data-row href="/sagas">${shown}</a><a href="https://x.test/">`)).toBe(
      `<a data-row href="/ops/sagas">${shown}</a><a href="https://x.test/">`,
    );
    expect(pageUnder('', '<a href="/sagas">')).toBe('<a href="/sagas">');
  });
});

describe('a console under a base path', () => {
  it('a text of an event that looks like a link stays as it is in a page', async () => {
    const { ask } = appUnderTest({}, undefined, '/ops');
    const page = await (await ask(`/ops/echo?text=${encodeURIComponent(' href="/x" src="/y"')}`)).text();
    expect(page).toContain('<p title=" href=&quot;/x&quot; src=&quot;/y&quot;">');
  });

  it('a session’s cookie is for the base path alone, and two consoles under one host have two names for it', async () => {
    const cookieOf = async (base: string): Promise<string> => {
      const { ask } = appUnderTest({}, undefined, base);
      const form = { token: TOKENS.ada, to: '/sagas' };
      const answer = await ask(`${base}/sign-in`, { form, headers: own });
      expect(answer.headers.get('location')).toBe(`${base}/sagas`);
      return answer.headers.get('set-cookie') ?? '';
    };
    expect(await cookieOf('/ops/console')).toMatch(/^converge_console\.ops\.console=.*Path=\/ops\/console;/);
    expect(await cookieOf('')).toMatch(/^converge_console=.*Path=\/;/);
  });
});
