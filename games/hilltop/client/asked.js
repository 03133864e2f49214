// What the page's address asks for: which room. Knows nothing of the session.

/** What a join asks for: any room of the game, or that of `?room=`: a number in 16 hexadecimal digits, as `hillfort room list` has it, or a name. */
export function roomAsked(game, query) {
  const room = query.get('room') ?? '';
  if (room === '') return game;
  return /^[0-9a-f]{16}$/.test(room) ? { game, room: BigInt(`0x${room}`) } : { game, name: room };
}
