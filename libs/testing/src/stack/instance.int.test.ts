import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInstance, listInstances, reapInstances } from './instance.ts';
import { identityOf, isAlive } from './process-identity.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'instance-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const dead = { pid: 4_194_304, startedAt: '1', command: 'gone' };

function orphan(pidFile: unknown): string {
  const folder = join(dataDir, 'stacks', 'run-1-abcd');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(dead));
  writeFileSync(join(folder, 'kafka.pid'), JSON.stringify(pidFile));
  return folder;
}

describe('instances of the stack', () => {
  it('instances of a living owner are left alone', async () => {
    const instance = createInstance(dataDir, 'run');
    expect(await reapInstances(dataDir, () => undefined)).toBe(0);
    expect(listInstances(dataDir)).toMatchObject([{ kind: 'run', alive: true, folder: instance.folder }]);
    await instance.remove();
    expect(listInstances(dataDir)).toEqual([]);
  });

  it('a foreign process that got the pid of a dead server is not killed', async () => {
    const stranger = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await once(stranger, 'spawn');
    const identity = identityOf(stranger.pid!)!;
    orphan({ ...identity, startedAt: '1' });
    expect(await reapInstances(dataDir, () => undefined)).toBe(1);
    expect(isAlive(identity)).toBe(true);
    expect(readdirSync(join(dataDir, 'stacks'))).toEqual([]);
    orphan(identity);
    expect(await reapInstances(dataDir, () => undefined)).toBe(1);
    expect(isAlive(identity)).toBe(false);
  });

  it('folders outside of an instance are removed with it', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    writeFileSync(join(orphan(dead), 'elsewhere'), `${elsewhere}\n`);
    await reapInstances(dataDir, () => undefined);
    expect(readdirSync(tmpdir())).not.toContain(elsewhere.split('/').at(-1));
  });

  it('a truncated pid file does not stop the removal of dead instances', async () => {
    writeFileSync(join(orphan(dead), 'kafka.pid'), '{"pid":');
    expect(await reapInstances(dataDir, () => undefined)).toBe(1);
  });
});
