// What the player is told about connection, squads and account, in words. Pure: a status goes in, a sentence comes out.

/** { text, tone, lasting } for a status at `now` (local monotonic ms), or null when there is nothing to say. */
export function wordsFor(status, now) {
  switch (status.name) {
    case 'connecting':
      return status.again || status.attempt > 1
        ? { text: 'Connection lost — trying again now', tone: 'bad', lasting: true }
        : { text: 'Connecting…', tone: '', lasting: true };
    case 'working':
      return { text: 'The server is under attack: doing some work to get in…', tone: '', lasting: true };
    case 'lost': {
      const seconds = Math.max(1, Math.ceil((status.retryAt_ms - now) / 1000));
      const why = status.reject ? `${status.reject.sentence} Trying` : 'Connection lost — trying';
      return { text: `${why} again in ${seconds} s`, tone: 'bad', lasting: true };
    }
    case 'resumed':
      return { text: 'Back: nothing was lost', tone: 'good', lasting: false };
    case 'restarted':
      return { text: RESTARTED[status.cause](status), tone: 'good', lasting: false };
    case 'refused':
      return { text: status.reject.sentence, tone: 'bad', lasting: true };
    default:
      return null;
  }
}

const RESTARTED = {
  server: () => 'Server restarted: new match',
  expired: () => 'You were away too long: new squads',
  closed: ({ reject }) => `${reject.sentence} You are back with new squads`,
};

/** What a squad is doing, in a word or two. */
export function squadWords(squad, heldByOwn) {
  if (squad.down) return 'Down';
  if (squad.firing) return 'Fighting';
  if (squad.moving) return 'Marching';
  if (squad.onHill) return heldByOwn ? 'Holding' : 'Taking';
  return 'Waiting';
}

/** Minutes and seconds. */
export function clockWords(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** How the sign-in stands. */
export function accountWords({ status, why, isNew, name, record }) {
  switch (status) {
    case 'known': {
      if (isNew) return 'Guest account, kept on this device.';
      const played = record.rounds > 0 ? ` ${record.won} of ${record.rounds} rounds won.` : '';
      return `Welcome back, ${name}.${played}`;
    }
    case 'without':
      return `You play without an account, and nothing is kept: ${why}.`;
    default:
      return 'Signing in…';
  }
}

/** A record's figures, as they are shown. */
export function recordWords({ rounds, won, best, seconds }) {
  const minutes = Math.floor(seconds / 60);
  const time = minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return { rounds: String(rounds), won: String(won), best: String(best), time };
}
