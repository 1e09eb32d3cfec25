/** A process that is gone for less than this is restarted: nothing needs an operator. In milliseconds. */
export const RESTART_MS = 30_000;

/** What waits for less than this is retried or probed. In milliseconds. */
export const BRIEF_MS = 60_000;

/** A pause that is older may be forgotten, and needs an operator; its rule has the same bound. In milliseconds. */
export const FORGOTTEN_MS = 3_600_000;

/** More repairs of one window than this are named while it is young: something wrote the mass of them. Its rule has the same bound. */
export const BURST = 100;
