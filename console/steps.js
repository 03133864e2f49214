// What is done to an address, in words.

export const STEPS = { slow_down: 'slowed', fingerprint: 'fingerprint', challenge: 'must work', ban: 'banned' };

/** What each step means for whom it meets. */
export const MEANING = {
  slow_down: 'A quarter of its budget of new connections, and no share in the reserve of the known.',
  fingerprint: 'A quarter of its budget for each TLS fingerprint.',
  challenge: 'Under attack it must work four times as much before a login.',
  ban: 'New connections are refused; sessions that are in go on.',
};
