import { relative } from 'node:path';
import type { Service } from '@convergekit/core';
import type { DevProcessService } from './dev-process.ts';
import { folderWatch } from './dev-watch.ts';

/** Starts the services again that loaded a file which changed. Services may share code of any folder below the given one. */
export function codeWatch(
  folder: string,
  serves: readonly DevProcessService[],
  say: (line: string) => void,
): Service {
  return folderWatch({
    folder,
    concerns: (path) => serves.some((one) => one.concerns(path)),
    onChange: (paths) => {
      for (const one of serves) {
        const changed = paths.filter((path) => one.concerns(path)).map((path) => relative(folder, path));
        if (changed.length === 0) continue;
        say(`${changed.join(', ')} changed: ${one.name} starts again`);
        one.restart();
      }
    },
  });
}
