// A line between browser and server that can be long, cut and mended: a plain TCP relay.
import { connect, createServer } from 'node:net';

export class Line {
  /** What goes over it takes `way_ms`, each way. */
  static async open(serverPort, way_ms = 0) {
    const line = new Line();
    line.pairs = new Set();
    line.whole = true;
    line.relay = createServer((near) => {
      if (!line.whole) return near.destroy();
      const far = connect(serverPort, '127.0.0.1');
      const pair = [near, far];
      line.pairs.add(pair);
      const end = () => { near.destroy(); far.destroy(); line.pairs.delete(pair); };
      for (const [from, to] of [[near, far], [far, near]]) {
        from.on('data', (bytes) => (way_ms > 0 ? setTimeout(() => to.write(bytes), way_ms) : to.write(bytes)));
        from.on('close', end);
        from.on('error', end);
      }
    });
    await new Promise((resolve) => line.relay.listen(0, '127.0.0.1', resolve));
    line.port = line.relay.address().port;
    return line;
  }

  cut() {
    this.whole = false;
    for (const [near, far] of this.pairs) { near.destroy(); far.destroy(); }
  }

  mend() { this.whole = true; }

  async close() {
    this.cut();
    await new Promise((resolve) => this.relay.close(resolve));
  }
}
