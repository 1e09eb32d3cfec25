import { globSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../packages/workspaces.ts';

const folder = 'infra/helm/converge/files/prometheus';

it('the chart has a link to each file of alert rules', () => {
  const files = globSync('infra/prometheus/*.rules.yaml', { cwd: root }).map((path) => basename(path));
  const links = globSync(`${folder}/*`, { cwd: root }).map((path) => basename(path));
  const missing = files.filter((file) => !links.includes(file));
  const next = missing.map((file) => `ln -s ../../../../prometheus/${file} ${folder}/${file}`);
  expect(next, `run ${next.join(' && ')}`).toEqual([]);
  expect(links.toSorted()).toEqual(files.toSorted());
  for (const link of links)
    expect(readlinkSync(join(root, folder, link))).toBe(`../../../../prometheus/${link}`);
});
