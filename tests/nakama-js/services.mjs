// A stand-in of Apple, Google, Facebook, Game Center and Steam: it serves what the server asks them, over TLS, and makes proofs of theirs, good and bad.
// Its keys are made when it starts. Tests ask for proofs over HTTP, so that a page in a browser can, too.
import { createHmac, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateOf } from './certificate.mjs';

const APP = 'org.example.game';
const OTHER_APP = 'org.example.other';
const SECRETS = { app: 'app secret', instant: 'instant secret', publisher: 'publisher key' };
const STEAM_APP = 480;

const keyPair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
const encoded = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

/** What services say of a person beside its number. */
const profileOf = (person) => ({
  email: `person${person}@example.org`, name: `Person ${person}`, picture: `https://pictures.example/${person}`,
});

export class Services {
  static async start() {
    const services = new Services();
    [services.ours, services.theirs] = [keyPair(), keyPair()];
    const pem = certificateOf(services.ours, 'localhost');
    services.folder = mkdtempSync(join(tmpdir(), 'hillfort-services-'));
    services.authorities = join(services.folder, 'authorities.pem');
    writeFileSync(services.authorities, pem);
    services.certificate = pem;
    const key = services.ours.privateKey.export({ type: 'pkcs8', format: 'pem' });
    services.outside = createTlsServer({ key, cert: pem }, (request, response) => {
      const [status, body] = services.#answer(new URL(request.url, 'https://localhost'));
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    services.port = await listening(services.outside);
    services.proofs = createServer((request, response) => {
      const { service, person, made } = Object.fromEntries(new URL(request.url, 'http://localhost').searchParams);
      response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
      response.end(JSON.stringify(services.proof(service, person, made)));
    });
    services.url = `http://127.0.0.1:${await listening(services.proofs)}`;
    return services;
  }

  /** What an operator sets for them. */
  settings() {
    const at = `https://localhost:${this.port}`;
    const list = (value) => JSON.stringify([value]);
    return {
      'accounts.authorities': this.authorities,
      'accounts.apple_bundle_ids': list(APP), 'accounts.apple_keys_url': `${at}/apple/keys`,
      'accounts.google_client_ids': list(APP), 'accounts.google_keys_url': `${at}/google/keys`,
      'accounts.facebook_app_id': APP, 'accounts.facebook_app_secret': SECRETS.app, 'accounts.facebook_instant_secret': SECRETS.instant,
      'accounts.facebook_graph_url': `${at}/graph`, 'accounts.facebook_keys_url': `${at}/facebook/keys`,
      'accounts.game_center_bundle_ids': list(APP), 'accounts.game_center_hosts': list(`localhost:${this.port}`),
      'accounts.steam_app_id': STEAM_APP, 'accounts.steam_publisher_key': SECRETS.publisher, 'accounts.steam_url': at,
    };
  }

  /** What a service gives a person, or what else was `made` of it: "expired", "for another app", "by another key". */
  proof(service, person, made = 'good') {
    const identity = (issuer, rest) => ({ token: this.#identity(issuer, person, made, rest) });
    switch (service) {
      case 'Apple': return identity('https://appleid.apple.com', { email: profileOf(person).email, email_verified: 'true' });
      case 'Google': return identity('https://accounts.google.com', { ...profileOf(person), email_verified: true });
      case 'LimitedLogin': return identity('https://www.facebook.com', {});
      case 'Facebook': return { token: `${made}:${person}` };
      case 'FacebookInstantGame': return { token: instant(person, made) };
      case 'GameCenter': return this.#gameCenter(person, made);
      case 'Steam': return { token: Buffer.from(`${made}:${person}`).toString('hex') };
      default: throw new Error(`no service: ${service}`);
    }
  }

  stop() {
    for (const server of [this.outside, this.proofs]) {
      server.close();
      server.closeAllConnections();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #sign(signed, made) {
    return createSign('sha256').update(signed).sign((made === 'by another key' ? this.theirs : this.ours).privateKey);
  }

  #identity(issuer, person, made, rest) {
    const claims = {
      iss: issuer, sub: person, aud: made === 'for another app' ? OTHER_APP : APP, iat: now() - 60,
      exp: made === 'expired' ? now() - 30 : now() + 600, ...rest,
    };
    const signed = `${encoded({ alg: 'RS256', kid: 'one' })}.${encoded(claims)}`;
    return `${signed}.${this.#sign(signed, made).toString('base64url')}`;
  }

  #gameCenter(person, made) {
    const [salt, time] = [randomBytes(8), Buffer.alloc(8)];
    const bundle = made === 'for another app' ? OTHER_APP : APP;
    const timestamp = Date.now() - (made === 'expired' ? 660_000 : 0);
    time.writeBigInt64BE(BigInt(timestamp));
    const signed = Buffer.concat([Buffer.from(person), Buffer.from(bundle), time, salt]);
    return {
      player_id: person, bundle_id: bundle, timestamp_seconds: String(timestamp), salt: salt.toString('base64'),
      signature: this.#sign(signed, made).toString('base64'), public_key_url: `https://localhost:${this.port}/public-key/one.cer`,
    };
  }

  /** What the services answer the server. */
  #answer({ pathname, searchParams: query }) {
    switch (pathname) {
      case '/apple/keys':
      case '/google/keys':
      case '/facebook/keys': return [200, { keys: [{ ...this.ours.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] }];
      case '/public-key/one.cer': return [200, this.certificate];
      case '/graph/debug_token': return debugged(query);
      case '/graph/me': return profile(query);
      case '/ISteamUserAuth/AuthenticateUserTicket/v1/': return ticket(query);
      default: return [404, {}];
    }
  }
}

/** The signed player of an Instant Game. */
function instant(person, made) {
  const payload = encoded({ algorithm: 'HMAC-SHA256', player_id: person, issued_at: now() - (made === 'expired' ? 660 : 0) });
  const secret = { 'for another app': 'of another game', 'by another key': 'of somebody' }[made] ?? SECRETS.instant;
  return `${createHmac('sha256', secret).update(payload).digest('base64url')}.${payload}`;
}

/** Facebook says whose an access token is, and of which app, to who has that app's secret. */
function debugged(query) {
  const [made, person] = query.get('input_token').split(':');
  if (query.get('access_token') !== `${APP}|${SECRETS.app}` || made === 'by another key' || !person) return [400, {}];
  const expires = made === 'expired' ? now() - 30 : now() + 600;
  return [200, { data: { app_id: made === 'for another app' ? OTHER_APP : APP, user_id: person, is_valid: true, expires_at: expires } }];
}

function profile(query) {
  const token = query.get('access_token');
  if (query.get('appsecret_proof') !== createHmac('sha256', SECRETS.app).update(token).digest('hex')) return [400, {}];
  const person = token.split(':')[1];
  const { email, name, picture } = profileOf(person);
  return [200, { id: person, name, email, picture: { data: { url: picture } } }];
}

function ticket(query) {
  if (query.get('key') !== SECRETS.publisher || query.get('appid') !== String(STEAM_APP)) return [403, {}];
  const [made, person] = Buffer.from(query.get('ticket'), 'hex').toString().split(':');
  if (made === 'for another app') return [400, {}];
  if (made !== 'good' || !person) return [200, { response: { error: { errorcode: made === 'expired' ? 103 : 101, errordesc: 'Ticket' } } }];
  return [200, { response: { params: { result: 'OK', steamid: person, vacbanned: false, publisherbanned: false } } }];
}
