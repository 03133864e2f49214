// The attacks that the panel offers, in words. Knows nothing of how they are made; the server says which of them can run here.

/** Each with what it does, and what should be seen. */
export const KINDS = {
  'syn-spoofed': {
    name: 'Forged SYNs', what: 'from addresses that nobody has', icon: 'M4 7h10m-3-3 3 3-3 3M20 12h-4M4 17h10m-3-3 3 3-3 3M20 7v0M20 17v0',
    does: 'SYNs from addresses that nobody has: as root from a network namespace, else over loopback.',
    sees: 'With a kernel filter the wall takes them before accept and answers by cookies in flood mode; players notice nothing.',
  },
  'syn-bots': {
    name: 'SYNs of few', what: '32 addresses, no handshake', icon: 'M5 9h14v9H5zM9 13v1m6-1v1M12 5v4M12 5h0M3 12v3m18-3v3',
    does: 'SYNs from 32 addresses that never complete a handshake: as root from a network namespace, else over loopback.',
    sees: 'They end in the kernel, and nobody is banned: an unanswered SYN proves nothing.',
  },
  'ack': {
    name: 'ACK flood', what: 'packets of no connection', icon: 'M4 12l5 5L20 6M4 5h4m-4 14h1',
    does: 'ACKs that belong to no connection: as root from a network namespace, else over loopback.',
    sees: 'In flood mode the kernel filter drops them; the doors never see one.',
  },
  'handshake-idle': {
    name: 'Idle handshakes', what: 'connect and say nothing', icon: 'M4 12h5m6 0h5M9 8l-3 4 3 4m6-8 3 4-3 4',
    does: 'Handshakes that are completed and followed by nothing.',
    sees: 'Accept refuses what is over the budgets, the hello’s time ends the others, known players first.',
  },
  'connect-flood': {
    name: 'Connection flood', what: 'from 32 addresses', icon: 'M3 6h9m-3-3 3 3-3 3M3 18h9m-3-3 3 3-3 3M3 12h6m6-9h5v18h-5',
    does: 'Connections without end from 32 addresses.',
    sees: 'Accept refuses them by budget, then by ban; players keep their reserve.',
  },
  'slow-hello': {
    name: 'Slow hello', what: 'byte by byte', icon: 'M7 3h10M7 21h10M8 3c0 5 8 4 8 9s-8 4-8 9M16 3c0 5-8 4-8 9s8 4 8 9',
    does: 'Thousands of connections whose hello drips in.',
    sees: 'They end after the time that a hello has, the oldest first when places get scarce.',
  },
  'tls': {
    name: 'TLS flood', what: 'hellos that make us sign', icon: 'M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5zM12 14v3',
    does: 'TLS hellos that make the server exchange keys and sign, and no more.',
    sees: 'The TLS stage spends its share of the processor and no more; honest handshakes go on.',
  },
  'bad-hello': {
    name: 'Bad-hello flood', what: 'wrong keys, clocks', icon: 'M7 11V8a5 5 0 0 1 9.6-2M5 11h14v9H5zM9.5 18l5-5m0 5-5-5',
    does: 'Hellos with a wrong magic, an old time, an unknown key or a wrong MAC.',
    sees: 'Hello refuses them, then their addresses are banned at accept.',
  },
  'hello-replay': {
    name: 'Replayed hello', what: 'overheard, sent again', icon: 'M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5M12 8v4.5l3 2',
    does: 'A good hello that was overheard, sent again and again.',
    sees: 'Hello refuses each but the first; the player it was stolen from goes on.',
  },
  'command-flood': {
    name: 'Command flood', what: 'from real sessions', icon: 'M4 6l5 5-5 5m8 1h8M13 7h7m-5 5h5',
    does: 'Logged-in sessions that send inputs far over their rate.',
    sees: 'Messages are dropped by rate, then the sessions are closed; the room’s ticks stay.',
  },
  'oversize-frame': {
    name: 'Oversized frames', what: 'far over the limit', icon: 'M9 9h6v6H9zM4 4l4 4M4 8V4h4m12 0-4 4m0-4h4v4M4 20l4-4m-4 0v4h4m12 0-4-4m4 0v4h-4',
    does: 'Proven connections whose frames are too long or have a wrong checksum.',
    sees: 'The frame is refused at its header, and the connection with it.',
  },
  'mixed': {
    name: 'All at once', what: 'hellos, idlers, frames', icon: 'M4 6h4l8 12h4m-3-3 3 3-3 3M4 18h4l2-3m4-6 2-3h4m-3-3 3 3-3 3',
    does: 'Bad, repeated and slow hellos, idle connections and bad frames together.',
    sees: 'Each ends at its own stage; the wall names the heaviest first.',
  },
};
