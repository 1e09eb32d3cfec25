import type { AlertCase } from './alert-case.ts';

const R = 'converge_reconciler="stock"';
const reconciler = { converge_reconciler: 'stock' };
const verdicts = (outcome: string): string =>
  `converge_reconcile_verdicts_total{${R},converge_verdict="unresolvable",converge_outcome="${outcome}"}`;
const runs = (outcome: string): string => `converge_reconcile_runs_total{${R},converge_outcome="${outcome}"}`;
const missed = `converge_reconcile_missed_total{${R}}`;

export const reconcilerCases: readonly AlertCase[] = [
  {
    // The process announced a start in 5 minutes, and is gone.
    alert: 'ConvergeReconcilerNotRunning',
    at: '20m',
    firing: { [`converge_reconcile_next_run_seconds{${R}}`]: '300' },
    labels: reconciler,
    quiet: {
      [`converge_reconcile_next_run_seconds{${R}}`]: '300',
      [`converge_reconcile_paused{${R}}`]: '1',
    },
  },
  {
    alert: 'ConvergeReconcilerLastRunOld',
    at: '27h',
    every: '3h',
    firing: { [`converge_reconcile_age_seconds{${R}}`]: '10' },
    labels: reconciler,
    quiet: { [`converge_reconcile_age_seconds{${R}}`]: '10 _x119 10' },
  },
  {
    alert: 'ConvergeReconcilersAbsent',
    at: '30m',
    firing: { [`converge_reconcile_age_seconds{${R}}`]: '10x5' },
    labels: {},
    quiet: { [`converge_reconcile_age_seconds{${R}}`]: '10x16' },
  },
  {
    alert: 'ConvergeRepairsHeld',
    at: '10m',
    firing: { [`converge_reconcile_held{${R}}`]: '0x8 1x10' },
    labels: reconciler,
    quiet: { [`converge_reconcile_held{${R}}`]: '1x8 0x10' },
  },
  {
    alert: 'ConvergeDriftLeft',
    at: '20m',
    firing: { [verdicts('flapping')]: '_x18 1x20' },
    labels: { ...reconciler, converge_outcome: 'flapping' },
    quiet: { [verdicts('repaired')]: '0+1x30', [verdicts('flapping')]: '1x30' },
  },
  {
    alert: 'ConvergeReconcilerLate',
    at: '10m',
    firing: {
      [`converge_reconcile_queue_age_seconds{${R}}`]: '0x20',
      [`converge_reconcile_pending_age_seconds{${R}}`]: '0x2 901+60x20',
    },
    labels: reconciler,
    quiet: {
      [`converge_reconcile_queue_age_seconds{${R}}`]: '899x20',
      [`converge_reconcile_pending_age_seconds{${R}}`]: '0x7 901+60x20',
    },
  },
  {
    alert: 'ConvergeReconcilerRunFailed',
    at: '80m',
    firing: { [runs('failed')]: '_x70 1x20' },
    labels: reconciler,
    quiet: { [runs('completed')]: '0+1x90', [runs('failed')]: '1x90' },
  },
  {
    alert: 'ConvergeReconcilerUnknown',
    at: '80m',
    firing: { [verdicts('unknown')]: '0x30 0+1x60' },
    labels: reconciler,
    quiet: { [verdicts('unknown')]: '0x70 0+1x60' },
  },
  {
    alert: 'ConvergeReconcilerStartsMissed',
    at: '80m',
    firing: { [missed]: '0x70 2x20' },
    labels: reconciler,
    quiet: { [missed]: '_x70 0x20' },
  },
  {
    alert: 'ConvergeScanFinding',
    at: '10m',
    firing: { 'converge_scan_findings{converge_alarm="events_lost"}': '0x8 1x10' },
    labels: { converge_alarm: 'events_lost' },
    quiet: { 'converge_scan_findings{converge_alarm="events_lost"}': '1x8 0x10' },
  },
];
