/** Reads an error's own fields safely: any value can be thrown, and its getters may throw. */
export function fieldsOf(error: unknown): Readonly<Record<string, unknown>> {
  if ((typeof error !== 'object' && typeof error !== 'function') || error === null) return {};
  return new Proxy(error as Record<string, unknown>, { get: (target, name) => read(target, name) });
}

function read(target: object, name: string | symbol): unknown {
  try {
    return Reflect.get(target, name) as unknown;
  } catch {
    return undefined;
  }
}

/** Returns the message of anything that was thrown. Never throws. */
export function messageOf(error: unknown): string {
  const { message } = fieldsOf(error);
  if (typeof message === 'string') return message;
  try {
    return String(error);
  } catch {
    return 'an object that cannot be shown was thrown';
  }
}
