/**
 * The name by which a handler's policy is asked for: `consumer.mail.order.placed`. A failure handler is called
 * `failure:payments:order.placed`, and policies `consumer.mail.failure.payments.order.placed`, since their names have no colons.
 */
export function policyName(consumer: string, handler: string): string {
  return `consumer.${consumer}.${handler.replaceAll(':', '.')}`;
}
