import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, parseFault } from './fault.ts';

export interface PlantedFault extends Fault {
  /** The path of its patch. */
  readonly patch: string;
}

/** Reads all faults of a folder, in the order of their numbers. */
export function readFaults(folder: string): PlantedFault[] {
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const patch = join(folder, file);
      return { ...parseFault(file, readFileSync(patch, 'utf8')), patch };
    });
}
