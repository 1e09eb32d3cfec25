/** Aborts at the first signal that asks this process to end, so that it stops what it started; a second one ends it at once. */
export function interruption(): AbortSignal {
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort(new Error(`stopped by ${name}`));
    });
  return interrupt.signal;
}
