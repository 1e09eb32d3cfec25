import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { checkGraphs, writeGraphs } from './graph-pages.ts';
import { placeOrder, transferMoney } from './index.ts';

const declarations = [placeOrder.declaration, transferMoney.declaration];
const pages = fileURLToPath(new URL('../../docs/sagas', import.meta.url));

it('S30: docs/sagas shows the sagas as they are declared', async () => {
  expect(await checkGraphs(declarations, pages)).toEqual([]);
});

it('a stale, missing or undeclared page is reported; write fixes the first two and keeps the text', async () => {
  const folder = await mkdtemp(`${tmpdir()}/graphs-`);
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(pages, folder, { recursive: true });
  const page = `${folder}/shop.place-order.md`;
  const before = await readFile(page, 'utf8');
  await writeFile(page, before.replace('start([', 'begin(['));
  await rm(`${folder}/bank.transfer-money.md`);
  await writeFile(`${folder}/shop.gone.md`, 'it was a saga');
  const problems = await checkGraphs(declarations, folder);
  expect(problems.map((line) => line.slice(folder.length + 1))).toEqual([
    'shop.place-order.md does not show the saga as it is declared: run make schemas',
    'bank.transfer-money.md does not show the saga as it is declared: run make schemas',
    'shop.gone.md belongs to no declared saga: remove it',
  ]);
  await writeGraphs(declarations, folder);
  expect(await readFile(page, 'utf8')).toBe(before);
  expect(await checkGraphs(declarations, folder)).toHaveLength(1);
});
