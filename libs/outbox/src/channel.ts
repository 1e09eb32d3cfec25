/**
 * The channel of the notifications that writers of this database send after their commits. The payload is the number of
 * events that they committed since their last notification.
 */
export const OUTBOX_CHANNEL = 'converge_outbox';
