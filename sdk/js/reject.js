// Every reason for which a server can refuse a client: number, label, what to do next, and one sentence for people. The numbers and
// labels are those of crates/hillfort-proto/src/reject.rs (the tests compare them). Knows nothing of when it happens.
//
// What to do next: `retry` connects again; `anew` gives the old session up and logs in again; `stop` needs a person; `go on` is said
// while the session goes on.

const TABLE = [
  [100, 'banned', 'stop', 'This address is banned from the server for a while.'],
  [101, 'connect_rate', 'retry', 'The server is taking in as many players as it can.'],
  [102, 'source_rate', 'retry', 'Too many connections came from this address in a short time.'],
  [103, 'source_connections', 'retry', 'Too many connections from this address are open.'],
  [104, 'connections_full', 'retry', 'The server is full.'],
  [105, 'unproven_shed', 'retry', 'The server was crowded and dropped this connection before it said who it is.'],
  [106, 'descriptors', 'retry', 'The server is full.'],
  [107, 'draining', 'retry', 'The server is about to restart.'],
  [108, 'network_connections', 'retry', 'Too many connections from this network are open.'],
  [109, 'region', 'stop', 'This server does not serve this network.'],
  [110, 'reputation', 'retry', 'Too much went wrong with connections from this address; please try later.'],
  [111, 'proxy_header', 'retry', 'The server did not understand the connection.'],
  [150, 'tls', 'retry', 'The secure connection could not be made.'],
  [151, 'websocket', 'retry', 'The server did not understand the connection.'],
  [152, 'http', 'retry', 'The server did not understand the request.'],
  [153, 'client_hello', 'retry', 'The secure connection could not be made.'],
  [154, 'client_hello_slow', 'retry', 'The secure connection took too long.'],
  [155, 'server_name', 'stop', 'This server does not answer under this name.'],
  [156, 'tls_rate', 'retry', 'The server is taking in as many players as it can.'],
  [157, 'fingerprint_rate', 'retry', 'Too many connections came from this address in a short time.'],
  [158, 'fingerprint', 'stop', 'The server does not accept this kind of client.'],
  [200, 'hello_magic', 'stop', 'This server speaks another protocol.'],
  [201, 'hello_time', 'retry', 'The clock of this device differs too much from the clock of the server.'],
  [202, 'hello_key', 'retry', 'The server does not know the key of this game.'],
  [203, 'hello_mac', 'retry', 'The signature of this game does not match.'],
  [204, 'hello_replay', 'retry', 'The server has seen this greeting before.'],
  [205, 'hello_slow', 'retry', 'The connection was too slow to say hello in time.'],
  [206, 'hello_flags', 'stop', 'This server is older than the game; reload the page.'],
  [207, 'hello_length', 'stop', 'This server speaks another version of the protocol; reload the page.'],
  [208, 'work', 'retry', 'The answer to the challenge of the server was wrong.'],
  [209, 'work_slow', 'retry', 'The answer to the challenge of the server took too long.'],
  [300, 'frame_magic', 'stop', 'This server speaks another protocol.'],
  [301, 'frame_version', 'stop', 'This server speaks another version of the protocol; reload the page.'],
  [302, 'frame_length', 'retry', 'A message was longer than the server allows.'],
  [303, 'frame_crc', 'retry', 'A message was damaged on its way.'],
  [304, 'message', 'retry', 'The server did not understand a message.'],
  [400, 'out_of_state', 'retry', 'A message came at the wrong moment.'],
  [401, 'login_slow', 'retry', 'The login took too long.'],
  [402, 'login_name', 'stop', 'This name is not allowed: 1 to 24 characters, please.'],
  [403, 'resume_unknown', 'anew', 'The server no longer knows the old session.'],
  [404, 'resume_token', 'anew', 'The server does not accept the old session.'],
  [405, 'resume_gap', 'anew', 'The old session could not be continued without a gap.'],
  [406, 'sequence_gap', 'anew', 'A message was lost, so the session cannot be continued.'],
  [407, 'ack_ahead', 'anew', 'Client and server disagree about what was sent, so the session cannot be continued.'],
  [408, 'heartbeat_lost', 'retry', 'The server did not hear from this device for a while.'],
  [409, 'slow_consumer', 'retry', 'The connection is too slow for this game.'],
  [410, 'replaced', 'stop', 'The game was continued in another window.'],
  [411, 'sessions_full', 'retry', 'The server has no free place.'],
  [412, 'goodbye', 'stop', 'You left the game.'],
  [413, 'shutdown', 'retry', 'The server is shutting down.'],
  [414, 'session_token', 'stop', 'The sign-in is over: sign in anew.'],
  [500, 'input_rate', 'go on', 'Too many orders at once: one was dropped.'],
  [501, 'input_flood', 'stop', 'Far too many orders at once: the server closed the connection.'],
  [502, 'input_length', 'retry', 'An order was longer than the server allows.'],
  [503, 'control_rate', 'retry', 'Too many messages at once.'],
  [600, 'room_game', 'go on', 'The server does not have this game.'],
  [601, 'room_unknown', 'go on', 'This match does not exist any more.'],
  [602, 'room_full', 'go on', 'This match has no free seat.'],
  [603, 'room_refused', 'go on', 'The match did not let you in.'],
  [604, 'rooms_full', 'go on', 'The server cannot open another match now.'],
  [605, 'room_crashed', 'go on', 'The match ended because of an error in its rules.'],
  [606, 'room_budget', 'go on', 'The match ended because it used too much time.'],
  [607, 'room_memory', 'go on', 'The match ended because it used too much memory.'],
  [608, 'room_closed', 'go on', 'The match is over.'],
  [609, 'room_kicked', 'go on', 'The match removed you.'],
  [610, 'world_busy', 'go on', 'The server is too busy for this just now.'],
  [611, 'already_joined', 'go on', 'You are in a match already.'],
  [612, 'not_joined', 'go on', 'You are not in a match.'],
  [613, 'room_name', 'go on', 'This name is not allowed for a match: 1 to 64 bytes, please.'],
  [614, 'room_params', 'go on', 'The settings of the match are longer than the server allows.'],
  [615, 'room_filter', 'go on', 'The search for matches is longer than the server allows.'],
  [616, 'room_away', 'go on', 'You were away for longer than the match keeps a seat.'],
];

/** All of them, by number: code → { code, label, next, sentence }. */
export const REJECTS = new Map(TABLE.map(([code, label, next, sentence]) => [code, Object.freeze({ code, label, next, sentence })]));

/** WebSocket close codes are 4000 plus the number of the reject. */
export const WEBSOCKET_CODE_BASE = 4000;

/** The reject with this number; a number from a newer server is judged by its hundreds. */
export function reject(code) {
  const next = code >= 500 ? 'go on' : 'retry';
  return REJECTS.get(code) ?? { code, label: 'unknown', next, sentence: `The server refused for a reason that this page does not know (${code}).` };
}

/** The reject behind a WebSocket close code, or null when the close says nothing of the kind. */
export function fromWebSocketCode(closeCode) {
  return closeCode > WEBSOCKET_CODE_BASE && closeCode < WEBSOCKET_CODE_BASE + 1000 ? reject(closeCode - WEBSOCKET_CODE_BASE) : null;
}
