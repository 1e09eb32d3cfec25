import type { Check } from '@convergekit/config';
import type { Partition } from '../slice/context.ts';

/**
 * Does a consumer still make progress? A partition that is behind must move, or say why it does not: one that stands
 * still for longer than `limitMs` without a name is no progress, and a restart may help.
 */
export function liveCheck(partitions: Iterable<Partition>, now: number, limitMs: number): Check {
  const stuck = [...partitions].flatMap(({ key, standstill, lag }) => {
    if (standstill === undefined || now - standstill.since <= limitMs) return [];
    const seconds = Math.round((now - standstill.since) / 1_000);
    return [
      `${key.topic}/${key.partition} stands at offset ${standstill.at} for ${seconds} s, ${lag} records behind, without a reason`,
    ];
  });
  return stuck.length === 0 ? { ok: true } : { ok: false, detail: stuck.join('; ') };
}
