import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export interface MemoryOptions {
  /** A file system in memory. @default '/dev/shm' */
  readonly memory?: string;
  /** The space that it and the machine's memory must have, in bytes. @default 10 GiB */
  readonly neededBytes?: number;
}

/**
 * Puts a folder of data into the machine's memory where it has room: the folder becomes a link. One that has something in
 * it stays where it is. Returns a function that undoes it, unless something is in the folder then.
 */
export function placeInMemory(
  folder: string,
  { memory = '/dev/shm', neededBytes = 10 * 2 ** 30 }: MemoryOptions = {},
): () => void {
  const isUsed = existsSync(folder) && (isLink(folder) || readdirSync(folder).length > 0);
  if (isUsed || !hasRoom(memory, neededBytes)) return () => undefined;
  if (existsSync(folder)) rmdirSync(folder);
  // A link of before the machine's last start.
  else if (isLink(folder)) unlinkSync(folder);
  mkdirSync(dirname(folder), { recursive: true });
  const place = mkdtempSync(join(memory, 'converge-'));
  // Postgres runs as another user where the tests run as root.
  chmodSync(place, 0o755);
  symlinkSync(place, folder);
  return () => {
    // Another run of this checkout may have its servers there.
    if (readdirSync(place).length > 0) return;
    unlinkSync(folder);
    rmdirSync(place);
  };
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function hasRoom(memory: string, neededBytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(memory);
    const available = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    return bavail * bsize >= neededBytes && Number(available) * 1024 >= neededBytes;
  } catch {
    return false; // not Linux
  }
}
