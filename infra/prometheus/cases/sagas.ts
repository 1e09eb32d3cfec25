import type { AlertCase } from './alert-case.ts';

const saga = { converge_saga: 'place-order' };
const compensations = (outcome: string): string =>
  `converge_saga_compensations_total{converge_saga="place-order",converge_saga_step="pay",converge_outcome="${outcome}"}`;
const late =
  'converge_effects_late_total{converge_effect="payments.charge",converge_attempt_reason="unknown"}';
const swept = 'converge_saga_joins_swept_total{converge_saga="place-order"}';

export const sagaCases: readonly AlertCase[] = [
  {
    alert: 'ConvergeSagaStuck',
    at: '10m',
    firing: { 'converge_sagas_stuck{converge_saga="place-order",instance="a"}': '0x8 1x10' },
    labels: saga,
    quiet: { 'converge_sagas_stuck{converge_saga="place-order",instance="a"}': '1x8 0x10' },
  },
  {
    alert: 'ConvergeSagaExpired',
    at: '10m',
    firing: { 'converge_sagas{converge_saga="place-order",converge_state="expired"}': '0x8 1x10' },
    labels: saga,
    quiet: { 'converge_sagas{converge_saga="place-order",converge_state="running"}': '9x20' },
  },
  {
    alert: 'ConvergeCompensationStuck',
    at: '20m',
    firing: { [compensations('stuck')]: '_x18 1x20' },
    labels: { ...saga, converge_saga_step: 'pay' },
    quiet: { [compensations('undone')]: '0+1x30', [compensations('stuck')]: '1x30' },
  },
  {
    alert: 'ConvergeCallLate',
    at: '20m',
    firing: { [late]: '1x18 2x20' },
    labels: { converge_effect: 'payments.charge', converge_attempt_reason: 'unknown' },
    quiet: { [late]: '2x40' },
  },
  {
    alert: 'ConvergeCallUndeclared',
    at: '10m',
    firing: { 'converge_effects_undeclared{converge_effect="payments.charge"}': '0x2 1x20' },
    labels: { converge_effect: 'payments.charge' },
    quiet: { 'converge_effects_undeclared{converge_effect="payments.charge"}': '0x7 1x20' },
  },
  {
    alert: 'ConvergeJoinSwept',
    at: '80m',
    firing: { [swept]: '_x70 1x20' },
    labels: saga,
    quiet: { [swept]: '1x100' },
  },
];
