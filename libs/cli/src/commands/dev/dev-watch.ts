import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { type Service, systemClock } from '@convergekit/core';
import { loopService } from '@convergekit/core/engine';

/** The time without a change after which a change counts, in milliseconds: an editor writes a file in several steps. */
const QUIET_MS = 150;
/** Folders whose files are not of the service. */
const FOREIGN = /^(node_modules|dist|\..*)$/;

interface FolderWatch {
  readonly folder: string;
  /** Chooses files by their paths. */
  readonly concerns: (path: string) => boolean;
  /** Called once for changes that come together, with the paths; one call after the other. */
  readonly onChange: (paths: readonly string[]) => unknown;
}

/**
 * Watches a folder and all below it. Folders are watched, not files: one that is replaced by a rename, as editors and `sed -i`
 * save it, is seen each time.
 */
export function folderWatch({ folder, concerns, onChange }: FolderWatch): Service {
  return loopService({
    name: `changes in ${folder}`,
    run: async (stopping) => {
      const watched = new Map<string, FSWatcher>();
      let pending = new AbortController();
      let calls: Promise<unknown> = Promise.resolve();
      const paths = new Set<string>();
      const later = async ({ signal }: AbortController): Promise<void> => {
        await systemClock.sleep(QUIET_MS, AbortSignal.any([signal, stopping]));
        if (signal.aborted || stopping.aborted) return;
        const changes = [...paths];
        paths.clear();
        calls = calls.then(() => onChange(changes));
      };
      const changed = (within: string, name: string | null): void => {
        watchNew();
        const path = join(within, name ?? '');
        if (name === null || !concerns(path)) return;
        paths.add(path);
        pending.abort();
        pending = new AbortController();
        void later(pending);
      };
      const watchNew = (): void => {
        for (const path of foldersIn(folder)) {
          if (watched.has(path)) continue;
          const watcher = watch(path, (_, name) => changed(path, name));
          // A folder that was removed: its parent says so.
          watcher.on('error', () => (watcher.close(), watched.delete(path)));
          watched.set(path, watcher);
        }
      };
      watchNew();
      await new Promise((resolve) => stopping.addEventListener('abort', resolve, { once: true }));
      for (const watcher of watched.values()) watcher.close();
      await calls;
    },
  });
}

/** Lists a folder and those below it, without foreign ones. */
function foldersIn(folder: string): readonly string[] {
  try {
    const below = readdirSync(folder, { withFileTypes: true }).filter(
      (one) => one.isDirectory() && !FOREIGN.test(one.name),
    );
    return [folder, ...below.flatMap(({ name }) => foldersIn(join(folder, name)))];
  } catch {
    return []; // removed meanwhile
  }
}
