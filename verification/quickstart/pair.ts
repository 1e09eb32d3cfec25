import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { whileDev } from './dev.ts';
import { type Newcomer, say, seconds } from './newcomer.ts';

/** What the log says of the two orders of the template, on their way through both services. */
const LINES = [
  /"consumer":"payments".*"msg":"applied"/,
  /"consumer":"payments".*over the limit of this card/,
  /"consumer":"orders".*"msg":"compensated"/,
];

/** Makes two services from the template, and runs them twice: the second time with the data of the first. */
export async function runPair({ outside, env, step }: Newcomer): Promise<void> {
  const folder = join(outside, 'pair');
  await step('npx --yes convergekit init pair --template two-services', outside);
  await step('npm install', folder);
  await step('npm run check', folder);
  await whileDev(['npm', 'run', 'dev'], { cwd: folder, env }, async ({ start, log }) => {
    await waitUntil(() => LINES.every((line) => line.test(log())), { what: 'a line for each outcome' });
    say(`${seconds(start)}  npm run dev: two services charged the small order and took back the large one`);
  });
  await whileDev(['npm', 'run', 'dev'], { cwd: folder, env }, async ({ start, log }) => {
    await waitUntil(() => (log().match(/is ready/g) ?? []).length === 2, { what: 'both services' });
    if (LINES.some((line) => line.test(log())))
      throw new Error(`the second run repeated an order:\n${log()}`);
    say(`${seconds(start)}  npm run dev: a second run repeats nothing`);
  });
}
