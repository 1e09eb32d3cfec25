import { expect, it } from 'vitest';
import { shortIds } from './short-ids.ts';

it('a long id shows its beginning and end, a copy has all of it, and the text around it is escaped', async () => {
  const id = '01a21df2-a1e9-70d1-9933-58262513b140';
  const page = String(await shortIds(`<b> ${id} of 4bf92f3577b34da6a3ce929d0e0e4736`));
  expect(page).toContain(`title="${id}"`);
  expect(page).toContain('01a21df2<span class="middle">-a1e9-70d1-9933-582625</span>13b140');
  expect(page).toContain('&lt;b&gt; ');
  expect(page.replaceAll(/<[^>]+>/g, '')).toBe(`&lt;b&gt; ${id} of 4bf92f3577b34da6a3ce929d0e0e4736`);
});

it('a short text stays as it is', async () => {
  expect(String(await shortIds('1.1.3.07db77c1aa00ff12'))).toBe('1.1.3.07db77c1aa00ff12');
});
