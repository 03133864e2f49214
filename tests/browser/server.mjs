// The server under test: started on free ports with its own data folder, killed, and started again on the same ports.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

export class Server {
  static async start(root, command = ['serve'], settings = {}) {
    const server = new Server();
    server.settings = settings;
    server.command = command;
    server.binary = process.env.SERVER_BIN ?? join(root, process.env.CARGO_TARGET_DIR ?? 'target', 'release/hillfort');
    server.data = mkdtempSync(join(tmpdir(), 'hillfort-browser-'));
    for (let tries = 1; ; tries += 1) {
      [server.httpPort, server.consolePort, server.tcpPort] = [await freePort(), await freePort(), await freePort()];
      try {
        await server.restart();
        return server;
      } catch (error) {
        // A port that was free may be somebody's by now.
        if (tries === 3 || !server.log.includes('Address already in use')) throw error;
      }
    }
  }

  async restart() {
    const settings = {
      'data.folder': this.data, 'edge.http_port': this.httpPort, 'console.port': this.consolePort, 'edge.tcp_port': this.tcpPort,
      'nakama.grpc_port': 0, 'nakama.wait_ms_max': 60_000, ...this.settings,
    };
    const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    this.child = spawn(this.binary, [...this.command, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.log = '';
    this.child.stderr.on('data', (text) => { this.log = (this.log + text).slice(-20_000); });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    const deadline = Date.now() + 20_000;
    while (!(await this.ready())) {
      if (Date.now() > deadline || this.child.exitCode !== null) throw new Error(`the server did not become ready:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async ready() {
    try {
      return (await fetch(`http://127.0.0.1:${this.httpPort}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  /** Sum of the refusals with these labels since the start. */
  async refused(...labels) {
    const text = await (await fetch(`http://127.0.0.1:${this.consolePort}/metrics`)).text();
    let sum = 0;
    for (const [, reason, count] of text.matchAll(/^hillfort_refused_total\{[^}]*reason="([^"]+)"[^}]*\} (\d+)/gm)) {
      if (labels.includes(reason)) sum += Number(count);
    }
    return sum;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
    rmSync(this.data, { recursive: true, force: true });
  }
}
