import { BusinessRejection, ConvergeError, type Service } from 'convergekit';
import { runServices } from 'convergekit/process';

declare const bank: { charge(cents: number): Promise<'paid' | 'declined'> };
declare const relay: Service, payments: Service;

export async function charge(cents: number): Promise<void> {
  const answer = await bank.charge(cents).catch((cause: unknown) => {
    // What to do about it, and whether it took effect.
    throw new ConvergeError('the bank did not answer', {
      code: 'BANK_SILENT',
      category: 'service',
      certainty: 'unknown',
      cause,
    });
  });
  // An expected refusal, which is never retried.
  if (answer === 'declined') throw new BusinessRejection('the bank declined the card');
}

// Until SIGTERM, SIGINT or the first failure; then every service is stopped, in reverse.
await runServices([relay, payments]);
