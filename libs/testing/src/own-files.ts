/** Locates a file of this package by its path in it. This module is in the first folder of the code, wherever that is built to. */
export function ownFile(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}
