/**
 * Writes a value as one word of a shell command, in quotes where it needs them. Pure.
 * Keys and ids come from events: an operator who copies a printed command must not run what an event says.
 */
export function shellWord(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
