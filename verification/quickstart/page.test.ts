import { expect, it } from 'vitest';
import { isShown, stepsOf } from './page.ts';

const page = [
  '# Guide\n\nIntroduction.\n\n```sh\nnot this\n```\n',
  '## On one screen\n\n```sh\nnpm install   # once\n\nnpm run dev\n```\n',
  'Copy [`src/shop.ts`](../shop.ts) and\n[`src/app.ts`](../app.ts). The table goes into `migrations/001-shop.sql`:\n\n```sql\nselect 1;\n```\n',
  'It looks so:\n\n```ts\nread();\n```\n\n```text\n05:41:12 payments: applied  key=small event=01a22af8-…\n```\n',
  '## Next\n\n```sh\nnor this\n```\n',
].join('\n');

it('the steps of a section are its commands, its files, the files that it links, and the lines that are to be seen', () => {
  expect(stepsOf(page, '## On one screen')).toEqual([
    { do: 'type', line: 'npm install' },
    { do: 'type', line: 'npm run dev' },
    { do: 'copy', path: 'src/shop.ts', from: '../shop.ts' },
    { do: 'copy', path: 'src/app.ts', from: '../app.ts' },
    { do: 'write', path: 'migrations/001-shop.sql', text: 'select 1;\n' },
    { do: 'expect', line: '05:41:12 payments: applied  key=small event=01a22af8-…' },
  ]);
  expect(() => stepsOf(page, '## Absent')).toThrow('the page has no section "## Absent"');
});

it('a line of a page is seen whatever its times, ids and further fields are, and only if all its words come in order', () => {
  const line = '05:41:12 payments: applied  key=small event=01a22af8-…';
  expect(isShown('\n06:00:00 payments: applied  handler=a key=small event=77 topic=b\n', line)).toBe(true);
  expect(isShown('06:00:00 payments: applied  key=large', line)).toBe(false);
  expect(isShown('payments: applied\nkey=small', line)).toBe(false);
});
