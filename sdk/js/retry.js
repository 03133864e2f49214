// When to try again after a lost connection: doubling pauses with jitter, so that a server that restarts is not met by everybody at
// once. Knows nothing of connections.

/** First pause, before jitter. */
export const FIRST_MS = 500;
/** Longest pause, before jitter. */
export const LONGEST_MS = 8000;

/** The pause before attempt `attempt` (1 for the first one); `random` is a number from 0 to 1. Between 0.5 and 1.5 times the doubled pause. */
export function retryDelay_ms(attempt, random) {
  const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(pause * (0.5 + random));
}
