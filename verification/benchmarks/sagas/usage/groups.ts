import { type Group, groups, type SideProcess } from '../sides/side.ts';
import {
  commandOf,
  memoryMiBOf,
  type ProcessStat,
  readProcesses,
  treeOf,
} from '../../measure/process-tree.ts';

/** A figure for each group of processes; NaN where the group is not on this machine as a process of this run. */
export type ByGroup = Readonly<Record<Group, number>>;

export interface Measured {
  readonly processes: readonly Pick<SideProcess, 'group' | 'pid'>[];
  /** True where Kafka counts. */
  readonly kafka: boolean;
  /** Server processes of the measuring sessions, which are not counted. */
  readonly left: ReadonlySet<number>;
}

/** The processes of each group, by their roots; undefined: they run, and not as processes of this run. */
export type Roots = Readonly<Record<Group, readonly number[] | undefined>> & Pick<Measured, 'left'>;

/**
 * Finds the roots: Postgres and Kafka among the children of this process, which started the stack. A given server or one
 * in Docker is not found, and is not measured.
 */
export function findRoots({ processes, kafka, left }: Measured): Roots {
  const own = readProcesses().filter(({ parent }) => parent === process.pid);
  const of = (group: Group): readonly number[] =>
    processes.filter((one) => one.group === group).map((one) => one.pid());
  const running = (wanted: (command: string) => boolean): readonly number[] | undefined => {
    const found = own.map(({ pid }) => pid).filter((pid) => wanted(commandOf(pid)));
    return found.length === 0 ? undefined : found;
  };
  return {
    left,
    node: of('node'),
    server: of('server'),
    postgres: running((command) => /^\S*postgres /.test(command)),
    kafka: kafka ? running((command) => command.includes(' kafka.Kafka ')) : [],
  };
}

/** Reads the CPU time of each group so far, in milliseconds. */
export function readCpuMs(roots: Roots): ByGroup {
  const stats = readProcesses();
  return eachGroup((group) => sumOf(stats, roots, group, ({ cpuMs }) => cpuMs));
}

/** Reads the resident memory of each group, in MiB. */
export function readMemoryMiB(roots: Roots): ByGroup {
  const stats = readProcesses();
  return eachGroup((group) => sumOf(stats, roots, group, ({ pid }) => memoryMiBOf(pid)));
}

export function eachGroup(figure: (group: Group) => number): ByGroup {
  const entries = groups.map((group) => [group, figure(group)] as const);
  // The entries are one for each group.
  return Object.fromEntries(entries) as Record<Group, number>;
}

export function totalOf(figures: ByGroup): number {
  return groups.reduce((sum, group) => sum + figures[group], 0);
}

/** Sums a figure over the processes of a group; NaN where they are unknown: they are not without use. */
export function sumOf(
  stats: readonly ProcessStat[],
  roots: Roots,
  group: Group,
  figure: (stat: ProcessStat) => number,
): number {
  return (
    roots[group]
      ?.flatMap((root) => treeOf(stats, root))
      .filter(({ pid }) => !roots.left.has(pid))
      .reduce((sum, stat) => sum + figure(stat), 0) ?? Number.NaN
  );
}
